//! Emscripten's side modules import functions of its JavaScript beside those of libraries. The few
//! that need no JavaScript are met here; of the others the loader says what they are.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use dynvm_vm::code::TrapCode;
use dynvm_vm::module::Import;
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::value::{RawValue, Value};
use dynvm_vm::{HostFunction, Process, Stop, Trap};

use super::guest;
use crate::dso::Dso;
use crate::linker::Linker;

/// Name under which these functions are kept; no module can import from it.
pub(crate) const MODULE: &str = "\0emscripten";

/// Starts of the names of functions that are JavaScript in every version of Emscripten.
const PREFIXES: [&str; 10] = [
    "emscripten_",
    "_emscripten_",
    "invoke_",
    "_embind_",
    "_emval_",
    "__asyncjs__",
    "__syscall_",
    "__cxa_find_matching_catch_",
    "__resumeException",
    "llvm_eh_typeid_for",
];

/// The functions that need no JavaScript: name, function.
pub(super) fn functions(_: &Weak<Mutex<Linker>>) -> Vec<(&'static str, HostFunction)> {
    let temporary = Arc::new(AtomicU32::new(0));
    let (set, get) = (Arc::clone(&temporary), temporary);
    let memory_max = |process: &Process| process.config().memory_bytes_max;
    vec![
        function("setTempRet0", &[ValType::I32], &[], move |_, values| {
            set.store(values[0].u32(), Ordering::Relaxed);
            Ok(())
        }),
        function("getTempRet0", &[], &[ValType::I32], move |_, values| {
            values[0] = get.load(Ordering::Relaxed).into();
            Ok(())
        }),
        // Only JavaScript has views of the memory that must be made anew.
        function("emscripten_notify_memory_growth", &[ValType::I32], &[], |_, _| Ok(())),
        function("emscripten_get_heap_max", &[], &[ValType::I32], move |process, values| {
            values[0] = (memory_max(process).min(u64::from(u32::MAX)) as u32).into();
            Ok(())
        }),
        function("emscripten_resize_heap", &[ValType::I32], &[ValType::I32], |process, values| {
            let pages = u64::from(values[0].u32()).div_ceil(crate::layout::PAGE_BYTES);
            let missing = pages.saturating_sub(process.memory_pages());
            values[0] = u32::from(process.grow_memory(missing).is_ok()).into();
            Ok(())
        }),
        function("_emscripten_memcpy_js", &[ValType::I32; 3], &[], copy),
        function("emscripten_memcpy_big", &[ValType::I32; 3], &[], copy),
        function("_abort_js", &[], &[], |_, _| {
            Err(Trap::new(TrapCode::Host, "the program aborted").into())
        }),
    ]
}

fn function(
    name: &'static str,
    params: &[ValType],
    results: &[ValType],
    func: impl Fn(&mut Process, &mut [RawValue]) -> Result<(), Stop> + Send + Sync + 'static,
) -> (&'static str, HostFunction) {
    let ty = FuncType::new(params, results);
    (name, HostFunction::new(name, ty, Arc::new(func)))
}

/// `(destination, source, count)`
fn copy(process: &mut Process, values: &mut [RawValue]) -> Result<(), Stop> {
    let [to, from, len] = [0, 1, 2].map(|index: usize| values[index].u32());
    let fits = |at| guest::bytes(process, at, len).is_some();
    if !fits(to) || !fits(from) {
        return Err(TrapCode::MemoryOutOfBounds.into());
    }
    let from = from as usize;
    process.memory_mut().copy_within(from..from + len as usize, to as usize);
    Ok(())
}

/// `invoke_…(index, arguments…)` calls a function pointer where a JavaScript exception may come
/// out of it. None can come here: the functions that throw one are never met.
pub(crate) fn invoke(name: &str, ty: &FuncType) -> Option<HostFunction> {
    if !name.starts_with("invoke_") || ty.params.first() != Some(&ValType::I32) {
        return None;
    }
    let (expected, shown) = (FuncType::new(&ty.params[1..], ty.results.clone()), name.to_owned());
    let func = move |process: &mut Process, values: &mut [RawValue]| {
        let index = values[0].u32();
        let detail = || format!("`{shown}` of table index {index}");
        let Some((func, found)) = guest::function_at(process, index) else {
            return Err(Trap::new(TrapCode::UninitializedElement, detail()).into());
        };
        if *found != expected {
            return Err(Trap::new(TrapCode::IndirectCallTypeMismatch, detail()).into());
        }
        let args = expected.params.iter().zip(&values[1..]);
        let args: Vec<Value> = args.map(|(ty, raw)| Value::from_raw(*ty, *raw)).collect();
        for (slot, result) in values.iter_mut().zip(process.call(func, &args)?) {
            *slot = result.raw();
        }
        Ok(())
    };
    Some(HostFunction::new(name, ty.clone(), Arc::new(func)))
}

/// Whether what `dso` imports is a function of Emscripten's JavaScript: one of its library, or one
/// that the source of the module itself gives (`EM_JS`, whose text the module exports).
pub(crate) fn is_javascript(dso: &Dso, import: &Import) -> bool {
    let name = import.field.as_str();
    let is_linked = matches!(import.module.as_str(), "env" | "GOT.func");
    let has_text = || dso.module.export(&format!("__em_js__{name}")).is_some();
    let is_known =
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || name.ends_with("_js");
    is_linked && (is_known() || has_text())
}

//! What compiled code asks of the runtime. Each builtin is a stub in assembly, which notes where
//! wasm was and checks that the host has room, and a function behind it.

use std::arch::naked_asm;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::call::check_indirect_call;
use crate::code::TrapCode;
use crate::context::{Builtin, CONTEXT_OFFSET, FuncId, VmContext};
use crate::departure::Departure;
use crate::entry::leap;
use crate::instance::{InstanceId, MemoryId, TableId, TagId};
use crate::parking::Expected;
use crate::process::Process;
use crate::trap::{Stop, Trap};
use crate::types::{DataIndex, ElementIndex, TypeId};
use crate::unwind::resume;
use crate::value::RawValue;

/// The address of each builtin's stub, by its number.
pub(crate) fn addresses() -> [usize; Builtin::COUNT] {
    Builtin::ALL.map(address)
}

macro_rules! stubs {
    (
        returning: { $($name:ident $stub:ident => $implementation:path;)* }
        // These leave for a handler, which may be in the function that calls them and then finds
        // its registers as they were; or they collect exceptions, which registers may refer to.
        saving: { $($saving_name:ident $saving_stub:ident => $saving_implementation:path;)* }
    ) => {
        fn address(builtin: Builtin) -> usize {
            match builtin {
                $(Builtin::$name => $stub as *const () as usize,)*
                $(Builtin::$saving_name => $saving_stub as *const () as usize,)*
            }
        }
        $(
            /// Entered from compiled code alone, with the pinned register in place.
            #[unsafe(naked)]
            unsafe extern "C" fn $saving_stub() {
                naked_asm!(
                    "mov rax, [rsp]",
                    "mov [r15 + {pc}], rax",
                    "mov [r15 + {fp}], rbp",
                    "mov [r15 + {registers}], rbx",
                    "mov [r15 + {registers} + 8], r12",
                    "mov [r15 + {registers} + 16], r13",
                    "mov [r15 + {registers} + 24], r14",
                    "cmp rsp, [r15 + {limit}]",
                    "jb {overflow}",
                    "jmp {implementation}",
                    pc = const VmContext::HOST_CALL_PC,
                    fp = const VmContext::HOST_CALL_FP,
                    registers = const VmContext::THROWER_REGISTERS,
                    limit = const VmContext::STACK_LIMIT,
                    overflow = sym overflow,
                    implementation = sym $saving_implementation,
                )
            }
        )*
        $(
            /// Entered from compiled code alone, with the pinned register in place.
            #[unsafe(naked)]
            unsafe extern "C" fn $stub() {
                naked_asm!(
                    "mov rax, [rsp]",
                    "mov [r15 + {pc}], rax",
                    "mov [r15 + {fp}], rbp",
                    "cmp rsp, [r15 + {limit}]",
                    "jb {overflow}",
                    "jmp {implementation}",
                    pc = const VmContext::HOST_CALL_PC,
                    fp = const VmContext::HOST_CALL_FP,
                    limit = const VmContext::STACK_LIMIT,
                    overflow = sym overflow,
                    implementation = sym $implementation,
                )
            }
        )*
    };
}

stubs! {
    returning: {
    MemoryGrow memory_grow_stub => memory_grow;
    MemoryFill memory_fill_stub => memory_fill;
    MemoryCopy memory_copy_stub => memory_copy;
    MemoryInit memory_init_stub => memory_init;
    MemoryWait32 memory_wait32_stub => memory_wait32;
    MemoryWait64 memory_wait64_stub => memory_wait64;
    MemoryNotify memory_notify_stub => memory_notify;
    DataDrop data_drop_stub => data_drop;
    TableGrow table_grow_stub => table_grow;
    TableFill table_fill_stub => table_fill;
    TableCopy table_copy_stub => table_copy;
    TableInit table_init_stub => table_init;
    ElementDrop element_drop_stub => element_drop;
    TableGet table_get_stub => table_get;
    TableSet table_set_stub => table_set;
    IndirectCallFailed indirect_call_failed_stub => indirect_call_failed;
    HostCall host_call_stub => host_call;
    ArrayInitData array_init_data_stub => array_init_data;
    ArrayInitElement array_init_element_stub => array_init_element;
    ArrayCopy array_copy_stub => array_copy;
    TierUp tier_up_stub => tier_up;
    }
    saving: {
    StructNew struct_new_stub => struct_new;
    ArrayNew array_new_stub => array_new;
    ArrayNewData array_new_data_stub => array_new_data;
    ArrayNewElement array_new_element_stub => array_new_element;
    Throw throw_stub => throw;
    ThrowRef throw_ref_stub => throw_ref;
    }
}

/// The context below the pinned register.
fn context(pinned: usize) -> *const VmContext {
    pinned.wrapping_add_signed(CONTEXT_OFFSET as isize) as *const VmContext
}

/// The process that runs on this thread.
///
/// # Safety
/// `pinned` is what the pinned register holds in compiled code.
pub(crate) unsafe fn process<'a>(pinned: usize) -> &'a mut Process {
    let context = context(pinned);
    // SAFETY: by this function's duty a context ends at `pinned`. `Process::enter` stores there the
    // `&mut Process` that it was given, and uses it no more until wasm returns: for the length of
    // a builtin this is the only reference.
    unsafe { &mut *((*context).process as *mut Process) }
}

/// Where the process that runs on this thread notes how its wasm is left.
///
/// # Safety
/// As for [`process`].
pub(crate) unsafe fn departure<'a>(pinned: usize) -> &'a mut Departure {
    // SAFETY: this function's duty.
    unsafe { process(pinned) }.departure.get_mut()
}

/// Leaves wasm with `stop`, or goes on in a handler if it is an exception that somebody catches.
///
/// # Safety
/// As for [`process`]; the caller's frame owns nothing that must be dropped.
pub(crate) unsafe fn raise(pinned: usize, stop: Stop) -> ! {
    // SAFETY: this function's duty.
    unsafe {
        match stop {
            Stop::Exception { handle, trap } => {
                process(pinned).release_exception(handle);
                catch_or_leave(pinned, handle, Some(trap))
            }
            stop => leave(pinned, stop),
        }
    }
}

/// Goes on in the handler of an exception, or leaves wasm where this activation has none.
///
/// # Safety
/// As for [`raise`].
unsafe fn catch_or_leave(pinned: usize, handle: u32, trap: Option<Box<Trap>>) -> ! {
    // SAFETY: this function's duty. `unwind` gives a landing in this activation, and between it and
    // here are compiled frames, which own nothing, and one builtin's, which by duty does not.
    unsafe {
        match process(pinned).unwind(handle, trap) {
            Ok(landing) => resume(&raw const landing),
            Err(stop) => leave(pinned, stop),
        }
    }
}

/// Leaves wasm with `stop`.
///
/// # Safety
/// As for [`raise`].
unsafe fn leave(pinned: usize, stop: Stop) -> ! {
    // SAFETY: by this function's duty a context ends at `pinned`. While compiled code runs, its
    // `entry_fp` is that of the innermost `Process::enter`. Between that entry and here are
    // compiled frames, which own nothing, and one builtin's, which by duty owns nothing either.
    unsafe {
        let context = context(pinned);
        let departure = departure(pinned);
        departure.note_chain(((*context).host_call_fp, (*context).host_call_pc), 0);
        departure.stop = Some(stop);
        leap((*context).entry_fp, pinned)
    }
}

/// Goes on after `result`, or leaves wasm.
///
/// # Safety
/// As for [`raise`].
pub(crate) unsafe fn or_raise<T>(pinned: usize, result: Result<T, Stop>) -> T {
    match result {
        Ok(value) => value,
        // SAFETY: this function's duty.
        Err(stop) => unsafe { raise(pinned, stop) },
    }
}

// Every function below is entered only through its stub. So `pinned` is the pinned register, which
// is the duty of `process`; and none of them owns anything while it raises, the duty of `raise`.

pub(crate) unsafe extern "C" fn overflow(pinned: usize) -> ! {
    // SAFETY: see above.
    unsafe { raise(pinned, TrapCode::StackOverflow.into()) }
}

unsafe extern "C" fn tier_up(pinned: usize, func: u32, in_loop: u32) -> usize {
    let in_loop = Some(in_loop).filter(|offset| *offset != 0);
    // SAFETY: see above.
    let process = unsafe { process(pinned) };
    let hot = catch_unwind(AssertUnwindSafe(|| process.hot(FuncId(func), in_loop)));
    // Wasm goes on in what it has.
    hot.ok().flatten().unwrap_or(0)
}

unsafe extern "C" fn memory_grow(pinned: usize, memory: u32, pages: u64) -> u64 {
    // SAFETY: see above.
    let process = unsafe { process(pinned) };
    process.memory_grow(MemoryId(memory), pages).unwrap_or(u64::MAX)
}

unsafe extern "C" fn memory_fill(pinned: usize, memory: u32, to: u64, value: u32, len: u64) {
    // SAFETY: see above.
    unsafe {
        let filled = process(pinned).memory_fill(MemoryId(memory), to, value as u8, len);
        or_raise(pinned, filled);
    }
}

unsafe extern "C" fn memory_copy(
    pinned: usize,
    to_memory: u32,
    from_memory: u32,
    to: u64,
    from: u64,
    len: u64,
) {
    let (target, source) = ((MemoryId(to_memory), to), (MemoryId(from_memory), from));
    if target.0 == MemoryId::PROCESS && source.0 == MemoryId::PROCESS {
        // What is short is over before the process would have been asked.
        // SAFETY: see above: a context ends at `pinned`.
        let memory_len = unsafe { (*context(pinned)).memory_len_bytes };
        let is_inside = |start: u64| start.checked_add(len).is_some_and(|end| end <= memory_len);
        if is_inside(to) && is_inside(from) {
            let at = |index: u64| (pinned + index as usize) as *mut u8;
            // SAFETY: byte 0 of the process memory is at `pinned`, and both ranges were just found
            // inside its length, which is readable and writable. No reference to it is alive while
            // compiled code runs.
            unsafe { std::ptr::copy(at(from), at(to), len as usize) };
            return;
        }
    }
    // SAFETY: see above.
    unsafe { or_raise(pinned, process(pinned).memory_copy(target, source, len)) }
}

unsafe extern "C" fn memory_init(
    pinned: usize,
    instance: u32,
    data: u32,
    memory: u32,
    to: u64,
    from_and_len: u64,
) {
    let range = (to, from_and_len & 0xffff_ffff, from_and_len >> 32);
    let (instance, data) = (InstanceId(instance), DataIndex(data));
    // SAFETY: see above.
    unsafe {
        let copied = process(pinned).memory_init(instance, data, MemoryId(memory), range);
        or_raise(pinned, copied);
    }
}

unsafe extern "C" fn memory_wait32(
    pinned: usize,
    memory: u32,
    address: u64,
    expected: u32,
    timeout_ns: i64,
) -> u32 {
    let expected = Expected::I32(expected);
    // SAFETY: see above.
    unsafe {
        let wake = process(pinned).memory_wait(MemoryId(memory), address, expected, timeout_ns);
        or_raise(pinned, wake) as u32
    }
}

unsafe extern "C" fn memory_wait64(
    pinned: usize,
    memory: u32,
    address: u64,
    expected: u64,
    timeout_ns: i64,
) -> u32 {
    let expected = Expected::I64(expected);
    // SAFETY: see above.
    unsafe {
        let wake = process(pinned).memory_wait(MemoryId(memory), address, expected, timeout_ns);
        or_raise(pinned, wake) as u32
    }
}

unsafe extern "C" fn memory_notify(pinned: usize, memory: u32, address: u64, count: u32) -> u32 {
    // SAFETY: see above.
    unsafe {
        let woken = process(pinned).memory_notify(MemoryId(memory), address, count);
        or_raise(pinned, woken)
    }
}

unsafe extern "C" fn data_drop(pinned: usize, instance: u32, data: u32) {
    // SAFETY: see above.
    unsafe { process(pinned) }.data_drop(InstanceId(instance), DataIndex(data));
}

unsafe extern "C" fn table_grow(pinned: usize, table: u32, init: u32, elements: u64) -> u64 {
    // SAFETY: see above.
    let process = unsafe { process(pinned) };
    process.table_grow(TableId(table), init, elements).unwrap_or(u64::MAX)
}

unsafe extern "C" fn table_fill(pinned: usize, table: u32, to: u64, init: u32, len: u64) {
    // SAFETY: see above.
    unsafe { or_raise(pinned, process(pinned).table_fill(TableId(table), to, init, len)) }
}

unsafe extern "C" fn table_copy(
    pinned: usize,
    to_table: u32,
    from_table: u32,
    to: u64,
    from: u64,
    len: u64,
) {
    let (target, source) = ((TableId(to_table), to), (TableId(from_table), from));
    // SAFETY: see above.
    unsafe { or_raise(pinned, process(pinned).table_copy(target, source, len)) }
}

unsafe extern "C" fn table_init(
    pinned: usize,
    instance: u32,
    element: u32,
    table: u32,
    to: u64,
    from_and_len: u64,
) {
    let range = (to, from_and_len & 0xffff_ffff, from_and_len >> 32);
    let (instance, element) = (InstanceId(instance), ElementIndex(element));
    // SAFETY: see above.
    unsafe {
        let copied = process(pinned).table_init(instance, element, TableId(table), range);
        or_raise(pinned, copied);
    }
}

unsafe extern "C" fn element_drop(pinned: usize, instance: u32, element: u32) {
    // SAFETY: see above.
    unsafe { process(pinned) }.element_drop(InstanceId(instance), ElementIndex(element));
}

unsafe extern "C" fn table_get(pinned: usize, table: u32, index: u64) -> u32 {
    // SAFETY: see above.
    unsafe {
        let element = process(pinned).table(TableId(table)).get(index);
        or_raise(pinned, element.ok_or(TrapCode::TableOutOfBounds.into())).func.0
    }
}

unsafe extern "C" fn table_set(pinned: usize, table: u32, index: u64, value: u32) {
    // SAFETY: see above.
    unsafe { or_raise(pinned, process(pinned).table_fill(TableId(table), index, value, 1)) }
}

unsafe extern "C" fn indirect_call_failed(pinned: usize, element: u64, expected: u32) {
    // SAFETY: see above.
    unsafe {
        let checked = check_indirect_call(process(pinned), element as usize, TypeId(expected));
        or_raise(pinned, checked);
    }
}

/// Makes an object for wasm, whose part of the stack starts above `stack`.
///
/// # Safety
/// As for [`raise`], and the registers were saved.
unsafe fn make(
    pinned: usize,
    stack: *const u32,
    make: impl FnOnce(&mut Process) -> Result<u32, Stop>,
) -> u32 {
    // SAFETY: this function's duty.
    unsafe {
        let process = process(pinned);
        process.allocating_stack = Some(stack as usize);
        let object = make(process);
        process.allocating_stack = None;
        or_raise(pinned, object)
    }
}

unsafe extern "C" fn struct_new(pinned: usize, ty: u32) -> u32 {
    // SAFETY: see above.
    unsafe { make(pinned, &raw const ty, |process| process.allocate_struct(TypeId(ty))) }
}

unsafe extern "C" fn array_new(pinned: usize, ty: u32, len: u32) -> u32 {
    // SAFETY: see above.
    unsafe { make(pinned, &raw const ty, |process| process.allocate_array(TypeId(ty), len)) }
}

unsafe extern "C" fn array_new_data(
    pinned: usize,
    instance: u32,
    ty: u32,
    data: u32,
    from_and_len: u64,
) -> u32 {
    let (instance, data) = (InstanceId(instance), DataIndex(data));
    let range = (from_and_len & 0xffff_ffff, from_and_len >> 32);
    // SAFETY: see above.
    unsafe {
        make(pinned, &raw const ty, |process| {
            process.array_new_data(instance, TypeId(ty), data, range)
        })
    }
}

unsafe extern "C" fn array_new_element(
    pinned: usize,
    instance: u32,
    ty: u32,
    element: u32,
    from_and_len: u64,
) -> u32 {
    let (instance, element) = (InstanceId(instance), ElementIndex(element));
    let range = (from_and_len & 0xffff_ffff, from_and_len >> 32);
    // SAFETY: see above.
    unsafe {
        make(pinned, &raw const ty, |process| {
            process.array_new_element(instance, TypeId(ty), element, range)
        })
    }
}

unsafe extern "C" fn array_init_data(
    pinned: usize,
    instance: u32,
    data: u32,
    array: u32,
    to: u32,
    from_and_len: u64,
) {
    let (instance, data) = (InstanceId(instance), DataIndex(data));
    let range = (from_and_len & 0xffff_ffff, from_and_len >> 32);
    // SAFETY: see above.
    unsafe {
        let copied = process(pinned).array_init_data(instance, data, (array, to), range);
        or_raise(pinned, copied);
    }
}

unsafe extern "C" fn array_init_element(
    pinned: usize,
    instance: u32,
    element: u32,
    array: u32,
    to: u32,
    from_and_len: u64,
) {
    let (instance, element) = (InstanceId(instance), ElementIndex(element));
    let range = (from_and_len & 0xffff_ffff, from_and_len >> 32);
    // SAFETY: see above.
    unsafe {
        let copied = process(pinned).array_init_element(instance, element, (array, to), range);
        or_raise(pinned, copied);
    }
}

unsafe extern "C" fn array_copy(
    pinned: usize,
    to_array: u32,
    to: u32,
    from_array: u32,
    from: u32,
    len: u32,
) {
    // SAFETY: see above.
    unsafe {
        let copied = process(pinned).array_copy((to_array, to), (from_array, from), len);
        or_raise(pinned, copied);
    }
}

unsafe extern "C" fn host_call(pinned: usize, number: u32, values: *mut RawValue) {
    // SAFETY: see above; `values` is the array on the stack of the thunk that the compiler made
    // for host function `number`, as long as the larger of its parameters and results.
    unsafe {
        let called = call_host(process(pinned), pinned, number, values);
        or_raise(pinned, called);
    }
}

unsafe extern "C" fn throw(pinned: usize, tag: u32, values: *const RawValue) -> ! {
    let tag = TagId(tag);
    let stack = &raw const tag as usize;
    // SAFETY: see above; `values` is the array in the frame of the function that throws, with one
    // value for each parameter of the tag.
    unsafe {
        let process = process(pinned);
        let values = std::slice::from_raw_parts(values, process.tag_arity(tag));
        match process.throw(tag, values.into(), stack) {
            Ok(handle) => catch_or_leave(pinned, handle, None),
            Err(error) => leave(pinned, crate::collect::out_of_memory(error)),
        }
    }
}

unsafe extern "C" fn throw_ref(pinned: usize, exception: u32) -> ! {
    // SAFETY: see above.
    unsafe { catch_or_leave(pinned, exception, None) }
}

/// Runs a host function. Nothing unwinds out of it: a panic goes on behind the wasm frames.
///
/// # Safety
/// `values` has as many slots as the larger of the function's parameters and results.
unsafe fn call_host(
    process: &mut Process,
    pinned: usize,
    number: u32,
    values: *mut RawValue,
) -> Result<(), Stop> {
    let function = &process.host_functions[number as usize];
    let len = function.ty.params.len().max(function.ty.results.len());
    // SAFETY: the closure lies behind an `Arc` of `host_functions`, where it stays however that list
    // grows, and nothing is ever taken from the list. A clone would keep it alive as well, for two
    // locked instructions more.
    let func = unsafe { &*std::sync::Arc::as_ptr(&function.func) };
    // SAFETY: this function's duty; the slots were written by the thunk or are about to be.
    let values = unsafe { std::slice::from_raw_parts_mut(values, len) };
    // What the function returns is looked at right here: as a whole it would be read back with wider
    // loads than it was written with, for which the processor has to wait.
    let entered = process.handles.enter();
    let is_managed = process.managed_host_functions[number as usize];
    if is_managed {
        process.lift_args(number, values);
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| match func(process, values) {
        Ok(()) if is_managed => process.lower_results(number, values).err().map(Box::new),
        Ok(()) => None,
        Err(stop) => Some(Box::new(stop)),
    }));
    process.handles.leave(entered);
    match outcome {
        Ok(None) => Ok(()),
        Ok(Some(stop)) => Err(*stop),
        Err(panic) => {
            // SAFETY: `pinned` is the pinned register: the caller is entered through its stub.
            unsafe { departure(pinned) }.panic = Some(panic);
            Err(TrapCode::Host.into())
        }
    }
}

/// Null is function 0: the array of functions and the elements of tables agree on it.
const _: () = assert!(FuncId::NULL.0 == 0);

//! Running the main program: its entry point, its arguments, and single functions of it.

use std::sync::Mutex;

use dynvm_vm::code::TrapCode;
use dynvm_vm::context::FuncId;
use dynvm_vm::types::{FuncIndex, ValType};
use dynvm_vm::value::Value;
use dynvm_vm::{Process, Stop, Trap};

use crate::dialect::dyninfo::start;
use crate::dso::Dso;
use crate::error::LoadError;
use crate::linker::{Linker, lock};

/// Names of the entry point, the best first. The last three return an exit status.
const ENTRY_POINTS: [&str; 4] = ["_start", "__main_argc_argv", "__main_void", "main"];

/// An error unless running the main program does something: it has an entry point, or one that
/// prepares it for calls from outside, or is a plain module whose start function is all of it.
pub(crate) fn check_entry_point(main: &Dso) -> Result<(), LoadError> {
    let mut names = ENTRY_POINTS.iter().chain(&["_initialize"]);
    let has_entry = names.any(|name| main.exported_function(name).is_some());
    let has_entry = has_entry || main.dyninfo().is_some_and(|info| info.entry().is_some());
    // The start function of a module made for the dynamic linker only zeroes its data.
    if has_entry || (main.dylink.is_none() && main.module.start.is_some()) {
        return Ok(());
    }
    Err(LoadError::NoEntryPoint { program: main.name.to_string() })
}

/// The entry point: its name, and its index. A flat program starts at its `main`, whatever else it
/// exports.
pub(crate) fn entry_point(main: &Dso) -> Option<(&'static str, FuncIndex)> {
    let first = main.flat().map(|_| "main");
    let mut names = first.into_iter().chain(ENTRY_POINTS);
    names.find_map(|name| Some((name, main.exported_function(name)?)))
}

/// Calls the entry point. The constructors have run.
pub(crate) fn main(
    shared: &Mutex<Linker>,
    process: &mut Process,
    args: &[String],
) -> Result<(), Stop> {
    let (entry, params) = {
        let mut linker = lock(shared);
        let Some(main) = linker.map.main() else {
            return Err(Trap::new(TrapCode::Host, "no main program was opened").into());
        };
        if let Some(entry) = start::entry(main, process) {
            tracing::debug!(target: "dynvm::init", "calling {}", process.func_name(entry.func));
            drop(linker);
            return start::run(shared, process, entry, args);
        }
        let Some((name, index)) = entry_point(main) else {
            tracing::debug!(target: "dynvm::init", "{} has no entry point", main.name);
            return Ok(());
        };
        tracing::debug!(target: "dynvm::init", "calling `{name}` of {}", main.name);
        let entry = func(main, process, index);
        let params = main.module.func_type(index).params.clone();
        let values = match *params {
            [] => Vec::new(),
            [ValType::I32, ValType::I32] => place_args(&mut linker, process, args)?,
            _ => {
                let detail = format!("`{name}` takes {} parameters", params.len());
                return Err(Trap::new(TrapCode::Host, detail).into());
            }
        };
        (entry, values)
    };
    match process.call(entry, &params)?.first() {
        Some(Value::I32(status)) if *status != 0 => Err(Stop::Exit(status.cast_unsigned())),
        _ => Ok(()),
    }
}

fn func(main: &Dso, process: &Process, index: FuncIndex) -> FuncId {
    process.instance(main.instance()).func(index)
}

/// Writes `argv` into guest memory and gives `argc` and `argv`.
fn place_args(
    linker: &mut Linker,
    process: &mut Process,
    args: &[String],
) -> Result<Vec<Value>, Stop> {
    let pointers = 4 * (args.len() as u64 + 1);
    let strings: u64 = args.iter().map(|arg| arg.len() as u64 + 1).sum();
    let range = linker
        .space
        .take_memory(process, pointers + strings, 16, "argv")
        .map_err(|error| Stop::from(Trap::new(TrapCode::Host, error.to_string())))?;
    let memory = &mut process.memory_mut()[range.start as usize..range.end as usize];
    let mut string = pointers as usize;
    for (position, arg) in args.iter().enumerate() {
        let address = (range.start + string as u64) as u32;
        memory[position * 4..][..4].copy_from_slice(&address.to_le_bytes());
        memory[string..][..arg.len()].copy_from_slice(arg.as_bytes());
        string += arg.len() + 1;
    }
    let argc = i32::try_from(args.len()).expect("argv fits in guest memory");
    Ok(vec![Value::I32(argc), Value::I32((range.start as u32).cast_signed())])
}

/// The function `name` of `main`, and its arguments.
pub(crate) fn invocation(
    main: &Dso,
    process: &Process,
    name: &str,
    args: &[String],
) -> Result<(FuncId, Vec<Value>), LoadError> {
    let Some(index) = main.exported_function(name) else {
        return Err(LoadError::NoSuchFunction {
            function: name.to_owned(),
            program: main.name.to_string(),
        });
    };
    let ty = main.module.func_type(index);
    if ty.params.len() != args.len() {
        return Err(LoadError::ArgumentCount {
            function: name.to_owned(),
            ty: ty.clone(),
            found: args.len(),
        });
    }
    let values = ty.params.iter().zip(args).map(|(ty, text)| {
        value(*ty, text)
            .ok_or_else(|| LoadError::Argument { argument: text.clone(), expected: ty.to_string() })
    });
    Ok((func(main, process, index), values.collect::<Result<_, _>>()?))
}

/// The value of type `ty` that `text` spells: integers signed or unsigned, decimal or hexadecimal.
fn value(ty: ValType, text: &str) -> Option<Value> {
    Some(match ty {
        ValType::I32 => {
            let wide = integer(text)?;
            let fits = (i128::from(i32::MIN)..=i128::from(u32::MAX)).contains(&wide);
            Value::I32(if fits { wide as i32 } else { return None })
        }
        ValType::I64 => {
            let wide = integer(text)?;
            let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&wide);
            Value::I64(if fits { wide as i64 } else { return None })
        }
        ValType::F32 => Value::F32(text.parse().ok()?),
        ValType::F64 => Value::F64(text.parse().ok()?),
        ValType::V128 => Value::V128(u128::try_from(integer(text)?).ok()?),
        ValType::Ref(ty) if ty.is_nullable && text == "null" => Value::Ref(ty, 0),
        ValType::Ref(_) => return None,
    })
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) if !digits.starts_with(['+', '-']) => i128::from_str_radix(digits, 16).ok()?,
        Some(_) => return None,
        None if digits.starts_with(['+', '-']) => return None,
        None => digits.parse().ok()?,
    };
    Some(sign * magnitude)
}

#[cfg(test)]
mod tests {
    use dynvm_vm::types::ValType;
    use dynvm_vm::value::Value;

    use super::value;

    #[track_caller]
    fn check(ty: ValType, text: &str, expected: Option<Value>) {
        assert_eq!(value(ty, text), expected, "{text}");
    }

    #[test]
    fn arguments_are_read_by_type() {
        check(ValType::I32, "-1", Some(Value::I32(-1)));
        check(ValType::I32, "4294967295", Some(Value::I32(-1)));
        check(ValType::I32, "0xff", Some(Value::I32(255)));
        check(ValType::I32, "4294967296", None);
        check(ValType::I32, "--1", None);
        check(ValType::I32, "1.5", None);
        check(ValType::I64, "-9223372036854775808", Some(Value::I64(i64::MIN)));
        check(ValType::F64, "1.5", Some(Value::F64(1.5)));
        check(ValType::F32, "x", None);
    }
}

//! Literals of scripts: arguments, and patterns that results must match.

use dynvm_vm::Process;
use dynvm_vm::reference::Referent;
use dynvm_vm::types::{HeapType, RefType, ValType};
use dynvm_vm::value::Value;
use wast::core::{AbstractHeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// An argument, or what is not understood about it.
pub(crate) fn argument(arg: &WastArg<'_>) -> Result<Value, String> {
    let WastArg::Core(arg) = arg else { return Err("not a core value".to_owned()) };
    Ok(match arg {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(f32::from_bits(value.bits)),
        WastArgCore::F64(value) => Value::F64(f64::from_bits(value.bits)),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => Value::Ref(nullable(ty), 0),
        WastArgCore::RefExtern(number) | WastArgCore::RefHost(number) => {
            Value::host(*number).ok_or("the host has no such thing")?
        }
    })
}

fn nullable(ty: &wast::core::HeapType<'_>) -> RefType {
    let heap = match ty {
        wast::core::HeapType::Abstract { ty: AbstractHeapType::Extern, .. } => HeapType::Extern,
        wast::core::HeapType::Abstract { ty: AbstractHeapType::Exn, .. } => HeapType::Exn,
        _ => HeapType::Func,
    };
    RefType { is_nullable: true, heap }
}

/// Whether `value` is one that `expected` allows.
pub(crate) fn matches(
    process: &Process,
    value: Value,
    expected: &WastRet<'_>,
) -> Result<bool, String> {
    match expected {
        WastRet::Core(expected) => matches_core(process, value, expected),
        _ => Err("not a core value".to_owned()),
    }
}

fn matches_core(
    process: &Process,
    value: Value,
    expected: &WastRetCore<'_>,
) -> Result<bool, String> {
    Ok(match (expected, value) {
        (WastRetCore::I32(expected), Value::I32(value)) => *expected == value,
        (WastRetCore::I64(expected), Value::I64(value)) => *expected == value,
        (WastRetCore::F32(expected), Value::F32(value)) => f32_matches(value.to_bits(), expected),
        (WastRetCore::F64(expected), Value::F64(value)) => f64_matches(value.to_bits(), expected),
        (WastRetCore::V128(expected), Value::V128(value)) => v128_matches(value, expected),
        (WastRetCore::RefNull(_), Value::Ref(_, handle)) => handle == 0,
        (WastRetCore::RefExtern(Some(number)) | WastRetCore::RefHost(number), value) => {
            process.referent(value) == Some(Referent::Host(*number))
        }
        (WastRetCore::RefExtern(None), Value::Ref(ty, handle)) => {
            ty.heap == HeapType::Extern && handle != 0
        }
        (WastRetCore::RefFunc(_), Value::Ref(_, handle)) => {
            process.referent(value) == Some(Referent::Other) && handle != 0
        }
        (WastRetCore::RefAny, value) => {
            !matches!(process.referent(value), None | Some(Referent::Null | Referent::Other))
        }
        (WastRetCore::RefEq, value) => matches!(
            process.referent(value),
            Some(Referent::I31(_) | Referent::Struct(_) | Referent::Array(_))
        ),
        (WastRetCore::RefArray, value) => {
            matches!(process.referent(value), Some(Referent::Array(_)))
        }
        (WastRetCore::RefStruct, value) => {
            matches!(process.referent(value), Some(Referent::Struct(_)))
        }
        (WastRetCore::RefI31, value) => matches!(process.referent(value), Some(Referent::I31(_))),
        (WastRetCore::Either(patterns), value) => {
            for pattern in patterns {
                if matches_core(process, value, pattern)? {
                    return Ok(true);
                }
            }
            false
        }
        (
            WastRetCore::I32(_)
            | WastRetCore::I64(_)
            | WastRetCore::F32(_)
            | WastRetCore::F64(_)
            | WastRetCore::V128(_),
            _,
        ) => false,
        (expected, _) => return Err(format!("pattern {expected:?} is not supported")),
    })
}

/// Patterns as a message shows them.
pub(crate) fn show_expected(patterns: &[WastRet<'_>]) -> String {
    let shown = patterns.iter().map(|pattern| match pattern {
        WastRet::Core(pattern) => show_pattern(pattern),
        other => format!("{other:?}"),
    });
    format!("[{}]", shown.collect::<Vec<_>>().join(", "))
}

fn show_pattern(pattern: &WastRetCore<'_>) -> String {
    match pattern {
        WastRetCore::I32(value) => format!("i32 {value}"),
        WastRetCore::I64(value) => format!("i64 {value}"),
        WastRetCore::F32(NanPattern::Value(value)) => {
            show_one(Value::F32(f32::from_bits(value.bits)))
        }
        WastRetCore::F64(NanPattern::Value(value)) => {
            show_one(Value::F64(f64::from_bits(value.bits)))
        }
        WastRetCore::F32(nan) => format!("f32 {nan:?}"),
        WastRetCore::F64(nan) => format!("f64 {nan:?}"),
        WastRetCore::Either(patterns) => {
            patterns.iter().map(show_pattern).collect::<Vec<_>>().join(" or ")
        }
        other => format!("{other:?}"),
    }
}

fn f32_matches(bits: u32, expected: &NanPattern<wast::token::F32>) -> bool {
    match expected {
        NanPattern::Value(value) => bits == value.bits,
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
    }
}

fn f64_matches(bits: u64, expected: &NanPattern<wast::token::F64>) -> bool {
    match expected {
        NanPattern::Value(value) => bits == value.bits,
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
    }
}

fn v128_matches(value: u128, expected: &V128Pattern) -> bool {
    let lane = |position: usize, bits: usize| (value >> (position * bits)) as u64;
    match expected {
        V128Pattern::I8x16(lanes) => {
            lanes.iter().enumerate().all(|(i, expected)| lane(i, 8) as i8 == *expected)
        }
        V128Pattern::I16x8(lanes) => {
            lanes.iter().enumerate().all(|(i, expected)| lane(i, 16) as i16 == *expected)
        }
        V128Pattern::I32x4(lanes) => {
            lanes.iter().enumerate().all(|(i, expected)| lane(i, 32) as i32 == *expected)
        }
        V128Pattern::I64x2(lanes) => {
            lanes.iter().enumerate().all(|(i, expected)| lane(i, 64).cast_signed() == *expected)
        }
        V128Pattern::F32x4(lanes) => {
            lanes.iter().enumerate().all(|(i, expected)| f32_matches(lane(i, 32) as u32, expected))
        }
        V128Pattern::F64x2(lanes) => {
            lanes.iter().enumerate().all(|(i, expected)| f64_matches(lane(i, 64), expected))
        }
    }
}

/// Values as a message shows them.
pub(crate) fn show(values: &[Value]) -> String {
    let shown: Vec<String> = values.iter().map(|value| show_one(*value)).collect();
    format!("[{}]", shown.join(", "))
}

fn show_one(value: Value) -> String {
    match value.ty() {
        ValType::F32 | ValType::F64 => format!("{} {value} ({:?})", value.ty(), value.raw()),
        ValType::Ref(_) => value.to_string(),
        ty => format!("{ty} {value}"),
    }
}

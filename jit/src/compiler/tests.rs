//! Functions over all operators are compiled, checked by Cranelift's verifier, and not run.

mod simd;

use std::sync::Arc;

use super::*;
use crate::decode;
use crate::vm::Stubs;
use crate::vm::context::{FuncId, GlobalSlot};
use crate::vm::instance::{
    Callee, GlobalPlace, InstanceId, MemoryId, MemoryPlace, TableId, TablePlace, TagId,
};
use crate::vm::registry::TypeRegistry;
use crate::vm::types::{FuncType, ValType};
use crate::vm::value::RawValue;

/// A module with a made-up place in a process that never runs: the first memory and table are the
/// process's, immutable globals are constants.
pub(crate) fn instance(wat: &str) -> Instance {
    let bytes = wat::parse_str(wat).expect("the text is well-formed");
    let module = decode(bytes).expect("the module is valid");
    let mut types = TypeRegistry::default();
    let functions = 0..module.imported_functions;
    // As if every import were weak or lazy.
    let functions =
        functions.map(|index| Callee { func: FuncId(100 + index), is_preemptible: true });
    let descriptors = |count: usize| (0..count as u32).map(|index| (index, GlobalSlot(64 + index)));
    let globals = module.globals.iter().enumerate().map(|(index, ty)| {
        if ty.is_mutable {
            GlobalPlace::Slot(GlobalSlot(index as u32))
        } else {
            GlobalPlace::Constant(RawValue::from(0x1_0000_u32))
        }
    });
    Instance {
        id: InstanceId(0),
        name: Arc::from("test.wasm"),
        types: types.intern_module(&module),
        imported_functions: functions.collect(),
        first_func: FuncId(100 + module.imported_functions),
        tables: descriptors(module.tables.len())
            .map(|(index, descriptor)| TablePlace { id: TableId(index), descriptor })
            .collect(),
        memories: descriptors(module.memories.len())
            .map(|(index, descriptor)| MemoryPlace { id: MemoryId(index), descriptor })
            .collect(),
        globals: globals.collect(),
        tags: (0..module.tags.len() as u32).map(TagId).collect(),
        module: Arc::new(module),
    }
}

pub(crate) fn compiler() -> Compiler {
    let settings = Settings { is_verified: true, ..Settings::default() };
    Compiler::new(&settings).expect("tests run on a supported processor")
}

#[test]
fn names_of_all_functions_are_those_of_each() {
    let text = r#"(module (import "env" "imported" (func))
      (func $named (export "other")) (func (export "first") (export "second")) (func))"#;
    let module = decode(wat::parse_str(text).expect("the text is well-formed")).expect("valid");
    let names: Vec<_> = module.defined_func_names().collect();
    assert_eq!(names, ["named", "first", "func[3]"]);
    let each: Vec<_> = (1..4).map(|index| module.func_name(FuncIndex(index))).collect();
    assert_eq!(names, each);
}

#[test]
fn a_long_function_without_a_loop_is_not_optimized() {
    let addition = "(local.set 0 (i32.add (local.get 0) (i32.const 0)))\n";
    let has_additions = |count: usize, end: &str| {
        let body = addition.repeat(count);
        let text = format!("(module (func (param i32) (result i32) {body} {end} (local.get 0)))");
        let unit = Unit::alone(instance(&text));
        let clif = compiler().clif(&unit, DefinedFuncIndex(0)).expect("it compiles");
        clif.contains("iadd")
    };
    // Seven bytes each.
    let long = STRAIGHT_BYTES_MIN / 7 + 1;
    assert!(has_additions(long, ""));
    assert!(!has_additions(long - 2, ""));
    assert!(!has_additions(long, "(loop)"));
}

#[track_caller]
fn check(wat: &str) -> Vec<Code> {
    let codes = match compiler().compile(&Unit::alone(instance(wat))) {
        Ok(codes) => codes,
        Err(error) => panic!("{error}"),
    };
    for code in &codes {
        assert!(!code.bytes.is_empty());
        assert!(code.locations.is_sorted());
        assert!(code.traps.is_sorted_by_key(|trap| trap.offset));
    }
    codes
}

/// Compiles one function per operator: `params` are loaded, the operator applied.
#[track_caller]
fn check_operators(operators: &[(&str, &str, &str)]) {
    let mut text = String::from("(module (memory 1)\n");
    for (operator, params, result) in operators {
        text.push_str("(func ");
        if !params.is_empty() {
            text.push_str(&format!("(param {params}) "));
        }
        if !result.is_empty() {
            text.push_str(&format!("(result {result}) "));
        }
        for index in 0..params.split_whitespace().count() {
            text.push_str(&format!("(local.get {index}) "));
        }
        text.push_str(&format!("{operator})\n"));
    }
    text.push(')');
    check(&text);
}

#[test]
fn control() {
    check(
        r#"(module
        (func (param i32) (result i32)
          (block $out (result i32)
            (loop $again (result i32)
              (br_if $again (local.get 0))
              (drop (br_if $out (i32.const 1) (local.get 0)))
              (if (result i32) (local.get 0) (then (i32.const 2)) (else (br $out (i32.const 3))))
              (drop) (unreachable))))
        (func (param i32) (result i32 i64)
          (i32.const 1) (i64.const 2)
          (block (param i32 i64) (result i32 i64) (br_if 0 (local.get 0)))
          (loop (param i32 i64) (result i32 i64) (br_if 0 (local.get 0)))
          (if (param i32 i64) (result i32 i64) (local.get 0) (then))
          (if (param i32 i64) (result i32 i64) (local.get 0) (then) (else (unreachable))))
        (func (param i32) (result i32)
          (block $a (result i32) (block $b (result i32)
            (i32.const 5)
            (br_table $a $b $a 2 (local.get 0)))
            (drop) (i32.const 7)))
        (func (param i32) (block (br_table 0 (local.get 0))))
        (func (return) (block (br 0) (loop (br 0) (if (i32.const 1) (then) (else))) (nop)))
        (func (result i32) (unreachable) (i32.add) (drop) (block (result i32) (i32.const 1) (br 0)))
        (func (loop (br 0)))
        (func (param i32) (if (local.get 0) (then (return)) (else (unreachable)))))"#,
    );
}

#[test]
fn calls() {
    let codes = check(
        r#"(module
        (type $ty (func (param i32) (result i32)))
        (import "env" "f" (func $imported (type $ty)))
        (table 1 funcref) (table $other 1 funcref) (table $wide i64 1 funcref)
        (func $defined (type $ty) (call $defined (call $imported (local.get 0))))
        (func (param i32) (result i32) (call_indirect (type $ty) (i32.const 1) (local.get 0)))
        (func (param i32) (result i32) (call_indirect $other (type $ty) (i32.const 1) (local.get 0)))
        (func (param i64) (result i32) (call_indirect $wide (type $ty) (i32.const 1) (local.get 0)))
        (func (param i32) (result i32) (return_call $defined (local.get 0)))
        (func (param i32) (result i32) (return_call $imported (local.get 0)))
        (func (param i32) (result i32)
          (return_call_indirect (type $ty) (i32.const 1) (local.get 0)))
        (func $many (result i32 i64 f32 f64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 v128)
          (return_call $many)))"#,
    );
    assert_eq!(codes[0].relocations.len(), 1);
    assert_eq!(codes[0].relocations[0].target, FuncId(101));
    // It is part of itself once: two calls of the import, one of its own.
    assert_eq!(codes[0].locations.len(), 3);
}

#[test]
fn variables() {
    check(
        r#"(module
        (global $fixed i32 (i32.const 1)) (global $i (mut i64) (i64.const 0))
        (global $v (mut v128) (v128.const i64x2 0 0)) (global $f (mut f32) (f32.const 0))
        (global $c64 i64 (i64.const 0)) (global $cf f64 (f64.const 0))
        (global $cv v128 (v128.const i64x2 0 0)) (global $r (mut funcref) (ref.null func))
        (memory 1)
        (func $g (local i32 i64 f32 f64 v128 funcref externref)
          (global.set $i (i64.extend_i32_u (i32.load offset=8 (global.get $fixed))))
          (global.set $v (global.get $cv)) (global.set $f (f32.demote_f64 (global.get $cf)))
          (drop (i64.add (global.get $i) (global.get $c64)))
          (global.set $r (ref.func $g))
          (drop (ref.is_null (global.get $r)))
          (drop (select (result externref) (ref.null extern) (local.get 6) (local.tee 0 (i32.const 1))))
          (drop (select (local.get 4) (global.get $v) (local.get 0)))
          (local.set 1 (i64.const -1)))
        (elem declare func $g))"#,
    );
}

#[test]
fn tables_and_bulk_memory() {
    check(
        r#"(module
        (memory 1) (memory $m2 1) (memory $m64 i64 1) (data "abc") (table 1 funcref)
        (table $e 1 externref) (table $t64 i64 1 funcref) (elem func $f)
        (func $f (param i32 i64 externref)
          (table.set $e (local.get 0) (table.get $e (local.get 0)))
          (drop (table.grow $e (local.get 2) (table.size $e)))
          (drop (table.grow $t64 (ref.null func) (table.size $t64)))
          (table.fill $e (local.get 0) (local.get 2) (local.get 0))
          (table.copy (local.get 0) (local.get 0) (local.get 0))
          (table.copy $t64 $t64 (local.get 1) (local.get 1) (local.get 1))
          (table.init 0 (local.get 0) (local.get 0) (local.get 0))
          (elem.drop 0)
          (memory.fill (local.get 0) (local.get 0) (local.get 0))
          (memory.copy (local.get 0) (local.get 0) (local.get 0))
          (memory.copy 0 $m2 (local.get 0) (local.get 0) (local.get 0))
          (memory.copy $m64 $m64 (local.get 1) (local.get 1) (local.get 1))
          (memory.init 0 (local.get 0) (local.get 0) (local.get 0))
          (data.drop 0)
          (drop (memory.grow (memory.size)))
          (drop (memory.grow $m2 (memory.size $m2)))
          (drop (memory.grow $m64 (memory.size $m64)))
          (drop (i32.load8_u $m2 offset=4 (local.get 0)))
          (drop (i64.load $m64 offset=0x1_0000_0000 (local.get 1)))
          (i64.store $m64 offset=0xffff_ffff_ffff_ffff (local.get 1) (local.get 1))
          (drop (i32.load offset=0xffff_ffff (local.get 0)))))"#,
    );
}

#[test]
fn memory_accesses() {
    let mut operators = Vec::new();
    for name in ["i32.load", "i32.load8_s", "i32.load8_u", "i32.load16_s", "i32.load16_u"] {
        operators.push((name, "i32", "i32"));
    }
    for name in [
        "i64.load",
        "i64.load8_s",
        "i64.load8_u",
        "i64.load16_s",
        "i64.load16_u",
        "i64.load32_s",
        "i64.load32_u",
    ] {
        operators.push((name, "i32", "i64"));
    }
    operators.extend([("f32.load", "i32", "f32"), ("f64.load", "i32", "f64")]);
    for name in ["i32.store", "i32.store8", "i32.store16"] {
        operators.push((name, "i32 i32", ""));
    }
    for name in ["i64.store", "i64.store8", "i64.store16", "i64.store32"] {
        operators.push((name, "i32 i64", ""));
    }
    operators.extend([("f32.store", "i32 f32", ""), ("f64.store", "i32 f64", "")]);
    check_operators(&operators);
}

#[test]
fn numbers() {
    let mut text = Vec::new();
    for ty in ["i32", "i64"] {
        for name in ["clz", "ctz", "popcnt", "extend8_s", "extend16_s"] {
            text.push((format!("{ty}.{name}"), ty.to_owned(), ty));
        }
        for name in [
            "add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl",
            "shr_s", "shr_u", "rotl", "rotr",
        ] {
            text.push((format!("{ty}.{name}"), format!("{ty} {ty}"), ty));
        }
        text.push((format!("{ty}.eqz"), ty.to_owned(), "i32"));
        for name in ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"] {
            text.push((format!("{ty}.{name}"), format!("{ty} {ty}"), "i32"));
        }
        for from in ["f32", "f64"] {
            for name in ["trunc", "trunc_sat"] {
                for sign in ["s", "u"] {
                    text.push((format!("{ty}.{name}_{from}_{sign}"), from.to_owned(), ty));
                }
            }
            for sign in ["s", "u"] {
                text.push((format!("{from}.convert_{ty}_{sign}"), ty.to_owned(), from));
            }
        }
    }
    for ty in ["f32", "f64"] {
        for name in ["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"] {
            text.push((format!("{ty}.{name}"), ty.to_owned(), ty));
        }
        for name in ["add", "sub", "mul", "div", "min", "max", "copysign"] {
            text.push((format!("{ty}.{name}"), format!("{ty} {ty}"), ty));
        }
        for name in ["eq", "ne", "lt", "gt", "le", "ge"] {
            text.push((format!("{ty}.{name}"), format!("{ty} {ty}"), "i32"));
        }
    }
    for (name, from, to) in [
        ("i64.extend32_s", "i64", "i64"),
        ("i32.wrap_i64", "i64", "i32"),
        ("i64.extend_i32_s", "i32", "i64"),
        ("i64.extend_i32_u", "i32", "i64"),
        ("f32.demote_f64", "f64", "f32"),
        ("f64.promote_f32", "f32", "f64"),
        ("i32.reinterpret_f32", "f32", "i32"),
        ("i64.reinterpret_f64", "f64", "i64"),
        ("f32.reinterpret_i32", "i32", "f32"),
        ("f64.reinterpret_i64", "i64", "f64"),
        ("f32.const nan", "", "f32"),
        ("f64.const -0.5", "", "f64"),
        ("i64.add128", "i64 i64 i64 i64", "i64 i64"),
        ("i64.sub128", "i64 i64 i64 i64", "i64 i64"),
        ("i64.mul_wide_s", "i64 i64", "i64 i64"),
        ("i64.mul_wide_u", "i64 i64", "i64 i64"),
    ] {
        text.push((name.to_owned(), from.to_owned(), to));
    }
    let operators = text.iter().map(|(name, params, result)| (&**name, &**params, *result));
    check_operators(&operators.collect::<Vec<_>>());
}

#[test]
fn stubs() {
    let types = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
    let many = types.iter().cycle().take(40).copied().collect::<Vec<_>>();
    for ty in [
        FuncType::default(),
        FuncType::new(types, types),
        FuncType::new(many.clone(), Vec::new()),
        FuncType::new(Vec::new(), many),
    ] {
        assert!(compiler().entry(&ty).relocations.is_empty());
        assert!(compiler().host_call(&ty, 7).relocations.is_empty());
    }
}

#[test]
fn text() {
    let unit = Unit::alone(instance(
        r#"(module (memory 1) (global $base i32 (i32.const 0))
        (func $loads (result i32)
          (i32.load offset=4 (i32.add (global.get $base) (i32.const 16))))
        (func (drop (call $loads)) (call $loops))
        (func $loops (loop $l (br_if $l (i32.load (i32.const 0))))))"#,
    ));
    let clif = compiler().clif(&unit, DefinedFuncIndex(0)).unwrap();
    assert!(clif.contains("get_pinned_reg"), "{clif}");
    let asm = compiler().asm(&unit, DefinedFuncIndex(0)).unwrap();
    assert!(asm.contains("0x10014(%r"), "{asm}");
    let asm = compiler().asm(&unit, DefinedFuncIndex(1)).unwrap();
    assert!(asm.contains("0x10014(%r"), "it is inlined: {asm}");
    assert!(asm.contains("call    loops"), "{asm}");
}

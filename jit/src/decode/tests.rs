//! Decoding, and the wording of what is refused.

use super::decode;
use crate::vm::module::{ConstOp, Entity, SegmentMode};
use crate::vm::types::{FieldType, FuncIndex, GlobalIndex, Shape, StorageType, ValType};

#[track_caller]
fn check_refused(wat: &str, expected: &str) {
    let bytes = wat::parse_str(wat).expect("the text is well-formed");
    let error = decode(bytes).expect_err("the module is to be refused");
    assert_eq!(error.to_string(), expected);
}

#[track_caller]
fn check_bytes_refused(bytes: &[u8], expected: &str) {
    let error = decode(bytes).expect_err("the bytes are to be refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn headers() {
    check_bytes_refused(b"", "not a WebAssembly module");
    check_bytes_refused(
        b"\x7fELF\x02\x01\x01",
        "not a WebAssembly module but an ELF file, native code",
    );
    check_bytes_refused(b"\0asm", "invalid module: unexpected end of the header (at offset 0x4)");
    check_bytes_refused(
        b"\0asm\x0d\0\x01\0",
        "a WebAssembly component, where a module is expected",
    );
    check_bytes_refused(b"\0asm\x02\0\0\0", "unknown binary version: expected 1, found 0x2");
    assert!(decode(&b"\0asm\x01\0\0\0"[..]).is_ok());
}

#[test]
fn invalid() {
    check_refused(
        "(module (func $f (result i32) (i64.const 1)))",
        "invalid module: type mismatch: expected i32, found i64 (at offset 0x1a)",
    );
    check_refused(
        "(module (func (call 5)))",
        "invalid module: unknown function 5: function index out of bounds (at offset 0x17)",
    );
    check_bytes_refused(
        b"\0asm\x01\0\0\0\x01\x05",
        "invalid module: unexpected end-of-file (at offset 0xa)",
    );
}

#[test]
fn shapes_of_types() {
    let bytes = wat::parse_str(
        "(module (type (func)) (type (struct (field i8) (field (mut i64)))) (type (array f32)))",
    );
    let module = decode(bytes.unwrap()).unwrap();
    let shapes: Vec<_> = module.declarations.into_iter().map(|it| it.shape).collect();
    let field = |storage, is_mutable| FieldType { storage, is_mutable };
    let fields = [field(StorageType::I8, false), field(StorageType::Value(ValType::I64), true)];
    let element = field(StorageType::Value(ValType::F32), false);
    assert_eq!(shapes, [Shape::Func, Shape::Struct(fields.into()), Shape::Array(element)]);
    check_refused(
        "(module (type $s (struct (field i8))) (func (param (ref $s)) \
         (struct.set $s 0 (local.get 0) (i32.const 1))))",
        "invalid module: invalid struct modification: struct field is immutable (at offset 0x21)",
    );
}

#[test]
fn tags_are_no_obstacle() {
    let bytes = wat::parse_str("(module (import \"env\" \"t\" (tag (param i32))) (tag))").unwrap();
    let module = decode(bytes).unwrap();
    assert_eq!((module.tags.len(), module.imported_tags), (2, 1));
}

#[test]
fn everything_in_a_module() {
    let bytes = wat::parse_str(
        r#"(module $named
        (@custom "dylink.0" (before first) "\01\02\80\00")
        (import "env" "memory" (memory 1))
        (import "env" "__memory_base" (global $base i32))
        (import "env" "f" (func $f (param i32)))
        (import "GOT.mem" "x" (global $got (mut i32)))
        (global $assigned (mut i32) (i32.const 1)) (global $kept (mut i64) (i64.const -2))
        (table $t 2 funcref)
        (func $g (export "g") (param i32) (global.set $assigned (local.get 0)) (call $f (i32.const 1)))
        (func (export "h"))
        (elem $t (i32.const 1) $g)
        (data $d (i32.add (global.get $base) (i32.const 16)) "hello")
        (data $p "passive") (start 2)
        (@custom "last" "xyz"))"#,
    )
    .unwrap();
    let module = decode(bytes).unwrap();

    assert_eq!(module.name.as_deref(), Some("named"));
    assert_eq!(module.custom_section("dylink.0"), Some(&b"\x01\x02\x80\x00"[..]));
    let sections = module.custom_sections.iter().map(|section| (&*section.name, section.is_first));
    assert_eq!(
        sections.collect::<Vec<_>>(),
        [("dylink.0", true), ("last", false), ("name", false)]
    );
    assert_eq!((module.functions.len(), module.imported_functions), (3, 1));
    assert_eq!(module.globals_assigned, [false, false, true, false]);
    assert_eq!(module.func_name(FuncIndex(1)), "g");
    assert_eq!(module.func_name(FuncIndex(2)), "h");
    assert_eq!(module.export("g"), Some(Entity::Func(FuncIndex(1))));
    assert_eq!(module.start, Some(FuncIndex(2)));
    assert_eq!(module.bodies.len(), 2);
    assert!(module.code_section_offset < module.bodies[0].start);

    let SegmentMode::Active { offset, .. } = &module.data[0].mode else { panic!("active") };
    assert_eq!(
        offset.ops,
        [ConstOp::GlobalGet(GlobalIndex(0)), ConstOp::Value(16_i32.into()), ConstOp::I32Add]
    );
    assert_eq!(&module.bytes[module.data[0].range.clone()], b"hello");
    assert_eq!(&module.bytes[module.data[1].range.clone()], b"passive");
    assert!(!module.data[1].is_active());
}

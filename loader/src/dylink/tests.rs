//! `dylink.0` sections, well-formed and not.

use super::{Dylink, DylinkError, Room, SymbolFlags};

#[track_caller]
fn check_error(bytes: &[u8], message: &str) {
    let error = Dylink::decode(bytes).expect_err("malformed");
    assert_eq!(error.to_string(), message);
}

fn of_text(text: &str) -> Result<Option<Dylink>, DylinkError> {
    let bytes = wat::parse_str(text).expect("valid text");
    Dylink::of_module(&dynvm_jit::decode(bytes).expect("valid module"))
}

#[test]
fn every_subsection_is_read() {
    let dylink = of_text(
        r#"(module (@dylink.0
            (mem-info (memory 8 2) (table 1 3))
            (needed "liba.so" "libb.so")
            (needed "libc.so")
            (runtime-path "$ORIGIN/../lib")
            (export-info "x" tls)
            (import-info "env" "f" binding-weak undefined)))"#,
    );
    let dylink = dylink.expect("well-formed").expect("present");
    let room = Room { memory_size: 8, memory_align_log2: 2, table_size: 1, table_align_log2: 3 };
    assert_eq!(dylink.room, room);
    assert_eq!(dylink.needed, ["liba.so", "libb.so", "libc.so"]);
    assert_eq!(dylink.runpath, ["$ORIGIN/../lib"]);
    assert!(dylink.export_flags("x").is_tls());
    assert!(dylink.import_flags("f").is_weak());
    assert_eq!(dylink.import_flags("f").0, SymbolFlags::WEAK | SymbolFlags::UNDEFINED);
    assert_eq!(dylink.import_flags("g"), SymbolFlags(0));
}

#[test]
fn a_module_without_the_section_has_none() {
    assert_eq!(of_text("(module)"), Ok(None));
}

#[test]
fn elsewhere_than_first_is_an_error() {
    let mut bytes = wat::parse_str("(module (func))").expect("valid text");
    bytes.extend(b"\x00\x09\x08dylink.0");
    let module = dynvm_jit::decode(bytes).expect("valid module");
    let error = Dylink::of_module(&module).expect_err("misplaced");
    let message = "the `dylink.0` section is not the first section of the module";
    assert_eq!(error.to_string(), message);
}

#[test]
fn twice_is_an_error() {
    let bytes = b"\0asm\x01\0\0\0\x00\x09\x08dylink.0\x00\x09\x08dylink.0".to_vec();
    let module = dynvm_jit::decode(bytes).expect("valid module");
    let error = Dylink::of_module(&module).expect_err("repeated");
    assert_eq!(error.to_string(), "expected one `dylink.0` section, found another");
}

#[test]
fn the_legacy_section_is_read() {
    let bytes = b"\0asm\x01\0\0\0\x00\x12\x06dylink\x10\x02\x03\x00\x01\x05a.wasm".to_vec();
    let mut bytes = bytes;
    bytes[9] = (bytes.len() - 10) as u8;
    let length = bytes.len();
    bytes[length - 7] = 6;
    let module = dynvm_jit::decode(bytes).expect("valid module");
    let dylink = Dylink::of_module(&module).expect("well-formed").expect("present");
    assert!(dylink.is_legacy);
    assert_eq!((dylink.room.memory_size, dylink.room.table_size), (16, 3));
    assert_eq!(dylink.needed, ["a.wasm"]);
}

#[test]
fn an_empty_section_asks_for_nothing() {
    assert_eq!(Dylink::decode(&[]), Ok(Dylink::default()));
}

#[test]
fn an_unknown_subsection_is_skipped() {
    let dylink = Dylink::decode(&[9, 2, 1, 2, 2, 3, 1, 1, b'a']).expect("well-formed");
    assert_eq!(dylink.needed, ["a"]);
}

#[test]
fn malformed_sections_say_what_is_wrong() {
    check_error(&[1], "the `dylink.0` section ends inside a subsection's length");
    check_error(&[1, 4, 0, 0], "the `dylink.0` section ends inside a subsection");
    check_error(&[1, 2, 0, 0], "the `dylink.0` section ends inside the size of the table");
    check_error(&[1, 5, 0, 0, 0, 0, 0], "expected the end of `mem-info`, found 1 more bytes");
    check_error(&[1, 4, 0, 32, 0, 0], "expected an alignment of memory up to 2^31, found 2^32");
    check_error(&[1, 4, 0, 0, 0, 33], "expected an alignment of the table up to 2^31, found 2^33");
    check_error(&[1, 4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0], "expected one `mem-info`, found another");
    check_error(
        &[1, 8, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 0],
        "the size of memory in the `dylink.0` section does not fit in 32 bits",
    );
    check_error(
        &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
        "a subsection's length in the `dylink.0` section does not fit in 32 bits",
    );
    check_error(
        &[2, 3, 1, 1, 0xff],
        "the name of a needed library in the `dylink.0` section is not UTF-8",
    );
    check_error(
        &[2, 3, 1, 9, b'a'],
        "the `dylink.0` section ends inside the name of a needed library",
    );
    check_error(&[2, 2, 1, 0], "expected the name of a needed library, found ``");
    check_error(&[2, 3, 1, 1, 0], r"expected the name of a needed library, found `\0`");
    check_error(&[4, 2, 0x80, 0x80], "the `dylink.0` section ends inside the count of imports");
    check_error(
        &[3, 4, 1, 1, b'x', 0x80],
        "the `dylink.0` section ends inside the flags of an export",
    );
}

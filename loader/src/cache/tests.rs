use std::fs;

use dynvm_jit::SomeCode;
use dynvm_vm::code::{
    CallSite, Code, Handler, InlinedPlace, Relocation, RelocationKind, StackMap, TrapCode, TrapSite,
};
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::TagId;
use dynvm_vm::types::DefinedFuncIndex;

use super::{Cache, Content, Key, Part};

fn codes() -> SomeCode {
    let call_site = CallSite {
        return_offset: 9,
        frame_bytes: 32,
        handlers: vec![
            Handler { tag: Some(TagId(7)), offset: 20 },
            Handler { tag: None, offset: 24 },
        ],
    };
    let call =
        Relocation { offset: 5, kind: RelocationKind::Relative32, target: FuncId(3), addend: -4 };
    let code = Code {
        bytes: vec![0xe8, 0, 0, 0, 0, 0xc3],
        align: 32,
        skew: 20,
        is_provisional: true,
        relocations: vec![call, Relocation { kind: RelocationKind::Absolute64, ..call }],
        traps: vec![TrapSite { offset: 2, code: TrapCode::MemoryOutOfBounds }],
        locations: vec![(2, 100), (9, 104)],
        inlined: vec![InlinedPlace { code_offset: 9, func: FuncId(8), wasm_offset: 50 }],
        inlined_calls: 2,
        call_sites: vec![call_site],
        stack_maps: vec![StackMap { return_offset: 5, below_frame_pointer: [8, 4].into() }],
    };
    vec![(DefinedFuncIndex(4), code), (DefinedFuncIndex(0), Code::default())]
}

fn key(name: &str) -> Key {
    Key(name.to_owned())
}

fn load(cache: &Cache, name: &str) -> SomeCode {
    cache.load(&key(name)).iter().flat_map(Part::codes).collect()
}

#[test]
fn an_entry_is_found_as_it_was_stored() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path().join("new/dir"), Cache::BYTES_MAX);
    assert_eq!(load(&cache, "a"), SomeCode::new());
    cache.store(&key("a"), &codes()).expect("it is written");
    assert_eq!(load(&cache, "a"), codes());
    assert_eq!(load(&cache, "b"), SomeCode::new());
    assert_eq!(cache.content().expect("it is read").entries, 1);
    cache.clear().expect("it is emptied");
    assert_eq!(cache.content().expect("it is read"), Content::default());
}

#[test]
fn every_byte_of_an_entry_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path(), Cache::BYTES_MAX);
    cache.store(&key("a"), &codes()).expect("it is written");
    let path = cache.path(&key("a"), 0);
    let whole = fs::read(&path).expect("it is there");
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        fs::write(&path, damaged).expect("it is written");
        assert_eq!(load(&cache, "a"), SomeCode::new(), "byte {position} changed");
        fs::write(&path, &whole[..position]).expect("it is written");
        assert_eq!(load(&cache, "a"), SomeCode::new(), "cut at byte {position}");
    }
    fs::write(&path, whole).expect("it is written");
    assert_eq!(load(&cache, "a"), codes());
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path(), Cache::BYTES_MAX);
    for (age, name) in [(3000, "a"), (2000, "b"), (1000, "c")] {
        cache.store(&key(name), &codes()).expect("it is written");
        let file = fs::File::open(cache.path(&key(name), 0)).expect("it is there");
        let used = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        file.set_modified(used).expect("its time is set");
    }
    // Using the oldest makes it the youngest.
    assert!(!load(&cache, "a").is_empty());
    let bytes = cache.content().expect("it is read").bytes;
    let small = Cache::new(dir.path(), bytes);
    small.store(&key("d"), &codes()).expect("it is written");
    small.trim().expect("what is too much is removed");
    let found = ["a", "b", "c", "d"].map(|name| !load(&small, name).is_empty());
    assert_eq!(found, [true, false, true, true]);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_and_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "no directory").expect("it is written");
    let cache = Cache::new(file.join("cache"), Cache::BYTES_MAX);
    assert!(cache.store(&key("a"), &codes()).is_err());
    assert_eq!(load(&cache, "a"), SomeCode::new());
}

#[test]
fn runs_add_to_an_entry_in_parts_that_become_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path(), Cache::BYTES_MAX);
    let part = |index| vec![(DefinedFuncIndex(index), codes()[0].1.clone())];
    for index in 0..20 {
        cache.store(&key("a"), &part(index)).expect("it is written");
        let stored: Vec<u32> = load(&cache, "a").iter().map(|(func, _)| func.0).collect();
        assert_eq!(stored, (0..=index).collect::<Vec<_>>());
        assert!(cache.content().expect("it is read").entries <= 8);
    }
}

#[test]
fn a_damaged_part_is_written_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path(), Cache::BYTES_MAX);
    cache.store(&key("a"), &codes()).expect("it is written");
    cache.store(&key("a"), &codes()).expect("it is written");
    fs::write(cache.path(&key("a"), 0), "damage").expect("it is written");
    assert_eq!(load(&cache, "a"), SomeCode::new());
    cache.store(&key("a"), &codes()).expect("it is written");
    assert_eq!(load(&cache, "a").len(), 4);
}

#[test]
fn a_proof_is_found_for_its_module_and_lasts_as_long_as_no_byte_changes() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path(), Cache::BYTES_MAX);
    let module = |value: u32| {
        let zeros = "\\00".repeat(70_000);
        let text = format!(
            r#"(module (memory 2) (global (mut i32) (i32.const 0)) (global (mut i32) (i32.const 0))
                 (func (global.set 1 (i32.const {value}))) (data (i32.const 0) "{zeros}"))"#
        );
        wat::parse_str(text).expect("valid text")
    };
    let check = |value| {
        let decoded = cache.decode(module(value)).expect("it is valid");
        assert_eq!(decoded.globals_assigned, [false, true]);
        let files = cache.files().expect("they are listed");
        files.iter().map(|file| file.path.clone()).collect::<Vec<_>>()
    };
    let [path] = &check(1)[..] else { panic!("one proof is written") };
    assert_eq!(check(1).len(), 1);
    let whole = fs::read(path).expect("it is there");
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        fs::write(path, damaged).expect("it is written");
        check(1);
        assert_eq!(fs::read(path).expect("it is there"), whole, "byte {position} changed");
        fs::write(path, &whole[..position]).expect("it is written");
        check(1);
        assert_eq!(fs::read(path).expect("it is there"), whole, "cut at byte {position}");
    }
    assert_eq!(check(2).len(), 2);
}

#[test]
fn what_is_invalid_gets_no_proof() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path(), Cache::BYTES_MAX);
    let zeros = "\\00".repeat(70_000);
    let text = format!(r#"(module (memory 2) (func (i32.add)) (data (i32.const 0) "{zeros}"))"#);
    let bytes = wat::parse_str(text).expect("valid text");
    for _ in 0..2 {
        let error = cache.decode(bytes.clone()).expect_err("it is invalid").to_string();
        assert!(error.contains("type mismatch"), "{error}");
        assert_eq!(cache.files().expect("they are listed").len(), 0);
    }
}

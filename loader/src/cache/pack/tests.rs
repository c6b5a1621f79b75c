use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dynvm_jit::{Compiler, Settings, SomeCode, Unit};
use dynvm_vm::code::{Code, TrapCode, TrapSite};
use dynvm_vm::types::DefinedFuncIndex;
use dynvm_vm::{Config, Placement, Process, Stubs};

use super::{ENDING, ENTRY_BYTES_MAX, StartPack};
use crate::cache::{BatchKey, Cache, Keys, Part};

/// The names for a program of so many modules, whose first one returns `result`.
fn keys(modules: usize, result: u32) -> Arc<Keys> {
    let compiler = Arc::new(Compiler::new(&Settings::default()).expect("a compiler"));
    let stubs = Arc::<Compiler>::clone(&compiler) as Arc<dyn Stubs>;
    let mut process = Process::new(&Config::default(), stubs).expect("a process");
    let ids: Vec<_> = (0..modules as u32)
        .map(|number| {
            let text = format!("(module (func (result i32) (i32.const {})))", number + result);
            let bytes = wat::parse_str(text).expect("valid text");
            let module = Arc::new(dynvm_jit::decode(bytes).expect("it is valid"));
            let id = process.declare("m", module, Placement::Private).expect("there is room");
            process.bind(id, &[]).expect("nothing is imported");
            id
        })
        .collect();
    Keys::new(&compiler, &Unit::batch(&process, &ids))
}

/// Some code of so many bytes for a function.
fn code(func: u32, len: usize) -> SomeCode {
    let traps = vec![TrapSite { offset: 0, code: TrapCode::Unreachable }];
    let code = Code { bytes: vec![func as u8; len], align: 16, traps, ..Code::default() };
    vec![(DefinedFuncIndex(func), code)]
}

fn key(keys: &Arc<Keys>, position: usize) -> BatchKey {
    keys.each().nth(position).expect("there is one")
}

/// What a pack has at each position; `None` where only the entry tells.
fn codes(pack: &StartPack) -> Vec<Option<SomeCode>> {
    let parts = pack.keys.each().map(|key| pack.parts(&key));
    parts.map(|parts| Some(parts?.iter().flat_map(Part::codes).collect())).collect()
}

/// A cache with entries of the first two of three modules, and the pack of the three.
fn packed(dir: &Path, keys: &Arc<Keys>) -> Cache {
    let cache = Cache::new(dir, Cache::BYTES_MAX);
    for position in 0..2 {
        let code = code(position as u32, 10);
        cache.store(key(keys, position).get(), &code).expect("it is written");
    }
    let pack = cache.start_pack(keys);
    assert_eq!(codes(&pack), [None, None, None]);
    cache.store_pack(&pack).expect("it is written");
    cache
}

fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).expect("it is there").map(|file| file.expect("read").path());
    files.filter(|path| path.extension() == Some(ending.as_ref())).collect()
}

#[test]
fn a_pack_has_what_the_entries_have() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = keys(3, 0);
    let cache = packed(dir.path(), &keys);
    let expected = [Some(code(0, 10)), Some(code(1, 10)), Some(Vec::new())];
    assert_eq!(codes(&cache.start_pack(&keys)), expected);
    // It needs no entry, counts for the limit, and goes with all else.
    files(dir.path(), "code").iter().for_each(|path| fs::remove_file(path).expect("removed"));
    assert_eq!(codes(&cache.start_pack(&keys)), expected);
    let pack = fs::metadata(&files(dir.path(), ENDING)[0]).expect("it is there").len();
    assert_eq!(cache.content().expect("it is read").bytes, pack);
    for (limit, left) in [(pack, 1), (pack - 1, 0)] {
        let cache = Cache::new(dir.path(), limit);
        cache.is_grown.store(true, Ordering::Relaxed);
        cache.trim().expect("what is too much is removed");
        assert_eq!(files(dir.path(), ENDING).len(), left);
    }
    packed(dir.path(), &keys).clear().expect("it is emptied");
    assert_eq!(codes(&cache.start_pack(&keys)), [None, None, None]);
}

#[test]
fn every_byte_of_a_pack_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = keys(3, 0);
    let cache = packed(dir.path(), &keys);
    let path = &files(dir.path(), ENDING)[0];
    let whole = fs::read(path).expect("it is there");
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        for (what, bytes) in [("changed", &damaged[..]), ("cut", &whole[..position])] {
            fs::write(path, bytes).expect("it is written");
            let pack = cache.start_pack(&keys);
            assert_eq!(codes(&pack), [None, None, None], "{what} at byte {position}");
        }
        cache.store_pack(&cache.start_pack(&keys)).expect("it is written");
        assert_eq!(fs::read(path).expect("it is there"), whole, "byte {position}");
    }
}

#[test]
fn the_pack_of_another_program_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let (keys, other) = (keys(3, 0), keys(3, 1));
    let cache = packed(dir.path(), &keys);
    let path = &files(dir.path(), ENDING)[0];
    let name = super::name(&other);
    fs::rename(path, cache.pack_path(&name)).expect("renamed");
    assert_eq!(codes(&cache.start_pack(&other)), [None, None, None]);
    // Names of other keys mean nothing to it either.
    let pack = cache.start_pack(&keys);
    assert!(pack.parts(&key(&other, 0)).is_none());
}

#[test]
fn a_pack_grows_with_its_entries_and_forgets_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = keys(3, 0);
    let cache = packed(dir.path(), &keys);
    let mut pack = cache.start_pack(&keys);
    // The limit of the cache took them all; then a run compiled two more functions.
    files(dir.path(), "code").iter().for_each(|path| fs::remove_file(path).expect("removed"));
    for (position, func) in [(1, 7), (2, 8)] {
        cache.store(key(&keys, position).get(), &code(func, 20)).expect("it is written");
        pack.note(&key(&keys, position));
    }
    let is_grown = |pack: &StartPack| !pack.grown.is_empty();
    assert!(is_grown(&pack));
    cache.store_pack(&pack).expect("it is written");
    let both = [code(1, 10), code(7, 20)].concat();
    let expected = [Some(code(0, 10)), Some(both), Some(code(8, 20))];
    let pack = cache.start_pack(&keys);
    assert_eq!(codes(&pack), expected);
    // Nothing is written that is known.
    fs::remove_file(&files(dir.path(), ENDING)[0]).expect("removed");
    cache.store_pack(&pack).expect("nothing is to be done");
    assert_eq!(files(dir.path(), ENDING).len(), 0);
}

#[test]
fn long_entries_stay_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = keys(3, 0);
    let cache = Cache::new(dir.path(), Cache::BYTES_MAX);
    for (position, len) in [(0, ENTRY_BYTES_MAX), (1, 10)] {
        cache.store(key(&keys, position).get(), &code(0, len)).expect("it is written");
    }
    cache.store_pack(&cache.start_pack(&keys)).expect("it is written");
    let mut pack = cache.start_pack(&keys);
    assert_eq!(codes(&pack), [None, Some(code(0, 10)), Some(Vec::new())]);
    // Also when what is beside them changes.
    pack.note(&key(&keys, 1));
    cache.store_pack(&pack).expect("it is written");
    assert_eq!(codes(&cache.start_pack(&keys)), [None, Some(code(0, 10)), Some(Vec::new())]);
}

#[test]
fn where_nothing_is_known_nothing_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = Cache::new(dir.path().join("cache"), Cache::BYTES_MAX);
    let keys = keys(2, 0);
    cache.store_pack(&cache.start_pack(&keys)).expect("nothing is to be done");
    assert!(!cache.dir().exists());
    cache.store(key(&keys, 0).get(), &code(0, 1)).expect("it is written");
    fs::write(dir.path().join("file"), "no directory").expect("it is written");
    let nowhere = Cache::new(dir.path().join("file/cache"), Cache::BYTES_MAX);
    let mut pack = cache.start_pack(&keys);
    pack.note(&key(&keys, 0));
    nowhere.store_pack(&pack).expect("it knows nothing");
    assert!(nowhere.store(key(&keys, 0).get(), &code(0, 1)).is_err());
}

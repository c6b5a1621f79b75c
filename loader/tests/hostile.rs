//! Files that are not what a compiler wrote: cut off, or with bytes that something changed. Every
//! reader of the loader answers with an error or with a module, and never panics.

#[allow(dead_code, reason = "each test file uses a part")]
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dynvm_loader::dylink::Dylink;
use dynvm_loader::{Flags, Loader, nm};
use world::World;

/// SplitMix64: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// `bytes` with one to four of them changed, left out, repeated, or all behind one cut off.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len());
            match self.below(8) {
                _ if bytes.is_empty() => bytes.push(self.next() as u8),
                0 => bytes.truncate(at),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, bytes[at]),
                3 => bytes[at] = 0xff,
                4 => bytes[at] = 0x7f,
                5 => bytes[at] ^= 1 << self.below(8),
                _ => bytes[at] = self.next() as u8,
            }
        }
        bytes
    }
}

/// Every module of the tree that a compiler made.
fn guests() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("examples"), root.join("tests/programs")];
    let mut guests = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder is part of the tree") {
            let path = entry.expect("an entry").path();
            match path.extension().and_then(|extension| extension.to_str()) {
                None if path.is_dir() => folders.push(path),
                Some("wasm" | "so") => guests.push(path),
                _ => {}
            }
        }
    }
    guests.sort();
    guests
}

/// Whether it is a module with a linking section, or none at all, that is well-formed.
fn read(bytes: &[u8]) -> bool {
    let Ok(module) = dynvm_jit::decode(bytes) else { return false };
    let Ok(dylink) = Dylink::of_module(&module) else { return false };
    let _ = nm::entries(&Arc::new(module), dylink.map(Arc::new).as_ref());
    true
}

#[test]
fn guests_that_are_cut_off_or_changed() {
    let mut random = Random(1);
    let (mut read_well, mut refused) = (0, 0);
    let guests = guests();
    assert!(guests.len() > 100, "{}", guests.len());
    for path in guests {
        let bytes = std::fs::read(&path).expect("the guest can be read");
        assert!(read(&bytes), "{}", path.display());
        let cuts = (0..32).map(|_| bytes[..random.below(bytes.len())].to_vec());
        let cuts = cuts.collect::<Vec<_>>();
        let mutants = (0..64).map(|_| random.mutate(&bytes)).collect::<Vec<_>>();
        for mutant in cuts.iter().chain(&mutants) {
            if read(mutant) {
                read_well += 1;
            } else {
                refused += 1;
            }
        }
    }
    // Names and numbers can change without harm; most changes are seen.
    assert!(read_well > 1_000 && refused > 4_000, "{read_well} read, {refused} refused");
}

/// What fuzzers start from, and what they found: `fuzz/corpus`.
#[test]
fn seeds_of_the_fuzzers() {
    let files = |target: &str| -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let files = std::fs::read_dir(folder).expect("the folder is part of the tree");
        files.map(|file| std::fs::read(file.expect("an entry").path()).expect("a file")).collect()
    };
    let modules = files("decode");
    assert!(modules.len() >= 3 && modules.iter().filter(|bytes| read(bytes)).count() >= 3);
    let sections = files("dylink");
    let well_formed = sections.iter().filter(|bytes| Dylink::decode(bytes).is_ok()).count();
    assert!(sections.len() >= 4 && well_formed >= 3, "{well_formed}");
}

/// A section with all that there is.
const SECTION: &str = r#"(module (@dylink.0
    (mem-info (memory 8 2) (table 1 3)) (needed "liba.so" "libb.so") (runtime-path "$ORIGIN/lib")
    (export-info "x" tls) (import-info "env" "f" binding-weak undefined)))"#;

/// The linking section's own decoder gets what no validator saw before.
#[test]
fn linking_sections_that_are_cut_off_or_changed() {
    let module = wat::parse_str(SECTION).expect("a module");
    let name = b"dylink.0";
    let start = module.windows(name.len()).position(|window| window == name).expect("it is there");
    let section = &module[start + name.len()..];
    assert!(Dylink::decode(section).is_ok());
    let mut random = Random(2);
    let (mut read_well, mut refused) = (0, 0);
    let cuts = (0..section.len()).map(|end| section[..end].to_vec()).collect::<Vec<_>>();
    let mutants = (0..50_000).map(|_| random.mutate(section));
    for mutant in cuts.into_iter().chain(mutants) {
        match Dylink::decode(&mutant) {
            Ok(_) => read_well += 1,
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(read_well > 5_000 && refused > 10_000, "{read_well} read, {refused} refused");
}

/// What a well-formed section can ask for: the load fails or the program runs, with rooms and
/// alignments that nobody meant.
#[test]
fn programs_whose_linking_section_was_changed() {
    let main = r#"(module (@dylink.0 (mem-info (memory 64 4) (table 2 1)) (needed "liba.so"))
        (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
        (import "env" "__indirect_function_table" (table 0 funcref))
        (import "env" "__table_base" (global $table i32))
        (import "GOT.mem" "x" (global $x (mut i32))) (import "env" "f" (func $f (param i32)))
        (data (global.get $base) "content") (elem (global.get $table) $f)
        (func (export "run") (result i32) (i32.load (global.get $x))))"#;
    let library = r#"(module (@dylink.0 (mem-info (memory 8 2)) (export-info "x" 0))
        (global (export "x") i32 (i32.const 4)) (func (export "f") (param i32)))"#;
    let world = World::new(&[("main.wasm", main), ("liba.so", library)]);
    let whole = std::fs::read(world.path("main.wasm")).expect("it was written");
    let end = 8 + 2 + usize::from(whole[9]);
    // Each number of `mem-info`, and anything.
    let content = &whole[19..end];
    let mut mutants = Vec::new();
    for at in 2..6 {
        for value in 0..0x80 {
            let mut mutant = content.to_vec();
            mutant[at] = value;
            mutants.push(mutant);
        }
    }
    let mut random = Random(3);
    mutants.extend((0..200).map(|_| random.mutate(content)));
    let (mut ran, mut refused) = (0, 0);
    for content in mutants {
        // The name of the section stays, and its length fits.
        let Ok(len) = u8::try_from(content.len() + 9) else { continue };
        let mut mutant = whole[..9].to_vec();
        mutant.push(len);
        mutant.extend_from_slice(&whole[10..19]);
        mutant.extend_from_slice(&content);
        mutant.extend_from_slice(&whole[end..]);
        std::fs::write(world.path("main.wasm"), mutant).expect("it can be written");
        match world.open().and_then(|mut loader| loader.invoke("run", &[])) {
            Ok(_) => ran += 1,
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(ran > 50 && refused > 50, "{ran} ran, {refused} refused");
}

/// A program that asks for a place in the table that cannot be had, and after it one that is fine,
/// in the same process: what the first was given is free again.
#[test]
fn a_start_that_failed_takes_no_places() {
    let program = |room: &str| {
        format!(
            r#"(module (@dylink.0 (mem-info {room}) (needed "liba.so"))
                (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global $base i32))
                (func (export "run") (result i32) (global.get $base)))"#
        )
    };
    let (bad, good) = (program("(memory 64 4) (table 2 24)"), program("(memory 64 4)"));
    let library = "(module (@dylink.0 (mem-info (memory 8 2))))";
    let world = World::new(&[("bad.wasm", &bad), ("good.wasm", &good), ("liba.so", library)]);
    let mut loader = Loader::new(world.options.clone()).expect("there is room for a process");
    let error = loader.open_main(&world.path("bad.wasm")).expect_err("no table is so large");
    assert_eq!(
        error.to_string(),
        "cannot load `liba.so`: table of 16777218 elements is too large: the limit is 10000000"
    );
    loader.open_main(&world.path("good.wasm")).unwrap_or_else(|error| panic!("{error}"));
    let base = loader.invoke("run", &[]).unwrap_or_else(|error| panic!("{error}"));
    let mut fresh = Loader::new(world.options.clone()).expect("there is room for a process");
    fresh.open_main(&world.path("good.wasm")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(base, fresh.invoke("run", &[]).unwrap_or_else(|error| panic!("{error}")));
    let opened = loader.open(&world.path("liba.so"), Flags::NOW);
    opened.unwrap_or_else(|error| panic!("{error}"));
}

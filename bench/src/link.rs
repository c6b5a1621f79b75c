//! What linking costs: graphs of shared libraries, the same ones as wasm for dynvm and as C for the
//! system's `ld.so`.

mod dynvm;
mod native;
mod table;
mod wasm;

pub use dynvm::Dynvm;
pub use native::Native;
pub use table::{Table, median};
pub use wasm::write as write_wasm;

/// A shared library of a graph; the last one is the program that needs the others.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Libraries that it needs, by position.
    pub needed: Vec<usize>,
    /// How many functions it exports: function `i` of library `k` is called `l<k>_f<i>`, takes a
    /// number and adds `i`.
    pub exports: usize,
    /// Functions that it imports: library and function.
    pub imports: Vec<(usize, usize)>,
}

/// Libraries that are opened together.
#[derive(Clone, Debug)]
pub struct Graph {
    /// What it is, for the table.
    pub name: &'static str,
    /// Its size, by which linear growth shows.
    pub size: usize,
    /// The libraries. Each needs earlier ones only; the last needs all.
    pub libraries: Vec<Library>,
}

impl Graph {
    /// How many imports there are.
    #[must_use]
    pub fn imports(&self) -> usize {
        self.libraries.iter().map(|library| library.imports.len()).sum()
    }

    /// Name of a folder for it.
    #[must_use]
    pub fn folder(&self) -> String {
        let letters = self.name.chars().filter(char::is_ascii_alphanumeric);
        format!("{}-{}", letters.collect::<String>(), self.size)
    }

    /// What the program's function `sum` gives for `argument`: the sum of all that it imports.
    #[must_use]
    pub fn sum(&self, argument: u32) -> u32 {
        let program = self.libraries.last().expect("a graph has a program");
        let results = program.imports.iter().map(|(_, function)| argument + *function as u32);
        results.fold(0, u32::wrapping_add)
    }
}

/// Every graph, each in three sizes.
#[must_use]
pub fn graphs() -> Vec<Graph> {
    let mut graphs = Vec::new();
    for quarter in [1, 2, 4] {
        graphs.push(many(250 * quarter));
        graphs.push(large(2500 * quarter));
        graphs.push(chain(125 * quarter));
        graphs.push(exports(10_000 * quarter));
    }
    graphs.sort_by_key(|graph| (graph.name, graph.size));
    graphs
}

/// `count` libraries that import ten functions of earlier ones, here and there.
fn many(count: usize) -> Graph {
    let mut random = Random(42);
    let mut libraries = Vec::new();
    for position in 0..count {
        let imports = imports_of(&mut random, position, 10);
        libraries.push(Library { needed: needed(&imports), exports: 10, imports });
    }
    let imports = imports_of(&mut random, count, 10);
    libraries.push(Library { needed: (0..count).collect(), exports: 0, imports });
    Graph { name: "many dsos × 10 imports", size: count, libraries }
}

/// Ten libraries, each of which imports all of the `count` functions of the one before.
fn large(count: usize) -> Graph {
    let mut libraries = vec![Library { exports: count, ..Library::default() }];
    for position in 1..10 {
        let imports = (0..count).map(|function| (position - 1, function)).collect();
        libraries.push(Library { needed: vec![position - 1], exports: count, imports });
    }
    libraries.push(Library { needed: (0..10).collect(), exports: 0, imports: vec![(9, 1)] });
    Graph { name: "10 dsos × many symbols", size: count, libraries }
}

/// A chain in which each library needs and calls the one before.
fn chain(count: usize) -> Graph {
    let mut libraries = vec![Library { exports: 2, ..Library::default() }];
    for position in 1..count {
        let imports = vec![(position - 1, 0), (position - 1, 1)];
        libraries.push(Library { needed: vec![position - 1], exports: 2, imports });
    }
    let imports = vec![(count - 1, 1)];
    libraries.push(Library { needed: vec![count - 1], exports: 0, imports });
    Graph { name: "a chain", size: count, libraries }
}

/// A library with many functions, of which ten are wanted.
fn exports(count: usize) -> Graph {
    let imports = (0..10).map(|position| (0, position * (count / 10))).collect();
    let libraries = vec![
        Library { exports: count, ..Library::default() },
        Library { needed: vec![0], exports: 0, imports },
    ];
    Graph { name: "one dso with many exports", size: count, libraries }
}

fn imports_of(random: &mut Random, before: usize, count: usize) -> Vec<(usize, usize)> {
    let mut imports = Vec::new();
    while before > 0 && imports.len() < count.min(before * 10) {
        let import = (random.below(before), random.below(10));
        if !imports.contains(&import) {
            imports.push(import);
        }
    }
    imports
}

fn needed(imports: &[(usize, usize)]) -> Vec<usize> {
    let mut needed: Vec<usize> = imports.iter().map(|(library, _)| *library).collect();
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// Numbers that look random and are the same everywhere: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

//! Graphs in dynvm: how long it takes to open them, look up symbols, open and close.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dynvm_jit::{CompileTime, Tiers};
use dynvm_loader::{Flags, Loader, Options};

use super::wasm::sum_name;
use super::{Graph, write_wasm};
use crate::Result;

/// Loads graphs from a folder.
pub struct Dynvm {
    dir: PathBuf,
}

/// What one load took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// From the request until constructors could run.
    pub total: Duration,
    /// Finding and reading the files, and what they define.
    pub read: Duration,
    /// Decoding and validating them.
    pub validate: Duration,
    /// Resolving and binding.
    pub bind: Duration,
    /// Compiling, or preparing to.
    pub compile: Duration,
}

impl Load {
    /// All but compiling.
    #[must_use]
    pub fn opening(&self) -> Duration {
        self.total.saturating_sub(self.compile)
    }

    /// What `ld.so` does too: all but validating and compiling.
    #[must_use]
    pub fn linking(&self) -> Duration {
        self.opening().saturating_sub(self.validate)
    }
}

fn options() -> Options {
    // Linking is what is measured: what is not called is not compiled.
    Options { compile: CompileTime::Lazy(Tiers::default()), ..Options::default() }
}

impl Dynvm {
    /// Writes graphs into folders of `dir`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn new(dir: &Path, graphs: &[Graph]) -> Result<Dynvm> {
        for graph in graphs {
            write_wasm(graph, &dir.join(graph.folder()))?;
        }
        Ok(Dynvm { dir: dir.to_owned() })
    }

    /// Loads a graph into a new process.
    ///
    /// # Errors
    /// If it cannot be loaded, or a call through it gives another result than it should.
    pub fn load(&self, graph: &Graph) -> Result<Load> {
        let path = self.dir.join(graph.folder()).join("main.wasm");
        let mut loader = Loader::new(options())?;
        let started = Instant::now();
        loader.open_main(&path)?;
        let total = started.elapsed();
        let statistics = loader.statistics();
        let name = sum_name(graph.libraries.len() - 1);
        let found = loader.invoke(&name, &["7".to_owned()])?;
        let expected = graph.sum(7).cast_signed();
        if !matches!(found[..], [dynvm_vm::value::Value::I32(found)] if found == expected) {
            return Err(format!("{}: expected {expected}, found {found:?}", graph.name).into());
        }
        let dynvm_loader::Statistics { read, validate, bind, compile, .. } = statistics;
        Ok(Load { total, read, validate, bind, compile })
    }

    /// Time of one lookup, averaged over every function of the graph's first library.
    ///
    /// # Errors
    /// If a symbol is not found.
    pub fn look_up(&self, graph: &Graph) -> Result<Duration> {
        let path = self.dir.join(graph.folder()).join("main.wasm");
        let mut loader = Loader::new(options())?;
        loader.open_main(&path)?;
        let names: Vec<String> =
            (0..graph.libraries[0].exports).map(|function| format!("l0_f{function}")).collect();
        let handle = loader.open(&path.with_file_name("l0.so"), Flags::NOW)?;
        // The first lookup of a function gives it its place in the table.
        for name in &names {
            loader.symbol(handle, name)?;
        }
        let started = Instant::now();
        for name in &names {
            loader.symbol(handle, name)?;
        }
        Ok(started.elapsed() / names.len() as u32)
    }

    /// Time of opening and closing the graph's first library once, averaged.
    ///
    /// # Errors
    /// If it cannot be opened or closed.
    pub fn open_close(&self, graph: &Graph, cycles: u32) -> Result<Duration> {
        let dir = self.dir.join(graph.folder());
        let mut loader = Loader::new(options())?;
        let empty = dir.join("empty.wasm");
        std::fs::write(&empty, b"\0asm\x01\0\0\0")?;
        loader.open_main(&empty)?;
        let started = Instant::now();
        for _ in 0..cycles {
            let handle = loader.open(&dir.join("l0.so"), Flags::NOW)?;
            loader.close(handle)?;
        }
        Ok(started.elapsed() / cycles)
    }
}

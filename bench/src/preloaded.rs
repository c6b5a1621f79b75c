//! Many modules without linking sections, loaded as `dynvm --preload` loads them: `env` is the
//! program, `l0`, `l1` … are its preloads, which import from each other by file name.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dynvm_jit::CompileTime;
use dynvm_loader::{Cache, Loader, Options};
use dynvm_vm::context::FuncId;
use dynvm_vm::types::DefinedFuncIndex;

use crate::Result;

/// The modules of a folder, live in a process.
pub struct Preloaded {
    loader: Loader,
    /// From the first file until any function can be called.
    pub total: Duration,
}

impl Preloaded {
    /// Loads `env.wasm` and so many others from `dir`. With `cache`, compiled code comes from there,
    /// and what is compiled goes there.
    ///
    /// # Errors
    /// If one cannot be loaded.
    pub fn open(
        dir: &Path,
        count: usize,
        cache: Option<PathBuf>,
        compile: CompileTime,
    ) -> Result<Preloaded> {
        let preload = (0..count).map(|k| dir.join(format!("l{k}.wasm"))).collect();
        let cache = cache.map(|dir| Cache::new(dir, Cache::BYTES_MAX));
        let mut loader = Loader::new(Options { preload, compile, cache, ..Options::default() })?;
        let started = Instant::now();
        loader.open_main(&dir.join("env.wasm"))?;
        let total = started.elapsed();
        Ok(Preloaded { loader, total })
    }

    /// How much of the time went into compiling, or finding compiled code.
    #[must_use]
    pub fn compile(&self) -> Duration {
        let statistics = self.loader.statistics();
        statistics.compile + statistics.place
    }

    /// Calls `f0` of each module with what the one before gave, and gives how long that took and
    /// what came of it.
    ///
    /// # Errors
    /// If a module has no such function, or one stops.
    pub fn call_each(&mut self, count: usize) -> Result<(Duration, i32)> {
        let funcs = (0..count).map(|k| self.func(&format!("l{k}"), "f0"));
        let funcs = funcs.collect::<Result<Vec<_>>>()?;
        let process = self.loader.process_mut();
        let mut value = 0;
        let started = Instant::now();
        for func in funcs {
            value = process.get_typed::<(i32,), i32>(func)?.call(process, (value,))?;
        }
        Ok((started.elapsed(), value))
    }

    fn func(&self, module: &str, name: &str) -> Result<FuncId> {
        let found = self.loader.with_link_map(|map| {
            let dso = map.dso(map.by_stem(module)?);
            let func = dso.module.defined_func(dso.exported_function(name)?)?;
            Some((dso.instance(), func))
        });
        let (instance, func): (_, DefinedFuncIndex) =
            found.ok_or_else(|| format!("`{module}` exports no function `{name}`"))?;
        Ok(self.loader.process().defined_func(instance, func))
    }
}

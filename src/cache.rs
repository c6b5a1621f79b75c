//! `dynvm compile`, `dynvm cache`: compiled code that is kept for the next time.

use std::path::PathBuf;

use dynvm::loader::Cache;
use dynvm::{Options, Runtime};

use crate::cli;
use crate::failure::{Failure, print};
use crate::run::options;

/// Directory of the cache, in place of the user's own.
const DIRECTORY: &str = "DYNVM_CACHE";

/// The cache that the command line and the environment ask for: the user's unless they say
/// otherwise, and none for a user without a home.
pub fn open(options: &cli::CacheOptions) -> Option<Cache> {
    if options.no_cache {
        return None;
    }
    let dir = options.dir.clone().or_else(default_dir)?;
    Some(Cache::new(dir, Cache::BYTES_MAX))
}

/// As other programs choose it: `XDG_CACHE_HOME`, else `.cache` at home.
fn default_dir() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named(DIRECTORY)
        .or_else(|| named("XDG_CACHE_HOME").map(|dir| dir.join("dynvm")))
        .or_else(|| named("HOME").map(|home| home.join(".cache/dynvm")))
}

/// Loads a program, which compiles it into the cache, and does not run it.
pub fn compile(compile: &cli::Compile) -> Result<u8, Failure> {
    let is_lazy = compile.bind == cli::Bind::Lazy;
    let options = options(&compile.search, &compile.modules, compile.code)?;
    let options = Options { is_lazy, ..options };
    Runtime::open(&compile.program, &options)?;
    Ok(0)
}

/// Shows or empties the cache.
pub fn cache(command: &cli::CacheCommand) -> Result<u8, Failure> {
    let Some(cache) = open(&command.cache) else {
        return Err(Failure::Usage(format!("there is no cache: set {DIRECTORY}")));
    };
    let failed = |source| Failure::Cache { dir: cache.dir().to_owned(), source };
    if command.clear {
        cache.clear().map_err(failed)?;
        return Ok(0);
    }
    let content = cache.content().map_err(failed)?;
    let (dir, bytes_max) = (cache.dir().display(), Cache::BYTES_MAX);
    let (entries, bytes) = (content.entries, content.bytes);
    print(&format_args!("{dir}: {entries} entries of {bytes} bytes (at most {bytes_max})\n"))?;
    Ok(0)
}

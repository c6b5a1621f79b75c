//! What a program would load: the data of `dynvm ldd`.

use std::fmt;
use std::path::{Path, PathBuf};

use dynvm_vm::Process;

use crate::deps::{self, Known};
use crate::dlfcn::Flags;
use crate::dso::LoadBias;
use crate::error::{LoadError, UndefinedSymbol};
use crate::linker::{Linker, lock};
use crate::loader::{Loader, Options};
use crate::open;

/// What a program would load.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The program and each library, in load order; what is missing stands at the end.
    pub rows: Vec<Row>,
    /// Symbols that nothing defines; known only if no library is missing.
    pub undefined: Vec<UndefinedSymbol>,
}

/// One dso of a listing.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Where it was found and would be placed; `None` if it is missing.
    pub found: Option<(PathBuf, LoadBias)>,
    /// Who asks for it first.
    pub needed_by: Option<String>,
}

impl Listing {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.undefined.is_empty() && self.rows.iter().all(|row| row.found.is_some())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some((path, bias)) => write!(f, "{} => {} ({bias})", self.name, path.display())?,
            None => write!(f, "{} => not found", self.name)?,
        }
        match &self.needed_by {
            Some(needed_by) => write!(f, ", needed by {needed_by}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        for symbol in &self.undefined {
            let needed_by = symbol.needed_by.join(", ");
            let what = match symbol.is_javascript {
                true => "function of JavaScript",
                false => "undefined symbol",
            };
            writeln!(f, "{what}: {}, needed by {needed_by}", symbol.name)?;
        }
        Ok(())
    }
}

/// Finds out what the program at `path` would load, without running or compiling anything.
///
/// # Errors
/// If the program or a library that was found cannot be read or placed.
pub fn list(options: Options, path: &Path) -> Result<Listing, LoadError> {
    let preload = options.preload.clone();
    let mut loader = Loader::new(options)?;
    let (linker, process) = loader.parts();
    list_into(&mut lock(linker), process, path, &preload)
}

fn list_into(
    linker: &mut Linker,
    process: &mut Process,
    path: &Path,
    preload: &[PathBuf],
) -> Result<Listing, LoadError> {
    let batch = {
        let Linker { map, search, dialects, cache, kept, .. } = linker;
        let known = &mut Known { cache: cache.as_ref(), kept };
        deps::read_start(map, search, known, path, preload, dialects.flat.as_deref())?
    };
    let flags = if linker.is_lazy { Flags::LAZY } else { Flags::NOW };
    let undefined = match open::prepare(linker, process, &batch, flags) {
        Ok(_) => Vec::new(),
        Err(LoadError::Undefined { symbols, .. }) if batch.missing.is_empty() => symbols,
        Err(LoadError::Undefined { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let name_of = |id| linker.map.dso(id).name.to_string();
    let mut rows: Vec<Row> = linker
        .map
        .iter()
        .map(|dso| Row {
            name: dso.name.to_string(),
            found: Some((dso.path.clone(), dso.bias)),
            needed_by: dso.needed_by.map(name_of),
        })
        .collect();
    rows.extend(batch.missing.iter().map(|missing| Row {
        name: missing.needed.clone(),
        found: None,
        needed_by: Some(missing.needed_by.to_string()),
    }));
    Ok(Listing { rows, undefined })
}

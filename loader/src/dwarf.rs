//! Lines of source for places in a module, from its debug information.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use addr2line::Context;
use dynvm_vm::module::Module;
use gimli::{Dwarf, EndianArcSlice, LittleEndian, SectionId};

type Slice = EndianArcSlice<LittleEndian>;

/// A place in source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as the compiler was called with it.
    pub file: String,
    /// The line, from 1; `None` if only the file is known.
    pub line: Option<u32>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// Debug information of each dso that was asked about, which may have gone since.
#[derive(Default)]
pub(crate) struct SourceLines {
    by_dso: HashMap<String, Lines>,
}

struct Lines {
    /// `None` without debug information.
    context: Option<Context<Slice>>,
    module: Arc<Module>,
}

impl SourceLines {
    /// The place in source of an offset in the file of `module`, or if that has gone, of what the
    /// dso of this name was when it was asked about.
    pub(crate) fn find(
        &mut self,
        dso: &str,
        module: Option<&Arc<Module>>,
        wasm_offset: u32,
    ) -> Option<Location> {
        let known = self.by_dso.get(dso).map(|lines| &lines.module);
        if let Some(module) = module
            && known.is_none_or(|known| !Arc::ptr_eq(known, module))
        {
            let lines = Lines { context: read(module), module: Arc::clone(module) };
            self.by_dso.insert(dso.to_owned(), lines);
        }
        let Lines { context, module } = self.by_dso.get(dso)?;
        // DWARF of wasm counts from the start of the code section's content.
        let address = u64::from(wasm_offset).checked_sub(module.code_section_offset as u64)?;
        let context = context.as_ref()?;
        let location = context.find_location(address).ok()??;
        Some(Location { file: location.file?.to_owned(), line: location.line })
    }
}

fn read(module: &Module) -> Option<Context<Slice>> {
    module.custom_section(".debug_line")?;
    let section = |id: SectionId| {
        let bytes = module.custom_section(id.name()).unwrap_or_default();
        Ok::<_, gimli::Error>(Slice::new(Arc::from(bytes), LittleEndian))
    };
    let dwarf = Dwarf::load(section).ok()?;
    Context::from_dwarf(dwarf).ok()
}

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

/// Debug information of each dso that was asked about; `None` for those without.
#[derive(Default)]
pub(crate) struct SourceLines {
    by_dso: HashMap<String, Option<Context<Slice>>>,
}

impl SourceLines {
    /// The place in source of an offset in the file of `module`.
    pub(crate) fn find(
        &mut self,
        dso: &str,
        module: &Module,
        wasm_offset: u32,
    ) -> Option<Location> {
        if !self.by_dso.contains_key(dso) {
            self.by_dso.insert(dso.to_owned(), read(module));
        }
        let context = self.by_dso.get(dso)?.as_ref()?;
        // DWARF of wasm counts from the start of the code section's content.
        let address = u64::from(wasm_offset).checked_sub(module.code_section_offset as u64)?;
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

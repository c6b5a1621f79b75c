//! What imported memories, tables and tags are bound to.

use dynvm_vm::Process;
use dynvm_vm::module::{Entity, Import};
use dynvm_vm::types::{MemoryType, RefType, TableType, TagIndex, TypeId, TypeIndex};

use super::{Reference, Resolver, Unresolved};
use crate::dso::{Dso, DsoId};
use crate::error::{LoadError, Mismatch};
use crate::symbol::{Symbol, SymbolKind};

/// Tags that every module of a language imports and none defines.
const LANGUAGE_TAGS: [&str; 2] = ["__cpp_exception", "__c_longjmp"];

impl Resolver<'_> {
    /// The memory of the process is flat: 32-bit addresses, pages of 64 KiB. Whether it is a shared
    /// one is the main program's to say.
    pub(super) fn memory(
        &mut self,
        dso: &Dso,
        import: &Import,
        ty: MemoryType,
    ) -> Result<Reference, Unresolved> {
        let kind = |ty: MemoryType| (ty.is_64, ty.is_shared, ty.page_size_log2);
        let show = |(is_64, is_shared, page_log2): (bool, bool, u32)| {
            let shared = if is_shared { "shared " } else { "" };
            let index = if is_64 { "64-bit" } else { "32-bit" };
            format!("a {shared}memory of {index} addresses and pages of 2^{page_log2} bytes")
        };
        let is_system = import.module == "sys" && dso.dyninfo().is_some();
        let is_process = (import.module == "env" || is_system) && import.field == "memory";
        let (reference, found, defined_by) = if is_process {
            let is_shared = self.process.is_memory_shared();
            (Reference::ProcessMemory, (false, is_shared, 16), "the loader")
        } else {
            match self.export_of_module(import) {
                Some((id, Entity::Memory(memory))) => {
                    let definer = self.map.dso(id);
                    let found = kind(definer.module.memories[memory.index()]);
                    (Reference::Memory(id, memory), found, &*definer.name)
                }
                _ => return Err(Unresolved::Undefined),
            }
        };
        check_entity(dso, import, (kind(ty), found), show, defined_by)?;
        Ok(reference)
    }

    /// The table of the process holds functions and has 32-bit indices.
    pub(super) fn table(
        &mut self,
        dso: &Dso,
        import: &Import,
        ty: TableType,
    ) -> Result<Reference, Unresolved> {
        let kind = |process: &Process, dso: &Dso, ty: TableType| {
            (process.canonical_ref(dso.instance(), ty.element), ty.is_64)
        };
        let show = |(element, is_64): (RefType, bool)| {
            let index = if is_64 { "64-bit" } else { "32-bit" };
            format!("a table of {element} with {index} indices")
        };
        let is_process = match (import.module.as_str(), import.field.as_str()) {
            ("env", "__indirect_function_table") => true,
            ("env", "table") => dso.flat().is_some(),
            ("sys", "table") => dso.dyninfo().is_some(),
            _ => false,
        };
        let expected = kind(self.process, dso, ty);
        let (reference, found, defined_by) = if is_process {
            (Reference::ProcessTable, (RefType::FUNCREF, false), "the loader")
        } else {
            match self.export_of_module(import) {
                Some((id, Entity::Table(table))) => {
                    let definer = self.map.dso(id);
                    let found = kind(self.process, definer, definer.module.tables[table.index()]);
                    (Reference::Table(id, table), found, &*definer.name)
                }
                _ => return Err(Unresolved::Undefined),
            }
        };
        check_entity(dso, import, (expected, found), show, defined_by)?;
        Ok(reference)
    }

    /// A tag has one identity in the process. Compilers import the tags of their languages
    /// everywhere and define them nowhere: then the loader does.
    pub(super) fn tag(
        &mut self,
        dso: &Dso,
        import: &Import,
        ty: TypeIndex,
    ) -> Result<Reference, Unresolved> {
        let expected = self.process.declared_type(dso.instance(), ty);
        let Some((id, tag)) = self.definition_of_tag(dso, import)? else {
            if !LANGUAGE_TAGS.contains(&import.field.as_str()) {
                return Err(Unresolved::Undefined);
            }
            let process = &mut *self.process;
            let made = self.tags.entry(import.field.to_string());
            let (tag, found) = *made.or_insert_with(|| (process.add_tag(expected), expected));
            self.check_tag(dso, import, expected, found, "the loader")?;
            return Ok(Reference::OwnTag(tag));
        };
        let definer = self.map.dso(id);
        let found = definer.module.tags[tag.index()];
        let found = self.process.declared_type(definer.instance(), found);
        self.check_tag(dso, import, expected, found, &definer.name)?;
        Ok(Reference::Tag(id, tag))
    }

    /// What is thrown with a tag must be of the same type for who catches it.
    fn check_tag(
        &self,
        dso: &Dso,
        import: &Import,
        expected: TypeId,
        found: TypeId,
        defined_by: &str,
    ) -> Result<(), LoadError> {
        if expected == found {
            return Ok(());
        }
        let mismatch = self.mismatch(dso, &import.field, expected, found, defined_by);
        Err(LoadError::TagType(Box::new(mismatch)))
    }

    fn definition_of_tag(
        &mut self,
        dso: &Dso,
        import: &Import,
    ) -> Result<Option<(DsoId, TagIndex)>, LoadError> {
        if import.module != "env" {
            return Ok(match self.export_of_module(import) {
                Some((id, Entity::Tag(tag))) => Some((id, tag)),
                _ => None,
            });
        }
        match self.find(dso, &import.field) {
            None => Ok(None),
            Some((id, Symbol { kind: SymbolKind::Tag(tag), .. })) => {
                // What it imports itself and exports again is no definition.
                let imported = self.map.dso(id).module.imported_tags;
                Ok((tag.0 >= imported).then_some((id, tag)))
            }
            Some((id, symbol)) => Err(self.kind_mismatch(dso, &import.field, "a tag", id, symbol)),
        }
    }

    /// What the dso whose file name without extension is the import's module exports.
    pub(super) fn export_of_module(&mut self, import: &Import) -> Option<(DsoId, Entity)> {
        let id = if import.module == "env" {
            let defines = |dso: &&Dso| dso.module.export(&import.field).is_some();
            self.map.iter().find(defines)?.id
        } else {
            self.map.by_stem(&import.module)?
        };
        self.note_bound(id);
        let definer = self.map.dso(id);
        // Nearly all are symbols, which are hashed.
        match definer.symbols.get_own(&import.field).map(|symbol| symbol.kind) {
            Some(SymbolKind::Function(func)) => Some((id, Entity::Func(func))),
            _ => Some((id, definer.module.export(&import.field)?)),
        }
    }
}

/// An error unless what is imported and what is given are of one kind.
fn check_entity<K: Copy + PartialEq>(
    dso: &Dso,
    import: &Import,
    (expected, found): (K, K),
    show: impl Fn(K) -> String,
    defined_by: &str,
) -> Result<(), LoadError> {
    if expected == found {
        return Ok(());
    }
    Err(LoadError::EntityType(Box::new(Mismatch {
        symbol: import.to_string(),
        expected: show(expected),
        needed_by: dso.name.to_string(),
        found: show(found),
        defined_by: defined_by.to_owned(),
    })))
}

//! What imported globals are bound to: addresses of data and functions, and globals of other dsos.

use dynvm_vm::module::{Entity, Import};
use dynvm_vm::types::{GlobalIndex, GlobalType, ValType};

use super::{Reference, Resolver, Unresolved, is_weak};
use crate::dialect::dyninfo;
use crate::dso::{Dso, DsoId};
use crate::error::{LoadError, Mismatch};
use crate::symbol::{Symbol, SymbolKind};

impl Resolver<'_> {
    /// What an imported global stands for. Numbers of the loader's must be imported as integers:
    /// as a reference they would lead anywhere.
    pub(super) fn global(
        &mut self,
        dso: &Dso,
        import: &Import,
        expected: GlobalType,
        depth: u32,
    ) -> Result<Reference, Unresolved> {
        let name = import.field.as_str();
        let reference = match import.module.as_str() {
            "GOT.mem" => self.data_pointer(dso, name)?,
            "GOT.func" => self.function_pointer(dso, name, depth)?,
            "env" => self.env_global(dso, name, expected)?,
            "sys" if dso.dyninfo().is_some() => {
                let bases = dyninfo::bases(self.map, dso);
                let base = bases.iter().find(|(base, _)| *base == name);
                Reference::Address(base.ok_or(Unresolved::Undefined)?.1)
            }
            _ => match self.export_of_module(import) {
                Some((id, Entity::Global(global))) => {
                    self.shared_global(dso, name, expected, id, global)?
                }
                _ => return Err(Unresolved::Undefined),
            },
        };
        let is_number = !matches!(reference, Reference::Global(..));
        if is_number && !matches!(expected.value, ValType::I32 | ValType::I64) {
            return Err(Unresolved::Mismatch(LoadError::GlobalType(Box::new(Mismatch {
                symbol: name.to_owned(),
                expected,
                needed_by: dso.name.to_string(),
                found: GlobalType { value: ValType::I32, ..expected },
                defined_by: "the loader".to_owned(),
            }))));
        }
        Ok(reference)
    }

    fn env_global(
        &mut self,
        dso: &Dso,
        name: &str,
        expected: GlobalType,
    ) -> Result<Reference, Unresolved> {
        let address = match name {
            "__stack_pointer" => return Ok(Reference::StackPointer),
            "__memory_base" | "__memory_base32" => dso.bias.memory_base,
            "__table_base" | "__table_base32" => dso.bias.table_base.into(),
            "__tls_base" => dso.tls.start,
            _ => match self.find(dso, name) {
                Some((id, Symbol { kind: SymbolKind::Global(global), .. })) => {
                    return self.shared_global(dso, name, expected, id, global);
                }
                Some((id, symbol)) => match address(self.map.dso(id), symbol) {
                    Some(address) => address,
                    None => return Err(self.kind_mismatch(dso, name, "data", id, symbol).into()),
                },
                None => return self.own_data(dso, name),
            },
        };
        Ok(Reference::Address(address))
    }

    fn data_pointer(&mut self, dso: &Dso, name: &str) -> Result<Reference, Unresolved> {
        match self.find(dso, name) {
            Some((id, symbol)) => match address(self.map.dso(id), symbol) {
                Some(address) => Ok(Reference::Address(address)),
                None => Err(self.kind_mismatch(dso, name, "data", id, symbol).into()),
            },
            None => self.own_data(dso, name),
        }
    }

    /// Data symbols that the loader makes, and zero for weak ones that nobody does.
    fn own_data(&self, dso: &Dso, name: &str) -> Result<Reference, Unresolved> {
        let space = self.space;
        let address = match name {
            "__heap_base" => space.heap_base,
            "__heap_end" if self.map.main().is_some_and(has_own_heap) => space.main_end,
            "__heap_end" => space.heap_end,
            "__stack_low" => space.stack.start,
            "__stack_high" => space.stack.end,
            "__dso_handle" | "__global_base" => dso.bias.memory_base,
            "__data_end" => dso.memory.end,
            _ if is_weak(dso, name) => {
                tracing::debug!(
                    target: "dynvm::symbols",
                    "undefined weak symbol `{name}`: bound to zero"
                );
                0
            }
            _ => return Err(Unresolved::Undefined),
        };
        Ok(Reference::Address(address))
    }

    fn function_pointer(
        &mut self,
        dso: &Dso,
        name: &str,
        depth: u32,
    ) -> Result<Reference, Unresolved> {
        if let Some((id, func)) = self.visible_function(dso, name)? {
            let func = self.function_of(self.map.dso(id), func, depth)?;
            return Ok(Reference::FunctionPointer(func));
        }
        match self.host_function(dso, "env", name, None)? {
            Some(func) => Ok(Reference::FunctionPointer(func)),
            None if is_weak(dso, name) => {
                tracing::debug!(
                    target: "dynvm::symbols",
                    "undefined weak symbol `{name}`: bound to zero"
                );
                Ok(Reference::Address(0))
            }
            None => Err(Unresolved::Undefined),
        }
    }

    fn shared_global(
        &self,
        dso: &Dso,
        name: &str,
        expected: GlobalType,
        id: DsoId,
        global: GlobalIndex,
    ) -> Result<Reference, Unresolved> {
        let definer = self.map.dso(id);
        let found = definer.module.globals[global.index()];
        let importer = (dso.instance(), expected);
        if self.process.is_global_match(importer, (definer.instance(), found)) {
            return Ok(Reference::Global(id, global));
        }
        let canonical = |dso: &Dso, ty: GlobalType| match ty.value {
            ValType::Ref(reference) => {
                let reference = self.process.canonical_ref(dso.instance(), reference);
                GlobalType { value: ValType::Ref(reference), ..ty }
            }
            _ => ty,
        };
        Err(Unresolved::Mismatch(LoadError::GlobalType(Box::new(Mismatch {
            symbol: name.to_owned(),
            expected: canonical(dso, expected),
            needed_by: dso.name.to_string(),
            found: canonical(definer, found),
            defined_by: definer.name.to_string(),
        }))))
    }
}

/// Address of a data symbol; `None` for what has none.
pub(crate) fn address(definer: &Dso, symbol: Symbol) -> Option<u64> {
    match symbol.kind {
        SymbolKind::Data(offset) => Some(definer.bias.memory_base.wrapping_add(offset)),
        SymbolKind::Absolute(address) => Some(address),
        SymbolKind::Tls(offset) => Some(definer.tls.start.wrapping_add(offset)),
        SymbolKind::Function(_) | SymbolKind::Global(_) | SymbolKind::Tag(_) => None,
    }
}

/// A main program that places itself and says where its heap starts has it up to the end of its
/// initial memory: behind that come the libraries.
fn has_own_heap(main: &Dso) -> bool {
    !main.is_relocatable() && main.symbols.get("__heap_base").is_some()
}

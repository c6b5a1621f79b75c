//! A scope: ordered dsos that are searched for a symbol. The first definition interposes.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::dso::{Dso, DsoId};
use crate::link_map::LinkMap;
use crate::symbol::{Definition, HashedName, Symbol, SymbolTable};

/// Ordered dsos with an index of all they define, so that a lookup costs one hash however many
/// dsos there are.
#[derive(Debug, Default)]
pub struct Scope {
    members: Vec<DsoId>,
    /// What each member defines.
    tables: Vec<Arc<SymbolTable>>,
    is_member: HashSet<DsoId>,
    /// Each visible symbol as the first member has it that defines it.
    index: HashTable<Place>,
    /// How often a name was compared with another: what linking costs, in numbers.
    compared: Cell<u64>,
}

/// Where a definition is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Of its name: nearly always tells that it is another one without a look at the name.
    hash: u64,
    member: u32,
    position: u32,
}

impl Place {
    fn definition(self, tables: &[Arc<SymbolTable>]) -> &Definition {
        &tables[self.member as usize].definitions()[self.position as usize]
    }
}

impl Scope {
    /// Appends a dso; a dso that is a member already keeps its place.
    pub fn push(&mut self, dso: &Dso) {
        self.push_table(dso.id, &dso.symbols);
    }

    fn push_table(&mut self, id: DsoId, symbols: &Arc<SymbolTable>) {
        if !self.is_member.insert(id) {
            return;
        }
        let member = u32::try_from(self.members.len()).expect("ids of dsos have 32 bits");
        self.members.push(id);
        self.tables.push(Arc::clone(symbols));
        self.index.reserve(symbols.len(), |place| place.hash);
        let visible = (0..).zip(symbols.definitions());
        for (position, definition) in visible.filter(|(_, definition)| definition.is_visible()) {
            let name = HashedName { name: &definition.name, hash: definition.hash };
            if self.find_place(name).is_none() {
                let place = Place { hash: definition.hash, member, position };
                self.index.insert_unique(place.hash, place, |place| place.hash);
            }
        }
    }

    /// Takes members out; what they define is found in those behind them from now on.
    pub(crate) fn remove(&mut self, ids: &[DsoId], map: &LinkMap) {
        if !self.members.iter().any(|id| ids.contains(id)) {
            return;
        }
        let members = std::mem::take(self).members;
        for id in members.iter().filter(|id| !ids.contains(id)) {
            self.push(map.dso(*id));
        }
    }

    /// The first member that defines `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<DsoId> {
        self.find_symbol(name).map(|(id, _)| id)
    }

    /// The first member that defines `name`, and its definition.
    #[must_use]
    pub fn find_symbol(&self, name: &str) -> Option<(DsoId, Symbol)> {
        self.find_hashed(HashedName::new(name))
    }

    /// The same for a name that was hashed before.
    pub(crate) fn find_hashed(&self, name: HashedName<'_>) -> Option<(DsoId, Symbol)> {
        let place = self.find_place(name)?;
        Some((self.members[place.member as usize], place.definition(&self.tables).symbol))
    }

    fn find_place(&self, name: HashedName<'_>) -> Option<Place> {
        let is_it = |place: &Place| {
            place.hash == name.hash && {
                self.compared.set(self.compared.get() + 1);
                place.definition(&self.tables).is_of(name)
            }
        };
        self.index.find(name.hash, is_it).copied()
    }

    /// Whether a dso is a member.
    #[must_use]
    pub fn contains(&self, id: DsoId) -> bool {
        self.is_member.contains(&id)
    }

    /// The members, in order.
    #[must_use]
    pub fn members(&self) -> &[DsoId] {
        &self.members
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Scope;
    use crate::dso::DsoId;
    use crate::symbol::SymbolTable;

    /// What `dso` defines: `functions` of its own, and one that every dso defines.
    fn table(dso: u32, functions: u32) -> Arc<SymbolTable> {
        let own = (0..functions).map(|function| format!("(func (export \"l{dso}_f{function}\"))"));
        let text = format!("(module (func (export \"shared\")) {})", own.collect::<String>());
        let module = dynvm_jit::decode(wat::parse_str(text).expect("valid text"));
        Arc::new(SymbolTable::of_module(&module.expect("valid module"), None))
    }

    fn scope(dsos: u32, functions: u32) -> Scope {
        let mut scope = Scope::default();
        for dso in 0..dsos {
            scope.push_table(DsoId(dso), &table(dso, functions));
        }
        scope
    }

    #[test]
    fn the_first_definition_interposes() {
        let scope = scope(3, 2);
        assert_eq!(scope.find("shared"), Some(DsoId(0)));
        assert_eq!(scope.find("l2_f1"), Some(DsoId(2)));
        assert_eq!(scope.find("l2_f2"), None);
        assert_eq!(scope.members(), [DsoId(0), DsoId(1), DsoId(2)]);
        assert!(scope.contains(DsoId(2)) && !scope.contains(DsoId(3)));
    }

    /// Counted, not timed: a lookup looks at one name, however many dsos and symbols there are.
    #[test]
    fn cost_grows_with_lookups_alone() {
        for (dsos, functions) in [(1, 1000), (100, 10), (1000, 1), (10, 1000)] {
            let scope = scope(dsos, functions);
            // The name that all define was met in each dso but the first.
            assert_eq!(scope.compared.replace(0), u64::from(dsos - 1));
            for dso in 0..dsos {
                for function in 0..functions {
                    assert_eq!(scope.find(&format!("l{dso}_f{function}")), Some(DsoId(dso)));
                    assert_eq!(scope.find(&format!("no{dso}_f{function}")), None);
                }
            }
            assert_eq!(scope.compared.get(), u64::from(dsos * functions));
        }
    }
}

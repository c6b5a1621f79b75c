//! A scope: ordered dsos that are searched for a symbol. The first definition interposes.

use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::sync::Arc;

use dynvm_vm::name::Name;
use hashbrown::HashTable;

use crate::dso::{Dso, DsoId};
use crate::link_map::LinkMap;
use crate::symbol::{HashedName, Symbol, SymbolTable};

/// So many names that nobody foresaw are looked for among all; then there is an index.
const SCANS_MAX: u32 = 4;

/// An index of all names costs as much as looking at each of them so many times.
const INDEX_COST: usize = 4;

/// Ordered dsos with an index of what they define, so that a lookup costs one hash however many
/// dsos there are.
///
/// The index of everything is made late: start-up says which names it will look up, and they are
/// found in one look at all that is defined. Of large libraries most programs use little.
#[derive(Debug, Default)]
pub struct Scope {
    members: Vec<DsoId>,
    /// What each member defines.
    tables: Vec<Arc<SymbolTable>>,
    is_member: HashSet<DsoId>,
    /// Each visible symbol as the first member has it that defines it.
    index: OnceCell<HashTable<Place>>,
    /// Names whose first definition is known, until there is an index.
    foreseen: HashTable<Foreseen>,
    /// How often a name was looked for among all of them.
    scans: Cell<u32>,
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

/// A name that will be looked up, and where it is defined.
#[derive(Debug)]
struct Foreseen {
    hash: u64,
    name: Name,
    place: Option<Place>,
}

impl Place {
    fn name(self, tables: &[Arc<SymbolTable>]) -> &str {
        tables[self.member as usize].name(self.position)
    }

    fn symbol(self, tables: &[Arc<SymbolTable>]) -> Option<Symbol> {
        tables[self.member as usize].at(self.position)
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
        let member = self.members.len();
        self.members.push(id);
        self.tables.push(Arc::clone(symbols));
        self.foreseen.clear();
        if let Some(mut index) = self.index.take() {
            index.reserve(symbols.len_max(), |place| place.hash);
            self.add_to(&mut index, member);
            // It was taken just now.
            let _ = self.index.set(index);
        }
    }

    /// An index of all that the members define.
    fn make_index(&self) -> HashTable<Place> {
        let mut index = HashTable::with_capacity(self.names_len());
        (0..self.members.len()).for_each(|member| self.add_to(&mut index, member));
        index
    }

    fn add_to(&self, index: &mut HashTable<Place>, member: usize) {
        for (position, name) in self.names_of(member) {
            let symbols = &self.tables[member];
            if symbols.is_visible(position) && self.find_in(index, name).is_none() {
                let place = Place { hash: name.hash, member: member as u32, position };
                index.insert_unique(place.hash, place, |place| place.hash);
            }
        }
    }

    /// The names of a member, with their positions there.
    fn names_of(&self, member: usize) -> impl Iterator<Item = (u32, HashedName<'_>)> {
        let symbols = &self.tables[member];
        symbols.positions().map(|position| (position, HashedName::new(symbols.name(position))))
    }

    fn names_len(&self) -> usize {
        self.tables.iter().map(|symbols| symbols.len_max()).sum()
    }

    /// Finds all of `names` in one look at what the members define, unless they are so many that an
    /// index is made sooner.
    pub(crate) fn foresee<'a>(&mut self, names: impl Iterator<Item = &'a Name>) {
        if self.index.get().is_some() {
            return;
        }
        let names_max = self.names_len() / INDEX_COST;
        for name in names {
            if self.foreseen.len() > names_max {
                self.foreseen.clear();
                return;
            }
            let hash = HashedName::new(name).hash;
            let is_it = |foreseen: &Foreseen| foreseen.hash == hash && foreseen.name == *name;
            if self.foreseen.find(hash, is_it).is_none() {
                let foreseen = Foreseen { hash, name: name.clone(), place: None };
                self.foreseen.insert_unique(hash, foreseen, |it| it.hash);
            }
        }
        let mut foreseen = std::mem::take(&mut self.foreseen);
        let filter = Filter::new(foreseen.iter().map(|it| it.hash), foreseen.len());
        for member in 0..self.members.len() {
            for (position, HashedName { name, hash }) in self.names_of(member) {
                if !filter.may_have(hash) {
                    continue;
                }
                let is_it = |it: &Foreseen| it.hash == hash && *it.name == *name;
                let wanted = foreseen.find_mut(hash, is_it).filter(|it| it.place.is_none());
                if let Some(wanted) = wanted
                    && self.tables[member].is_visible(position)
                {
                    wanted.place = Some(Place { hash, member: member as u32, position });
                }
            }
        }
        self.foreseen = foreseen;
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
        Some((self.members[place.member as usize], place.symbol(&self.tables)?))
    }

    fn find_place(&self, name: HashedName<'_>) -> Option<Place> {
        if let Some(index) = self.index.get() {
            return self.find_in(index, name);
        }
        let is_it = |foreseen: &Foreseen| {
            foreseen.hash == name.hash && self.is_same(&foreseen.name, name.name)
        };
        if let Some(foreseen) = self.foreseen.find(name.hash, is_it) {
            return foreseen.place;
        }
        if self.scans.get() < SCANS_MAX {
            self.scans.set(self.scans.get() + 1);
            return self.scan(name);
        }
        self.find_in(self.index.get_or_init(|| self.make_index()), name)
    }

    fn find_in(&self, index: &HashTable<Place>, name: HashedName<'_>) -> Option<Place> {
        let is_it = |place: &Place| {
            place.hash == name.hash && self.is_same(place.name(&self.tables), name.name)
        };
        index.find(name.hash, is_it).copied()
    }

    /// Looks at the names of all members.
    fn scan(&self, name: HashedName<'_>) -> Option<Place> {
        let mut members = (0..).zip(&self.tables);
        members.find_map(|(member, symbols)| {
            let mut positions = symbols.positions();
            let position = positions.find(|position| {
                let other = symbols.name(*position);
                other.len() == name.name.len() && self.is_same(other, name.name)
            })?;
            let place = Place { hash: name.hash, member, position };
            symbols.is_visible(position).then_some(place)
        })
    }

    fn is_same(&self, one: &str, other: &str) -> bool {
        self.compared.set(self.compared.get() + 1);
        one == other
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

/// Tells most hashes that are not among some from those that are, with one look at a few bytes.
struct Filter {
    bits: Vec<u64>,
    shift: u32,
}

impl Filter {
    fn new(hashes: impl Iterator<Item = u64>, count: usize) -> Filter {
        let len = (count * 16).next_power_of_two().max(64);
        let mut filter = Filter { bits: vec![0; len / 64], shift: 64 - len.ilog2() };
        for hash in hashes {
            let (word, bit) = filter.place(hash);
            filter.bits[word] |= bit;
        }
        filter
    }

    fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.bits[word] & bit != 0
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let number = hash >> self.shift;
        ((number / 64) as usize, 1 << (number % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dynvm_vm::name::Name;

    use super::{SCANS_MAX, Scope};
    use crate::dso::DsoId;
    use crate::dylink::Dylink;
    use crate::symbol::SymbolTable;

    /// What `dso` defines: `functions` of its own, and one that every dso defines.
    fn table(dso: u32, functions: u32) -> Arc<SymbolTable> {
        let own = (0..functions).map(|function| format!("(func (export \"l{dso}_f{function}\"))"));
        let text = format!("(module (func (export \"shared\")) {})", own.collect::<String>());
        let module = dynvm_jit::decode(wat::parse_str(text).expect("valid text"));
        Arc::new(SymbolTable::of_module(&Arc::new(module.expect("valid module")), None))
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

    #[test]
    fn what_is_foreseen_is_what_the_index_has() {
        let names = ["shared", "l1_f0", "l2_f99", "l2_f100", "no", "memory"];
        let names: Vec<Name> = names.into_iter().map(Name::from).collect();
        let mut scope = scope(3, 100);
        scope.foresee(names.iter());
        let foreseen: Vec<_> = names.iter().map(|name| scope.find(name)).collect();
        let expected = [Some(DsoId(0)), Some(DsoId(1)), Some(DsoId(2)), None, None, None];
        assert_eq!(foreseen, expected);
        assert!(scope.index.get().is_none() && scope.scans.get() == 0);
        // Others are looked for one by one, then found in an index.
        for number in 0..SCANS_MAX {
            assert_eq!(scope.find(&format!("l1_f{}", number + 1)), Some(DsoId(1)));
            assert!(scope.index.get().is_none());
        }
        assert_eq!(scope.find("l0_f7"), Some(DsoId(0)));
        assert!(scope.index.get().is_some());
        assert_eq!(names.iter().map(|name| scope.find(name)).collect::<Vec<_>>(), expected);
        // What joins is found, and does not change what was there.
        scope.push_table(DsoId(7), &table(7, 1));
        assert_eq!((scope.find("l7_f0"), scope.find("shared")), (Some(DsoId(7)), Some(DsoId(0))));
    }

    #[test]
    fn what_joins_is_found_under_names_that_were_foreseen() {
        let names = [Name::from("l1_f0")];
        let mut scope = scope(1, 100);
        scope.foresee(names.iter());
        assert_eq!(scope.find("l1_f0"), None);
        scope.push_table(DsoId(1), &table(1, 1));
        assert_eq!(scope.find("l1_f0"), Some(DsoId(1)));
    }

    #[test]
    fn hidden_definitions_are_passed_by() {
        let text = r#"(module
            (@dylink.0 (mem-info (memory 0 0)) (export-info "l0_f0" visibility-hidden))
            (func (export "l0_f0")) (func (export "memory")))"#;
        let module = dynvm_jit::decode(wat::parse_str(text).expect("valid text"));
        let module = Arc::new(module.expect("valid module"));
        let dylink = Dylink::of_module(&module).expect("well-formed").map(Arc::new);
        let hidden = Arc::new(SymbolTable::of_module(&module, dylink.as_ref()));
        let names = [Name::from("l0_f0"), Name::from("memory")];
        for way in ["foreseen", "scan", "index"] {
            let mut scope = Scope::default();
            scope.push_table(DsoId(5), &hidden);
            scope.push_table(DsoId(0), &table(0, 100));
            match way {
                "foreseen" => scope.foresee(names.iter()),
                "index" => scope.scans.set(SCANS_MAX),
                _ => {}
            }
            assert_eq!(scope.find("l0_f0"), Some(DsoId(0)), "{way}");
            assert_eq!(scope.find("memory"), None, "{way}");
        }
    }

    /// Counted, not timed: a lookup looks at one name, however many dsos and symbols there are.
    #[test]
    fn cost_grows_with_lookups_alone() {
        for (dsos, functions) in [(1, 1000), (100, 10), (1000, 1), (10, 1000)] {
            let scope = scope(dsos, functions);
            scope.scans.set(SCANS_MAX);
            assert_eq!(scope.find("none"), None);
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

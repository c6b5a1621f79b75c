//! A scope: ordered dsos that are searched for a symbol. The first definition interposes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::dso::{Dso, DsoId};
use crate::link_map::LinkMap;
use crate::symbol::Symbol;

/// Ordered dsos with an index of all they define, so that a lookup costs one hash however many
/// dsos there are.
#[derive(Debug, Default)]
pub struct Scope {
    members: Vec<DsoId>,
    /// Each visible symbol, and the first member that defines it, with its definition.
    index: HashMap<Arc<str>, (DsoId, Symbol)>,
}

impl Scope {
    /// Appends a dso; a dso that is a member already keeps its place.
    pub fn push(&mut self, dso: &Dso) {
        if self.members.contains(&dso.id) {
            return;
        }
        self.members.push(dso.id);
        self.index.reserve(dso.symbols.len());
        for (name, symbol) in dso.symbols.visible() {
            self.index.entry(Arc::clone(name)).or_insert((dso.id, *symbol));
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
        self.index.get(name).copied()
    }

    /// Whether a dso is a member.
    #[must_use]
    pub fn contains(&self, id: DsoId) -> bool {
        self.members.contains(&id)
    }

    /// The members, in order.
    #[must_use]
    pub fn members(&self) -> &[DsoId] {
        &self.members
    }
}

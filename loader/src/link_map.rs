//! The link map: every dso of the process, in load order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::dso::{self, Dso, DsoId, DsoState};
use crate::order::{self, Dependencies};
use crate::search::FileIdentity;

/// Every dso, in load order. Those that are being loaded stand at the end; a failed load takes
/// them off again.
#[derive(Debug, Default)]
pub struct LinkMap {
    dsos: BTreeMap<DsoId, Dso>,
    /// Ids of dsos that stay are never given out twice.
    next_id: u32,
    by_identity: HashMap<FileIdentity, DsoId>,
    /// Those that are not on their way out, by their file names without extension.
    by_stem: HashMap<String, BTreeSet<DsoId>>,
}

impl LinkMap {
    /// The id that the next dso will have.
    #[must_use]
    pub fn next_id(&self) -> DsoId {
        DsoId(self.next_id)
    }

    /// Adds a dso, whose id must be [`LinkMap::next_id`].
    pub(crate) fn push(&mut self, dso: Dso) {
        assert_eq!(dso.id, self.next_id(), "`{}` has another dso's place", dso.name);
        self.by_identity.insert(dso.identity, dso.id);
        self.by_stem.entry(dso.stem().to_owned()).or_default().insert(dso.id);
        self.next_id += 1;
        self.dsos.insert(dso.id, dso);
    }

    /// Takes off every dso from `mark` on.
    pub(crate) fn truncate(&mut self, mark: DsoId) -> Vec<Dso> {
        let removed: Vec<Dso> = self.dsos.split_off(&mark).into_values().collect();
        for dso in &removed {
            self.forget_names(dso.id, dso.identity, dso.stem());
        }
        self.next_id = mark.0;
        removed
    }

    /// Nobody can find these dsos any longer: from now on they are on their way out.
    pub(crate) fn retire(&mut self, ids: &[DsoId]) {
        for id in ids {
            let dso = self.dso_mut(*id);
            dso.state = DsoState::Closing;
            let (identity, stem) = (dso.identity, dso.stem().to_owned());
            self.forget_names(*id, identity, &stem);
        }
    }

    fn forget_names(&mut self, id: DsoId, identity: FileIdentity, stem: &str) {
        self.by_identity.remove(&identity);
        if let Some(ids) = self.by_stem.get_mut(stem) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_stem.remove(stem);
            }
        }
    }

    /// Every dso, also those on their way out.
    pub(crate) fn with_closing(&self) -> impl Iterator<Item = &Dso> {
        self.dsos.values()
    }

    /// Takes off dsos that nothing depends on.
    pub(crate) fn remove(&mut self, ids: &[DsoId]) -> Vec<Dso> {
        ids.iter().filter_map(|id| self.dsos.remove(id)).collect()
    }

    /// Dsos that were opened by name go: where another one that was not found what it imports through
    /// one of them, it now finds it in itself and in what it needs directly.
    pub(crate) fn orphan(&mut self, ids: &[DsoId]) {
        for dso in self.dsos.values_mut().filter(|dso| !ids.contains(&dso.id)) {
            let lost = dso.scopes.iter().position(|scope| ids.contains(scope));
            if let Some(lost) = lost.filter(|_| dso.searchlist.is_none()) {
                let itself = std::iter::once(dso.id);
                dso.searchlist = Some(itself.chain(dso.needed.iter().copied()).collect());
                dso.scopes[lost] = dso.id;
            }
        }
        self.leave_scopes(ids);
    }

    /// Takes dsos out of the scopes of all others.
    pub(crate) fn leave_scopes(&mut self, ids: &[DsoId]) {
        for dso in self.dsos.values_mut().filter(|dso| !ids.contains(&dso.id)) {
            dso.scopes.retain(|scope| !ids.contains(scope));
            if dso.flat_scope.iter().any(|id| ids.contains(id)) {
                let stay = dso.flat_scope.iter().copied().filter(|id| !ids.contains(id));
                dso.flat_scope = stay.collect();
            }
            dso.needed_by = dso.needed_by.filter(|asker| !ids.contains(asker));
        }
    }

    /// Whether a binding of `asker` to `id` is what keeps `id`: else its dependencies do, or it
    /// stays anyway.
    pub(crate) fn is_binding(&self, asker: DsoId, id: DsoId) -> bool {
        let target = self.dso(id);
        asker != id
            && !target.is_start
            && !target.is_pinned
            && target.state < DsoState::Closing
            && !self.dso(asker).dependencies.contains(&id)
    }

    /// Makes a dso that is opened by name one with a search list of its own, which joins the
    /// scopes of all that is in it: of those from `mark` on as the second, or with `is_deep` as
    /// the first.
    pub(crate) fn make_root(&mut self, root: DsoId, mark: DsoId, is_deep: bool) {
        for dso in self.dsos.range_mut(mark..).map(|(_, dso)| dso).filter(|dso| dso.id != root) {
            dso.dependencies = std::iter::once(dso.id).chain(dso.needed.iter().copied()).collect();
        }
        let searchlist = self.closure(root);
        let is_first_kept = true;
        let dependencies = order::by_needed(&searchlist, self, is_first_kept);
        let main = self.main().map(|main| main.id);
        for id in searchlist.iter() {
            let dso = self.dso_mut(*id);
            if *id >= mark {
                dso.scopes = main.into_iter().collect();
                let place = if is_deep { 0 } else { dso.scopes.len() };
                if main != Some(root) {
                    dso.scopes.insert(place, root);
                }
            } else if dso.state >= DsoState::Constructed
                && !dso.is_start
                && !dso.scopes.contains(&root)
            {
                dso.scopes.push(root);
            }
        }
        let dso = self.dso_mut(root);
        dso.searchlist = Some(searchlist);
        dso.dependencies = dependencies.into();
    }

    /// The dso with this id, if it is loaded.
    #[must_use]
    pub fn find(&self, id: DsoId) -> Option<&Dso> {
        self.dsos.get(&id)
    }

    /// The dso with this id.
    ///
    /// # Panics
    /// If it is not loaded: ids of scopes and dependencies always are.
    #[must_use]
    pub fn dso(&self, id: DsoId) -> &Dso {
        self.find(id).unwrap_or_else(|| panic!("dso {} is not loaded", id.0))
    }

    /// The dso with this id, to change, if it is loaded.
    pub(crate) fn find_mut(&mut self, id: DsoId) -> Option<&mut Dso> {
        self.dsos.get_mut(&id)
    }

    /// The dso with this id, to change.
    ///
    /// # Panics
    /// If it is not loaded.
    pub(crate) fn dso_mut(&mut self, id: DsoId) -> &mut Dso {
        self.find_mut(id).unwrap_or_else(|| panic!("dso {} is not loaded", id.0))
    }

    /// The dso that came from this file.
    #[must_use]
    pub fn by_identity(&self, identity: FileIdentity) -> Option<DsoId> {
        self.by_identity.get(&identity).copied()
    }

    /// The first dso with this file name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<DsoId> {
        let ids = self.by_stem.get(dso::stem(name))?;
        ids.iter().copied().find(|id| *self.dso(*id).name == *name)
    }

    /// The first dso with this file name without extension.
    #[must_use]
    pub fn by_stem(&self, stem: &str) -> Option<DsoId> {
        self.by_stem.get(stem)?.first().copied()
    }

    /// Every dso, in load order.
    pub fn iter(&self) -> impl Iterator<Item = &Dso> {
        self.dsos.values().filter(|dso| dso.state < DsoState::Closing)
    }

    /// The dsos from `mark` on: those being loaded.
    pub(crate) fn from(&self, mark: DsoId) -> impl Iterator<Item = &Dso> {
        self.dsos.range(mark..).map(|(_, dso)| dso)
    }

    /// Ids of the dsos from `mark` on.
    pub(crate) fn ids_from(&self, mark: DsoId) -> Vec<DsoId> {
        self.from(mark).map(|dso| dso.id).collect()
    }

    /// The main program.
    #[must_use]
    pub fn main(&self) -> Option<&Dso> {
        self.iter().find(|dso| dso.is_main)
    }

    /// `root` and its dependencies, breadth first.
    #[must_use]
    pub fn closure(&self, root: DsoId) -> Arc<[DsoId]> {
        let mut seen = HashSet::from([root]);
        let mut order = Vec::new();
        let mut queue = VecDeque::from([root]);
        while let Some(id) = queue.pop_front() {
            order.push(id);
            let needed = self.dso(id).needed.iter();
            queue.extend(needed.copied().filter(|needed| seen.insert(*needed)));
        }
        order.into()
    }

    /// Dsos whose constructors did not return will be constructed by whoever opens them next.
    pub(crate) fn reconstruct(&mut self) {
        for dso in self.dsos.values_mut().filter(|dso| dso.is_stopped) {
            dso.is_stopped = false;
            dso.state = dso.state.min(DsoState::Relocated);
        }
    }

    /// Marks the dsos from `mark` on as relocated: the load can no longer fail.
    pub(crate) fn commit(&mut self, mark: DsoId) {
        for (_, dso) in self.dsos.range_mut(mark..) {
            dso.state = DsoState::Relocated;
        }
    }
}

/// Sorting takes a dso's dependencies as they are noted with it.
impl Dependencies for LinkMap {
    fn needed(&self, id: DsoId) -> &[DsoId] {
        &self.dso(id).dependencies
    }

    fn bound_to(&self, id: DsoId) -> &[DsoId] {
        &self.dso(id).bound_to
    }
}

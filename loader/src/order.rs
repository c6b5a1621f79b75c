//! The order of dsos by their dependencies, as glibc's `dynamic_sort=2` finds it.
//!
//! It is the reverse of the order in which a depth-first search leaves the dsos that starts from
//! the last one: who depends on another comes first. Constructors run from its end, destructors
//! from its start. A cycle is broken where the search meets a dso that it has entered already.

use std::collections::HashSet;

use crate::dso::DsoId;

/// What a dso depends on.
pub(crate) trait Dependencies {
    /// What it names, and itself if that is simpler, in order.
    fn needed(&self, id: DsoId) -> &[DsoId];

    /// What its code was bound to besides, in the order in which that happened.
    fn bound_to(&self, id: DsoId) -> &[DsoId];
}

/// Sorts `dsos`, dependents first. With `is_first_kept` the first of them stays first, even if
/// others of a cycle depend on it.
pub(crate) fn by_needed(
    dsos: &[DsoId],
    dependencies: &impl Dependencies,
    is_first_kept: bool,
) -> Vec<DsoId> {
    let mut order = search(dsos, |id| dependencies.needed(id).iter().copied());
    if is_first_kept && let Some(position) = order.iter().position(|id| Some(id) == dsos.first()) {
        order[..=position].rotate_right(1);
    }
    order
}

/// Sorts `dsos` for their destructors: bindings count too, but less than what is named, where
/// both cannot be had.
pub(crate) fn for_destructors(
    dsos: &[DsoId],
    dependencies: &impl Dependencies,
    is_first_kept: bool,
) -> Vec<DsoId> {
    let both =
        |id| dependencies.needed(id).iter().chain(dependencies.bound_to(id).iter().rev()).copied();
    let order = search(dsos, both);
    if dsos.iter().all(|id| dependencies.bound_to(*id).is_empty()) {
        return by_needed(dsos, dependencies, is_first_kept);
    }
    let first = dsos.first().copied().filter(|_| is_first_kept);
    let order = search(&order, |id| dependencies.needed(id).iter().copied());
    let rest = order.into_iter().filter(|id| Some(*id) != first);
    first.into_iter().chain(rest).collect()
}

/// The reverse of the order in which a depth-first search from the last of `dsos` to the first
/// leaves them.
fn search<I: Iterator<Item = DsoId>>(dsos: &[DsoId], next: impl Fn(DsoId) -> I) -> Vec<DsoId> {
    let members: HashSet<DsoId> = dsos.iter().copied().collect();
    let mut entered = HashSet::new();
    let mut order = Vec::with_capacity(dsos.len());
    // The chain of dsos being visited, each with what is left of its dependencies.
    let mut path: Vec<(DsoId, I)> = Vec::new();
    for root in dsos.iter().rev() {
        if entered.insert(*root) {
            path.push((*root, next(*root)));
        }
        while let Some((id, rest)) = path.last_mut() {
            match rest.next() {
                Some(dependency) => {
                    if members.contains(&dependency) && entered.insert(dependency) {
                        path.push((dependency, next(dependency)));
                    }
                }
                None => {
                    order.push(*id);
                    path.pop();
                }
            }
        }
    }
    order.reverse();
    order
}

#[cfg(test)]
mod tests;

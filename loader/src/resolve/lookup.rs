//! Looking a name up: in the scopes of who asks, the first definition wins.

use crate::dso::{Dso, DsoId, DsoState};
use crate::link_map::LinkMap;
use crate::scope::Scope;
use crate::symbol::{HashedName, Symbol};

/// The definition of `name` that `asker` sees: in its scopes, the global one usually first, then
/// its own.
pub(crate) fn find(
    map: &LinkMap,
    global: &Scope,
    asker: &Dso,
    name: &str,
) -> Option<(DsoId, Symbol)> {
    let name = HashedName::new(name);
    if asker.flat().is_some() {
        // It sees what stands behind it first, and its own exports never.
        let visible = |id: DsoId| visible(map, id, name);
        let found = asker.flat_scope.iter().copied().find_map(visible);
        let in_global = || global.find_hashed(name);
        return found.or_else(|| in_global().filter(|(id, _)| *id != asker.id));
    }
    // What is on its way out is bound to nothing new.
    let latest = asker.state.max(DsoState::Constructed);
    let found = find_in_scopes(map, global, asker, name, latest);
    found.or_else(|| Some((asker.id, asker.symbols.get_own_hashed(name)?)))
}

fn visible(map: &LinkMap, id: DsoId, name: HashedName<'_>) -> Option<(DsoId, Symbol)> {
    Some((id, map.dso(id).symbols.get_hashed(name)?))
}

/// The definition of `name` in the scopes of `asker`, of a dso whose state is `latest` at most.
pub(crate) fn find_in_scopes(
    map: &LinkMap,
    global: &Scope,
    asker: &Dso,
    name: HashedName<'_>,
    latest: DsoState,
) -> Option<(DsoId, Symbol)> {
    asker.scopes.iter().find_map(|scope| match map.dso(*scope) {
        scope if scope.is_main => find_global(map, global, name, latest),
        scope => find_among(map, scope.searchlist.as_deref().unwrap_or_default(), name, latest),
    })
}

/// The definition of `name` in the global scope, of a dso whose state is `latest` at most.
pub(crate) fn find_global(
    map: &LinkMap,
    global: &Scope,
    name: HashedName<'_>,
    latest: DsoState,
) -> Option<(DsoId, Symbol)> {
    let found = global.find_hashed(name)?;
    if map.dso(found.0).state <= latest {
        return Some(found);
    }
    find_among(map, global.members(), name, latest)
}

/// The first definition of `name` in `members`, of a dso whose state is `latest` at most.
pub(crate) fn find_among(
    map: &LinkMap,
    members: &[DsoId],
    name: HashedName<'_>,
    latest: DsoState,
) -> Option<(DsoId, Symbol)> {
    let mut members = members.iter().filter(|id| map.dso(**id).state <= latest);
    members.find_map(|id| visible(map, *id, name))
}

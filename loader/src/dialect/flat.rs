//! Flat programs: modules without any linking section, given on one command line, as the `wasm.js`
//! of the 2016 experiment with `musl` ran them.
//!
//! They have one memory and, beyond the original, one function table. The functions that they
//! export are merged into one flat `env`. A module sees those of the modules behind it, the nearest
//! first, then those of the modules before it; the main program stands first. What none of them
//! exports can be a built-in function ([`builtins`]). Segments are copied from the last module to
//! the first, as the original loaded them.

pub(crate) mod builtins;

use std::ops::Range;

use dynvm_vm::Process;
use dynvm_vm::module::{ElementItems, SegmentMode};

use crate::dso::{Dso, DsoId};
use crate::link_map::LinkMap;
use crate::linker::Linker;
use crate::symbol::ConstGlobals;

/// Pages of the memory that a flat program has at least, unless it brings one: 16 MiB.
pub(crate) const MEMORY_PAGES: u64 = 256;

/// A module of a flat program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flat {
    /// Whether the table that it defines is the process table.
    pub joins_table: bool,
}

/// What each flat dso from `mark` on sees, besides itself.
pub(crate) fn set_scopes(linker: &mut Linker, mark: DsoId) {
    let members = linker.global.members().to_vec();
    for id in linker.map.ids_from(mark) {
        if linker.map.dso(id).flat().is_none() {
            continue;
        }
        // What is opened later stands in front of the libraries, behind which comes main.
        let own = members.iter().position(|member| *member == id).unwrap_or(0);
        let (before, rest) = members.split_at(own.max(1).min(members.len()));
        let behind = rest.iter().filter(|member| **member != id);
        let scope = behind.chain(before).copied().filter(|member| *member != id);
        linker.map.dso_mut(id).flat_scope = scope.collect();
    }
}

/// Decides for each flat dso from `mark` on whether its table is the process table: if its elements
/// do not stand where others do. Else its function pointers are its own, as in the original.
pub(crate) fn join_tables(map: &mut LinkMap, process: &Process, mark: DsoId) {
    let mut taken: Vec<(Range<u64>, DsoId)> = Vec::new();
    for id in map.ids_from(mark) {
        let dso = map.dso(id);
        if dso.flat().is_none() {
            continue;
        }
        let own = element_ranges(dso);
        let clash = taken.iter().find(|(range, _)| own.iter().any(|own| overlaps(own, range)));
        let clash = clash.map(|(_, id)| map.dso(*id).name.to_string());
        let is_free = |slot: u64| process.table_get(slot as u32).is_none_or(|func| func.0 == 0);
        let others = || "what is open already".to_owned();
        let clash = clash.or_else(|| (!own.iter().cloned().flatten().all(is_free)).then(others));
        let defines_table = dso.module.tables.len() > dso.module.imported_tables as usize;
        if let Some(clash) = &clash {
            tracing::warn!(
                target: "dynvm::files",
                "{}: its functions stand in the table where those of {clash} do{}",
                dso.name,
                if defines_table { ": its function pointers are its own" } else { "" }
            );
        }
        let joins_table = dso.is_main || clash.is_none();
        if joins_table || !defines_table {
            taken.extend(own.into_iter().map(|range| (range, id)));
        }
        map.dso_mut(id).set_flat(Flat { joins_table });
    }
}

fn overlaps(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

/// Where in its first table the elements of a dso stand.
fn element_ranges(dso: &Dso) -> Vec<Range<u64>> {
    let globals = ConstGlobals::of_module(&dso.module, &[]);
    let segments = dso.module.elements.iter().filter_map(|segment| {
        let SegmentMode::Active { target, offset } = &segment.mode else { return None };
        let len = match &segment.items {
            ElementItems::Functions(items) => items.len(),
            ElementItems::Expressions(items) => items.len(),
        };
        let start = globals.evaluate(offset).filter(|_| target.0 == 0)?;
        // A segment that does not fit into any table traps when it is copied.
        Some(start..start.saturating_add(len as u64).min(1 << 32))
    });
    segments.filter(|range| !range.is_empty()).collect()
}

/// Warns where the data of two flat dsos from `mark` on lie at the same addresses: the one that
/// stands first on the command line wins there.
pub(crate) fn warn_about_overlaps(map: &LinkMap, mark: DsoId) {
    let mut placed: Vec<(Range<u64>, &Dso)> = Vec::new();
    for dso in map.from(mark).filter(|dso| dso.flat().is_some()) {
        let own = data_ranges(dso);
        let clash = placed.iter().find_map(|(range, other)| {
            let common = own.iter().find(|own| overlaps(own, range))?;
            Some((common.start.max(range.start), &other.name))
        });
        if let Some((address, other)) = clash {
            tracing::warn!(
                target: "dynvm::files",
                "{other} and {} both have data at {address:#x}: {other}'s are what is there",
                dso.name
            );
        }
        placed.extend(own.into_iter().map(|range| (range, dso)));
    }
}

/// Addresses of the data that a dso places itself.
fn data_ranges(dso: &Dso) -> Vec<Range<u64>> {
    let globals = ConstGlobals::of_module(&dso.module, &[]);
    let segments = dso.module.data.iter().filter_map(|segment| {
        let SegmentMode::Active { target, offset } = &segment.mode else { return None };
        let start = globals.evaluate(offset).filter(|_| target.0 == 0)?;
        Some(start..start.saturating_add(segment.range.len() as u64))
    });
    segments.filter(|range| !range.is_empty()).collect()
}

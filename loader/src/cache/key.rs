//! Names of entries: hashes of all that the code of an instance depends on.
//!
//! Functions of other instances may have become part of it, and of theirs again: what an instance
//! is by itself is hashed first, then once more with that of those whose functions it imports, and
//! so on in as many steps as the compiler looks. So the cost grows with the imports, not with what can
//! be reached through them.

use std::collections::BTreeMap;

use dynvm_jit::{Compiler, DEFINERS_DEPTH, Unit};
use dynvm_vm::instance::{GlobalPlace, Instance, InstanceId};

use super::{FORMAT, engine, proof};

/// The name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(super) String);

/// The names of the entries for the code of units of one batch, which look at the same instances.
pub(crate) fn keys(compiler: &Compiler, units: &[Unit]) -> Vec<Key> {
    let Some(first) = units.first() else { return Vec::new() };
    let mut hashes = BTreeMap::new();
    if compiler.is_inlining() {
        let all = || first.definitions().iter();
        let own: BTreeMap<_, _> = all().map(|instance| (instance.id, own_hash(instance))).collect();
        let definers = all().map(|instance| {
            let definers = first.definitions().definers(instance);
            (instance.id, definers.into_keys().collect::<Vec<_>>())
        });
        let definers: Vec<(InstanceId, Vec<InstanceId>)> = definers.collect();
        hashes.clone_from(&own);
        for _ in 0..DEFINERS_DEPTH {
            let with_definers = definers.iter().map(|(id, definers)| {
                let mut hasher = blake3::Hasher::new();
                let parts = std::iter::once(&own[id]).chain(definers.iter().map(|id| &hashes[id]));
                parts.for_each(|part| _ = hasher.update(part.as_bytes()));
                (*id, hasher.finalize())
            });
            hashes = with_definers.collect();
        }
    }
    let key = |unit: &Unit| {
        let instance = unit.instance();
        let hash = hashes.get(&instance.id).copied().unwrap_or_else(|| own_hash(instance));
        let parts = [FORMAT, engine().as_bytes(), compiler.fingerprint().as_bytes()];
        let mut hasher = blake3::Hasher::new();
        parts.into_iter().chain([&hash.as_bytes()[..]]).for_each(|part| add(&mut hasher, part));
        Key(hasher.finalize().to_hex().to_string())
    };
    units.iter().map(key).collect()
}

/// With the length, so that no two lists of parts run into the same bytes.
fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

/// What the code of an instance depends on that is its own.
fn own_hash(instance: &Instance) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    add(&mut hasher, proof::digest(&instance.module));
    add(&mut hasher, &folded(instance));
    hasher.finalize()
}

/// What is folded into the code of an instance besides its module, as bytes.
fn folded(instance: &Instance) -> Vec<u8> {
    let Instance { id, name: _, module: _, types, functions, tables, memories, globals, tags } =
        instance;
    let mut bytes = Vec::with_capacity(8 * functions.len());
    let mut number = |number: u32| bytes.extend_from_slice(&number.to_le_bytes());
    number(id.0);
    for list in [types.len(), functions.len(), tables.len(), memories.len(), tags.len()] {
        number(list as u32);
    }
    types.iter().for_each(|ty| number(ty.0));
    for callee in functions {
        number(callee.func.0);
        number(callee.is_preemptible.into());
    }
    for (id, descriptor) in tables.iter().map(|table| (table.id.0, table.descriptor.0)) {
        number(id);
        number(descriptor);
    }
    for (id, descriptor) in memories.iter().map(|memory| (memory.id.0, memory.descriptor.0)) {
        number(id);
        number(descriptor);
    }
    tags.iter().for_each(|tag| number(tag.0));
    for global in globals {
        let (kind, value) = match global {
            GlobalPlace::Constant(value) => (0_u8, value.u128()),
            GlobalPlace::Slot(slot) => (1, slot.0.into()),
            GlobalPlace::StackPointer => (2, 0),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

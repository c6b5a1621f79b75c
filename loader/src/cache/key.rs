//! Names of entries: hashes of all that the code of an instance depends on.
//!
//! Functions of other instances may have become part of it, and of theirs again: what an instance
//! is by itself is hashed first, then once more with that of those whose functions it imports, and
//! so on in as many steps as the compiler looks. So the cost grows with the imports, not with what can
//! be reached through them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use dynvm_jit::{Compiler, DEFINERS_DEPTH, Unit};
use dynvm_vm::instance::{GlobalPlace, Instance, InstanceId};

use super::{FORMAT, engine, proof};

/// The name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(super) String);

/// The names of the entries for the code of units of one batch, which look at the same instances.
/// They are computed when the first is asked for: who finds a pack needs none of them.
pub(crate) struct Keys {
    compiler: Arc<Compiler>,
    units: Vec<Unit>,
    /// What each instance is by itself.
    own: BTreeMap<InstanceId, blake3::Hash>,
    each: OnceLock<Vec<Key>>,
}

/// The name of one of them.
#[derive(Clone)]
pub(crate) struct BatchKey {
    pub(super) keys: Arc<Keys>,
    pub(super) position: usize,
}

impl BatchKey {
    /// The name.
    pub(crate) fn get(&self) -> &Key {
        self.keys.get(self.position)
    }
}

impl Keys {
    /// Those of `units`, in their order.
    pub(crate) fn new(compiler: &Arc<Compiler>, units: &[Unit]) -> Arc<Keys> {
        let looked_at = units.first().filter(|_| compiler.is_inlining());
        let looked_at = looked_at.into_iter().flat_map(|unit| unit.definitions().iter());
        let mut own: BTreeMap<_, _> =
            looked_at.map(|instance| (instance.id, own_hash(instance))).collect();
        for instance in units.iter().map(Unit::instance) {
            own.entry(instance.id).or_insert_with(|| own_hash(instance));
        }
        let (compiler, units) = (Arc::clone(compiler), units.to_vec());
        Arc::new(Keys { compiler, units, own, each: OnceLock::new() })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.units.len()
    }

    /// Each of them.
    pub(crate) fn each(self: &Arc<Self>) -> impl Iterator<Item = BatchKey> {
        let keys = Arc::clone(self);
        (0..self.len()).map(move |position| BatchKey { keys: Arc::clone(&keys), position })
    }

    pub(super) fn get(&self, position: usize) -> &Key {
        &self.each.get_or_init(|| self.compute())[position]
    }

    /// A hash of all that they depend on.
    pub(super) fn batch(&self, format: &[u8]) -> blake3::Hash {
        let mut hasher = self.hasher(format);
        self.units.iter().for_each(|unit| _ = hasher.update(&unit.instance().id.0.to_le_bytes()));
        for (id, own) in &self.own {
            hasher.update(&id.0.to_le_bytes()).update(own.as_bytes());
        }
        hasher.finalize()
    }

    /// Has taken what code depends on besides instances.
    fn hasher(&self, format: &[u8]) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new();
        let parts = [format, engine().as_bytes(), self.compiler.fingerprint().as_bytes()];
        parts.into_iter().for_each(|part| add(&mut hasher, part));
        hasher
    }

    fn compute(&self) -> Vec<Key> {
        let hashes = self.with_definers();
        let key = |unit: &Unit| {
            let id = unit.instance().id;
            let mut hasher = self.hasher(FORMAT);
            add(&mut hasher, hashes.get(&id).unwrap_or(&self.own[&id]).as_bytes());
            Key(hasher.finalize().to_hex().to_string())
        };
        self.units.iter().map(key).collect()
    }

    /// What the instances that are looked at are, together with all that may be inlined into them.
    fn with_definers(&self) -> BTreeMap<InstanceId, blake3::Hash> {
        let first = self.units.first().filter(|_| self.compiler.is_inlining());
        let Some(definitions) = first.map(Unit::definitions) else { return BTreeMap::new() };
        let definers = definitions.iter().map(|instance| {
            let definers = definitions.definers(instance);
            (instance.id, definers.into_keys().collect::<Vec<_>>())
        });
        let definers: Vec<(InstanceId, Vec<InstanceId>)> = definers.collect();
        let mut hashes = self.own.clone();
        for _ in 0..DEFINERS_DEPTH {
            let with_definers = definers.iter().map(|(id, definers)| {
                let mut hasher = blake3::Hasher::new();
                let own = std::iter::once(&self.own[id]);
                let parts = own.chain(definers.iter().map(|id| &hashes[id]));
                parts.for_each(|part| _ = hasher.update(part.as_bytes()));
                (*id, hasher.finalize())
            });
            hashes = with_definers.collect();
        }
        hashes
    }
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
    let Instance {
        id,
        name: _,
        module: _,
        types,
        imported_functions,
        first_func,
        tables,
        memories,
        globals,
        tags,
    } = instance;
    let mut bytes = Vec::with_capacity(8 * imported_functions.len() + 16 * globals.len());
    let mut number = |number: u32| bytes.extend_from_slice(&number.to_le_bytes());
    number(id.0);
    let functions_len = imported_functions.len();
    for list in [types.len(), functions_len, tables.len(), memories.len(), tags.len()] {
        number(list as u32);
    }
    number(first_func.0);
    types.iter().for_each(|ty| number(ty.0));
    for callee in imported_functions {
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

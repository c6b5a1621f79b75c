//! What a compiler looks at to compile the functions of one instance.

use std::sync::Arc;

use crate::translate::inline::DEPTH_MAX;
use crate::vm::Process;
use crate::vm::instance::{Definitions, Instance, InstanceId};

/// How many steps away from an instance, from who imports a function to who defines it, those are
/// that its code depends on: what is inlined, and what that calls and is looked at.
pub const DEFINERS_DEPTH: usize = DEPTH_MAX + 1;

/// A bound instance, with those whose functions may become part of its own.
#[derive(Clone, Debug)]
pub struct Unit {
    instance: Arc<Instance>,
    definitions: Arc<Definitions>,
}

impl Unit {
    /// A bound instance of a process.
    #[must_use]
    pub fn new(process: &Process, id: InstanceId) -> Self {
        let mut units = Unit::batch(process, &[id]);
        units.pop().expect("one was asked for")
    }

    /// Bound instances of a process, which share what there is to look at: that is found once for all
    /// of them, however many they are.
    #[must_use]
    pub fn batch(process: &Process, ids: &[InstanceId]) -> Vec<Self> {
        let instances = ids.iter().map(|id| Arc::clone(process.instance(*id)));
        let instances: Vec<_> = instances.collect();
        let definitions = Arc::new(process.definitions(&instances, DEFINERS_DEPTH));
        let unit = |instance| Unit { instance, definitions: Arc::clone(&definitions) };
        instances.into_iter().map(unit).collect()
    }

    /// An instance without a process: good for compiling, not for running.
    #[must_use]
    pub fn alone(instance: Instance) -> Self {
        let instance = Arc::new(instance);
        let definitions = Arc::new(Definitions::from_iter([Arc::clone(&instance)]));
        Unit { instance, definitions }
    }

    /// The instance whose functions are compiled.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// The instances whose functions the code may depend on, and perhaps others.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }
}

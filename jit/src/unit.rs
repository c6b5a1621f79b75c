//! What a compiler looks at to compile the functions of one instance.

use std::sync::Arc;

use crate::translate::inline::DEPTH_MAX;
use crate::vm::Process;
use crate::vm::instance::{Definitions, Instance, InstanceId};

/// A bound instance, with those whose functions may become part of its own.
#[derive(Clone, Debug)]
pub struct Unit {
    instance: Arc<Instance>,
    definitions: Definitions,
}

impl Unit {
    /// A bound instance of a process.
    #[must_use]
    pub fn new(process: &Process, id: InstanceId) -> Self {
        let instance = Arc::clone(process.instance(id));
        Unit { definitions: process.definitions(&instance, DEPTH_MAX), instance }
    }

    /// An instance without a process: good for compiling, not for running.
    #[must_use]
    pub fn alone(instance: Instance) -> Self {
        let instance = Arc::new(instance);
        Unit { definitions: Definitions::from_iter([Arc::clone(&instance)]), instance }
    }

    /// The instance whose functions are compiled.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }
}

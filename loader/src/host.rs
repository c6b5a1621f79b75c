//! Functions of the host.

use std::collections::HashMap;

use dynvm_vm::context::FuncId;
use dynvm_vm::types::FuncType;
use dynvm_vm::{Error, HostFunction, Process};

/// What the host defines, by module and field. A function gets its place in the process when a
/// dso first binds to it.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    functions: HashMap<String, HashMap<String, Host>>,
}

#[derive(Debug)]
struct Host {
    function: HostFunction,
    func: Option<FuncId>,
}

impl Hosts {
    /// Adds a function; a later one of the same name wins.
    pub(crate) fn add(&mut self, module: String, field: String, function: HostFunction) {
        let host = Host { function, func: None };
        self.functions.entry(module).or_default().insert(field, host);
    }

    /// Whether the host has functions under this module name.
    pub(crate) fn defines(&self, module: &str) -> bool {
        self.functions.contains_key(module)
    }

    /// Type of a function.
    pub(crate) fn func_type(&self, module: &str, field: &str) -> Option<&FuncType> {
        Some(&self.functions.get(module)?.get(field)?.function.ty)
    }

    /// The functions that have their place in the process: module, field, type, place.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&str, &str, &FuncType, FuncId)> {
        self.functions.iter().flat_map(|(module, fields)| {
            fields.iter().filter_map(move |(field, host)| {
                Some((module.as_str(), field.as_str(), &host.function.ty, host.func?))
            })
        })
    }

    /// What a function does, for a call of the host's own.
    pub(crate) fn function(&self, module: &str, field: &str) -> Option<HostFunction> {
        Some(self.functions.get(module)?.get(field)?.function.clone())
    }

    /// A function, now with its place in the process.
    pub(crate) fn func(
        &mut self,
        process: &mut Process,
        module: &str,
        field: &str,
    ) -> Result<Option<FuncId>, Error> {
        let found = self.functions.get_mut(module).and_then(|fields| fields.get_mut(field));
        let Some(host) = found else { return Ok(None) };
        if host.func.is_none() {
            host.func = Some(process.add_host_function(host.function.clone())?);
        }
        Ok(host.func)
    }
}

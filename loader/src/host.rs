//! Functions of the host.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use dynvm_vm::context::FuncId;
use dynvm_vm::types::FuncType;
use dynvm_vm::{Error, HostFunction, Process};

/// A module of the host's whose functions are made one by one, when somebody imports them: the
/// function of this name, if there is one.
pub type HostModule = Arc<dyn Fn(&str) -> Option<HostFunction> + Send + Sync>;

/// Makes all functions of a module of the loader's own: name, function.
type Family = Box<dyn FnOnce() -> Vec<(&'static str, HostFunction)> + Send>;

/// What the host defines, by module and field. A function gets its place in the process when a
/// dso first binds to it.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    modules: HashMap<String, Module>,
}

#[derive(Default)]
struct Module {
    functions: HashMap<String, Host>,
    /// Who makes functions that nobody has asked for yet.
    source: Option<HostModule>,
    /// Functions that are made, all of them, when the first one is asked for: most programs know no
    /// more than one of the families. They stand back behind the others.
    families: Vec<Family>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("functions", &self.functions).finish_non_exhaustive()
    }
}

impl Module {
    fn get(&mut self, field: &str) -> Option<&mut Host> {
        if !self.functions.contains_key(field) {
            let made = self.source.as_ref().and_then(|source| source(field));
            if let Some(function) = made {
                self.functions.insert(field.to_owned(), Host { function, func: None });
            }
            for family in self.families.drain(..) {
                for (name, function) in family() {
                    let host = Host { function, func: None };
                    self.functions.entry(name.to_owned()).or_insert(host);
                }
            }
        }
        self.functions.get_mut(field)
    }
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
        self.modules.entry(module).or_default().functions.insert(field, host);
    }

    /// Adds a module, behind the functions that were added one by one; a later one of the same name
    /// wins.
    pub(crate) fn add_module(&mut self, module: String, source: HostModule) {
        self.modules.entry(module).or_default().source = Some(source);
    }

    /// Adds functions of the loader's own: what the embedder gave under their names is meant to be
    /// used.
    pub(crate) fn add_family(
        &mut self,
        module: &str,
        family: impl FnOnce() -> Vec<(&'static str, HostFunction)> + Send + 'static,
    ) {
        self.modules.entry(module.to_owned()).or_default().families.push(Box::new(family));
    }

    /// Whether the host has functions under this module name.
    pub(crate) fn defines(&self, module: &str) -> bool {
        self.modules.contains_key(module)
    }

    /// Type of a function.
    pub(crate) fn func_type(&mut self, module: &str, field: &str) -> Option<&FuncType> {
        Some(&self.modules.get_mut(module)?.get(field)?.function.ty)
    }

    /// The functions that have their place in the process: module, field, type, place.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&str, &str, &FuncType, FuncId)> {
        self.modules.iter().flat_map(|(module, fields)| {
            fields.functions.iter().filter_map(move |(field, host)| {
                Some((module.as_str(), field.as_str(), &host.function.ty, host.func?))
            })
        })
    }

    /// What a function does, for a call of the host's own.
    pub(crate) fn function(&mut self, module: &str, field: &str) -> Option<HostFunction> {
        Some(self.modules.get_mut(module)?.get(field)?.function.clone())
    }

    /// A function, now with its place in the process.
    pub(crate) fn func(
        &mut self,
        process: &mut Process,
        module: &str,
        field: &str,
    ) -> Result<Option<FuncId>, Error> {
        let found = self.modules.get_mut(module).and_then(|module| module.get(field));
        let Some(host) = found else { return Ok(None) };
        if host.func.is_none() {
            host.func = Some(process.add_host_function(host.function.clone())?);
        }
        Ok(host.func)
    }
}

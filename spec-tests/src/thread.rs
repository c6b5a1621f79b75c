//! The threads of a script: each has a process of its own, and of the others no more than the
//! memories that are shared with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

use dynvm_vm::instance::Extern;
use dynvm_vm::module::{Entity, EntityType, Export, Import, Module};
use dynvm_vm::types::MemoryIndex;
use dynvm_vm::{Placement, SharedMemory};
use wast::{WastDirective, WastThread};

use crate::linker::Linker;
use crate::script::{Report, Script, text};

/// The threads that run beside a script, by name.
pub(crate) struct Threads<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    running: HashMap<String, ScopedJoinHandle<'scope, Report>>,
}

impl<'scope, 'env> Threads<'scope, 'env> {
    /// None yet.
    pub(crate) fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Threads { scope, running: HashMap::new() }
    }

    /// Starts a thread that has the shared memories of one module of `linker`.
    pub(crate) fn start(
        &mut self,
        script: Script<'env>,
        linker: &Linker,
        thread: WastThread<'env>,
    ) -> Result<(), String> {
        let name = thread.name.name().to_owned();
        let shared = match thread.shared_module {
            Some(id) => Some((id.name().to_owned(), linker.share(text(Some(id)))?)),
            None => None,
        };
        let directives = thread.directives;
        let run = move || run(script, shared, directives);
        self.running.insert(name, self.scope.spawn(run));
        Ok(())
    }

    /// Waits for the end of a thread and counts its commands with those of the script.
    pub(crate) fn wait(&mut self, name: &str, report: &mut Report) -> Result<(), String> {
        let running = self.running.remove(name);
        join(running.ok_or_else(|| format!("no thread `{name}`"))?, report)
    }

    /// Waits for all that are left.
    pub(crate) fn wait_all(&mut self, report: &mut Report) -> Result<(), String> {
        self.running.drain().try_for_each(|(_, running)| join(running, report))
    }
}

fn join(running: ScopedJoinHandle<'_, Report>, report: &mut Report) -> Result<(), String> {
    let done = running.join().map_err(|_| "the thread panicked".to_owned())?;
    report.passed += done.passed;
    report.failures.extend(done.failures);
    Ok(())
}

fn run(
    script: Script<'_>,
    shared: Option<(String, Vec<(String, SharedMemory)>)>,
    directives: Vec<WastDirective<'_>>,
) -> Report {
    let mut report = Report::default();
    let ran = Linker::new(script.options).and_then(|mut linker| {
        if let Some((id, memories)) = shared {
            linker.adopt(&id, memories)?;
        }
        script.run(&mut linker, directives, &mut report)
    });
    report.failures.extend(ran.err().map(|message| format!("{}: {message}", script.file)));
    report
}

impl Linker {
    /// What other threads may have of an instance: the shared memories that it exports.
    fn share(&self, id: Option<&str>) -> Result<Vec<(String, SharedMemory)>, String> {
        let instance = self.process.instance(self.find(id)?);
        let exports = instance.module.exports.iter().filter_map(|export| {
            let Entity::Memory(memory) = export.entity else { return None };
            let memory = self.process.share_memory(instance.memories[memory.index()].id)?;
            Some((export.name.to_string(), memory))
        });
        Ok(exports.collect())
    }

    /// An instance called `id` that exports memories of another thread, and nothing else.
    fn adopt(&mut self, id: &str, memories: Vec<(String, SharedMemory)>) -> Result<(), String> {
        let mut module = Module::default();
        let mut imports = Vec::new();
        for (position, (field, memory)) in memories.into_iter().enumerate() {
            let ty = memory.ty();
            module.memories.push(ty);
            module.imported_memories += 1;
            let entity = Entity::Memory(MemoryIndex(position as u32));
            module.exports.push(Export { name: field.as_str().into(), entity });
            let ty = EntityType::Memory(ty);
            module.imports.push(Import { module: id.into(), field: field.as_str().into(), ty });
            let given =
                self.process.add_shared_memory(&memory).map_err(|error| error.to_string())?;
            imports.push(Extern::Memory(given));
        }
        let instance = self.process.declare(id, Arc::new(module), Placement::Private);
        let instance = instance.map_err(|error| error.to_string())?;
        self.process.bind(instance, &imports).map_err(|error| error.to_string())?;
        self.named.insert(id.to_owned(), instance);
        Ok(())
    }
}

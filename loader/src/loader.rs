//! The loader as its users see it: one process, what is loaded into it, and ways to run it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use dynvm_jit::{CompileTime, Compiler, LazyCompiler, Settings};
use dynvm_vm::value::Value;
use dynvm_vm::{CodeListener, Config, HostFunction, Process, Stop};

use crate::cache::Cache;
use crate::close;
use crate::compile;
use crate::dialect;
use crate::dlfcn::{self, Flags};
use crate::dso::DsoId;
use crate::dwarf::{Location, SourceLines};
use crate::error::LoadError;
use crate::exit;
use crate::host::{HostModule, Hosts};
use crate::init;
use crate::link_map::LinkMap;
use crate::linker::{Linker, Statistics, lock};
use crate::open;
use crate::run;
use crate::search::{GuestFiles, Search};
use crate::unbound::FirstCalls;

/// What a loader is made with.
#[derive(Clone)]
pub struct Options {
    /// Directories of the host's that are searched first, in order.
    pub library_dirs: Vec<PathBuf>,
    /// Libraries loaded right after the main program, before what it needs.
    pub preload: Vec<PathBuf>,
    /// Bytes of the guest's stack in its memory.
    pub stack_size_bytes: u64,
    /// Whether functions that nobody defines are looked for when they are called, instead of failing
    /// the load.
    pub is_lazy: bool,
    /// The guest's view of the file system; `None` grants nothing.
    pub guest_files: Option<Arc<dyn GuestFiles>>,
    /// What the host defines: module, field, function.
    pub host_functions: Vec<(String, String, HostFunction)>,
    /// What else the host defines, in modules whose functions are made when they are imported: name
    /// of the module, module.
    pub host_modules: Vec<(String, HostModule)>,
    /// The other modules of a flat program: the main program and these have no linking sections,
    /// share one memory, and find each other's exports in `env`. `None` for any other program.
    pub flat: Option<Vec<PathBuf>>,
    /// Limits of the process.
    pub config: Config,
    /// How code is compiled.
    pub compiler: Settings,
    /// When functions are compiled.
    pub compile: CompileTime,
    /// Who watches what is compiled before the start.
    pub progress: Option<compile::Progress>,
    /// Where compiled code is kept for the next time; `None` keeps nothing.
    pub cache: Option<Cache>,
    /// Who hears where code is placed.
    pub code_listener: Option<Arc<dyn CodeListener>>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            library_dirs: Vec::new(),
            preload: Vec::new(),
            stack_size_bytes: 8 << 20,
            is_lazy: false,
            guest_files: None,
            host_functions: Vec::new(),
            host_modules: Vec::new(),
            flat: None,
            config: Config::default(),
            compiler: Settings::default(),
            compile: CompileTime::default(),
            progress: None,
            cache: None,
            code_listener: None,
        }
    }
}

/// What `dlopen` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(pub(crate) u32);

impl Handle {
    /// The whole program, as `dlsym(RTLD_DEFAULT, …)` searches it.
    pub const DEFAULT: Handle = Handle(0);

    /// What the guest has for it: the pointer that `dlopen` gives.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A process and all that is loaded into it.
pub struct Loader {
    process: Process,
    linker: Arc<Mutex<Linker>>,
    preload: Vec<PathBuf>,
    /// Dsos of start-up whose constructors have not run yet, in order.
    pending: Vec<DsoId>,
    source_lines: SourceLines,
}

impl Loader {
    /// A process with nothing in it.
    ///
    /// # Errors
    /// If the compiler does not know the processor, or address space cannot be had.
    pub fn new(options: Options) -> Result<Loader, LoadError> {
        let compiler = Compiler::new(&options.compiler).map_err(|source| LoadError::Compile {
            dso: "the process".to_owned(),
            source: Box::new(source),
        })?;
        let compiler = Arc::new(compiler);
        let stubs = Arc::<Compiler>::clone(&compiler);
        let mut process = Process::new(&options.config, stubs)
            .map_err(|source| LoadError::Vm { dso: "the process".to_owned(), source })?;
        if let Some(listener) = options.code_listener {
            process.set_code_listener(listener);
        }
        let lazy = match options.compile {
            CompileTime::Eager => None,
            CompileTime::Lazy(tiers) => {
                let threads = || std::thread::available_parallelism().map_or(1, usize::from) - 1;
                let lazy = LazyCompiler::new(Arc::clone(&compiler), tiers, threads);
                if options.cache.is_some() {
                    lazy.keep();
                }
                Some(Arc::new(lazy))
            }
        };
        let mut hosts = Hosts::default();
        for (module, field, function) in options.host_functions {
            hosts.add(module, field, function);
        }
        for (module, source) in options.host_modules {
            hosts.add_module(module, source);
        }
        let search = Search {
            library_dirs: options.library_dirs,
            main_dir: None,
            guest_files: options.guest_files,
        };
        let linker = Arc::new(Mutex::new(Linker {
            map: LinkMap::default(),
            global: crate::scope::Scope::default(),
            search,
            space: crate::layout::Space::default(),
            slots: crate::got::FunctionSlots::default(),
            hosts,
            unbound: crate::unbound::Unbound::default(),
            tags: std::collections::HashMap::new(),
            compiler,
            lazy: lazy.clone(),
            keys: std::collections::HashMap::new(),
            start_pack: None,
            progress: options.progress,
            cache: options.cache,
            kept: crate::kept::KeptModules::default(),
            dl: dlfcn::DlState::default(),
            dialects: dialect::State { flat: options.flat, ..dialect::State::default() },
            destructors: exit::Destructors::default(),
            statistics: Statistics::default(),
            stack_size_bytes: options.stack_size_bytes,
            is_lazy: options.is_lazy,
            own_wins: dlfcn::is_own,
            is_relocating: false,
            is_closing: false,
            stopped: Vec::new(),
        }));
        let weak = Arc::downgrade(&linker);
        lock(&linker).dialects.linker = weak.clone();
        process.set_resolver(Arc::new(FirstCalls { linker: Weak::clone(&weak), lazy }));
        let of = |functions: dialect::Functions| {
            let linker = Weak::clone(&weak);
            move || functions(&linker)
        };
        let add = |module, functions| lock(&linker).hosts.add_family(module, of(functions));
        add(dlfcn::MODULE, dlfcn::functions);
        add(dlfcn::MODULE, exit::functions);
        dialect::FUNCTIONS.into_iter().for_each(|(module, functions)| add(module, functions));
        Ok(Loader {
            process,
            linker,
            preload: options.preload,
            pending: Vec::new(),
            source_lines: SourceLines::default(),
        })
    }

    /// Loads the main program at `path`, the preloads, and all that they need. None of its own
    /// functions has run when this returns, but those that relocate its data.
    ///
    /// # Errors
    /// If anything is missing or wrong, in which case nothing is loaded.
    pub fn open_main(&mut self, path: &Path) -> Result<(), LoadError> {
        let opened = open::open_main(&self.linker, &mut self.process, path, &self.preload)?;
        self.pending = opened.order;
        Ok(())
    }

    /// Runs the constructors, then the main program: `_start`, else `main` with `args` (its own
    /// name first), else nothing more. Returns when the program does.
    ///
    /// # Errors
    /// If the program has no entry point; else how it ended, if not by returning zero.
    pub fn run(&mut self, args: &[String]) -> Result<(), LoadError> {
        let program = {
            let mut linker = lock(&self.linker);
            linker.dl.program = args.first().cloned().unwrap_or_default();
            let main = linker.map.main().ok_or(LoadError::NoMain)?;
            run::check_entry_point(main)?;
            main.name.to_string()
        };
        let outcome = self.construct();
        let outcome = outcome.and_then(|()| run::main(&self.linker, &mut self.process, args));
        let outcome =
            outcome.and_then(|()| exit::run_without_libc(&self.linker, &mut self.process));
        let outcome = outcome.map_err(|stop| self.explain(stop));
        outcome.map_err(|stop| LoadError::Stopped { dso: program, during: "its run", stop })
    }

    /// Runs the constructors, then the function that the main program exports as `name`, with
    /// arguments read as values of its parameters' types.
    ///
    /// # Errors
    /// If there is no such function, the arguments do not fit, or the function does not return.
    pub fn invoke(&mut self, name: &str, args: &[String]) -> Result<Vec<Value>, LoadError> {
        let (program, func, values) = {
            let linker = lock(&self.linker);
            let main = linker.map.main().ok_or(LoadError::NoMain)?;
            let (func, values) = run::invocation(main, &self.process, name, args)?;
            (main.name.to_string(), func, values)
        };
        let stopped = |during| move |stop| LoadError::Stopped { dso: program, during, stop };
        let constructed = self.construct().map_err(|stop| self.explain(stop));
        constructed.map_err(stopped.clone()("its constructors"))?;
        let called = self.process.call(func, &values).map_err(|stop| self.explain(stop));
        self.abandon_stopped(called.as_ref().err());
        called.map_err(stopped("the call"))
    }

    /// What was opened and whose constructors stopped goes, whoever has opened it: it was given no
    /// handle of. `stop` is how.
    fn abandon_stopped(&mut self, stop: Option<&Stop>) {
        let stopped = std::mem::take(&mut lock(&self.linker).stopped);
        if stopped.is_empty() {
            return;
        }
        if let Some(stop) = stop {
            self.note_lines(stop);
        }
        for (root, unpin) in stopped {
            close::abandon(&mut lock(&self.linker), &mut self.process, root, unpin);
        }
    }

    fn construct(&mut self) -> Result<(), Stop> {
        let pending = std::mem::take(&mut self.pending);
        init::run(&self.linker, &mut self.process, &pending)?;
        lock(&self.linker).destructors.is_started = true;
        Ok(())
    }

    /// Opens a library at a path of the host's, as `dlopen` does for the guest.
    ///
    /// # Errors
    /// If it cannot be loaded, or one of its constructors stops: in either case nothing is loaded
    /// that was not before, unless guest code has a handle of it. After a constructor none of the
    /// destructors runs.
    pub fn open(&mut self, path: &Path, flags: Flags) -> Result<Handle, LoadError> {
        // Of calls that the embedder made by itself.
        self.abandon_stopped(None);
        let opened = open::open_path(&self.linker, &mut self.process, path, flags)?;
        match dlfcn::finish(&self.linker, &mut self.process, opened, flags) {
            Ok(id) => Ok(Handle(dlfcn::handle(id))),
            Err(stop) => {
                let stop = self.explain(stop);
                self.abandon_stopped(Some(&stop));
                let dso = path.display().to_string();
                Err(LoadError::Stopped { dso, during: "its constructors", stop })
            }
        }
    }

    /// Address of a symbol, as `dlsym` gives it: of a function its index in the process table.
    ///
    /// # Errors
    /// If the handle is not one, or nothing that it reaches defines the symbol.
    pub fn symbol(&mut self, handle: Handle, name: &str) -> Result<u32, LoadError> {
        dlfcn::symbol(&mut lock(&self.linker), &mut self.process, handle.0, name)
    }

    /// Gives a handle back, as `dlclose` does for the guest.
    ///
    /// # Errors
    /// If it is not a handle, or was closed as often as it was opened, or a destructor stops.
    pub fn close(&mut self, handle: Handle) -> Result<(), LoadError> {
        self.abandon_stopped(None);
        dlfcn::release_handle(&mut lock(&self.linker), handle.0)?;
        let closed = close::unload_unused(&self.linker, &mut self.process);
        closed.map_err(|(dso, stop)| {
            let stop = self.explain(stop);
            LoadError::Stopped { dso, during: "its destructors", stop }
        })
    }

    /// Linker and process, for a phase that is run on its own.
    pub(crate) fn parts(&mut self) -> (&Mutex<Linker>, &mut Process) {
        (&self.linker, &mut self.process)
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to change.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Looks at what is loaded.
    pub fn with_link_map<R>(&self, look: impl FnOnce(&LinkMap) -> R) -> R {
        look(&lock(&self.linker).map)
    }

    /// What loading has cost so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let linker = lock(&self.linker);
        let lazy = linker.lazy.as_ref().map(|lazy| lazy.statistics()).unwrap_or_default();
        Statistics { lazy, ..linker.statistics.clone() }
    }

    /// The line of source at an offset in the file of a dso, if it has debug information.
    pub fn source_line(&mut self, dso: &str, wasm_offset: u32) -> Option<Location> {
        let module = {
            let linker = lock(&self.linker);
            let id = linker.map.by_name(dso);
            id.map(|id| Arc::clone(&linker.map.dso(id).module))
        };
        self.source_lines.find(dso, module.as_ref(), wasm_offset)
    }

    /// Reads the debug information of the functions of a backtrace, before their dsos go.
    fn note_lines(&mut self, stop: &Stop) {
        let Stop::Trap(trap) = stop else { return };
        for frame in &trap.backtrace {
            let _ = self.source_line(&frame.dso, frame.wasm_offset);
        }
    }
}

impl Loader {
    /// What dropping it does, but that all address space stays as it is: for who ends the program
    /// next.
    pub fn leave(self) {
        compile::keep_compiled(&mut lock(&self.linker));
        std::mem::forget(self);
    }
}

impl Drop for Loader {
    /// What was compiled while the program ran is kept for the next time.
    fn drop(&mut self) {
        compile::keep_compiled(&mut lock(&self.linker));
    }
}

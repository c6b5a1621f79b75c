//! A program with its libraries and its world, loaded and ready to run.

use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynvm_jit::CompileTime;
use dynvm_loader::dso::{Dso, LoadBias};
use dynvm_loader::ldd::Listing;
use dynvm_loader::{
    Cache, FileIdentity, Flags, GuestFile, GuestFiles, Handle, HostModule, LoadError, Loader,
    Progress,
};
use dynvm_vm::value::Value;
use dynvm_vm::{Config, HeapStats, Interrupter, Stop, Trap};
use dynvm_wasi::Wasi;

use crate::error::Error;
use crate::profile::Profile;

/// What to load with, and what the guest may see.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Directories of the host that are searched for libraries before all others.
    pub library_dirs: Vec<PathBuf>,
    /// Libraries that come right behind the program in the search for symbols.
    pub preloads: Vec<PathBuf>,
    /// Most bytes that the guest's memory can have; `None` is what 32-bit addresses reach.
    pub memory_bytes_max: Option<u64>,
    /// Bytes of stack; `None` is 8 MiB. A guest has two of them: one for what its code keeps in
    /// registers and locals, one in its memory for what it takes the address of.
    pub stack_size_bytes: Option<u64>,
    /// The other modules of a flat program, whose modules have no linking sections: they share one
    /// memory and find each other's exports, the first ones first. `None` for any other program.
    pub flat: Option<Vec<PathBuf>>,
    /// Most bytes of objects on the garbage-collected heap; `None` is 3 GiB, which is also the most.
    pub heap_bytes_max: Option<u64>,
    /// Whether every allocation collects garbage and moves all objects.
    pub is_heap_stressed: bool,
    /// Whether functions that nobody defines are looked for when they are called, instead of failing
    /// the load.
    pub is_lazy: bool,
    /// Whether every NaN that arithmetic gives has the same bits on every processor.
    pub is_nan_canonical: bool,
    /// When functions are compiled.
    pub compile: CompileTime,
    /// Who watches what is compiled before the start.
    pub progress: Option<Progress>,
    /// Whether every call stays a call; otherwise small functions become part of their callers.
    pub is_inlining_off: bool,
    /// Where compiled code is kept for the next time; `None` keeps nothing.
    pub cache: Option<Cache>,
    /// Which file is written for `perf`, if one is.
    pub profile: Option<Profile>,
    /// How long the guest may run, loading included. Then it ends with `TrapCode::Interrupted`, but
    /// for a host function that it waits in.
    pub time_limit: Option<Duration>,
    /// Arguments, environment, standard streams and directories.
    pub wasi: dynvm_wasi::Builder,
}

impl Options {
    /// The same for the static linker, which gives the program no host: whatever it imports from
    /// modules that are no libraries stays an import.
    ///
    /// # Errors
    /// If the guest's world cannot be made, whose directories are searched for libraries.
    pub fn linker(&self) -> Result<dynvm_loader::Options, Error> {
        Ok(dynvm_loader::Options { host_modules: Vec::new(), cache: None, ..self.loader()? })
    }

    /// The same for the loader.
    fn loader(&self) -> Result<dynvm_loader::Options, Error> {
        let wasi = Arc::new(self.wasi.build()?);
        let module = |name: &'static str| {
            let wasi = Arc::clone(&wasi);
            let module: HostModule = Arc::new(move |field| wasi.function(name, field));
            (name.to_owned(), module)
        };
        let mut options = dynvm_loader::Options {
            library_dirs: self.library_dirs.clone(),
            preload: self.preloads.clone(),
            is_lazy: self.is_lazy,
            flat: self.flat.clone(),
            host_modules: Wasi::modules().map(module).into(),
            guest_files: Some(Arc::new(View(wasi))),
            cache: self.cache.clone(),
            compile: self.compile,
            progress: self.progress.clone(),
            ..dynvm_loader::Options::default()
        };
        options.compiler.is_nan_canonical = self.is_nan_canonical;
        options.compiler.is_inlining = !self.is_inlining_off;
        let Config { memory_bytes_max, stack_size_bytes, heap_bytes_max, is_heap_stressed, .. } =
            &mut options.config;
        *heap_bytes_max = self.heap_bytes_max.unwrap_or(*heap_bytes_max);
        *is_heap_stressed = self.is_heap_stressed;
        *memory_bytes_max = self.memory_bytes_max.unwrap_or(*memory_bytes_max);
        if let Some(bytes) = self.stack_size_bytes {
            options.stack_size_bytes = bytes;
            *stack_size_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        Ok(options)
    }
}

/// How long a guest that is inside a host function is left alone between two signals.
const REMIND_INTERVAL: Duration = Duration::from_millis(10);

/// Interrupts the guest when its time is over.
fn interrupt_after(limit: Duration, interrupter: &Interrupter) {
    std::thread::sleep(limit);
    interrupter.interrupt();
    while interrupter.is_pending() {
        std::thread::sleep(REMIND_INTERVAL);
        interrupter.remind();
    }
}

/// The files that the guest was granted, as the dynamic linker asks for them.
struct View(Arc<Wasi>);

impl GuestFiles for View {
    fn open(&self, guest_path: &str) -> io::Result<GuestFile> {
        let file = self.0.open_file(guest_path)?;
        let identity = FileIdentity { device: file.device, inode: file.inode };
        Ok(GuestFile { bytes: file.bytes, identity, path: file.path.into() })
    }

    fn is_granted(&self, guest_path: &str) -> bool {
        self.0.is_granted(guest_path)
    }
}

/// A program with all its libraries in one process.
pub struct Runtime {
    loader: Loader,
    is_profiled: bool,
    arguments: Vec<String>,
    /// How long the guest ran, loading not included.
    ran: Duration,
}

/// The main program or a library that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its file name.
    pub name: String,
    /// Where it was found.
    pub path: PathBuf,
    /// Where its data and its functions are.
    pub bias: LoadBias,
    /// How often it was opened by name and not closed.
    pub handles: u32,
}

impl Runtime {
    /// Loads the program at `path`, a path of the host's, and all that it needs. Nothing of it has
    /// run when this returns, but what relocates its data.
    ///
    /// # Errors
    /// If anything is missing or wrong.
    pub fn open(path: &Path, options: &Options) -> Result<Runtime, Error> {
        let mut loader_options = options.loader()?;
        if let Some(profile) = options.profile {
            let writer = profile.start();
            let writer =
                writer.map_err(|source| Error::Profile { path: profile.path(), source })?;
            loader_options.code_listener = Some(Arc::new(writer));
        }
        let mut loader = Loader::new(loader_options)?;
        if let Some(limit) = options.time_limit {
            let interrupter = loader.process().interrupter();
            std::thread::spawn(move || interrupt_after(limit, &interrupter));
        }
        loader.open_main(path)?;
        let arguments = options.wasi.arguments().to_vec();
        let is_profiled = options.profile.is_some();
        Ok(Runtime { loader, is_profiled, arguments, ran: Duration::ZERO })
    }

    /// Runs the program to its end and gives its exit status.
    ///
    /// # Errors
    /// If it traps, or has no entry point.
    pub fn run(&mut self) -> Result<u32, Error> {
        let started = Instant::now();
        let outcome = self.loader.run(&self.arguments);
        self.ran += started.elapsed();
        match outcome {
            Ok(()) => Ok(0),
            Err(LoadError::Stopped { stop: Stop::Exit(status), .. }) => Ok(status),
            Err(LoadError::Stopped { stop, .. }) => Err(stop.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs the constructors, then the function that the program exports as `name`, with arguments
    /// read as values of its parameters' types.
    ///
    /// # Errors
    /// If there is no such function, the arguments do not fit, or it does not return.
    pub fn invoke(&mut self, name: &str, arguments: &[String]) -> Result<Vec<Value>, Error> {
        let started = Instant::now();
        let results = self.loader.invoke(name, arguments);
        self.ran += started.elapsed();
        results.map_err(|error| match error {
            LoadError::Stopped { stop, .. } => Error::Stop(stop),
            error => error.into(),
        })
    }

    /// Opens a library at a path of the host's, as `dlopen` does for the guest.
    ///
    /// # Errors
    /// If it cannot be loaded, in which case nothing is.
    pub fn open_library(&mut self, path: &Path, flags: Flags) -> Result<Handle, Error> {
        Ok(self.loader.open(path, flags)?)
    }

    /// Gives a handle back, as `dlclose` does for the guest. Of a library that nothing holds any longer
    /// the destructors run, and it is unloaded.
    ///
    /// # Errors
    /// If it is no handle, or was closed as often as it was opened, or a destructor does not return.
    pub fn close_library(&mut self, handle: Handle) -> Result<(), Error> {
        Ok(self.loader.close(handle)?)
    }

    /// All that is loaded, in load order: the main program first.
    #[must_use]
    pub fn libraries(&self) -> Vec<Library> {
        let library = |dso: &Dso| Library {
            name: dso.name.to_string(),
            path: dso.path.clone(),
            bias: dso.bias,
            handles: dso.opened,
        };
        self.loader.with_link_map(|map| map.iter().map(library).collect())
    }

    /// Address of a symbol, as `dlsym` gives it: of a function its index in the function table.
    ///
    /// # Errors
    /// If nothing defines it.
    pub fn symbol(&mut self, handle: Handle, name: &str) -> Result<u32, Error> {
        Ok(self.loader.symbol(handle, name)?)
    }

    /// What dropping it does, but that unmapping gigabytes of address space is left to the end of
    /// the program, which comes next.
    pub fn leave(self) {
        if self.is_profiled {
            // What was written of the profile is flushed.
            return drop(self);
        }
        self.loader.leave();
    }

    /// The dynamic linker, for all else.
    pub fn loader(&mut self) -> &mut Loader {
        &mut self.loader
    }

    /// A trap as text: why, and each function that was running, innermost first, with its place
    /// in source where the module has debug information.
    pub fn describe(&mut self, trap: &Trap) -> String {
        let mut text = format!("wasm trap: {}", trap.code.message());
        if let Some(detail) = &trap.detail {
            write!(text, ": {detail}").expect("a string takes all text");
        }
        let mut depth = 0;
        // Frames of a recursion that are all alike stand on one line.
        for alike in trap.backtrace.chunk_by(|one, next| one == next) {
            let frame = &alike[0];
            write!(text, "\n  #{depth} {frame}").expect("a string takes all text");
            if let Some(location) = self.loader.source_line(&frame.dso, frame.wasm_offset) {
                write!(text, " at {location}").expect("a string takes all text");
            }
            if alike.len() > 1 {
                write!(text, " ({} frames)", alike.len()).expect("a string takes all text");
            }
            depth += alike.len();
        }
        text
    }

    /// What loading and running have cost, phase by phase, as text.
    #[must_use]
    pub fn statistics(&self) -> impl fmt::Display {
        let statistics = self.loader.statistics();
        let heap = self.loader.process().heap_stats();
        let ran = self.ran;
        fmt::from_fn(move |f| {
            let dynvm_loader::Statistics {
                dsos,
                dsos_unloaded: _,
                bytes,
                functions,
                functions_cached,
                inlined,
                imports,
                code_bytes,
                read,
                validate,
                bind,
                compile,
                place,
                lazy,
            } = &statistics;
            write!(f, "{dsos} modules of {bytes} bytes: found and read in {read:.1?}, ")?;
            writeln!(f, "decoded and validated in {validate:.1?}")?;
            writeln!(f, "{imports} imports bound in {bind:.1?}")?;
            write!(f, "{functions} functions ({functions_cached} cached) of {code_bytes} bytes ")?;
            let inlined = inlined + lazy.inlined;
            write!(f, "compiled in {compile:.1?}, placed in {place:.1?}, {inlined} calls inlined")?;
            if lazy.deferred > 0 {
                let dynvm_jit::LazyStatistics { deferred, compiled, baseline, loops, .. } = lazy;
                let dynvm_jit::LazyStatistics { first_calls, waited, .. } = lazy;
                write!(f, "\n{deferred} functions deferred: {baseline} compiled at once, ")?;
                write!(f, "{compiled} optimized, {loops} loops while they ran; ")?;
                write!(f, "{first_calls} first calls waited {waited:.1?}")?;
            }
            if heap != HeapStats::default() {
                let HeapStats { collections, live_bytes, peak_bytes, handles, .. } = heap;
                let time = Duration::from_nanos(heap.collecting_ns);
                write!(f, "\n{collections} garbage collections in {time:.1?}: ")?;
                write!(f, "{live_bytes} bytes alive at the last, {peak_bytes} in use at most, ")?;
                write!(f, "{handles} references held by the host")?;
            }
            write!(f, "\nran for {ran:.1?}")?;
            match peak_memory_kib() {
                Some(kib) => write!(f, ", at most {:.1} MiB of memory used", kib as f64 / 1024.0),
                None => Ok(()),
            }
        })
    }
}

/// The most memory that this process has had at once, in KiB.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// What the program at `path` would load, and what is missing, without compiling anything.
///
/// # Errors
/// If the program or a library that was found cannot be read.
pub fn list(path: &Path, options: &Options) -> Result<Listing, Error> {
    let listing: Result<Listing, LoadError> = dynvm_loader::ldd::list(options.loader()?, path);
    Ok(listing?)
}

//! Why a load failed.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use dynvm_vm::Stop;
use dynvm_vm::types::{FuncType, GlobalType};

use crate::dylink::DylinkError;

/// Why a load, or something else asked of the loader, failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not a valid module.
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A module's linking section is malformed.
    Dylink {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DylinkError,
    },
    /// A name in `WASM_DYLINK_NEEDED` was found in no search directory.
    NeededNotFound {
        /// The name.
        needed: String,
        /// The dso that needs it.
        needed_by: String,
        /// Where it was looked for. A path is not searched for: this is empty if it was granted nowhere.
        searched: Vec<PathBuf>,
    },
    /// A library that was opened by name is nowhere.
    NotFound {
        /// The name.
        name: String,
        /// Where it was looked for. A path is not searched for: this is empty if it was granted nowhere.
        searched: Vec<PathBuf>,
    },
    /// Symbols that no dso defines.
    Undefined {
        /// All of them.
        symbols: Vec<UndefinedSymbol>,
        /// The one that is met first where dependencies are bound before dependents, and the path
        /// of the dso that asks for it, as the guest knows it.
        first: Box<(String, String)>,
    },
    /// A function is imported with another type than it is defined with.
    FunctionType(Box<Mismatch<FuncType>>),
    /// A global is imported with another type than it is defined with.
    GlobalType(Box<Mismatch<GlobalType>>),
    /// A tag is imported with another type than it is defined with.
    TagType(Box<Mismatch<FuncType>>),
    /// A memory or table is imported as another kind than it is.
    EntityType(Box<Mismatch<String>>),
    /// A symbol is imported as one thing and defined as another.
    SymbolKind(Box<Mismatch<&'static str>>),
    /// Globals, tables or tags that import each other in a circle.
    ImportCycle {
        /// The dsos of the circle.
        dsos: Vec<String>,
    },
    /// Both `__wasm_call_ctors` and `_initialize`.
    BothInitializers {
        /// The dso that exports both.
        dso: String,
    },
    /// A table index past 32 bits.
    TableTooLarge {
        /// The dso that asks for it.
        dso: String,
        /// Elements it would take.
        len: u64,
    },
    /// The runtime refused.
    Vm {
        /// The dso it was for.
        dso: String,
        /// What it said.
        source: dynvm_vm::Error,
    },
    /// The compiler failed.
    Compile {
        /// The dso it was compiling.
        dso: String,
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Guest code that runs as part of loading did not return.
    Stopped {
        /// Whose code.
        dso: String,
        /// What was being done.
        during: &'static str,
        /// How it ended.
        stop: Stop,
    },
    /// A load was asked for by guest code that runs as part of another load, before that one's
    /// constructors.
    Busy,
    /// No main program was opened.
    NoMain,
    /// A module of a dialect whose linking goes on while it runs cannot be linked for good.
    NeedsLoader {
        /// The module.
        dso: String,
    },
    /// A main program was opened before.
    SecondMain,
    /// `RTLD_NOLOAD` of what is not loaded.
    NotLoaded {
        /// The name.
        name: String,
    },
    /// A handle that `dlopen` did not give, or that was closed.
    InvalidHandle {
        /// The handle.
        handle: u64,
    },
    /// `dlsym` of what is not defined.
    SymbolNotFound {
        /// Its name.
        symbol: String,
        /// Where it was looked for.
        scope: String,
        /// The dso whose scope that is, as the guest knows it.
        asker: String,
    },
    /// A library that start-up loaded is closed more often than it was opened.
    NotOpen {
        /// Its path, as the guest knows it; empty for the main program.
        found_as: String,
    },
    /// `dlopen` with neither `RTLD_LAZY` nor `RTLD_NOW`.
    NoBindingFlag {
        /// The name of the library.
        name: String,
    },
    /// `dlopen` with flags that mean nothing.
    UnknownFlags {
        /// All that were given.
        flags: u32,
    },
    /// `dlinfo` of what it does not know.
    UnknownRequest {
        /// The request.
        request: u32,
    },
    /// A result is to be written where the guest has no memory.
    OutsideMemory {
        /// The address.
        address: u64,
    },
    /// A main program that is run has nothing to call.
    NoEntryPoint {
        /// The program.
        program: String,
    },
    /// `--invoke` of what is not an exported function.
    NoSuchFunction {
        /// Its name.
        function: String,
        /// The main program.
        program: String,
    },
    /// `--invoke` with the wrong number of arguments.
    ArgumentCount {
        /// The function.
        function: String,
        /// Its type.
        ty: FuncType,
        /// How many there were.
        found: usize,
    },
    /// `--invoke` with an argument that is no value of its type.
    Argument {
        /// The argument.
        argument: String,
        /// The type.
        expected: String,
    },
}

/// What an import says of a symbol, and what its definition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch<T> {
    /// Name of the symbol.
    pub symbol: String,
    /// What the importing dso expects.
    pub expected: T,
    /// The dso that imports it.
    pub needed_by: String,
    /// What the definition is.
    pub found: T,
    /// The dso that defines it, or `the host`.
    pub defined_by: String,
}

impl<T: fmt::Display + PartialEq> Mismatch<T> {
    fn write(&self, f: &mut fmt::Formatter<'_>, noun: &str, unit: &str) -> fmt::Result {
        let Mismatch { symbol, expected, needed_by, found, defined_by } = self;
        write!(f, "{noun} `{symbol}`: expected {unit}{expected} (needed by {needed_by}), ")?;
        write!(f, "found {found} (defined by {defined_by})")?;
        if expected == found {
            f.write_str("; they look alike, but are declared differently (`sub`, `rec`)")?;
        }
        Ok(())
    }
}

/// A symbol that no dso defines, and who needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndefinedSymbol {
    /// Its name.
    pub name: String,
    /// Which dsos need it, in load order.
    pub needed_by: Vec<String>,
    /// Whether it is a function of Emscripten's JavaScript, which no library defines.
    pub is_javascript: bool,
}

impl LoadError {
    /// How guest code ended the load, if that is what happened.
    #[must_use]
    pub fn stop(&self) -> Option<&Stop> {
        match self {
            LoadError::Stopped { stop, .. } => Some(stop),
            _ => None,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Read { path, source } => {
                write!(f, "cannot read `{}`: {}", path.display(), reason(source))
            }
            LoadError::Decode { path, source } => {
                write!(f, "cannot load `{}`: {source}", path.display())
            }
            LoadError::Dylink { path, source } => {
                write!(f, "cannot load `{}`: {source}", path.display())
            }
            LoadError::NeededNotFound { needed, needed_by, searched } => {
                write!(f, "cannot find `{needed}` (needed by {needed_by})")?;
                write_searched(f, needed, searched)
            }
            LoadError::NotFound { name, searched } => {
                write!(f, "cannot find `{}`", name.escape_debug())?;
                write_searched(f, name, searched)
            }
            LoadError::Undefined { symbols, .. } => write_undefined(f, symbols),
            LoadError::FunctionType(mismatch) => mismatch.write(f, "function", "type "),
            LoadError::GlobalType(mismatch) => mismatch.write(f, "global", "type "),
            LoadError::TagType(mismatch) => mismatch.write(f, "tag", "type "),
            LoadError::EntityType(mismatch) => mismatch.write(f, "import", ""),
            LoadError::SymbolKind(mismatch) => mismatch.write(f, "symbol", ""),
            LoadError::ImportCycle { dsos } => {
                write!(f, "imports of globals, tables or tags go in a circle: ")?;
                write_names(f, dsos)
            }
            LoadError::BothInitializers { dso } => write!(
                f,
                "`{dso}` exports both `__wasm_call_ctors` and `_initialize`, expected one of them"
            ),
            LoadError::TableTooLarge { dso, len } => {
                write!(f, "cannot place `{dso}`: a table of {len} elements is too large")
            }
            LoadError::Vm { dso, source } => write!(f, "cannot load `{dso}`: {source}"),
            LoadError::Compile { dso, source } => write!(f, "cannot compile `{dso}`: {source}"),
            LoadError::Stopped { dso, during, stop } => {
                write!(f, "`{dso}` failed during {during}: {stop}")
            }
            LoadError::Busy => f.write_str("cannot open a library while another is relocated"),
            LoadError::NoMain => f.write_str("no main program was opened"),
            LoadError::SecondMain => f.write_str("a main program was opened before"),
            LoadError::NeedsLoader { dso } => {
                write!(f, "`{dso}` is a `dyninfo` module, which only a loader can link: run it")
            }
            LoadError::NotLoaded { name } => {
                write!(f, "`{}` is not loaded", name.escape_debug())
            }
            LoadError::InvalidHandle { handle } => {
                write!(f, "{handle:#x} is not a handle of an open library")
            }
            LoadError::SymbolNotFound { symbol, scope, .. } => {
                write!(f, "undefined symbol `{}` in {scope}", symbol.escape_debug())
            }
            LoadError::NotOpen { found_as } => {
                let whom = if found_as.is_empty() { "the main program" } else { found_as };
                write!(f, "`{whom}` is not open")
            }
            LoadError::NoBindingFlag { name } => write!(
                f,
                "cannot open `{}`: expected `RTLD_LAZY` or `RTLD_NOW`, found neither",
                name.escape_debug()
            ),
            LoadError::UnknownFlags { flags } => write!(f, "flags {flags:#x} are not for dlopen"),
            LoadError::UnknownRequest { request } => {
                write!(f, "request {request} is not one of dlinfo")
            }
            LoadError::OutsideMemory { address } => {
                write!(f, "there is no memory at {address:#x}")
            }
            LoadError::NoEntryPoint { program } => write!(
                f,
                "`{program}` has no entry point: expected `_start`, `main` or `_initialize`"
            ),
            LoadError::NoSuchFunction { function, program } => {
                write!(f, "`{program}` exports no function `{function}`")
            }
            LoadError::ArgumentCount { function, ty, found } => write!(
                f,
                "function `{function}` has type {ty}: expected {} arguments, found {found}",
                ty.params.len()
            ),
            LoadError::Argument { argument, expected } => {
                write!(f, "expected an argument of type {expected}, found `{argument}`")
            }
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LoadError::Read { source, .. } => Some(source),
            LoadError::Decode { source, .. } | LoadError::Compile { source, .. } => {
                Some(source.as_ref())
            }
            LoadError::Dylink { source, .. } => Some(source),
            LoadError::Vm { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// What the system said, in our words where it is one of the usual.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn write_searched(f: &mut fmt::Formatter<'_>, name: &str, searched: &[PathBuf]) -> fmt::Result {
    if name.contains('/') {
        return f.write_str(if searched.is_empty() {
            "\n  no granted directory holds it"
        } else {
            ""
        });
    }
    searched.iter().try_for_each(|dir| write!(f, "\n  searched {}", dir.display()))
}

fn write_names(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    f.write_str(&names.join(", "))
}

fn write_undefined(f: &mut fmt::Formatter<'_>, symbols: &[UndefinedSymbol]) -> fmt::Result {
    let (javascript, missing): (Vec<_>, Vec<_>) =
        symbols.iter().partition(|symbol| symbol.is_javascript);
    match *missing {
        [] => {}
        [symbol] => write_symbol(f, "undefined symbol ", symbol)?,
        _ => {
            write!(f, "{} undefined symbols", missing.len())?;
            missing.iter().try_for_each(|symbol| write_symbol(f, "\n  ", symbol))?;
        }
    }
    if javascript.is_empty() {
        return Ok(());
    }
    if !missing.is_empty() {
        f.write_str("\nand ")?;
    }
    match *javascript {
        [symbol] => write_symbol(f, "no JavaScript here: function of Emscripten's ", symbol),
        _ => {
            write!(f, "no JavaScript here: {} functions of Emscripten's", javascript.len())?;
            javascript.iter().try_for_each(|symbol| write_symbol(f, "\n  ", symbol))
        }
    }
}

fn write_symbol(f: &mut fmt::Formatter<'_>, start: &str, symbol: &UndefinedSymbol) -> fmt::Result {
    write!(f, "{start}`{}` (needed by ", symbol.name)?;
    write_names(f, &symbol.needed_by)?;
    f.write_str(")")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{LoadError, UndefinedSymbol};

    #[track_caller]
    fn check(error: &LoadError, message: &str) {
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn messages_say_who_asked_and_what_was_tried() {
        check(
            &LoadError::NeededNotFound {
                needed: "libm.wasm".to_owned(),
                needed_by: "app.wasm".to_owned(),
                searched: vec![PathBuf::from("/lib"), PathBuf::from("./lib")],
            },
            "cannot find `libm.wasm` (needed by app.wasm)\n  searched /lib\n  searched ./lib",
        );
        let symbol = |name: &str, needed_by: &[&str]| UndefinedSymbol {
            name: name.to_owned(),
            needed_by: needed_by.iter().map(|&name| name.to_owned()).collect(),
            is_javascript: name.starts_with("emscripten_"),
        };
        check(
            &LoadError::Undefined { symbols: vec![symbol("f", &["a.so"])], first: Box::default() },
            "undefined symbol `f` (needed by a.so)",
        );
        check(
            &LoadError::Undefined {
                symbols: vec![symbol("f", &["a.so", "b.so"]), symbol("g", &["b.so"])],
                first: Box::default(),
            },
            "2 undefined symbols\n  `f` (needed by a.so, b.so)\n  `g` (needed by b.so)",
        );
        check(
            &LoadError::Undefined {
                symbols: vec![symbol("emscripten_sleep", &["a.so"])],
                first: Box::default(),
            },
            "no JavaScript here: function of Emscripten's `emscripten_sleep` (needed by a.so)",
        );
        let symbols = ["emscripten_f", "f", "emscripten_g"].map(|name| symbol(name, &["a.so"]));
        check(
            &LoadError::Undefined { symbols: symbols.to_vec(), first: Box::default() },
            "undefined symbol `f` (needed by a.so)\n\
             and no JavaScript here: 2 functions of Emscripten's\n  \
             `emscripten_f` (needed by a.so)\n  `emscripten_g` (needed by a.so)",
        );
    }
}

//! Why a program could not be linked.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use dynvm_loader::{LoadError, UndefinedSymbol};

/// Why a program could not be linked.
#[derive(Debug)]
#[non_exhaustive]
pub enum RelinkError {
    /// It could not be loaded either.
    Load(Box<LoadError>),
    /// It calls functions that only a loader that stays can serve.
    NeedsLoader {
        /// All of them.
        symbols: Vec<UndefinedSymbol>,
    },
    /// A data or element segment has no place that is known before the program runs, or lies
    /// outside its memory or table.
    Segment {
        /// Whose segment.
        dso: String,
        /// Data or elements.
        what: &'static str,
    },
    /// A function of the host's has a type that the linked module cannot declare.
    HostType {
        /// The function, as module and field.
        function: String,
    },
    /// The main function takes what no host gives.
    EntryType {
        /// Its name.
        entry: &'static str,
        /// The program.
        program: String,
    },
    /// `--export` of what nobody defines.
    NoSuchExport {
        /// The name.
        name: String,
    },
    /// Globals, memories, tables or tags that import each other in a circle.
    Circle {
        /// The dso where it was met.
        dso: String,
    },
    /// A module could be decoded, and not be written again.
    Encode {
        /// The dso.
        dso: String,
        /// What could not be written.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The linked module is not valid.
    Invalid {
        /// What the validator said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file cannot be written.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for RelinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RelinkError::Load(error) => error.fmt(f),
            RelinkError::NeedsLoader { symbols } => write_needs_loader(f, symbols),
            RelinkError::Segment { dso, what } => write!(
                f,
                "cannot link `{dso}`: expected {what} at a place that is known and exists, \
                 found another"
            ),
            RelinkError::HostType { function } => {
                write!(f, "cannot import `{function}`: its type refers to types of its module")
            }
            RelinkError::EntryType { entry, program } => write!(
                f,
                "cannot start `{program}`: expected `{entry}` without parameters or with argc and \
                 argv, found another type"
            ),
            RelinkError::NoSuchExport { name } => {
                write!(f, "cannot export `{name}`: no dso defines it")
            }
            RelinkError::Circle { dso } => {
                write!(f, "imports of globals, tables or tags of `{dso}` go in a circle")
            }
            RelinkError::Encode { dso, source } => write!(f, "cannot link `{dso}`: {source}"),
            RelinkError::Invalid { source } => {
                write!(f, "the linked module is not valid: {source}")
            }
            RelinkError::Write { path, source } => {
                write!(f, "cannot write `{}`: {source}", path.display())
            }
        }
    }
}

fn write_needs_loader(f: &mut fmt::Formatter<'_>, symbols: &[UndefinedSymbol]) -> fmt::Result {
    let line = |symbol: &UndefinedSymbol| {
        format!("`{}` (needed by {})", symbol.name, symbol.needed_by.join(", "))
    };
    match symbols {
        [symbol] => write!(f, "{} needs the loader", line(symbol))?,
        symbols => {
            write!(f, "{} functions need the loader", symbols.len())?;
            for symbol in symbols {
                write!(f, "\n  {}", line(symbol))?;
            }
        }
    }
    write!(
        f,
        "\n  a linked program has none: `--allow-dlfcn` takes the libraries' own, which mostly fail"
    )
}

impl Error for RelinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RelinkError::Load(error) => Some(error),
            RelinkError::Encode { source, .. } | RelinkError::Invalid { source } => {
                Some(source.as_ref())
            }
            RelinkError::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<LoadError> for RelinkError {
    fn from(error: LoadError) -> Self {
        RelinkError::Load(Box::new(error))
    }
}

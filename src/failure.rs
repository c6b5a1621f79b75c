//! How the program ends when something went wrong: one message on stderr, one exit status.

use std::fmt;
use std::io::{self, Write};

use dynvm::Error;
use dynvm::loader::LoadError;
use dynvm::relink::RelinkError;
use dynvm::vm::Stop;

/// Wrong usage.
const USAGE: u8 = 2;
/// A bug of dynvm's: `EX_SOFTWARE`.
const BUG: u8 = 70;
/// A file could not be loaded.
const LOAD: u8 = 127;
/// The guest trapped: what a shell shows of `abort`.
const TRAP: u8 = 134;
/// Whoever read our output is gone: what a shell shows of `SIGPIPE`.
const BROKEN_PIPE: u8 = 141;

/// Why dynvm did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// The loader, the guest or its world.
    Runtime(Error),
    /// The guest trapped: the trap as text.
    Trap(String),
    /// The cache could not be read or emptied.
    Cache {
        /// Where it is.
        dir: std::path::PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was asked for could not be printed.
    Output(io::Error),
}

impl Failure {
    /// Tells the user, and says which exit status it is.
    #[must_use]
    pub fn report(&self) -> u8 {
        match self {
            Failure::Runtime(Error::Stop(Stop::Exit(status))) => return *status as u8,
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return BROKEN_PIPE;
            }
            _ => say(self),
        }
        match self {
            Failure::Usage(_) => USAGE,
            Failure::Runtime(Error::Wasi(_)) => USAGE,
            Failure::Runtime(Error::Load(error)) => match &**error {
                LoadError::ArgumentCount { .. } | LoadError::Argument { .. } => USAGE,
                LoadError::Stopped { .. } => TRAP,
                _ => LOAD,
            },
            Failure::Runtime(Error::Relink(error)) => match &**error {
                RelinkError::Write { .. } => 1,
                _ => LOAD,
            },
            Failure::Runtime(Error::Profile { .. }) => 1,
            Failure::Runtime(_) | Failure::Trap(_) => TRAP,
            Failure::Output(_) | Failure::Cache { .. } => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) | Failure::Trap(message) => f.write_str(message),
            Failure::Runtime(error) => error.fmt(f),
            Failure::Cache { dir, source } => {
                write!(f, "cannot use the cache `{}`: {source}", dir.display())
            }
            Failure::Output(error) => write!(f, "cannot write to stdout: {error}"),
        }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Runtime(error.into())
    }
}

/// Prints what was asked for.
///
/// # Errors
/// If stdout takes nothing more.
pub fn print(text: &dyn fmt::Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Prints a message on stderr. A reader that has gone away is no reason to fail.
pub fn say(message: &dyn fmt::Display) {
    let text = format!("dynvm: {message}\n");
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Makes a panic, on whatever thread, a message and an exit: nothing of the guest's runs on.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("panic");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        say(&format_args!(
            "bug: {message}{place}\n  please report it with the program that you ran"
        ));
        std::process::exit(BUG.into());
    }));
}

//! From what the user grants to the functions that a guest imports.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};

use dynvm_vm::HostFunction;
use wasi_common::sync::WasiCtxBuilder;
use wasi_common::{StringArrayError, WasiCtx};

use crate::directory::Directory;
use crate::error::Error;
use crate::functions;
use crate::preopen::{self, Grant, GuestFile, Preopen};
use crate::stdio::Stream;

/// What a guest is to see. Without further ado: no arguments, no environment, no directories, an
/// empty standard input, and outputs that lead nowhere.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    grants: Vec<Grant>,
    has_stdio: bool,
}

impl Builder {
    /// Nothing granted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an argument; the first one is the program's name.
    pub fn argument(&mut self, argument: impl Into<String>) -> &mut Self {
        self.arguments.push(argument.into());
        self
    }

    /// The arguments so far.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Adds an environment variable; the last value of a name wins.
    pub fn variable(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.variables.retain(|(other, _)| *other != name);
        self.variables.push((name, value.into()));
        self
    }

    /// Grants a directory with all below it.
    pub fn directory(&mut self, grant: Grant) -> &mut Self {
        self.grants.push(grant);
        self
    }

    /// Gives the guest standard input, output and error of this process.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.has_stdio = true;
        self
    }

    /// Opens what was granted.
    ///
    /// # Errors
    /// If a directory cannot be opened, or a string cannot be a C string.
    pub fn build(&self) -> Result<Wasi, Error> {
        let mut context = WasiCtxBuilder::new();
        for argument in &self.arguments {
            context.arg(c_string(argument)?)?;
        }
        for (name, value) in &self.variables {
            if name.is_empty() || name.contains('=') {
                return Err(Error::VariableName { found: name.clone() });
            }
            context.env(c_string(name)?, c_string(value)?)?;
        }
        let preopens = self.grants.iter().cloned().map(Preopen::open);
        let preopens = preopens.collect::<Result<Vec<_>, _>>()?;
        if self.has_stdio {
            context
                .stdin(Box::new(stream("stdin", &io::stdin())?))
                .stdout(Box::new(stream("stdout", &io::stdout())?))
                .stderr(Box::new(stream("stderr", &io::stderr())?));
        }
        let context = context.build();
        for Preopen { grant, dir } in &preopens {
            let failed = |source| Error::Directory { host: grant.host.clone(), source };
            let directory = Directory::new(dir.try_clone().map_err(failed)?);
            let pushed = context.push_preopened_dir(Box::new(directory), &grant.guest);
            pushed.map_err(|error| failed(io::Error::other(error.to_string())))?;
        }
        Ok(Wasi { context: Arc::new(Mutex::new(context)), preopens })
    }
}

impl From<StringArrayError> for Error {
    fn from(_: StringArrayError) -> Self {
        Error::TooLarge
    }
}

fn c_string(text: &str) -> Result<&str, Error> {
    if text.contains('\0') { Err(Error::Nul { found: text.to_owned() }) } else { Ok(text) }
}

fn stream(name: &'static str, stream: &impl AsFd) -> Result<Stream, Error> {
    Stream::duplicate(stream.as_fd()).map_err(|source| Error::Stream { name, source })
}

/// The world of one guest process.
pub struct Wasi {
    /// Kept in one place only: `wasi-common` refuses to change the flags of a shared descriptor.
    context: Arc<Mutex<WasiCtx>>,
    preopens: Vec<Preopen>,
}

impl Wasi {
    /// The functions of `wasi_snapshot_preview1` and of its forerunner `wasi_unstable`: module
    /// name, field name, function.
    #[must_use]
    pub fn functions(&self) -> Vec<(String, String, HostFunction)> {
        functions::all(&self.context)
    }

    /// The names of the modules that a guest imports [`Wasi::function`]s from.
    #[must_use]
    pub fn modules() -> [&'static str; 2] {
        functions::modules()
    }

    /// One of [`Wasi::functions`]: made only if somebody needs it, while all of them take a tenth of
    /// a short program's start.
    #[must_use]
    pub fn function(&self, module: &str, field: &str) -> Option<HostFunction> {
        functions::find(&self.context, module, field)
    }

    /// Reads a file by its guest path, for the dynamic linker: what the guest itself could open,
    /// and nothing else.
    ///
    /// # Errors
    /// As the file system says; `NotFound` for what no granted directory covers.
    pub fn open_file(&self, guest_path: &str) -> io::Result<GuestFile> {
        preopen::read_file(&self.preopens, guest_path)
    }

    /// Whether a granted directory holds this path of the guest's, be there a file or not.
    #[must_use]
    pub fn is_granted(&self, guest_path: &str) -> bool {
        preopen::find(&self.preopens, guest_path).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Builder), expected: &str) {
        let mut builder = Builder::new();
        change(&mut builder);
        let error = builder.build().err().expect("the builder should refuse");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn refusals() {
        check(
            |builder| {
                builder.directory("/no/such/place::/".parse().expect("a grant"));
            },
            "cannot grant directory `/no/such/place`: no such file or directory",
        );
        check(
            |builder| {
                builder.directory("/dev/null".parse().expect("a grant"));
            },
            "cannot grant directory `/dev/null`: not a directory",
        );
        check(
            |builder| {
                builder.argument("a\0b");
            },
            "`a\\u{0}b` holds a NUL character",
        );
        check(
            |builder| {
                builder.variable("A=B", "c");
            },
            "bad name of an environment variable `A=B`",
        );
    }

    #[test]
    fn the_last_value_of_a_variable_wins() {
        let mut builder = Builder::new();
        builder.variable("A", "1").variable("B", "2").variable("A", "3");
        let expected = [("B", "2"), ("A", "3")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(builder.variables, expected);
    }
}

//! `dlerror`: what went wrong last, in glibc's words.
//!
//! The first line is what glibc says; what it does not say (who asks, where was searched, what else
//! is undefined) follows on lines of its own.

use std::fmt::Write as _;
use std::io;
use std::sync::Mutex;

use dynvm_vm::Process;

use crate::dlfcn::{Failure, write};
use crate::error::LoadError;
use crate::linker::{Linker, lock};

/// Longest text, its end included.
const TEXT_BYTES_MAX: usize = 4096;

/// Hands the last error out, once.
pub(crate) fn dlerror(
    linker: &Mutex<Linker>,
    process: &mut Process,
    _: &[u32],
) -> Result<u32, Failure> {
    let mut linker = lock(linker);
    let Some(mut message) = linker.dl.error.take() else { return Ok(0) };
    let buffer = match &linker.dl.error_buffer {
        Some(buffer) => buffer.clone(),
        None => {
            let size = TEXT_BYTES_MAX as u64;
            let buffer = linker.space.take_memory(process, size, 16, "dlerror")?;
            linker.dl.error_buffer = Some(buffer.clone());
            buffer
        }
    };
    let mut len = message.len().min(TEXT_BYTES_MAX - 1);
    while !message.is_char_boundary(len) {
        len -= 1;
    }
    message.truncate(len);
    message.push('\0');
    write(process, buffer.start, message.as_bytes());
    Ok(buffer.start as u32)
}

/// What the guest hears of an error.
pub(crate) fn text(error: &LoadError) -> String {
    match error {
        LoadError::NotFound { name, .. } => {
            with_rest(cannot_open(name, "No such file or directory"), error)
        }
        LoadError::NeededNotFound { needed, needed_by, .. } => {
            let first = cannot_open(needed, "No such file or directory");
            with_rest(format!("{first}\n  needed by {needed_by}"), error)
        }
        LoadError::Read { path, source } => {
            cannot_open(&path.display().to_string(), reason(source))
        }
        LoadError::Undefined { symbols, first } => {
            let (symbol, asker) = &**first;
            let mut text = after(asker, &format!("undefined symbol: {symbol}"));
            if symbols.len() > 1 {
                write!(text, "\n{error}").expect("a string takes all text");
            }
            text
        }
        LoadError::SymbolNotFound { symbol, asker, .. } => {
            after(asker, &format!("undefined symbol: {symbol}"))
        }
        LoadError::NotOpen { found_as } => after(found_as, "shared object not open"),
        LoadError::NoBindingFlag { name } => {
            after(name, "invalid mode for dlopen(): Invalid argument")
        }
        LoadError::UnknownFlags { .. } => "invalid mode parameter".to_owned(),
        LoadError::UnknownRequest { .. } => "unsupported dlinfo request".to_owned(),
        other => other.to_string(),
    }
}

fn after(name: &str, text: &str) -> String {
    if name.is_empty() { text.to_owned() } else { format!("{name}: {text}") }
}

fn cannot_open(name: &str, reason: &str) -> String {
    after(name, &format!("cannot open shared object file: {reason}"))
}

/// `first`, then the further lines of the error.
fn with_rest(mut first: String, error: &LoadError) -> String {
    for line in error.to_string().lines().skip(1) {
        first.push('\n');
        first.push_str(line);
    }
    first
}

fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "No such file or directory",
        io::ErrorKind::PermissionDenied => "Permission denied",
        io::ErrorKind::IsADirectory => "Is a directory",
        _ => "Input/output error",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::text;
    use crate::error::{LoadError, UndefinedSymbol};

    #[track_caller]
    fn check(error: &LoadError, expected: &str) {
        assert_eq!(text(error), expected);
    }

    #[test]
    fn the_first_line_is_glibcs() {
        check(
            &LoadError::NeededNotFound {
                needed: "libm.so".to_owned(),
                needed_by: "liba.so".to_owned(),
                searched: vec![PathBuf::from("/lib")],
            },
            "libm.so: cannot open shared object file: No such file or directory\
             \n  needed by liba.so\n  searched /lib",
        );
        check(&LoadError::NotOpen { found_as: String::new() }, "shared object not open");
        let symbol = |name: &str| UndefinedSymbol {
            name: name.to_owned(),
            needed_by: vec!["a.so".to_owned()],
            is_javascript: false,
        };
        check(
            &LoadError::Undefined {
                symbols: vec![symbol("f"), symbol("g")],
                first: Box::new(("f".to_owned(), "./a.so".to_owned())),
            },
            "./a.so: undefined symbol: f\n2 undefined symbols\
             \n  `f` (needed by a.so)\n  `g` (needed by a.so)",
        );
    }
}

//! Calls of WASI as they are made, for `DYNVM_DEBUG=wasi`: what `strace` shows of a native program.

use std::fmt::Write as _;
use std::sync::Arc;

use dynvm_vm::value::RawValue;
use dynvm_vm::{HostFunc, Process, Stop};
use tracing::Level;
use wasi_common::snapshots::preview_1::types::Errno;

/// Longer texts are cut.
const TEXT_BYTES_MAX: usize = 80;

/// Where these functions put what they find out, if they succeed.
const RESULTS: [&str; 7] = ["opened", "accepted", "read", "written", "received", "sent", "used"];

/// The function, which tells of its calls if anybody listens.
pub(crate) fn traced(
    name: &'static str,
    params: &'static [&'static str],
    func: HostFunc,
) -> HostFunc {
    if !tracing::enabled!(target: "dynvm::wasi", Level::TRACE) {
        return func;
    }
    Arc::new(move |process, values| {
        let arguments = values[..params.len()].to_vec();
        // Its text is what it finds out.
        let is_text_found = name == "fd_prestat_dir_name";
        let before = (!is_text_found).then(|| call(process, name, params, &arguments));
        let outcome = func(process, values);
        let mut line = before.unwrap_or_else(|| call(process, name, params, &arguments));
        match &outcome {
            Ok(()) => result(process, params, &arguments, values[0].u32(), &mut line),
            Err(Stop::Exit(_)) => {}
            Err(stop) => write!(line, " = {stop}").expect("a string takes all text"),
        }
        tracing::trace!(target: "dynvm::wasi", "{line}");
        outcome
    })
}

/// The call as it is written in C. A path is shown, addresses are in hexadecimal.
fn call(process: &Process, name: &str, params: &[&str], arguments: &[RawValue]) -> String {
    let mut line = format!("{name}(");
    let mut rest = params.iter().zip(arguments).peekable();
    while let Some((param, value)) = rest.next() {
        let separator = if line.ends_with('(') { "" } else { ", " };
        let len = rest.next_if(|(next, _)| is_path(param) && **next == format!("{param}_len"));
        let text = len.and_then(|(_, len)| text(process, value.u32(), len.u32()));
        match (text, value.u64()) {
            (Some(text), _) => write!(line, "{separator}{text:?}"),
            (None, small @ ..0x1_0000) => write!(line, "{separator}{param} {small}"),
            (None, large) => write!(line, "{separator}{param} {large:#x}"),
        }
        .expect("a string takes all text");
    }
    line.push(')');
    line
}

fn is_path(param: &str) -> bool {
    matches!(param, "path" | "from" | "to" | "target")
}

/// The text at an address of the guest's, if it is inside the memory.
fn text(process: &Process, start: u32, len: u32) -> Option<String> {
    let (start, len) = (start as usize, len as usize);
    let bytes = process.memory().get(start..start.checked_add(len)?)?;
    let cut = &bytes[..len.min(TEXT_BYTES_MAX)];
    let dots = if cut.len() < len { "…" } else { "" };
    Some(String::from_utf8_lossy(cut).into_owned() + dots)
}

/// The name of the error, or what was found out.
fn result(
    process: &Process,
    params: &[&str],
    arguments: &[RawValue],
    errno: u32,
    line: &mut String,
) {
    let failure = i32::try_from(errno).ok().and_then(|errno| Errno::try_from(errno).ok());
    let written = match failure {
        Some(Errno::Success) => write!(line, " = 0"),
        Some(failure) => write!(line, " = {errno} {}", format!("{failure:?}").to_lowercase()),
        None => write!(line, " = {errno}"),
    };
    written.expect("a string takes all text");
    let found = params.iter().zip(arguments).find(|(param, _)| RESULTS.contains(param));
    if let (0, Some((param, address))) = (errno, found) {
        let start = address.u32() as usize;
        let bytes = process.memory().get(start..start + 4).and_then(|bytes| bytes.try_into().ok());
        if let Some(bytes) = bytes {
            write!(line, ", {param} {}", u32::from_le_bytes(bytes))
                .expect("a string takes all text");
        }
    }
}

//! Another engine, in a process of its own that is told on its standard input what to time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{Engine, Function};
use crate::Result;

/// A running peer.
pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a peer on a module.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(program: &Path, module: &Path) -> Result<Peer> {
        let mut child = Command::new(program)
            .arg(module)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let input = child.stdin.take().ok_or("the peer has an input")?;
        let output = BufReader::new(child.stdout.take().ok_or("the peer has an output")?);
        Ok(Peer { child, input, output })
    }
}

impl Engine for Peer {
    fn time(&mut self, function: &Function, iterations: u32) -> Result<f64> {
        let arg = function.arg.map_or_else(|| "-".to_owned(), |arg| arg.to_string());
        let how = if function.is_host_loop { "host-loop" } else { "call" };
        writeln!(self.input, "{how} {} {iterations} {arg}", function.name)?;
        self.input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (Some(elapsed), Some(result)) = (words.next(), words.next()) else {
            return Err(format!("the peer failed at `{}`", function.name).into());
        };
        let expected = iterations.wrapping_mul(function.increment).cast_signed();
        if result.parse::<i32>()? != expected {
            let name = &function.name;
            return Err(format!("`{name}` of the peer: expected {expected}, found {result}").into());
        }
        Ok(elapsed.parse()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may be gone already: nothing depends on how it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

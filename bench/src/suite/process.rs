//! Whole processes: how long they take, how much memory, what they print.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// A program with its arguments and its environment.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub file: PathBuf,
    /// What it gets.
    pub arguments: Vec<String>,
    /// Variables, besides those of this process.
    pub variables: Vec<(String, String)>,
}

impl Program {
    /// `file` with `arguments`.
    pub fn new(file: impl Into<PathBuf>, arguments: &[&str]) -> Program {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Program { file: file.into(), arguments, variables: Vec::new() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.arguments).envs(self.variables.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Runs it and gives what it prints.
    ///
    /// # Errors
    /// If it does not start or does not end with status 0.
    pub fn output(&self) -> Result<String> {
        let output = self.command().output().map_err(|error| self.failed(&error.to_string()))?;
        if !output.status.success() {
            return Err(self.failed(String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn failed(&self, why: &str) -> Box<dyn std::error::Error + Send + Sync> {
        format!("{} {}: {why}", self.file.display(), self.arguments.join(" ")).into()
    }
}

/// Seconds from a program's start to its end.
///
/// # Errors
/// If it does not start or does not end with status 0.
pub fn wall_seconds(program: &Program) -> Result<f64> {
    let started = Instant::now();
    program.output()?;
    Ok(started.elapsed().as_secs_f64())
}

/// How long to wait between two looks at a process: `ru_maxrss` would not need them, but counts what the
/// process was before it became the program.
const LOOK_INTERVAL: Duration = Duration::from_micros(20);

/// A program that is over sooner is run as often as [`LOOKS_AT_SHORT`] says: its end may come between
/// two looks.
const SHORT: Duration = Duration::from_millis(20);
const LOOKS_AT_SHORT: usize = 20;

/// The most memory that a program has had at once, in MiB, as the system last told before it ended.
///
/// # Errors
/// If it does not start or does not end with status 0.
pub fn peak_memory_mib(program: &Program) -> Result<f64> {
    let started = Instant::now();
    let mut peak = peak_memory_once(program)?;
    if started.elapsed() < SHORT {
        for _ in 1..LOOKS_AT_SHORT {
            peak = peak.max(peak_memory_once(program)?);
        }
    }
    Ok(peak)
}

fn peak_memory_once(program: &Program) -> Result<f64> {
    let mut command = program.command();
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|error| program.failed(&error.to_string()))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let status = loop {
        let status = fs::read_to_string(&status_file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak_kib = peak_kib.max(number.unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK_INTERVAL);
    };
    if !status.success() {
        return Err(program.failed(&status.to_string()));
    }
    Ok(peak_kib as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::{Program, peak_memory_mib, wall_seconds};

    #[test]
    fn a_program_that_fails_has_no_figures() {
        let program = Program::new("sh", &["-c", "echo broken >&2; exit 3"]);
        let error = wall_seconds(&program).expect_err("it fails").to_string();
        assert_eq!(error, "sh -c echo broken >&2; exit 3: broken");
        assert!(peak_memory_mib(&program).is_err());
        assert!(wall_seconds(&Program::new("/no/such/program", &[])).is_err());
    }

    #[test]
    fn a_program_has_taken_time_and_memory() {
        let program = Program::new("sh", &["-c", "echo ok"]);
        assert_eq!(program.output().expect("it runs"), "ok\n");
        assert!(wall_seconds(&program).expect("it runs") > 0.0);
        let program = Program::new("sh", &["-c", "sleep 0.1"]);
        assert!(peak_memory_mib(&program).expect("it runs") > 0.1);
    }
}

//! `dynvm wast`: official scripts, on the compiler and the runtime alone.

use std::fs;

use dynvm::loader::LoadError;
use dynvm_spec_tests::{Options, run};

use crate::cli;
use crate::failure::{Failure, print};
use crate::run::compile_time;

/// Runs scripts and prints what fails in them; the status is 1 if anything does.
pub fn wast(wast: &cli::Wast) -> Result<u8, Failure> {
    let (mut passed, mut failed) = (0, 0);
    let is_nan_canonical = wast.code.is_nan_canonical;
    let compile = compile_time(wast.compile)?;
    let options =
        Options { standard: wast.standard, is_nan_canonical, compile, is_heap_stressed: false };
    for path in &wast.files {
        let text = fs::read_to_string(path)
            .map_err(|source| LoadError::Read { path: path.clone(), source })?;
        let report = run(options, &path.display().to_string(), &text);
        passed += report.passed;
        failed += report.failures.len();
        print(&report.failures.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    }
    print(&format_args!("{passed} passed, {failed} failed\n"))?;
    Ok(if failed == 0 { 0 } else { 1 })
}

//! Programs that use other engines. They are projects of their own, so that nobody builds another
//! engine without asking for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Result;

/// Builds `binary` of `bench/peers/PROJECT`, into `DYNVM_PEERS_TARGET` if that is set.
///
/// # Errors
/// If it does not build.
pub fn build(project: &str, binary: &str) -> Result<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(project);
    let target =
        env::var_os("DYNVM_PEERS_TARGET").map_or_else(|| project.join("target"), PathBuf::from);
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--quiet", "--bin", binary, "--manifest-path"]);
    cargo.arg(project.join("Cargo.toml")).arg("--target-dir").arg(&target);
    run_command(&mut cargo)?;
    Ok(fs::canonicalize(target.join("release").join(binary))?)
}

/// Where `tools/fetch-toolchain.sh` puts what it fetches.
#[must_use]
pub fn toolchain() -> PathBuf {
    let home = || env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let named = env::var_os("DYNVM_TOOLCHAIN").map(PathBuf::from);
    named.unwrap_or_else(|| home().join(".cache/dynvm-toolchain"))
}

/// The node that `NODE` names, else the one that `tools/fetch-toolchain.sh` fetched into
/// `toolchain`, else the one on the path.
#[must_use]
pub fn node(toolchain: &Path) -> Option<PathBuf> {
    let named = env::var_os("NODE").map(PathBuf::from);
    let candidates = named.into_iter().chain([toolchain.join("node/bin/node"), "node".into()]);
    let runs = |node: &PathBuf| Command::new(node).arg("--version").output().is_ok();
    candidates.into_iter().find(runs)
}

/// Runs a command whose output nobody needs.
///
/// # Errors
/// If it does not start or fails.
pub fn run_command(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

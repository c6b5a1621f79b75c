//! Where everything is that is measured, and what has to be built first.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::{Group, Program};
use crate::Result;
use crate::peers::{self, run_command};

/// dynvm, the peers that this machine has, and the programs.
pub struct World {
    /// The project's folder.
    pub root: PathBuf,
    /// `dynvm` itself.
    pub dynvm: PathBuf,
    /// `runner`.
    pub runner: PathBuf,
    /// `bench/peers/wasi`: a program that uses wasmtime.
    pub wasmtime: Option<PathBuf>,
    /// node, for V8.
    pub node: Option<PathBuf>,
    /// A folder that is removed at the end: native builds, the cache, what was linked.
    pub work: PathBuf,
    /// What `tools/fetch-toolchain.sh` fetched, if it has CPython.
    pub toolchain: Option<PathBuf>,
}

/// A program, in the forms that systems need.
pub struct Guest {
    /// What tables call it.
    pub name: &'static str,
    /// Options for dynvm alone: where its libraries are.
    pub libraries: Vec<String>,
    /// What it may see, in the options that dynvm, wasmtime's peer and node's share.
    pub grants: Vec<String>,
    /// Its file.
    pub file: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// All of it in one module, for the peers.
    pub linked: String,
    /// That, compiled by wasmtime before.
    pub precompiled: Option<String>,
    /// The same as a native program.
    pub native: Option<Program>,
}

impl World {
    /// Builds dynvm, and the peers if they are wanted.
    ///
    /// # Errors
    /// If dynvm or a peer does not build.
    pub fn build(has_peers: bool) -> Result<World> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let mut cargo = Command::new("cargo");
        let options = ["build", "--release", "--quiet", "--workspace", "--bins"];
        run_command(cargo.current_dir(&root).args(options))?;
        let binaries = env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
        let work = env::temp_dir().join(format!("dynvm-bench-{}", std::process::id()));
        fs::create_dir_all(&work)?;
        let toolchain = peers::toolchain();
        Ok(World {
            dynvm: binaries.join("dynvm"),
            runner: binaries.join("runner"),
            wasmtime: has_peers.then(|| peers::build("wasi", "dynvm-peer-wasi")).transpose()?,
            node: has_peers.then(|| peers::node(&toolchain)).flatten(),
            work,
            toolchain: Some(toolchain).filter(|dir| dir.join("py314/python3.14.wasm").exists()),
            root,
        })
    }

    /// A file of the project.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    /// A file in the folder that is removed.
    #[must_use]
    pub fn temporary(&self, name: &str) -> String {
        self.work.join(name).display().to_string()
    }

    /// `dynvm` with `words`, and a cache of its own.
    #[must_use]
    pub fn dynvm(&self, words: &[String]) -> Program {
        let mut dynvm = Program::new(&self.dynvm, &[]);
        dynvm.arguments.extend_from_slice(words);
        dynvm.variables.push(("DYNVM_CACHE".to_owned(), self.temporary("cache")));
        dynvm
    }

    /// Compiles C to a native program.
    ///
    /// # Errors
    /// If the compiler fails.
    pub fn compile_natively(&self, arguments: &[&str], output: &str) -> Result<PathBuf> {
        let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let output = self.work.join(output);
        run_command(Command::new(compiler).args(arguments).arg("-o").arg(&output))?;
        Ok(output)
    }

    /// The programs that are started whole.
    ///
    /// # Errors
    /// If one cannot be linked for the peers.
    pub fn guests(&self) -> Result<Vec<Guest>> {
        let hello =
            self.compile_natively(&["-O2", &self.file("bench/peers/native/hello.c")], "hello")?;
        let mut guests = vec![Guest {
            name: "hello, 4 modules",
            libraries: Vec::new(),
            grants: Vec::new(),
            file: self.file("examples/hello/main.wasm"),
            arguments: Vec::new(),
            linked: self.temporary("hello.wasm"),
            precompiled: None,
            native: Some(Program::new(hello, &[])),
        }];
        if let Some(dir) = &self.toolchain {
            let at = |part: &str| dir.join(part).display().to_string();
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            let stdlib = format!("{}::/py", at("py314/stdlib"));
            let home = "PYTHONHOME=/py";
            let has_native = Command::new("python3").arg("--version").output().is_ok();
            guests.push(Guest {
                name: "CPython 3.14, -c pass",
                libraries: words(&["-L", &at("py314"), "-L", &at("lib")]),
                grants: words(&["--dir", &stdlib, "--env", home, "--env", "PYTHONPATH=/py"]),
                file: at("py314/python3.14.wasm"),
                arguments: words(&["-c", "pass"]),
                linked: self.temporary("python.wasm"),
                precompiled: None,
                native: has_native.then(|| Program::new("python3", &["-c", "pass"])),
            });
        }
        for guest in &mut guests {
            let mut words = vec!["link".to_owned(), "--allow-dlfcn".to_owned()];
            words.extend_from_slice(&guest.libraries);
            words.extend(["-o".to_owned(), guest.linked.clone(), guest.file.clone()]);
            self.dynvm(&words).output()?;
            if let Some(wasmtime) = &self.wasmtime {
                let compiled = format!("{}.cwasm", guest.linked);
                Program::new(wasmtime, &["precompile", &guest.linked, &compiled]).output()?;
                guest.precompiled = Some(compiled);
            }
        }
        Ok(guests)
    }

    /// A group without figures.
    #[must_use]
    pub fn group(
        &self,
        (title, name): (&str, &'static str),
        unit: &'static str,
        systems: &[&str],
    ) -> Group {
        let systems = systems.iter().map(|system| (*system).to_owned()).collect();
        Group { title: title.to_owned(), unit, name, systems, cases: Vec::new() }
    }
}

impl Guest {
    /// dynvm on this program, with `options`.
    #[must_use]
    pub fn in_dynvm(&self, world: &World, options: &[&str]) -> Program {
        let mut words: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
        words.extend_from_slice(&self.libraries);
        words.extend(self.words(&self.file));
        world.dynvm(&words)
    }

    /// wasmtime's peer on this program.
    #[must_use]
    pub fn in_wasmtime(&self, world: &World, is_precompiled: bool) -> Option<Program> {
        let file = if is_precompiled { self.precompiled.as_ref()? } else { &self.linked };
        let mut wasmtime = Program::new(world.wasmtime.as_ref()?, &[]);
        wasmtime.arguments = self.words(file);
        Some(wasmtime)
    }

    /// node on this program.
    #[must_use]
    pub fn in_node(&self, world: &World) -> Option<Program> {
        let script = world.file("tools/run-wasi.mjs");
        let mut node = Program::new(world.node.as_ref()?, &["--no-warnings", &script]);
        node.arguments.extend(self.words(&self.linked));
        Some(node)
    }

    fn words(&self, file: &str) -> Vec<String> {
        let file = [file.to_owned()];
        [&self.grants[..], &file, &self.arguments].concat()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = fs::remove_dir_all(&self.work);
    }
}

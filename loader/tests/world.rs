//! A directory of modules written as text, and a loader over it. Included by the test files.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dynvm_jit::CompileTime;
use dynvm_loader::{LoadError, Loader, Options};
use dynvm_vm::types::{FuncType, ValType};
use dynvm_vm::{HostFunction, Stop};
use tempfile::TempDir;

/// Modules in a directory, `main` among them, and what they log through `env.log`.
pub struct World {
    dir: TempDir,
    pub options: Options,
    log: Arc<Mutex<Vec<i32>>>,
}

impl World {
    /// `files` are pairs of name and text.
    #[track_caller]
    pub fn new(files: &[(&str, &str)]) -> World {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            std::fs::write(dir.path().join(name), bytes).expect("written");
        }
        let log = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&log);
        let function = HostFunction::new(
            "log",
            FuncType::new([ValType::I32], []),
            Arc::new(move |_, values| {
                to.lock().expect("no panic").push(values[0].i32());
                Ok(())
            }),
        );
        let host_functions = vec![("env".to_owned(), "log".to_owned(), function)];
        World {
            dir,
            log,
            options: Options { host_functions, compile: time(), ..Options::default() },
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A loader with the main program `main.wasm`.
    pub fn open(&self) -> Result<Loader, LoadError> {
        let mut loader = Loader::new(self.options.clone())?;
        loader.open_main(&self.path("main.wasm"))?;
        Ok(loader)
    }

    /// What was logged since the last call.
    pub fn logged(&self) -> Vec<i32> {
        std::mem::take(&mut *self.log.lock().expect("no panic"))
    }

    /// `text` without the directory, which is another in each run.
    pub fn anonymous(&self, text: &str) -> String {
        text.replace(&format!("{}", Path::new(self.dir.path()).display()), "DIR")
    }
}

/// When functions are compiled: `DYNVM_COMPILE` says it.
fn time() -> CompileTime {
    let time = std::env::var("DYNVM_COMPILE").map(|text| text.parse());
    time.map_or_else(|_| CompileTime::default(), |time| time.expect("DYNVM_COMPILE"))
}

/// The result of calling `name` of main without arguments.
#[track_caller]
pub fn check(files: &[(&str, &str)], name: &str, expected: &str) {
    let world = World::new(files);
    let mut loader = world.open().unwrap_or_else(|error| panic!("{error}"));
    let shown = match loader.invoke(name, &[]) {
        Ok(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(LoadError::Stopped { stop: Stop::Trap(trap), .. }) => {
            format!("{}: {}", trap.code.message(), trap.detail.unwrap_or_default())
        }
        Err(error) => error.to_string(),
    };
    assert_eq!(shown, expected);
}

/// What is logged when main runs.
#[track_caller]
pub fn check_log(files: &[(&str, &str)], expected: &[i32]) {
    let world = World::new(files);
    let mut loader = world.open().unwrap_or_else(|error| panic!("{error}"));
    loader.run(&["main.wasm".to_owned()]).unwrap_or_else(|stop| panic!("{stop}"));
    assert_eq!(world.logged(), expected);
}

/// The message with which loading main fails.
#[track_caller]
pub fn check_error(files: &[(&str, &str)], expected: &str) {
    let world = World::new(files);
    let error = world.open().err().expect("the load must fail");
    assert_eq!(world.anonymous(&error.to_string()), expected);
}

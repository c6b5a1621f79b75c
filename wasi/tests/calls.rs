//! The functions as compiled code calls them: arguments in, memory changed, error number out.

use std::sync::Arc;

use dynvm_vm::code::Code;
use dynvm_vm::types::FuncType;
use dynvm_vm::value::RawValue;
use dynvm_vm::{Config, HostFunction, Process, Stop, Stubs};
use dynvm_wasi::{Builder, Wasi};

/// No code is called here.
struct NoStubs;

impl Stubs for NoStubs {
    fn entry(&self, _: &FuncType) -> Code {
        Code::default()
    }

    fn host_call(&self, _: &FuncType, _: u32) -> Code {
        Code::default()
    }
}

/// A guest that is nothing but a memory.
struct Guest {
    process: Process,
    functions: Vec<(String, String, HostFunction)>,
}

impl Guest {
    fn new(builder: &Builder) -> Guest {
        let mut process = Process::new(&Config::default(), Arc::new(NoStubs)).expect("a process");
        process.grow_memory(1).expect("a page");
        let wasi: Wasi = builder.build().expect("a world");
        Guest { process, functions: wasi.functions() }
    }

    fn call(&mut self, name: &str, arguments: &[u64]) -> Result<u32, Stop> {
        let function = self
            .functions
            .iter()
            .find(|(module, field, _)| module == "wasi_snapshot_preview1" && field == name);
        let (.., function) = function.unwrap_or_else(|| panic!("no function `{name}`"));
        assert_eq!(arguments.len(), function.ty.params.len(), "arguments of `{name}`");
        let mut values: Vec<RawValue> = arguments.iter().map(|&it| it.into()).collect();
        values.resize(values.len().max(1), RawValue::ZERO);
        (function.func)(&mut self.process, &mut values)?;
        Ok(values[0].u32())
    }

    #[track_caller]
    fn check(&mut self, name: &str, arguments: &[u64], errno: u32) {
        assert_eq!(self.call(name, arguments).expect("it returns"), errno, "{name}");
    }

    fn bytes(&self, at: usize, len: usize) -> &[u8] {
        &self.process.memory()[at..at + len]
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().expect("four bytes"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().expect("eight bytes"))
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.process.memory_mut()[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

#[test]
fn arguments_and_environment() {
    let mut builder = Builder::new();
    builder.argument("prog").argument("").argument("ü").variable("A", "b=c");
    let mut guest = Guest::new(&builder);
    guest.check("args_sizes_get", &[0, 4], 0);
    assert_eq!((guest.u32(0), guest.u32(4)), (3, 9));
    guest.check("args_get", &[16, 64], 0);
    assert_eq!((guest.u32(16), guest.u32(20), guest.u32(24)), (64, 69, 70));
    assert_eq!(guest.bytes(64, 9), "prog\0\0ü\0".as_bytes());
    guest.check("environ_sizes_get", &[0, 4], 0);
    assert_eq!((guest.u32(0), guest.u32(4)), (1, 6));
    guest.check("environ_get", &[16, 64], 0);
    assert_eq!(guest.bytes(64, 6), b"A=b=c\0");
}

#[test]
fn every_clock_runs() {
    let mut guest = Guest::new(&Builder::new());
    for clock in 0..4 {
        guest.check("clock_res_get", &[clock, 8], 0);
        assert!((1..=10_000_000).contains(&guest.u64(8)), "resolution of clock {clock}");
        guest.check("clock_time_get", &[clock, 0, 8], 0);
        let before = guest.u64(8);
        while guest.u64(8) == before {
            guest.check("clock_time_get", &[clock, 0, 8], 0);
        }
        assert!(guest.u64(8) > before, "clock {clock} goes back");
    }
    guest.check("clock_time_get", &[4, 0, 8], 28);
}

#[test]
fn files_of_a_granted_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("in"), "content").expect("a file");
    let mut builder = Builder::new();
    let grant = format!("{}::/data", directory.path().display());
    builder.directory(grant.parse().expect("a grant"));
    let mut guest = Guest::new(&builder);

    guest.check("fd_prestat_get", &[3, 0], 0);
    assert_eq!((guest.u32(0), guest.u32(4)), (0, 5));
    guest.check("fd_prestat_dir_name", &[3, 16, 5], 0);
    assert_eq!(guest.bytes(16, 5), b"/data");
    guest.check("fd_prestat_get", &[4, 0], 8);

    guest.put(100, b"in../in/etc");
    guest.check("path_open", &[3, 0, 100, 2, 0, 2, 0, 0, 0], 0);
    assert_eq!(guest.u32(0), 4);
    guest.put(32, &[0, 4, 0, 0, 64, 0, 0, 0]);
    guest.check("fd_read", &[4, 32, 1, 40], 0);
    assert_eq!((guest.u32(40), guest.bytes(1024, 7)), (7, &b"content"[..]));
    guest.check("fd_write", &[4, 32, 1, 40], 8);
    guest.check("fd_close", &[4], 0);
    guest.check("fd_close", &[4], 8);

    // `..` and absolute paths lead nowhere.
    guest.check("path_open", &[3, 0, 102, 5, 0, 2, 0, 0, 0], 63);
    guest.check("path_open", &[3, 0, 107, 4, 0, 2, 0, 0, 0], 63);

    // Flags of a descriptor can be set: libraries do it before they append.
    guest.check("path_open", &[3, 0, 100, 2, 0, 64 | 2, 0, 0, 0], 0);
    guest.check("fd_fdstat_set_flags", &[5, 1], 0);
    guest.put(1024, b"+more");
    guest.put(36, &5u32.to_le_bytes());
    guest.check("fd_write", &[5, 32, 1, 40], 0);
    let content = std::fs::read(directory.path().join("in")).expect("the file");
    assert_eq!(content, b"content+more");
}

#[test]
fn nothing_is_granted_unasked() {
    let mut guest = Guest::new(&Builder::new());
    guest.check("fd_prestat_get", &[3, 0], 8);
    guest.check("args_sizes_get", &[0, 4], 0);
    assert_eq!(guest.u32(0), 0);
    guest.check("environ_sizes_get", &[0, 4], 0);
    assert_eq!(guest.u32(0), 0);
    guest.put(32, &[0, 4, 0, 0, 64, 0, 0, 0]);
    guest.check("fd_read", &[0, 32, 1, 40], 0);
    assert_eq!(guest.u32(40), 0, "standard input is empty");
}

#[track_caller]
fn check_stop(name: &str, arguments: &[u64], expected: &str) {
    let stop = Guest::new(&Builder::new()).call(name, arguments).expect_err("it stops");
    assert_eq!(stop.to_string(), expected, "{name}");
}

#[test]
fn exits_and_traps() {
    check_stop("proc_exit", &[200], "exit status 200");
    check_stop("proc_exit", &[u64::from(u32::MAX)], "exit status 4294967295");
    check_stop(
        "clock_time_get",
        &[0, 0, 0xffff_fffc],
        "wasm trap: host function failed: \
         `clock_time_get`: pointer 0xfffffffc is out of bounds for 8 bytes",
    );
    check_stop(
        "clock_time_get",
        &[2, 0, 0xffff_fffc],
        "wasm trap: host function failed: `clock_time_get`: pointer 0xfffffffc is out of bounds for 8 bytes",
    );
    check_stop(
        "random_get",
        &[65530, 7],
        "wasm trap: host function failed: `random_get`: pointer 0xfffa is out of bounds for 7 bytes",
    );
    check_stop(
        "proc_raise",
        &[6],
        "wasm trap: host function failed: `proc_raise`: the guest raised signal 6",
    );
}

#[test]
fn sleeping_takes_time() {
    let mut guest = Guest::new(&Builder::new());
    // A relative subscription to the monotonic clock, of 2 ms.
    guest.put(16, &1u32.to_le_bytes());
    guest.put(24, &2_000_000u64.to_le_bytes());
    let start = std::time::Instant::now();
    guest.check("poll_oneoff", &[0, 64, 1, 128], 0);
    assert!(start.elapsed().as_millis() >= 2);
    assert_eq!(guest.u32(128), 1);
}

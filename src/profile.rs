//! `--profile`: tells `perf` what the machine code is that it finds on wasm's stack.
//!
//! A *perf map* is a text file that perf reads when it prints: addresses and names. A *jitdump*
//! holds the code as well, with the time at which it came: `perf inject --jit` makes of it and of
//! a recording one in which code can be annotated, even where other code lay before.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use dynvm_vm::{CodeListener, MappedCode};
use rustix::time::{ClockId, clock_gettime};

/// Which file is written for `perf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `/tmp/perf-PID.map`.
    PerfMap,
    /// `jit-PID.dump` in `JITDUMPDIR`, else in the working directory; for `perf record -k mono`.
    JitDump,
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "perfmap" => Ok(Profile::PerfMap),
            "jitdump" => Ok(Profile::JitDump),
            _ => Err("expected `perfmap` or `jitdump`".to_owned()),
        }
    }
}

/// Where perf looks for maps, and nowhere else.
const PERF_MAP_DIRECTORY: &str = "/tmp";

/// The variable that names the directory of jitdumps.
const JIT_DUMP_DIRECTORY: &str = "JITDUMPDIR";

impl Profile {
    /// The file of this process.
    #[must_use]
    pub fn path(self) -> PathBuf {
        let process = std::process::id();
        match self {
            Profile::PerfMap => Path::new(PERF_MAP_DIRECTORY).join(format!("perf-{process}.map")),
            Profile::JitDump => {
                let directory = std::env::var_os(JIT_DUMP_DIRECTORY).unwrap_or_else(|| ".".into());
                Path::new(&directory).join(format!("jit-{process}.dump"))
            }
        }
    }

    /// Starts the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn start(self) -> io::Result<Writer> {
        let path = self.path();
        // A process of this number that ended may have left one; a link of somebody else's is not
        // followed.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Writer::new(self, file)
    }
}

/// Writes a profile as code is placed. What cannot be written is missing from the profile.
pub(crate) struct Writer {
    profile: Profile,
    state: Mutex<State>,
    /// By this mapping a recording knows the jitdump's name.
    _mark: Option<MappedCode>,
}

struct State {
    file: BufWriter<File>,
    /// How many functions were written.
    count: u64,
}

/// `JiTD`, as a number of this machine's byte order.
const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER_BYTES: u32 = 40;
/// ELF's number for x86-64.
const MACHINE: u32 = 62;
/// The kind of record that holds a function.
const CODE_LOAD: u32 = 0;
/// Bytes of such a record before the function's name.
const CODE_LOAD_BYTES: usize = 56;

impl Writer {
    fn new(profile: Profile, mut file: File) -> io::Result<Writer> {
        let mut mark = None;
        if profile == Profile::JitDump {
            let mut header = Vec::with_capacity(HEADER_BYTES as usize);
            for field in [MAGIC, VERSION, HEADER_BYTES, MACHINE, 0, std::process::id()] {
                header.extend_from_slice(&field.to_ne_bytes());
            }
            header.extend_from_slice(&now_ns().to_ne_bytes());
            header.extend_from_slice(&0_u64.to_ne_bytes());
            file.write_all(&header)?;
            mark = Some(MappedCode::open(&file)?);
        }
        let state = Mutex::new(State { file: BufWriter::new(file), count: 0 });
        Ok(Writer { profile, state, _mark: mark })
    }
}

impl CodeListener for Writer {
    fn placed(&self, name: &str, address: usize, code: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let record = match self.profile {
            Profile::PerfMap => {
                let name = name.replace('\n', " ");
                format!("{address:x} {:x} {name}\n", code.len()).into_bytes()
            }
            Profile::JitDump => code_load(name, address, code, state.count),
        };
        state.count += 1;
        // The process may end by any signal: what is there until then is complete.
        let _ = state.file.write_all(&record);
    }

    fn flush(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = state.file.flush();
    }
}

fn code_load(name: &str, address: usize, code: &[u8], count: u64) -> Vec<u8> {
    // A name ends at the first zero.
    let name = name.replace('\0', " ");
    let record_bytes = CODE_LOAD_BYTES + name.len() + 1 + code.len();
    let mut record = Vec::with_capacity(record_bytes);
    for field in [CODE_LOAD, record_bytes as u32] {
        record.extend_from_slice(&field.to_ne_bytes());
    }
    record.extend_from_slice(&now_ns().to_ne_bytes());
    for field in [std::process::id(), thread_id()] {
        record.extend_from_slice(&field.to_ne_bytes());
    }
    // Once as it runs, once as it would be found: the same.
    for field in [address as u64, address as u64, code.len() as u64, count] {
        record.extend_from_slice(&field.to_ne_bytes());
    }
    record.extend_from_slice(name.as_bytes());
    record.push(0);
    record.extend_from_slice(code);
    record
}

/// perf's clock with `-k mono`, in nanoseconds.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The number of this thread, as the kernel counts them.
fn thread_id() -> u32 {
    let link = std::fs::read_link("/proc/thread-self").ok();
    let number = link.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(std::process::id)
}

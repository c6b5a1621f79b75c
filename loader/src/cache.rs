//! Compiled code kept on disk, so that a program that ran before starts without compiling.
//!
//! An entry is named by a hash of all that its code depends on: the module, the compiler and its
//! settings, the processor, and what was folded into the code (places of globals, numbers of
//! functions and types). An entry that is missing, damaged or cannot be written costs time and
//! nothing else. Whoever can write in the directory can give this user code to run: it is made for
//! him alone, and no guest should be granted it.

mod format;
mod key;
mod pack;
mod proof;
mod small;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use dynvm_jit::SomeCode;
use dynvm_vm::MappedFile;

use key::Key;

pub(crate) use format::Part;
pub(crate) use key::{BatchKey, Keys};
pub(crate) use pack::StartPack;

/// Ending of an entry's file name.
const ENDING: &str = "code";

/// Changes with the layout of an entry.
const FORMAT: &[u8] = b"dynvm code 6\n";

/// Files from this length on are on the disk before they get their names. To wait for the disk takes
/// longer than to compile what is in a smaller one again, and it is the program's exit that waits.
const SYNCED_BYTES_MIN: usize = 256 * 1024;

/// Most files of one entry: each run that compiles functions while it runs adds one, and then one
/// takes the place of all.
const PARTS_MAX: u32 = 8;

/// A directory of entries.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
    /// Most bytes of all entries; the ones used longest ago go first.
    bytes_max: u64,
    /// Which small modules are valid.
    small: Arc<small::SmallProofs>,
    /// Whether something was stored that may be too much.
    is_grown: Arc<AtomicBool>,
}

/// What is in a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// How many entries.
    pub entries: usize,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Cache {
    /// Most bytes of a cache that nobody set a limit for: 1 GiB.
    pub const BYTES_MAX: u64 = 1 << 30;

    /// The cache in `dir`, which is made when the first entry is written.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, bytes_max: u64) -> Self {
        Cache { dir: dir.into(), bytes_max, small: Arc::default(), is_grown: Arc::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All code that was stored under `key`; of some functions perhaps twice, of some not at all.
    pub(crate) fn load(&self, key: &Key) -> Vec<Part> {
        (0..PARTS_MAX).map_while(|part| self.load_part(key, part)).collect()
    }

    fn load_part(&self, key: &Key, part: u32) -> Option<Part> {
        let path = self.path(key, part);
        let file = fs::File::open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        let part = MappedFile::open(&file, metadata.len()).ok();
        let part = part.and_then(|bytes| Part::new(FORMAT, key.0.as_bytes(), bytes));
        if part.is_none() {
            tracing::debug!(target: "dynvm::files", "{}: damaged, not used", path.display());
            return None;
        }
        note_use(&file, &metadata);
        part
    }

    /// Stores `code` under `key`, besides what is there. Readers find a part whole or not at all.
    /// Whoever has stored all that there is lets [`Cache::trim`] keep the limit.
    pub(crate) fn store(&self, key: &Key, code: &SomeCode) -> io::Result<()> {
        let free = (0..PARTS_MAX).find(|part| self.load_part(key, *part).is_none());
        let encoded = |code| format::encode(FORMAT, key.0.as_bytes(), code);
        match free {
            Some(part) => self.write(&self.path(key, part), &encoded(code))?,
            None => {
                let mut all: SomeCode = self.load(key).iter().flat_map(Part::codes).collect();
                all.extend_from_slice(code);
                self.write(&self.path(key, 0), &encoded(&all))?;
                (1..PARTS_MAX).try_for_each(|part| remove(&self.path(key, part)))?;
            }
        }
        self.is_grown.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a file that is there whole or not at all. Only if the system itself fails soon after, a
    /// small one can be there without its content, which its hash tells like any other damage.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write_file(path, bytes, bytes.len() >= SYNCED_BYTES_MIN)
    }

    /// The same for what costs little if it is lost, however large it is.
    fn write_unsynced(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write_file(path, bytes, false)
    }

    fn write_file(&self, path: &Path, bytes: &[u8], is_synced: bool) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let temporary = path.with_extension(format!("{}.new", std::process::id()));
        let written = fs::File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            if is_synced {
                file.sync_data()?;
            }
            fs::rename(&temporary, path)
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// What is in it.
    ///
    /// # Errors
    /// If the directory cannot be read; one that does not exist is empty.
    pub fn content(&self) -> io::Result<Content> {
        let files = self.files()?;
        Ok(Content {
            entries: files.iter().filter(|file| file.is_entry).count(),
            bytes: files.iter().map(|file| file.bytes).sum(),
        })
    }

    /// Removes every entry, and what interrupted writers left.
    ///
    /// # Errors
    /// If an entry cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        self.files()?.iter().try_for_each(|file| remove(&file.path))
    }

    /// Removes entries, least recently used first, until the limit is kept, if any were stored. It
    /// looks at every file.
    pub(crate) fn trim(&self) -> io::Result<()> {
        if !self.is_grown.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let mut files = self.files()?;
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if bytes <= self.bytes_max {
            return Ok(());
        }
        files.sort_by_key(|file| file.used);
        for file in files {
            if bytes <= self.bytes_max {
                break;
            }
            remove(&file.path)?;
            bytes -= file.bytes;
        }
        Ok(())
    }

    fn path(&self, key: &Key, part: u32) -> PathBuf {
        let name = match part {
            0 => key.0.clone(),
            part => format!("{}-{part}", key.0),
        };
        self.dir.join(name).with_extension(ENDING)
    }

    /// The files of the cache; others in the directory are not ours.
    fn files(&self) -> io::Result<Vec<File>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            let is_entry = ending == Some(ENDING);
            // The last but one is of versions that kept ways in and out of wasm too.
            let others = [pack::ENDING, proof::ENDING, "stubs", "new"];
            if !is_entry && !ending.is_some_and(|ending| others.contains(&ending)) {
                continue;
            }
            // Another process may just have removed it.
            if let Ok(metadata) = fs::metadata(&path) {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push(File { path, is_entry, bytes: metadata.len(), used });
            }
        }
        Ok(files)
    }
}

/// How much later a use must be than the last one that was noted to be noted too.
const USE_INTERVAL: Duration = Duration::from_secs(600);

/// What is used is kept longest. That it cannot be noted harms nothing.
fn note_use(file: &fs::File, metadata: &fs::Metadata) {
    let now = SystemTime::now();
    let noted = metadata.modified();
    let is_recent = |noted| now.duration_since(noted).is_ok_and(|since| since < USE_INTERVAL);
    if !noted.is_ok_and(is_recent) {
        let _ = file.set_modified(now);
    }
}

/// The bytes of a file of the cache, which is used.
fn read_used(path: &Path) -> Option<Vec<u8>> {
    let file = fs::File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    note_use(&file, &metadata);
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.take(metadata.len()).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

struct File {
    path: PathBuf,
    is_entry: bool,
    bytes: u64,
    used: SystemTime,
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// What tells this build of the engine from any other: the version, and the very file that runs.
fn engine() -> &'static str {
    static ENGINE: OnceLock<String> = OnceLock::new();
    ENGINE.get_or_init(|| {
        // Linux's name for it: nobody needs to know the path, which takes as long as many a file.
        let file = fs::metadata("/proc/self/exe")
            .map(|file| (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()));
        format!("{} {:?}", env!("CARGO_PKG_VERSION"), file.ok())
    })
}

#[cfg(test)]
mod tests;

//! Finding the file of a library: where to look, in which order, and which file it is.
//!
//! What the user names (the program, `-L`, `--preload`) are paths of the host. What a guest names
//! is looked up in those directories by bare name only; a guest's path goes through
//! [`GuestFiles`], which sees what the user granted and nothing else.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dynvm_vm::read_buffer;

use crate::dso::{Dso, Origin};

/// Directories of the guest's view that are searched last.
const GUEST_DIRS: [&str; 2] = ["/lib", "/usr/lib"];

/// Which file something is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// The device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// What a file is like: another length or other times tell that it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    len: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same of the last change, of its times too: nobody can set it.
    changed: (i64, i64),
}

/// How long a file must have been as it is before its times tell every change to come. A clock of
/// file times may stand still for some milliseconds, or for two seconds where it counts only those.
const SETTLED: Duration = Duration::from_secs(3);

impl Stamp {
    fn new(metadata: &Metadata) -> Self {
        Stamp {
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a change after `now` is sure to give the file another stamp.
    fn is_settled(&self, now: SystemTime) -> bool {
        let Ok(now) = now.duration_since(UNIX_EPOCH) else { return false };
        let is_past = |(seconds, nanoseconds): (i64, i64)| {
            let (Ok(seconds), Ok(nanoseconds)) = (seconds.try_into(), nanoseconds.try_into())
            else {
                // Before 1970.
                return true;
            };
            Duration::new(seconds, nanoseconds).checked_add(SETTLED).is_some_and(|end| end <= now)
        };
        is_past(self.modified) && is_past(self.changed)
    }
}

/// A file that the guest may read.
#[derive(Debug)]
pub struct GuestFile {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Which file it is on the host.
    pub identity: FileIdentity,
    /// What to show the user.
    pub path: PathBuf,
}

/// The guest's view of the file system: what the sandbox grants, and nothing else.
pub trait GuestFiles: Send + Sync {
    /// Opens and reads the regular file at a path of the guest's.
    ///
    /// # Errors
    /// If the guest could not open it itself.
    fn open(&self, guest_path: &str) -> io::Result<GuestFile>;

    /// Whether the guest was granted a directory that holds this path, be there a file or not: who
    /// asks for a path outside is told so.
    fn is_granted(&self, _guest_path: &str) -> bool {
        true
    }
}

/// A file that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// The same for the guest.
    pub(crate) found_as: String,
    pub(crate) identity: FileIdentity,
    pub(crate) origin: Origin,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// With what it was like when it was opened.
    Open(File, Stamp),
    Read(Vec<u8>),
}

impl Found {
    /// What the file is like now, if that is known.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match &self.content {
            Content::Open(_, stamp) => Some(*stamp),
            Content::Read(_) => None,
        }
    }

    /// Its bytes, and its stamp if that tells every change from now on.
    pub(crate) fn read(self) -> io::Result<(Vec<u8>, Option<Stamp>)> {
        let (mut file, stamp) = match self.content {
            Content::Read(bytes) => return Ok((bytes, None)),
            Content::Open(file, stamp) => (file, stamp),
        };
        let now = SystemTime::now();
        let mut bytes = Vec::new();
        if stamp.len == 0 {
            file.read_to_end(&mut bytes)?;
        } else {
            bytes = read_buffer(usize::try_from(stamp.len).unwrap_or(usize::MAX))?;
            // Asked once how long it is: what is written behind that meanwhile is not read.
            (&file).take(stamp.len).read_to_end(&mut bytes)?;
        }
        // Nobody wrote it while it was read, nor may have so shortly before that it does not show.
        let is_same = stamp.is_settled(now) && Stamp::new(&file.metadata()?) == stamp;
        Ok((bytes, is_same.then_some(stamp)))
    }
}

/// Where a library was looked for, in vain.
#[derive(Debug, Default)]
pub(crate) struct Searched(pub(crate) Vec<PathBuf>);

/// The places to search.
#[derive(Default)]
pub(crate) struct Search {
    /// `-L`, then `DYNVM_LIBRARY_PATH`.
    pub(crate) library_dirs: Vec<PathBuf>,
    /// Directory of the main program.
    pub(crate) main_dir: Option<PathBuf>,
    /// The guest's view.
    pub(crate) guest_files: Option<Arc<dyn GuestFiles>>,
}

impl Search {
    /// The library `name`, as `asker` (the main program if `None`) asks for it.
    pub(crate) fn library(&self, name: &str, asker: Option<&Dso>) -> Result<Found, Searched> {
        let mut searched = Searched::default();
        if name.is_empty() || name.contains('\0') {
            return Err(searched);
        }
        if name.contains('/') {
            return self.in_guest(name, &mut searched).ok_or(searched);
        }
        for dir in &self.library_dirs {
            if let Some(found) = in_host_dir(dir, name, &mut searched) {
                return Ok(found);
            }
        }
        for dir in asker.map(runpath).unwrap_or_default() {
            let found = match dir {
                Origin::Host(dir) => in_host_dir(&dir, name, &mut searched),
                Origin::Guest(dir) => self.in_guest_dir(&dir, name, &mut searched),
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        if let Some(found) =
            self.main_dir.as_ref().and_then(|dir| in_host_dir(dir, name, &mut searched))
        {
            return Ok(found);
        }
        let mut dirs = GUEST_DIRS.iter();
        dirs.find_map(|dir| self.in_guest_dir(dir, name, &mut searched)).ok_or(searched)
    }

    /// Where a bare name is looked for that `asker` asks for, in order, as the guest is told.
    pub(crate) fn directories(&self, asker: &Dso) -> Vec<String> {
        let host = |dir: &PathBuf| dir.display().to_string();
        let mut dirs: Vec<String> = self.library_dirs.iter().map(host).collect();
        dirs.extend(runpath(asker).iter().map(crate::dlinfo::directory));
        dirs.extend(self.main_dir.iter().map(host));
        dirs.extend(GUEST_DIRS.map(str::to_owned));
        dirs
    }

    fn in_guest_dir(&self, dir: &str, name: &str, searched: &mut Searched) -> Option<Found> {
        self.guest_files.as_ref()?;
        let len = searched.0.len();
        let found = self.in_guest(&format!("{}/{name}", dir.trim_end_matches('/')), searched);
        if found.is_none() {
            searched.0.truncate(len);
            push_once(&mut searched.0, PathBuf::from(dir));
        }
        found
    }

    fn in_guest(&self, path: &str, searched: &mut Searched) -> Option<Found> {
        let files = self.guest_files.as_ref();
        for spelling in spellings(path) {
            trying(&spelling);
            let Some(file) = files.and_then(|files| files.open(&spelling).ok()) else { continue };
            let dir = spelling.rsplit_once('/').map_or(".", |(dir, _)| dir);
            return Some(Found {
                path: file.path,
                identity: file.identity,
                origin: Origin::Guest(if dir.is_empty() { "/" } else { dir }.to_owned()),
                content: Content::Read(file.bytes),
                found_as: spelling,
            });
        }
        if files.is_some_and(|files| files.is_granted(path)) {
            searched.0.push(PathBuf::from(path));
        }
        None
    }
}

/// The file at a path of the host's that the user gave.
pub(crate) fn host_path(path: &Path) -> io::Result<Found> {
    trying(&path.display().to_string());
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(Found {
        path: path.to_owned(),
        found_as: path.display().to_string(),
        identity: FileIdentity { device: metadata.dev(), inode: metadata.ino() },
        origin: Origin::Host(directory_of(path)),
        content: Content::Open(file, Stamp::new(&metadata)),
    })
}

/// The directory that a path is in.
pub(crate) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn in_host_dir(dir: &Path, name: &str, searched: &mut Searched) -> Option<Found> {
    let found = spellings(name).find_map(|spelling| host_path(&dir.join(spelling)).ok());
    if found.is_none() {
        push_once(&mut searched.0, dir.to_owned());
    }
    found
}

fn push_once(dirs: &mut Vec<PathBuf>, dir: PathBuf) {
    if !dirs.contains(&dir) {
        dirs.push(dir);
    }
}

fn trying(path: &str) {
    tracing::debug!(target: "dynvm::libs", "trying {path}");
}

/// `name`, and the same with the other extension: `.wasm` for `.so`, `.so` for `.wasm`.
fn spellings(name: &str) -> impl Iterator<Item = String> {
    let other = match (name.strip_suffix(".so"), name.strip_suffix(".wasm")) {
        (Some(stem), _) => Some(format!("{stem}.wasm")),
        (_, Some(stem)) => Some(format!("{stem}.so")),
        _ => None,
    };
    std::iter::once(name.to_owned()).chain(other)
}

/// The runpath of a dso with `$ORIGIN` expanded. Without it, an entry is a directory of the
/// guest's: a module cannot name a directory of the host's but beside itself.
pub(crate) fn runpath(dso: &Dso) -> Vec<Origin> {
    let entries = dso.dylink.iter().flat_map(|dylink| &dylink.runpath);
    entries.map(|entry| expand_origin(entry, &dso.origin)).collect()
}

fn expand_origin(entry: &str, origin: &Origin) -> Origin {
    let expand = |dir: &str| entry.replace("${ORIGIN}", dir).replace("$ORIGIN", dir);
    match origin {
        Origin::Guest(dir) => Origin::Guest(expand(dir)),
        Origin::Host(dir) => {
            let rest = ["$ORIGIN", "${ORIGIN}"].iter().find_map(|it| entry.strip_prefix(it));
            match rest {
                Some("") => Origin::Host(dir.clone()),
                Some(rest) if rest.starts_with('/') => {
                    Origin::Host(dir.join(rest.trim_start_matches('/')))
                }
                _ => Origin::Guest(expand(&dir.display().to_string())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;
    use std::io;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use super::{
        FileIdentity, GuestFile, GuestFiles, Search, Stamp, expand_origin, host_path, spellings,
    };
    use crate::dso::Origin;

    struct View(HashMap<&'static str, u64>);

    impl GuestFiles for View {
        fn open(&self, guest_path: &str) -> io::Result<GuestFile> {
            let inode = *self.0.get(guest_path).ok_or(io::ErrorKind::NotFound)?;
            let identity = FileIdentity { device: 1, inode };
            Ok(GuestFile { bytes: Vec::new(), identity, path: PathBuf::from(guest_path) })
        }
    }

    #[test]
    fn a_stamp_is_trusted_once_its_times_are_past() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let stamp = |modified, changed| Stamp { len: 1, modified, changed };
        assert!(stamp((100, 0), (100, 0)).is_settled(at(103)));
        assert!(!stamp((100, 0), (100, 1)).is_settled(at(103)));
        assert!(!stamp((100, 1), (100, 0)).is_settled(at(103)));
        // Somebody set a time that is still to come.
        assert!(!stamp((1 << 40, 0), (100, 0)).is_settled(at(103)));
        assert!(!stamp((i64::MAX, 0), (100, 0)).is_settled(at(103)));
        assert!(stamp((-1, 0), (100, 0)).is_settled(at(103)));
    }

    #[test]
    fn a_file_that_was_just_written_has_no_stamp_to_trust() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.wasm");
        fs::write(&path, "a").expect("written");
        let found = host_path(&path).expect("found");
        assert!(found.stamp().is_some());
        let (bytes, stamp) = found.read().expect("read");
        assert_eq!((&bytes[..], stamp), (&b"a"[..], None));
    }

    #[test]
    fn each_extension_stands_for_the_other() {
        let of = |name| spellings(name).collect::<Vec<_>>();
        assert_eq!(of("libx.so"), ["libx.so", "libx.wasm"]);
        assert_eq!(of("libx.wasm"), ["libx.wasm", "libx.so"]);
        assert_eq!(of("libx"), ["libx"]);
    }

    #[test]
    fn origin_stays_on_its_side() {
        let host = Origin::Host(PathBuf::from("/h/lib"));
        let expand = |entry| expand_origin(entry, &host);
        assert_eq!(expand("$ORIGIN"), host);
        assert_eq!(expand("${ORIGIN}/../x"), Origin::Host(PathBuf::from("/h/lib/../x")));
        assert_eq!(expand("/etc"), Origin::Guest("/etc".to_owned()));
        let guest = Origin::Guest("/p".to_owned());
        assert_eq!(expand_origin("$ORIGIN/sub", &guest), Origin::Guest("/p/sub".to_owned()));
    }

    #[test]
    fn directories_are_searched_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        fs::create_dir(&first).expect("created");
        fs::create_dir(&second).expect("created");
        fs::write(first.join("liba.wasm"), "").expect("written");
        fs::write(second.join("liba.so"), "").expect("written");
        fs::write(second.join("libb.so"), "").expect("written");
        fs::create_dir(first.join("libb.so")).expect("created");
        let files = View(HashMap::from([("/lib/libc.so", 7), ("/p/plug.so", 8)]));
        let search = Search {
            library_dirs: vec![first.clone()],
            main_dir: Some(second.clone()),
            guest_files: Some(Arc::new(files)),
        };
        let path = |name| search.library(name, None).expect("found").path;
        assert_eq!(path("liba.so"), first.join("liba.wasm"));
        assert_eq!(path("libb.so"), second.join("libb.so"));
        assert_eq!(path("libc.wasm"), PathBuf::from("/lib/libc.so"));
        assert_eq!(path("/p/plug.so"), PathBuf::from("/p/plug.so"));
        let searched = |name| search.library(name, None).expect_err("not found").0;
        let dirs = [first.clone(), second, PathBuf::from("/lib"), PathBuf::from("/usr/lib")];
        assert_eq!(searched("libd.so"), dirs);
        assert_eq!(searched("/q/plug.so"), [PathBuf::from("/q/plug.so")]);
        assert!(searched("liba.so\0").is_empty());
        let escaping = format!("{}/liba.wasm", first.display());
        assert_eq!(searched(&escaping), [PathBuf::from(&escaping)]);
    }

    #[test]
    fn spellings_of_a_path_are_one_file() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a.wasm"), "").expect("written");
        fs::hard_link(dir.path().join("a.wasm"), dir.path().join("b.wasm")).expect("linked");
        let identity = |name: &str| host_path(&dir.path().join(name)).expect("found").identity;
        assert_eq!(identity("a.wasm"), identity("./b.wasm"));
    }
}

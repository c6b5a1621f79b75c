//! Granted directories: the only files there are for a guest and for its libraries.

use std::io::{self, Read};
use std::str::FromStr;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt};

use crate::error::Error;

/// A directory of the host and the path under which the guest sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Path on the host.
    pub host: String,
    /// Path for the guest.
    pub guest: String,
}

impl FromStr for Grant {
    type Err = Error;

    /// Parses `HOST::GUEST`, or `HOST` for a directory that has the same path on both sides.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (host, guest) = text.split_once("::").unwrap_or((text, text));
        if host.is_empty() || guest.is_empty() || text.contains('\0') {
            return Err(Error::Grant { found: text.escape_default().to_string() });
        }
        Ok(Grant { host: host.to_owned(), guest: guest.to_owned() })
    }
}

/// A file that was read on behalf of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestFile {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Device it is on; with `inode` its identity, however its path was spelled.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
    /// The path by which the guest knows it.
    pub path: String,
}

/// A granted directory, open.
#[derive(Clone)]
pub(crate) struct Preopen {
    /// What was granted.
    pub grant: Grant,
    /// The directory; nothing above it can be reached through it.
    pub dir: Arc<Dir>,
}

impl Preopen {
    /// Opens the directory of a grant.
    pub fn open(grant: Grant) -> Result<Preopen, Error> {
        match Dir::open_ambient_dir(&grant.host, ambient_authority()) {
            Ok(dir) => Ok(Preopen { grant, dir: Arc::new(dir) }),
            Err(source) => Err(Error::Directory { host: grant.host, source }),
        }
    }
}

/// Reads a regular file by its guest path.
pub(crate) fn read_file(preopens: &[Preopen], path: &str) -> io::Result<GuestFile> {
    let (preopen, rest) = find(preopens, path).ok_or(io::ErrorKind::NotFound)?;
    // Opening a pipe would wait for a writer: ask first what it is.
    let metadata = preopen.dir.metadata(rest)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut file = preopen.dir.open(rest)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(GuestFile { bytes, device: metadata.dev(), inode: metadata.ino(), path: path.to_owned() })
}

/// The preopen that a path falls into, and the path from there: the rule of wasi-libc, where the
/// longest prefix wins, among equals the one granted last, and a leading `/` or `./` is nothing.
pub(crate) fn find<'a, 'p>(
    preopens: &'a [Preopen],
    path: &'p str,
) -> Option<(&'a Preopen, &'p str)> {
    let path = strip_root(path);
    let fitting = preopens.iter().filter_map(|preopen| {
        let prefix = strip_root(&preopen.grant.guest).trim_end_matches('/');
        let rest = path.strip_prefix(prefix)?;
        let is_whole = prefix.is_empty() || rest.is_empty() || rest.starts_with('/');
        is_whole.then_some((prefix.len(), preopen, rest.trim_start_matches('/')))
    });
    let (_, preopen, rest) = fitting.max_by_key(|(prefix_len, ..)| *prefix_len)?;
    Some((preopen, if rest.is_empty() { "." } else { rest }))
}

/// The path without what wasi-libc does not look at.
fn strip_root(mut path: &str) -> &str {
    loop {
        path = match path.strip_prefix('/').or_else(|| path.strip_prefix("./")) {
            Some(rest) => rest,
            None if path == "." => return "",
            None => return path,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn check_grant(text: &str, expected: Result<(&str, &str), &str>) {
        let found = text.parse::<Grant>().map(|grant| (grant.host, grant.guest));
        let expected = expected.map(|(host, guest)| (host.to_owned(), guest.to_owned()));
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn grants() {
        check_grant("/data", Ok(("/data", "/data")));
        check_grant("/data::/", Ok(("/data", "/")));
        check_grant("a:b::c", Ok(("a:b", "c")));
        check_grant("a::b::c", Ok(("a", "b::c")));
        check_grant("", Err("bad directory grant ``: expected HOST or HOST::GUEST"));
        check_grant("::/lib", Err("bad directory grant `::/lib`: expected HOST or HOST::GUEST"));
        check_grant("/lib::", Err("bad directory grant `/lib::`: expected HOST or HOST::GUEST"));
    }

    #[test]
    fn missing_directory() {
        let grant = "/no such place::/".parse().expect("a grant");
        let error = Preopen::open(grant).err().expect("nothing to open");
        assert_eq!(
            error.to_string(),
            "cannot grant directory `/no such place`: no such file or directory"
        );
    }

    #[track_caller]
    fn check_find(guests: &[&str], path: &str, expected: Option<(usize, &str)>) {
        let preopens: Vec<_> = guests
            .iter()
            .map(|guest| format!("/::{guest}").parse().expect("a grant"))
            .map(|grant| Preopen::open(grant).expect("the root exists"))
            .collect();
        let found = find(&preopens, path).map(|(preopen, rest)| {
            let index = preopens.iter().position(|other| std::ptr::eq(other, preopen));
            (index.expect("one of them"), rest)
        });
        assert_eq!(found, expected, "{path} in {guests:?}");
    }

    #[test]
    fn longest_prefix_wins() {
        check_find(&[], "/x", None);
        check_find(&["/"], "/x/y", Some((0, "x/y")));
        check_find(&["."], "x", Some((0, "x")));
        check_find(&["/", "/lib"], "/lib/x", Some((1, "x")));
        check_find(&["/lib/", "/"], "/lib//x", Some((0, "x")));
        check_find(&["/lib"], "/library", None);
        check_find(&["/lib"], "/lib", Some((0, ".")));
        check_find(&["/lib"], "./lib/x", Some((0, "x")));
        check_find(&["/a", "/a"], "/a/x", Some((1, "x")));
    }

    #[test]
    fn files_do_not_escape() {
        let root = tempfile::tempdir().expect("a directory");
        let granted = root.path().join("granted");
        fs::create_dir(&granted).expect("a directory");
        fs::write(granted.join("inside"), "in").expect("a file");
        fs::write(root.path().join("outside"), "out").expect("a file");
        std::os::unix::fs::symlink("../outside", granted.join("link")).expect("a link");
        let grant = Grant { host: granted.display().to_string(), guest: "/g".to_owned() };
        let preopens = [Preopen::open(grant).expect("it exists")];

        let read = |path| read_file(&preopens, path);
        assert_eq!(read("/g/inside").expect("granted").bytes, b"in");
        assert_eq!(read("g/../g/inside").map_err(|error| error.kind()).ok(), None);
        assert_eq!(
            read("/g/./inside").expect("granted").inode,
            read("g/inside").expect("granted").inode
        );
        for path in ["/g/../outside", "/g/link", "/outside", "/g/../granted/inside"] {
            assert!(read(path).is_err(), "{path} was read");
        }
        assert_eq!(read("/g").map_err(|error| error.kind()), Err(io::ErrorKind::IsADirectory));
    }
}

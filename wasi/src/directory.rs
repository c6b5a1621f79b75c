//! Directories as the guest has them: what one reading of a directory finds is what all of it finds.
//!
//! A guest reads a directory in pieces of a buffer, and names where the next one starts. To
//! `wasi-common` that is a number of entries to leave out of a list that it makes anew: who removes what it
//! has read, as `rm -r` does, is never told of as many others, and each piece costs a look at every entry.

use std::any::Any;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::fs;
use wasi_common::dir::{OpenResult, ReaddirCursor, ReaddirEntity};
use wasi_common::file::{FdFlags, Filestat, OFlags};
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::sync::dir::{Dir, OpenResult as Opened};
use wasi_common::{Error, ErrorExt, SystemTimeSpec, WasiDir};

/// An open directory.
pub(crate) struct Directory {
    dir: Dir,
    /// What it held when it was last read from its start.
    listing: Mutex<Option<Arc<[ReaddirEntity]>>>,
}

impl Directory {
    pub fn new(dir: fs::Dir) -> Directory {
        Directory::of(Dir::from_cap_std(dir))
    }

    fn of(dir: Dir) -> Directory {
        Directory { dir, listing: Mutex::new(None) }
    }

    /// What it holds now, in the system's order.
    async fn list(&self) -> Result<Arc<[ReaddirEntity]>, Error> {
        let mut listing = Vec::new();
        for entry in self.dir.readdir(ReaddirCursor::from(0)).await? {
            match entry {
                // Where it stands here is where it is found again.
                Ok(entry) => {
                    let next = ReaddirCursor::from(listing.len() as u64 + 1);
                    listing.push(ReaddirEntity { next, ..entry });
                }
                // Somebody has removed it since its name was read.
                Err(error) if is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listing.into())
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error.downcast_ref(), Some(Errno::Noent))
}

/// The directory of ours that another one is.
fn ours(dir: &dyn WasiDir) -> Result<&Dir, Error> {
    let directory = dir.as_any().downcast_ref::<Directory>();
    Ok(&directory.ok_or_else(Error::badf)?.dir)
}

#[async_trait::async_trait]
impl WasiDir for Directory {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn open_file(
        &self,
        symlink_follow: bool,
        path: &str,
        oflags: OFlags,
        read: bool,
        write: bool,
        fdflags: FdFlags,
    ) -> Result<OpenResult, Error> {
        Ok(match self.dir.open_file_(symlink_follow, path, oflags, read, write, fdflags)? {
            Opened::File(file) => OpenResult::File(Box::new(file)),
            Opened::Dir(dir) => OpenResult::Dir(Box::new(Directory::of(dir))),
        })
    }

    async fn readdir(
        &self,
        cursor: ReaddirCursor,
    ) -> Result<Box<dyn Iterator<Item = Result<ReaddirEntity, Error>> + Send>, Error> {
        let start = usize::try_from(u64::from(cursor)).unwrap_or(usize::MAX);
        let kept = self.listing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let listing = match kept {
            Some(listing) if start > 0 => listing,
            _ => self.list().await?,
        };
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&listing));
        Ok(Box::new((start..listing.len()).map(move |place| Ok(listing[place].clone()))))
    }

    async fn create_dir(&self, path: &str) -> Result<(), Error> {
        self.dir.create_dir(path).await
    }

    async fn symlink(&self, old_path: &str, new_path: &str) -> Result<(), Error> {
        self.dir.symlink(old_path, new_path).await
    }

    async fn remove_dir(&self, path: &str) -> Result<(), Error> {
        self.dir.remove_dir(path).await
    }

    async fn unlink_file(&self, path: &str) -> Result<(), Error> {
        self.dir.unlink_file(path).await
    }

    async fn read_link(&self, path: &str) -> Result<PathBuf, Error> {
        self.dir.read_link(path).await
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        self.dir.get_filestat().await
    }

    async fn get_path_filestat(
        &self,
        path: &str,
        follow_symlinks: bool,
    ) -> Result<Filestat, Error> {
        self.dir.get_path_filestat(path, follow_symlinks).await
    }

    async fn rename(
        &self,
        path: &str,
        dest_dir: &dyn WasiDir,
        dest_path: &str,
    ) -> Result<(), Error> {
        self.dir.rename_(path, ours(dest_dir)?, dest_path)
    }

    async fn hard_link(
        &self,
        path: &str,
        target_dir: &dyn WasiDir,
        target_path: &str,
    ) -> Result<(), Error> {
        self.dir.hard_link_(path, ours(target_dir)?, target_path)
    }

    async fn set_times(
        &self,
        path: &str,
        accessed: Option<SystemTimeSpec>,
        modified: Option<SystemTimeSpec>,
        follow_symlinks: bool,
    ) -> Result<(), Error> {
        self.dir.set_times(path, accessed, modified, follow_symlinks).await
    }
}

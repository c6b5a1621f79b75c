//! The standard streams as the guest has them: the host's descriptors themselves, without a buffer
//! between. Nothing is lost at an exit or a trap, and `poll` tells what `read` would.

use std::any::Any;
use std::io::{self, IoSlice, IoSliceMut, IsTerminal, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};

use cap_std::fs;
use wasi_common::file::{Advice, FdFlags, FileType, Filestat};
use wasi_common::sync::file::File;
use wasi_common::{Error, SystemTimeSpec, WasiFile};

/// One standard stream.
pub(crate) struct Stream {
    file: File,
    is_terminal: bool,
}

impl Stream {
    /// A duplicate of a descriptor of the host's.
    pub fn duplicate(stream: BorrowedFd<'_>) -> io::Result<Stream> {
        let file = std::fs::File::from(stream.try_clone_to_owned()?);
        let is_terminal = file.is_terminal();
        Ok(Stream { file: File::from_cap_std(fs::File::from_std(file)), is_terminal })
    }
}

#[async_trait::async_trait]
impl WasiFile for Stream {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn pollable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    /// As the file says, but for devices like `/dev/null`: to a C library a character device is a
    /// terminal.
    async fn get_filetype(&self) -> Result<FileType, Error> {
        match self.file.get_filetype().await? {
            FileType::CharacterDevice if !self.is_terminal => Ok(FileType::Unknown),
            filetype => Ok(filetype),
        }
    }

    fn isatty(&self) -> bool {
        self.is_terminal
    }

    async fn datasync(&self) -> Result<(), Error> {
        self.file.datasync().await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.file.sync().await
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        self.file.get_fdflags().await
    }

    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        self.file.set_fdflags(flags).await
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        self.file.get_filestat().await
    }

    async fn set_filestat_size(&self, size: u64) -> Result<(), Error> {
        self.file.set_filestat_size(size).await
    }

    async fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<(), Error> {
        self.file.advise(offset, len, advice).await
    }

    async fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Error> {
        self.file.set_times(atime, mtime).await
    }

    async fn read_vectored<'a>(&self, buffers: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        self.file.read_vectored(buffers).await
    }

    async fn read_vectored_at<'a>(
        &self,
        buffers: &mut [IoSliceMut<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        self.file.read_vectored_at(buffers, offset).await
    }

    async fn write_vectored<'a>(&self, buffers: &[IoSlice<'a>]) -> Result<u64, Error> {
        self.file.write_vectored(buffers).await
    }

    async fn write_vectored_at<'a>(
        &self,
        buffers: &[IoSlice<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        self.file.write_vectored_at(buffers, offset).await
    }

    async fn seek(&self, position: SeekFrom) -> Result<u64, Error> {
        self.file.seek(position).await
    }

    async fn peek(&self, buffer: &mut [u8]) -> Result<u64, Error> {
        self.file.peek(buffer).await
    }

    fn num_ready_bytes(&self) -> Result<u64, Error> {
        self.file.num_ready_bytes()
    }
}

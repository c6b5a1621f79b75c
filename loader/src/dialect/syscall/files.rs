//! Files and clocks: the calls that have a counterpart in WASI.

use dynvm_vm::value::RawValue;

use super::wasi::SCRATCH_BYTES;
use super::{Kernel, Outcome, errno};
use crate::dialect::guest;

/// Longest path.
const PATH_BYTES_MAX: u32 = 2048;
/// First descriptor that can be a granted directory.
const FIRST_GRANT: u32 = 3;
/// `AT_FDCWD`
const CURRENT_DIRECTORY: u32 = -100_i32 as u32;

/// Flags of `open`.
mod flags {
    pub(super) const ACCESS: u32 = 0o3;
    pub(super) const READ_ONLY: u32 = 0o0;
    pub(super) const CREATE: u32 = 0o100;
    pub(super) const EXCLUSIVE: u32 = 0o200;
    pub(super) const TRUNCATE: u32 = 0o1000;
    pub(super) const APPEND: u32 = 0o2000;
    pub(super) const NONBLOCK: u32 = 0o4000;
    pub(super) const DIRECTORY: u32 = 0o200_000;
}

/// The rights of WASI that a descriptor for reading has: all but those that change something.
const RIGHTS_READ: u64 = !(1 << 6 | 1 << 8 | 1 << 22) & RIGHTS_ALL;
/// Every right of WASI.
const RIGHTS_ALL: u64 = (1 << 30) - 1;

/// What WASI has done with one list of buffers.
enum Transfer {
    Read,
    Write,
}

pub(super) fn read(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.transfer_one(Transfer::Read, args)
}

pub(super) fn write(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.transfer_one(Transfer::Write, args)
}

/// The lists of buffers are the same in Linux and in WASI.
pub(super) fn readv(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.transfer(Transfer::Read, args[0], args[1], args[2])
}

pub(super) fn writev(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.transfer(Transfer::Write, args[0], args[1], args[2])
}

/// `pread64(fd, buffer, len, offset_low, offset_high)`
pub(super) fn pread(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.transfer_at("fd_pread", args)
}

/// `pwrite64(fd, buffer, len, offset_low, offset_high)`
pub(super) fn pwrite(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.transfer_at("fd_pwrite", args)
}

pub(super) fn open(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    openat(kernel, [CURRENT_DIRECTORY, args[0], args[1], args[2], 0, 0])
}

/// `openat(fd, path, flags, mode)`
pub(super) fn openat(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let [dir, path, asked, ..] = args;
    let (dir, path) = match kernel.path(dir, path)? {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let bit = |flag: u32, bit: u32| if asked & flag != 0 { bit } else { 0 };
    let open_flags = bit(flags::CREATE, 1)
        | bit(flags::DIRECTORY, 2)
        | bit(flags::EXCLUSIVE, 4)
        | bit(flags::TRUNCATE, 8);
    let fd_flags = bit(flags::APPEND, 1) | bit(flags::NONBLOCK, 4);
    let is_reader = asked & flags::ACCESS == flags::READ_ONLY;
    let rights = if is_reader { RIGHTS_READ } else { RIGHTS_ALL };
    kernel.on_path("path_open", dir, &path, |at, len, out| {
        let numbers = [1_u32, at, len, open_flags].map(RawValue::from).into_iter();
        let rights = [rights, RIGHTS_ALL].map(RawValue::from);
        numbers.chain(rights).chain([fd_flags, out].map(RawValue::from)).collect()
    })
}

pub(super) fn close(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.wasi("fd_close", &[args[0].into()])
}

pub(super) fn fsync(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.wasi("fd_sync", &[args[0].into()])
}

pub(super) fn ftruncate(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.wasi("fd_filestat_set_size", &[args[0].into(), u64::from(args[1]).into()])
}

/// `lseek(fd, offset, whence)`
pub(super) fn lseek(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let offset = i64::from(args[1].cast_signed());
    Ok(kernel.seek(args[0], offset, args[2])?.map(|position| position as u32))
}

/// `_llseek(fd, offset_high, offset_low, position_out, whence)`
pub(super) fn llseek(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let offset = u64::from(args[1]) << 32 | u64::from(args[2]);
    let position = kernel.seek(args[0], offset.cast_signed(), args[4])?;
    Ok(position.and_then(|position| kernel.put(args[3], &position.to_le_bytes())))
}

/// `access(path, mode)`: whether the file is there.
pub(super) fn access(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let (dir, path) = match kernel.path(CURRENT_DIRECTORY, args[0])? {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let found = kernel.on_path("path_filestat_get", dir, &path, |at, len, out| {
        // The status is larger than the word that is given out.
        [1, at, len, out].map(RawValue::from).to_vec()
    })?;
    Ok(found.map(|_| 0))
}

pub(super) fn unlink(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.on_entry("path_unlink_file", CURRENT_DIRECTORY, args[0])
}

/// `unlinkat(fd, path, flags)`, where 0x200 means a directory.
pub(super) fn unlinkat(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let is_directory = args[2] & 0x200 != 0;
    let name = if is_directory { "path_remove_directory" } else { "path_unlink_file" };
    kernel.on_entry(name, args[0], args[1])
}

pub(super) fn mkdir(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.on_entry("path_create_directory", CURRENT_DIRECTORY, args[0])
}

pub(super) fn mkdirat(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.on_entry("path_create_directory", args[0], args[1])
}

pub(super) fn rmdir(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    kernel.on_entry("path_remove_directory", CURRENT_DIRECTORY, args[0])
}

/// `rename(from, to)`
pub(super) fn rename(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let from = kernel.path(CURRENT_DIRECTORY, args[0])?;
    let to = kernel.path(CURRENT_DIRECTORY, args[1])?;
    let ((from_dir, from), (to_dir, to)) = match (from, to) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
    };
    let Ok(scratch) = kernel.scratch() else { return Ok(Err(errno::ENOMEM)) };
    if let Err(error) = kernel.put(scratch, from.as_bytes()) {
        return Ok(Err(error));
    }
    let second = scratch + PATH_BYTES_MAX;
    if let Err(error) = kernel.put(second, to.as_bytes()) {
        return Ok(Err(error));
    }
    let (from_len, to_len) = (from.len() as u32, to.len() as u32);
    let args = [from_dir, scratch, from_len, to_dir, second, to_len];
    kernel.wasi("path_rename", &args.map(RawValue::from))
}

/// Of a terminal, the size is asked for to find out whether it is one.
pub(super) fn ioctl(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    const CHARACTER_DEVICE: u32 = 2;
    let Ok(scratch) = kernel.scratch() else { return Ok(Err(errno::ENOMEM)) };
    let status = kernel.wasi("fd_fdstat_get", &[args[0].into(), scratch.into()])?;
    let is_terminal = kernel.word(scratch) & 0xff == CHARACTER_DEVICE;
    Ok(status.and(if is_terminal { Ok(0) } else { Err(errno::ENOTTY) }))
}

/// Flags of descriptors are as they were opened with; nothing is passed on to other programs.
pub(super) fn fcntl(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    const GET_FD: u32 = 1;
    const SET_FL: u32 = 4;
    if !(GET_FD..=SET_FL).contains(&args[1]) {
        return Ok(Err(errno::EINVAL));
    }
    let Ok(scratch) = kernel.scratch() else { return Ok(Err(errno::ENOMEM)) };
    kernel.wasi("fd_fdstat_get", &[args[0].into(), scratch.into()])
}

/// `getcwd(buffer, len)`: always `/`, from where granted directories are seen.
pub(super) fn getcwd(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    if args[1] < 2 {
        return Ok(Err(errno::ERANGE));
    }
    Ok(kernel.put(args[0], b"/\0").map(|_| 2))
}

/// `time(seconds_out)`
pub(super) fn time(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let now = kernel.clock(0)?;
    Ok(now.and_then(|now| {
        let seconds = (now / 1_000_000_000) as u32;
        if args[0] != 0 {
            kernel.put(args[0], &seconds.to_le_bytes())?;
        }
        Ok(seconds)
    }))
}

/// `gettimeofday(time_out)`: seconds and microseconds of 32 bits.
pub(super) fn gettimeofday(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let now = kernel.clock(0)?;
    Ok(now.and_then(|now| kernel.put_time(args[0], now, 1000)))
}

/// `clock_gettime(clock, time_out)`: seconds and nanoseconds of 32 bits.
pub(super) fn clock_gettime(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let now = kernel.clock(args[0])?;
    Ok(now.and_then(|now| kernel.put_time(args[1], now, 1)))
}

/// `getrandom(buffer, len)`
pub(super) fn getrandom(kernel: &mut Kernel<'_>, args: [u32; 6]) -> Outcome {
    let filled = kernel.wasi("random_get", &[args[0].into(), args[1].into()])?;
    Ok(filled.map(|_| args[1]))
}

impl Kernel<'_> {
    fn transfer_one(&mut self, what: Transfer, args: [u32; 6]) -> Outcome {
        let Ok(scratch) = self.scratch() else { return Ok(Err(errno::ENOMEM)) };
        match self.put_buffer(scratch, args[1], args[2]) {
            Ok(_) => self.transfer(what, args[0], scratch, 1),
            Err(error) => Ok(Err(error)),
        }
    }

    fn put_buffer(&mut self, at: u32, address: u32, len: u32) -> Result<u32, u32> {
        self.put(at, &address.to_le_bytes())?;
        self.put(at + 4, &len.to_le_bytes())
    }

    fn transfer(&mut self, what: Transfer, fd: u32, list: u32, count: u32) -> Outcome {
        let name = match what {
            Transfer::Read => "fd_read",
            Transfer::Write => "fd_write",
        };
        let Ok(scratch) = self.scratch() else { return Ok(Err(errno::ENOMEM)) };
        let out = scratch + 8;
        let done = self.wasi(name, &[fd, list, count, out].map(RawValue::from))?;
        Ok(done.map(|_| self.word(out)))
    }

    fn transfer_at(&mut self, name: &str, args: [u32; 6]) -> Outcome {
        let [fd, address, len, low, high, _] = args;
        let Ok(scratch) = self.scratch() else { return Ok(Err(errno::ENOMEM)) };
        if let Err(error) = self.put_buffer(scratch, address, len) {
            return Ok(Err(error));
        }
        let offset = u64::from(low) | u64::from(high) << 32;
        let out = scratch + 8;
        let args = [fd.into(), scratch.into(), 1_u32.into(), offset.into(), out.into()];
        let done = self.wasi(name, &args)?;
        Ok(done.map(|_| self.word(out)))
    }

    fn seek(
        &mut self,
        fd: u32,
        offset: i64,
        whence: u32,
    ) -> Result<Result<u64, u32>, dynvm_vm::Stop> {
        let Ok(scratch) = self.scratch() else { return Ok(Err(errno::ENOMEM)) };
        let args = [fd.into(), offset.into(), whence.into(), scratch.into()];
        let done = self.wasi("fd_seek", &args)?;
        Ok(done.map(|_| self.long(scratch)))
    }

    fn clock(&mut self, clock: u32) -> Result<Result<u64, u32>, dynvm_vm::Stop> {
        let Ok(scratch) = self.scratch() else { return Ok(Err(errno::ENOMEM)) };
        let args = [clock.into(), 1_u64.into(), scratch.into()];
        let done = self.wasi("clock_time_get", &args)?;
        Ok(done.map(|_| self.long(scratch)))
    }

    fn put_time(&mut self, address: u32, nanoseconds: u64, unit: u64) -> Result<u32, u32> {
        let seconds = (nanoseconds / 1_000_000_000) as u32;
        let rest = (nanoseconds % 1_000_000_000 / unit) as u32;
        self.put(address, &seconds.to_le_bytes())?;
        self.put(address.wrapping_add(4), &rest.to_le_bytes())
    }

    /// Calls a function of a descriptor and a path that gives nothing.
    fn on_entry(&mut self, name: &str, dir: u32, path: u32) -> Outcome {
        let (dir, path) = match self.path(dir, path)? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let Ok(scratch) = self.scratch() else { return Ok(Err(errno::ENOMEM)) };
        if let Err(error) = self.put(scratch, path.as_bytes()) {
            return Ok(Err(error));
        }
        let args = [dir, scratch, path.len() as u32].map(RawValue::from);
        self.wasi(name, &args)
    }

    /// Calls a function of a descriptor and a path, and gives the word that it writes. `args` makes
    /// its arguments behind the descriptor of the path's address and length and of where it writes.
    fn on_path(
        &mut self,
        name: &str,
        dir: u32,
        path: &str,
        args: impl FnOnce(u32, u32, u32) -> Vec<RawValue>,
    ) -> Outcome {
        let Ok(scratch) = self.scratch() else { return Ok(Err(errno::ENOMEM)) };
        if let Err(error) = self.put(scratch, path.as_bytes()) {
            return Ok(Err(error));
        }
        let out = scratch + PATH_BYTES_MAX;
        let mut all = vec![RawValue::from(dir)];
        all.extend(args(scratch, path.len() as u32, out));
        let done = self.wasi(name, &all)?;
        Ok(done.map(|_| self.word(out)))
    }

    /// The directory and the path in it that a path of the guest's means: of the granted
    /// directories the one with the longest name that the path starts with.
    fn path(&mut self, dir: u32, path: u32) -> Result<Result<(u32, String), u32>, dynvm_vm::Stop> {
        let rest = self.process.memory().get(path as usize..).unwrap_or_default();
        let rest = &rest[..rest.len().min(PATH_BYTES_MAX as usize)];
        let Some(end) = rest.iter().position(|byte| *byte == 0) else {
            return Ok(Err(errno::EFAULT));
        };
        let Ok(path) = std::str::from_utf8(&rest[..end]) else { return Ok(Err(errno::ENOENT)) };
        let path = path.to_owned();
        if path.is_empty() {
            return Ok(Err(errno::ENOENT));
        }
        if dir != CURRENT_DIRECTORY && !path.starts_with('/') {
            return Ok(Ok((dir, path)));
        }
        let mut found: Option<(usize, u32, String)> = None;
        for fd in FIRST_GRANT.. {
            let Some(name) = self.grant(fd)? else { break };
            let Some(rest) = below(&path, &name) else { continue };
            if found.as_ref().is_none_or(|(len, ..)| name.len() > *len) {
                found = Some((name.len(), fd, rest));
            }
        }
        Ok(found.map(|(_, fd, rest)| (fd, rest)).ok_or(errno::ENOENT))
    }

    /// Name of the granted directory `fd`; `None` if it is none.
    fn grant(&mut self, fd: u32) -> Result<Option<String>, dynvm_vm::Stop> {
        let Ok(scratch) = self.scratch() else { return Ok(None) };
        if self.wasi("fd_prestat_get", &[fd.into(), scratch.into()])?.is_err() {
            return Ok(None);
        }
        let len = self.word(scratch + 4).min(SCRATCH_BYTES);
        let args = [fd, scratch, len].map(RawValue::from);
        if self.wasi("fd_prestat_dir_name", &args)?.is_err() {
            return Ok(None);
        }
        Ok(guest::text(self.process, scratch, len))
    }
}

/// What of `path` is below the directory `name`; `.` for the directory itself. A relative path is
/// one below `/` and `.`.
fn below(path: &str, name: &str) -> Option<String> {
    let relative = |text: &str| text.trim_start_matches("./").trim_start_matches('/').to_owned();
    let (path, name) = (relative(path), relative(name).trim_end_matches('/').to_owned());
    let name = if name == "." { String::new() } else { name };
    let rest = path.strip_prefix(name.as_str())?;
    let is_whole = name.is_empty() || rest.is_empty() || rest.starts_with('/');
    let rest = rest.trim_start_matches('/');
    is_whole.then(|| if rest.is_empty() { ".".to_owned() } else { rest.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::below;

    #[track_caller]
    fn check(path: &str, name: &str, expected: Option<&str>) {
        assert_eq!(below(path, name).as_deref(), expected, "{path} below {name}");
    }

    #[test]
    fn paths_belong_to_the_directory_that_starts_them() {
        check("/tmp/a/b", "/tmp", Some("a/b"));
        check("tmp/a", "/tmp", Some("a"));
        check("/tmp", "/tmp", Some("."));
        check("/tmpfile", "/tmp", None);
        check("a", "/", Some("a"));
        check("./a", ".", Some("a"));
        check("/etc/passwd", "/tmp", None);
        // What leads out of the directory WASI refuses.
        check("/tmp/../etc", "/tmp", Some("../etc"));
    }
}

//! The way from a system call to WASI: calls of its functions, its error numbers as Linux's.

use dynvm_vm::value::RawValue;

use super::{Kernel, Outcome, errno};
use crate::dialect::guest;
use crate::error::LoadError;
use crate::linker::lock;

/// The module of WASI's functions.
const MODULE: &str = "wasi_snapshot_preview1";
/// Bytes of guest memory that a system call can use for what WASI reads and writes.
pub(super) const SCRATCH_BYTES: u32 = 4096;

/// Linux's number for each of WASI's errors, from `success` on.
const NUMBERS: [u8; 77] = [
    0, 7, 13, 98, 99, 97, 11, 114, 9, 74, 16, 125, 10, 103, 111, 104, 35, 89, 33, 122, 17, 14, 27,
    113, 43, 84, 115, 4, 22, 5, 106, 21, 40, 24, 31, 90, 72, 36, 100, 102, 101, 23, 105, 19, 2, 8,
    37, 67, 12, 42, 92, 28, 38, 107, 20, 39, 131, 88, 95, 25, 6, 75, 130, 1, 32, 71, 93, 91, 34,
    30, 29, 3, 116, 110, 26, 18, 1,
];

impl Kernel<'_> {
    /// Calls the function of WASI called `name`: 0, or an error of Linux's.
    pub(super) fn wasi(&mut self, name: &str, args: &[RawValue]) -> Outcome {
        let function = lock(self.linker).hosts.function(MODULE, name);
        let Some(function) = function.filter(|it| it.ty.params.len() == args.len()) else {
            return Ok(Err(errno::ENOSYS));
        };
        let mut values = args.to_vec();
        (function.func)(self.process, &mut values)?;
        Ok(match values.first().map_or(0, |value| value.u32()) {
            0 => Ok(0),
            error => {
                let number = NUMBERS.get(error as usize).copied();
                Err(number.map_or(errno::EINVAL, u32::from))
            }
        })
    }

    /// Address of guest memory that nobody else uses.
    pub(super) fn scratch(&mut self) -> Result<u32, LoadError> {
        let mut linker = lock(self.linker);
        if let Some(scratch) = linker.dialects.kernel.scratch {
            return Ok(scratch);
        }
        let size = u64::from(SCRATCH_BYTES);
        let range = linker.space.take_memory(self.process, size, 16, "a system call")?;
        linker.dialects.kernel.scratch = Some(range.start as u32);
        Ok(range.start as u32)
    }

    /// A word of guest memory; zero outside.
    pub(super) fn word(&self, address: u32) -> u32 {
        let bytes = guest::bytes(self.process, address, 4).and_then(|it| it.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    }

    /// Two words of guest memory; zero outside.
    pub(super) fn long(&self, address: u32) -> u64 {
        u64::from(self.word(address)) | u64::from(self.word(address.wrapping_add(4))) << 32
    }

    /// Writes to guest memory.
    pub(super) fn put(&mut self, address: u32, bytes: &[u8]) -> Result<u32, u32> {
        guest::write(self.process, address, bytes).map(|()| 0).ok_or(errno::EFAULT)
    }
}

//! Modules of libraries that were closed, kept for when they are opened again: what was read, validated
//! and indexed once needs not be read again as long as its file is the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dynvm_vm::module::Module;

use crate::dialect::Dialect;
use crate::dso::Dso;
use crate::dylink::Dylink;
use crate::search::{FileIdentity, Stamp};
use crate::symbol::SymbolTable;

/// Most bytes of the files whose modules are kept; what was read from them takes about as much.
const BYTES_MAX: usize = 64 << 20;

/// Most modules that are kept.
const MODULES_MAX: usize = 256;

/// What was read from a file.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) module: Arc<Module>,
    pub(crate) dylink: Option<Arc<Dylink>>,
    pub(crate) symbols: Arc<SymbolTable>,
    /// What the file was like, if that would tell a change.
    pub(crate) stamp: Option<Stamp>,
}

/// Modules of closed libraries, by the files that they came from.
#[derive(Debug, Default)]
pub(crate) struct KeptModules {
    by_file: HashMap<FileIdentity, (u64, Read)>,
    /// The one closed first is forgotten first.
    by_age: BTreeMap<u64, FileIdentity>,
    next_age: u64,
    bytes: usize,
}

impl KeptModules {
    /// Takes what was read from a file, which may have changed since.
    pub(crate) fn take(&mut self, file: FileIdentity) -> Option<Read> {
        let (age, read) = self.by_file.remove(&file)?;
        self.by_age.remove(&age);
        self.bytes -= read.module.bytes.len();
        Some(read)
    }

    /// Keeps the module of a dso that goes.
    pub(crate) fn keep(&mut self, dso: Dso) {
        // Other dialects read more from a file than this, or what depends on how it is loaded.
        if !matches!(dso.dialect, Dialect::Standard) {
            return;
        }
        let Dso { module, dylink, symbols, stamp, identity, .. } = dso;
        self.put(identity, Read { module, dylink, symbols, stamp });
    }

    pub(crate) fn put(&mut self, file: FileIdentity, read: Read) {
        self.take(file);
        self.bytes += read.module.bytes.len();
        self.by_age.insert(self.next_age, file);
        self.by_file.insert(file, (self.next_age, read));
        self.next_age += 1;
        while (self.bytes > BYTES_MAX || self.by_age.len() > MODULES_MAX)
            && let Some((_, oldest)) = self.by_age.first_key_value()
        {
            self.take(*oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dynvm_vm::module::Module;

    use super::{BYTES_MAX, KeptModules, MODULES_MAX, Read};
    use crate::search::FileIdentity;
    use crate::symbol::SymbolTable;

    fn read(len: usize) -> Read {
        let module = Module { bytes: Arc::new(vec![0; len]), ..Module::default() };
        let symbols = Arc::new(SymbolTable::default());
        Read { module: Arc::new(module), dylink: None, symbols, stamp: None }
    }

    fn file(inode: usize) -> FileIdentity {
        FileIdentity { device: 1, inode: inode as u64 }
    }

    #[test]
    fn what_was_closed_first_is_forgotten_first() {
        let mut kept = KeptModules::default();
        for number in 0..MODULES_MAX + 2 {
            kept.put(file(number), read(1));
        }
        assert!(kept.take(file(0)).is_none() && kept.take(file(1)).is_none());
        assert!(kept.take(file(2)).is_some());
        assert!(kept.take(file(2)).is_none(), "it was taken");
        assert_eq!((kept.by_file.len(), kept.by_age.len()), (MODULES_MAX - 1, MODULES_MAX - 1));
        kept.put(file(3), read(BYTES_MAX / 2));
        kept.put(file(4), read(BYTES_MAX / 2));
        assert_eq!(kept.take(file(4)).map(|read| read.module.bytes.len()), Some(BYTES_MAX / 2));
        assert_eq!(kept.bytes, BYTES_MAX / 2, "all others went");
        kept.put(file(5), read(BYTES_MAX + 1));
        assert!(kept.take(file(5)).is_none(), "it is too much alone");
        assert_eq!((kept.bytes, kept.by_file.len(), kept.by_age.len()), (0, 0, 0));
    }
}

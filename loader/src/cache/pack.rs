//! Packs: what the cache has for a program's start, in one file.
//!
//! A start with a thousand libraries would open, read and hash a thousand entries, and compute their
//! names before. A pack holds all those that are small, under one name for all of them: a hash of
//! what their names depend on. A run that found none, or that kept more code, writes one when it ends.
//! It is no more than a copy: without it the entries themselves are found.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dynvm_jit::SomeCode;
use dynvm_vm::MappedFile;

use super::format::{self, HASH_BYTES, Part, encode_content};
use super::key::{BatchKey, Keys};
use super::{Cache, note_use};

/// Ending of a pack's file name.
pub(super) const ENDING: &str = "pack";

/// Changes with the layout of a pack, and with that of what is in it.
const FORMAT: &[u8] = b"dynvm pack 1\n";

/// Longer entries stay apart: finding them takes little beside hashing them, and their room is worth
/// more.
const ENTRY_BYTES_MAX: usize = 256 * 1024;

/// What would make a pack longer stays apart: each start hashes all of it, and each run that compiles
/// something writes it.
const PACK_BYTES_MAX: usize = 16 << 20;

/// Bytes of the number of entries, and of each entry in the index: where it ends. It starts where the
/// one before ends.
const NUMBER_BYTES: usize = 4;

/// In the index: the entry is not here. No pack is that long.
const IS_APART: u32 = 1 << 31;

/// The entries of a batch, as far as they are small.
#[derive(Debug)]
struct Pack {
    file: Arc<MappedFile>,
    /// Where in the file the index is; behind it is what is in the pack.
    index: Range<usize>,
}

/// The pack of a program's start.
pub(crate) struct StartPack {
    keys: Arc<Keys>,
    found: Option<Pack>,
    /// Entries of which more is known than it has.
    grown: BTreeSet<usize>,
}

impl StartPack {
    /// What it has under a name; `None` if only the entry itself tells.
    pub(crate) fn parts(&self, key: &BatchKey) -> Option<Vec<Part>> {
        Arc::ptr_eq(&key.keys, &self.keys).then(|| self.parts_at(key.position)).flatten()
    }

    fn parts_at(&self, position: usize) -> Option<Vec<Part>> {
        let pack = self.found.as_ref()?;
        let range = pack.range(position)?;
        if range.is_empty() {
            return Some(Vec::new());
        }
        Part::inside(Arc::clone(&pack.file), range).map(|part| vec![part])
    }

    /// Notes that there is more code under a name than there was.
    pub(crate) fn note(&mut self, key: &BatchKey) {
        if Arc::ptr_eq(&key.keys, &self.keys) {
            self.grown.insert(key.position);
        }
    }

    /// The bytes of an entry for the pack to come, unless they are too many.
    fn entry(&self, cache: &Cache, position: usize) -> Option<Vec<u8>> {
        if let Some(pack) = &self.found
            && !self.grown.contains(&position)
        {
            return Some(pack.file[pack.range(position)?].to_vec());
        }
        let mut parts = cache.load(self.keys.get(position));
        // What the limit of the cache may have taken meanwhile.
        parts.extend(self.parts_at(position).unwrap_or_default());
        if parts.iter().map(Part::content_len).sum::<usize>() > ENTRY_BYTES_MAX {
            return None;
        }
        let (provisional, lasting): (SomeCode, SomeCode) =
            parts.iter().flat_map(Part::codes).partition(|(_, code)| code.is_provisional);
        // Of two of one function the later is taken.
        let codes: BTreeMap<_, _> = provisional.into_iter().chain(lasting).collect();
        let codes: Vec<_> = codes.into_iter().collect();
        Some(if codes.is_empty() { Vec::new() } else { encode_content(&codes) })
    }
}

impl Cache {
    /// The pack for the code of a start with these names, whether there is one or not.
    pub(crate) fn start_pack(&self, keys: &Arc<Keys>) -> StartPack {
        let found = self.load_pack(keys);
        StartPack { keys: Arc::clone(keys), found, grown: BTreeSet::new() }
    }

    fn load_pack(&self, keys: &Keys) -> Option<Pack> {
        let name = name(keys);
        let path = self.pack_path(&name);
        let file = std::fs::File::open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        let bytes = MappedFile::open(&file, metadata.len()).ok();
        let pack = bytes.and_then(|bytes| Pack::new(&name, keys.len(), bytes));
        match pack {
            None => {
                tracing::debug!(target: "dynvm::files", "{}: damaged, not used", path.display());
            }
            Some(_) => note_use(&file, &metadata),
        }
        pack
    }

    /// Writes the pack again if what was found is not all that is known now.
    pub(crate) fn store_pack(&self, pack: &StartPack) -> io::Result<()> {
        if pack.found.is_some() && pack.grown.is_empty() {
            return Ok(());
        }
        let mut index = number(pack.keys.len()).to_vec();
        let mut entries = Vec::new();
        for position in 0..pack.keys.len() {
            let entry = pack.entry(self, position);
            let fits = |entry: &Vec<u8>| entries.len() + entry.len() <= PACK_BYTES_MAX;
            match entry.filter(fits) {
                Some(entry) => {
                    entries.extend_from_slice(&entry);
                    index.extend_from_slice(&number(entries.len()));
                }
                None => {
                    let end = number(entries.len() | IS_APART as usize);
                    index.extend_from_slice(&end);
                }
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        let name = name(&pack.keys);
        let content = [index, entries].concat();
        let file = [FORMAT, format::hash(name.as_bytes(), &content).as_bytes(), &content].concat();
        // It may be lost: the entries are there.
        self.write_unsynced(&self.pack_path(&name), &file)?;
        self.is_grown.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn pack_path(&self, name: &blake3::Hash) -> PathBuf {
        self.dir.join(name.to_hex().as_str()).with_extension(ENDING)
    }
}

impl Pack {
    /// `None` if a bit of the file is not as it was written, or it was written under another name.
    fn new(name: &blake3::Hash, len: usize, file: MappedFile) -> Option<Pack> {
        let (expected, content) = file.strip_prefix(FORMAT)?.split_at_checked(HASH_BYTES)?;
        if format::hash(name.as_bytes(), content).as_bytes() != expected {
            return None;
        }
        let is_complete = content.starts_with(&number(len));
        let index = FORMAT.len() + HASH_BYTES + NUMBER_BYTES;
        let index = index..index + len * NUMBER_BYTES;
        (is_complete && index.end <= file.len()).then(|| Pack { file: Arc::new(file), index })
    }

    /// Where an entry is in the file, if it is here.
    fn range(&self, position: usize) -> Option<Range<usize>> {
        let index = &self.file[self.index.clone()];
        let end = |position: usize| {
            let end = index[position * NUMBER_BYTES..].first_chunk();
            u32::from_le_bytes(*end.expect("there is a number for each entry"))
        };
        let start = position.checked_sub(1).map_or(0, |before| end(before) & !IS_APART);
        let end = Some(end(position)).filter(|end| end & IS_APART == 0)?;
        Some(self.index.end + start as usize..self.index.end + end as usize)
    }
}

fn name(keys: &Keys) -> blake3::Hash {
    keys.batch(FORMAT)
}

fn number(number: usize) -> [u8; NUMBER_BYTES] {
    u32::try_from(number).expect("packs are small").to_le_bytes()
}

#[cfg(test)]
mod tests;

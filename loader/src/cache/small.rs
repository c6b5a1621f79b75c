//! Proofs of small modules, all in one file: a file for each would take longer to find than the
//! module to validate.
//!
//! After the line that names the format and the hash comes how many there are, then for each the
//! hash of its module and where its part of what follows ends, ascending by hash: they are looked up
//! where they lie.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::proof::HASH_BYTES;
use super::{Cache, engine, read_used};

/// Changes with the layout of the file.
const FORMAT: &[u8] = b"dynvm valid small 1\n";

/// Most modules of a file: if they become more, those of before are forgotten.
const MODULES_MAX: usize = 4096;

/// Bytes of a module's hash and of where its part ends.
const INDEX_BYTES: usize = HASH_BYTES + 4;

/// What is known of small modules.
#[derive(Debug, Default)]
pub(super) struct SmallProofs(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The content of the file, once it was looked for; nothing if there is none.
    file: Option<Vec<u8>>,
    /// What was validated since, with the globals that it assigns.
    fresh: BTreeMap<[u8; HASH_BYTES], Vec<bool>>,
}

impl SmallProofs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    /// Which globals the module with this hash assigns, if it was found valid before.
    pub(super) fn load_small(&self, digest: &[u8; HASH_BYTES]) -> Option<Vec<bool>> {
        let mut state = self.small.lock();
        let file = state.file.get_or_insert_with(|| self.read_small().unwrap_or_default());
        find(file, digest)
    }

    /// Notes that a module is valid, for [`Cache::store_small`].
    pub(super) fn note_small(&self, digest: [u8; HASH_BYTES], globals_assigned: &[bool]) {
        self.small.lock().fresh.insert(digest, globals_assigned.to_vec());
    }

    /// Keeps what was noted, besides what others kept meanwhile.
    pub(crate) fn store_small(&self) -> io::Result<()> {
        let mut all = std::mem::take(&mut self.small.lock().fresh);
        if all.is_empty() {
            return Ok(());
        }
        let file = self.read_small().unwrap_or_default();
        if all.len() + len(&file) <= MODULES_MAX {
            all.extend(modules(&file));
        }
        self.write(&self.small_path(), &encode(&all))
    }

    /// The content of the file; `None` if it is not there, or a bit of it is not as it was written.
    fn read_small(&self) -> Option<Vec<u8>> {
        let path = self.small_path();
        let bytes = read_used(&path)?;
        let content = bytes.strip_prefix(FORMAT).and_then(|rest| {
            let (expected, content) = rest.split_at_checked(HASH_BYTES)?;
            (hash(content).as_bytes() == expected).then(|| content.to_vec())
        });
        if content.is_none() {
            tracing::debug!(target: "dynvm::files", "{}: damaged, not used", path.display());
        }
        content
    }

    /// What is valid is this build's business alone.
    fn small_path(&self) -> std::path::PathBuf {
        let name = blake3::Hasher::new().update(FORMAT).update(engine().as_bytes()).finalize();
        self.dir.join(name.to_hex().as_str()).with_extension(super::proof::ENDING)
    }
}

fn hash(content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(FORMAT).update(engine().as_bytes()).update(content).finalize()
}

fn encode(modules: &BTreeMap<[u8; HASH_BYTES], Vec<bool>>) -> Vec<u8> {
    let number =
        |number: usize| u32::try_from(number).expect("small modules are few").to_le_bytes();
    let (mut index, mut flags) = (number(modules.len()).to_vec(), Vec::new());
    for (digest, globals_assigned) in modules {
        flags.extend(globals_assigned.iter().map(|is_assigned| u8::from(*is_assigned)));
        index.extend_from_slice(digest);
        index.extend_from_slice(&number(flags.len()));
    }
    let content = [index, flags].concat();
    [FORMAT, hash(&content).as_bytes(), &content].concat()
}

/// How many modules `content` knows.
fn len(content: &[u8]) -> usize {
    content.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize)
}

fn index(content: &[u8]) -> &[u8] {
    content.get(4..4 + len(content) * INDEX_BYTES).unwrap_or_default()
}

fn digest_at(content: &[u8], position: usize) -> &[u8] {
    &index(content)[position * INDEX_BYTES..][..HASH_BYTES]
}

fn flags_at(content: &[u8], position: usize) -> Option<Vec<bool>> {
    let end = |position: usize| {
        let end = index(content)[position * INDEX_BYTES + HASH_BYTES..].first_chunk()?;
        Some(u32::from_le_bytes(*end) as usize)
    };
    let start = if position == 0 { 0 } else { end(position - 1)? };
    let flags = content.get(4 + index(content).len()..)?.get(start..end(position)?)?;
    Some(flags.iter().map(|is_assigned| *is_assigned != 0).collect())
}

fn modules(content: &[u8]) -> impl Iterator<Item = ([u8; HASH_BYTES], Vec<bool>)> {
    (0..index(content).len() / INDEX_BYTES).filter_map(|position| {
        let digest = digest_at(content, position).try_into().ok()?;
        Some((digest, flags_at(content, position)?))
    })
}

fn find(content: &[u8], digest: &[u8; HASH_BYTES]) -> Option<Vec<bool>> {
    let (mut start, mut end) = (0, index(content).len() / INDEX_BYTES);
    while start < end {
        let middle = start.midpoint(end);
        match digest_at(content, middle).cmp(digest) {
            std::cmp::Ordering::Equal => return flags_at(content, middle),
            std::cmp::Ordering::Less => start = middle + 1,
            std::cmp::Ordering::Greater => end = middle,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Cache, MODULES_MAX};

    fn digest(number: u32) -> [u8; 32] {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    fn flags(number: u32) -> Vec<bool> {
        (0..number % 5).map(|global| global % 2 == number % 2).collect()
    }

    #[test]
    fn what_was_noted_is_known_next_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = || Cache::new(dir.path(), u64::MAX);
        for first in [0, 30] {
            let cache = cache();
            (first..first + 30).for_each(|number| cache.note_small(digest(number), &flags(number)));
            cache.store_small().expect("written");
        }
        let known = cache();
        (0..60).for_each(|number| {
            assert_eq!(known.load_small(&digest(number)), Some(flags(number)), "{number}");
        });
        assert_eq!(known.load_small(&digest(60)), None);

        let path = known.small_path();
        let file = fs::read(&path).expect("it was written");
        for position in 0..file.len() {
            let mut damaged = file.clone();
            damaged[position] ^= 1;
            fs::write(&path, damaged).expect("written");
            assert_eq!(cache().load_small(&digest(7)), None, "byte {position}");
        }
        fs::write(&path, &file[..file.len() - 1]).expect("written");
        assert_eq!(cache().load_small(&digest(7)), None);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = || Cache::new(dir.path(), u64::MAX);
        for first in [0, MODULES_MAX as u32] {
            let cache = cache();
            let all = first..first + MODULES_MAX as u32;
            all.for_each(|number| cache.note_small(digest(number), &[]));
            cache.store_small().expect("written");
        }
        assert_eq!(cache().load_small(&digest(0)), None);
        assert_eq!(cache().load_small(&digest(MODULES_MAX as u32)), Some(Vec::new()));
    }
}

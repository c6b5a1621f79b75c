//! Ways in and out of wasm that were compiled before: a program needs one for each function of the
//! host's that it imports, and they are the same for every program.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dynvm_jit::Compiler;
use dynvm_vm::Stubs;
use dynvm_vm::code::Code;
use dynvm_vm::types::FuncType;

use super::{Cache, engine, read_used};

/// Ending of the file's name.
pub(super) const ENDING: &str = "stubs";

/// Changes with the layout of the file.
const FORMAT: &[u8] = b"dynvm stubs 1\n";

const HASH_BYTES: usize = 32;

/// Most stubs of a file: what is compiled when so many are there is not kept.
const STUBS_MAX: usize = 4096;

/// Code and its alignment, by what it is for.
type Known = BTreeMap<String, (Vec<u8>, u32)>;

/// Makes stubs, or finds them in a cache.
pub(crate) struct KeptStubs {
    compiler: Arc<Compiler>,
    name: blake3::Hash,
    known: Known,
    fresh: Mutex<Known>,
}

impl Cache {
    /// The stubs that are kept here, and `compiler` for others.
    pub(crate) fn stubs(&self, compiler: Arc<Compiler>) -> KeptStubs {
        let mut hasher = blake3::Hasher::new();
        hasher.update(FORMAT).update(engine().as_bytes());
        let name = hasher.update(compiler.fingerprint().as_bytes()).finalize();
        let known = self.load_stubs(&name).unwrap_or_default();
        KeptStubs { compiler, name, known, fresh: Mutex::default() }
    }

    fn load_stubs(&self, name: &blake3::Hash) -> Option<Known> {
        let path = self.stubs_path(name);
        let known = decode(name, &read_used(&path)?);
        if known.is_none() {
            tracing::debug!(target: "dynvm::files", "{}: damaged, not used", path.display());
        }
        known
    }

    /// Keeps what `stubs` had to compile, besides what others kept meanwhile.
    pub(crate) fn store_stubs(&self, stubs: &KeptStubs) -> io::Result<()> {
        let fresh = std::mem::take(&mut *stubs.fresh());
        if fresh.is_empty() {
            return Ok(());
        }
        let mut all = self.load_stubs(&stubs.name).unwrap_or_default();
        if all.len() + fresh.len() > STUBS_MAX {
            return Ok(());
        }
        all.extend(fresh);
        self.write(&self.stubs_path(&stubs.name), &encode(&stubs.name, &all))
    }

    fn stubs_path(&self, name: &blake3::Hash) -> std::path::PathBuf {
        self.dir.join(name.to_hex().as_str()).with_extension(ENDING)
    }
}

impl KeptStubs {
    fn fresh(&self) -> std::sync::MutexGuard<'_, Known> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, purpose: String, compile: impl FnOnce() -> Code) -> Code {
        if let Some((bytes, align)) = self.known.get(&purpose) {
            return Code { bytes: bytes.clone(), align: *align, ..Code::default() };
        }
        let code = compile();
        let Code { bytes, align, .. } = &code;
        // One that is more than its instructions is not kept. None is so far.
        let plain = Code { bytes: bytes.clone(), align: *align, ..Code::default() };
        if code == plain {
            self.fresh().insert(purpose, (plain.bytes, *align));
        }
        code
    }
}

impl Stubs for KeptStubs {
    fn entry(&self, ty: &FuncType) -> Code {
        self.find(format!("entry {ty}"), || self.compiler.entry(ty))
    }

    fn host_call(&self, ty: &FuncType, host_function: u32) -> Code {
        let compile = || self.compiler.host_call(ty, host_function);
        self.find(format!("host_call {host_function} {ty}"), compile)
    }
}

fn encode(name: &blake3::Hash, known: &Known) -> Vec<u8> {
    let mut content = Vec::new();
    let len = |len: usize| u32::try_from(len).expect("stubs are small").to_le_bytes();
    for (purpose, (bytes, align)) in known {
        content.extend_from_slice(&len(purpose.len()));
        content.extend_from_slice(purpose.as_bytes());
        content.extend_from_slice(&align.to_le_bytes());
        content.extend_from_slice(&len(bytes.len()));
        content.extend_from_slice(bytes);
    }
    [FORMAT, hash(name, &content).as_bytes(), &content].concat()
}

/// The stubs of a file; `None` if a bit of it is not as it was written under this name.
fn decode(name: &blake3::Hash, file: &[u8]) -> Option<Known> {
    let (expected, mut content) = file.strip_prefix(FORMAT)?.split_at_checked(HASH_BYTES)?;
    if hash(name, content).as_bytes() != expected {
        return None;
    }
    let mut known = Known::new();
    while !content.is_empty() {
        let purpose_len = number(&mut content)?;
        let purpose = bytes(&mut content, purpose_len)?;
        let purpose = String::from_utf8(purpose.to_vec()).ok()?;
        let align = number(&mut content)?;
        let code_len = number(&mut content)?;
        known.insert(purpose, (bytes(&mut content, code_len)?.to_vec(), align));
    }
    Some(known)
}

fn number(content: &mut &[u8]) -> Option<u32> {
    let (number, rest) = content.split_first_chunk()?;
    *content = rest;
    Some(u32::from_le_bytes(*number))
}

fn bytes<'a>(content: &mut &'a [u8], len: u32) -> Option<&'a [u8]> {
    let (bytes, rest) = content.split_at_checked(len as usize)?;
    *content = rest;
    Some(bytes)
}

fn hash(name: &blake3::Hash, content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(name.as_bytes()).update(content).finalize()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use dynvm_jit::{Compiler, Settings};
    use dynvm_vm::Stubs as _;
    use dynvm_vm::types::{FuncType, ValType};

    use super::Cache;

    #[test]
    fn kept_stubs_are_those_that_were_compiled() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(dir.path(), u64::MAX);
        let compiler = Arc::new(Compiler::new(&Settings::default()).expect("a compiler"));
        let ty = FuncType::new([ValType::I32, ValType::F64], [ValType::I64]);
        let stubs = cache.stubs(Arc::clone(&compiler));
        let codes = [stubs.entry(&ty), stubs.host_call(&ty, 7), stubs.host_call(&ty, 8)];
        cache.store_stubs(&stubs).expect("written");

        let stubs = cache.stubs(Arc::clone(&compiler));
        assert_eq!(stubs.known.len(), 3);
        assert_eq!([stubs.entry(&ty), stubs.host_call(&ty, 7), stubs.host_call(&ty, 8)], codes);
        assert!(stubs.fresh().is_empty());
        assert_eq!(codes[1], compiler.host_call(&ty, 7));
        assert_ne!(codes[1], codes[2]);

        // Whatever byte is another one: all are compiled again.
        let path = cache.stubs_path(&stubs.name);
        let file = fs::read(&path).expect("it was written");
        for position in 0..file.len() {
            let mut damaged = file.clone();
            damaged[position] ^= 1;
            fs::write(&path, damaged).expect("written");
            assert!(cache.stubs(Arc::clone(&compiler)).known.is_empty(), "byte {position}");
        }
    }
}

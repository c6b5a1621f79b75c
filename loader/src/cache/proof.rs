//! Proofs that a module is valid: what this very build has validated once it needs not validate
//! again. A proof is named by a hash of the module's bytes, and holds what else reading all bodies
//! found out.

use dynvm_jit::DecodeError;
use dynvm_vm::module::Module;

use super::{Cache, engine, read_used};

/// Ending of a proof's file name.
pub(super) const ENDING: &str = "valid";

/// Changes with the layout of a proof.
const FORMAT: &[u8] = b"dynvm valid 1\n";

/// Smaller modules are validated faster than a file is found: their proofs share one.
const MODULE_BYTES_MIN: usize = 64 * 1024;

pub(super) const HASH_BYTES: usize = 32;

/// The hash of a module's bytes.
pub(super) fn digest(module: &Module) -> &[u8; HASH_BYTES] {
    module.digest.get_or_init(|| *blake3::hash(&module.bytes).as_bytes())
}

impl Cache {
    /// Decodes a module, and validates it unless that was done before.
    ///
    /// # Errors
    /// If it is not valid.
    pub(crate) fn decode(&self, bytes: Vec<u8>) -> Result<Module, DecodeError> {
        let digest = *blake3::hash(&bytes).as_bytes();
        if bytes.len() < MODULE_BYTES_MIN {
            return self.decode_small(bytes, digest);
        }
        let name = name(&digest);
        let module = match self.load_proof(&name) {
            Some(globals_assigned) => dynvm_jit::decode_validated(bytes, globals_assigned)?,
            None => {
                let module = dynvm_jit::decode(bytes)?;
                // That it cannot be written costs time at the next start.
                let _ =
                    self.write(&self.proof_path(&name), &encode(&name, &module.globals_assigned));
                module
            }
        };
        module.digest.get_or_init(|| digest);
        Ok(module)
    }

    fn decode_small(
        &self,
        bytes: Vec<u8>,
        digest: [u8; HASH_BYTES],
    ) -> Result<Module, DecodeError> {
        let module = match self.load_small(&digest) {
            Some(globals_assigned) => dynvm_jit::decode_validated(bytes, globals_assigned)?,
            None => {
                let module = dynvm_jit::decode(bytes)?;
                self.note_small(digest, &module.globals_assigned);
                module
            }
        };
        module.digest.get_or_init(|| digest);
        Ok(module)
    }

    fn load_proof(&self, name: &blake3::Hash) -> Option<Vec<bool>> {
        let path = self.proof_path(name);
        let globals_assigned = decode(name, &read_used(&path)?);
        if globals_assigned.is_none() {
            tracing::debug!(target: "dynvm::files", "{}: damaged, not used", path.display());
        }
        globals_assigned
    }

    fn proof_path(&self, name: &blake3::Hash) -> std::path::PathBuf {
        self.dir.join(name.to_hex().as_str()).with_extension(ENDING)
    }
}

/// The name of the proof for the module with this hash. What is valid, and what the rest of dynvm
/// must know of a module, is this build's business alone.
fn name(digest: &[u8; HASH_BYTES]) -> blake3::Hash {
    blake3::Hasher::new().update(FORMAT).update(engine().as_bytes()).update(digest).finalize()
}

fn encode(name: &blake3::Hash, globals_assigned: &[bool]) -> Vec<u8> {
    let content: Vec<u8> =
        globals_assigned.iter().map(|is_assigned| (*is_assigned).into()).collect();
    [FORMAT, hash(name, &content).as_bytes(), &content].concat()
}

/// What a proof says; `None` if a bit of it is not as it was written for this module.
fn decode(name: &blake3::Hash, proof: &[u8]) -> Option<Vec<bool>> {
    let (expected, content) = proof.strip_prefix(FORMAT)?.split_at_checked(HASH_BYTES)?;
    let is_whole = hash(name, content).as_bytes() == expected;
    is_whole.then(|| content.iter().map(|is_assigned| *is_assigned != 0).collect())
}

fn hash(name: &blake3::Hash, content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(name.as_bytes()).update(content).finalize()
}

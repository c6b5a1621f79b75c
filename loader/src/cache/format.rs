//! The bytes of an entry: a line that names the format, a hash of the entry's name and of what
//! follows, then each function's code. All numbers are little-endian.

use dynvm_jit::SomeCode;
use dynvm_vm::code::{
    CallSite, Code, Handler, Relocation, RelocationKind, StackMap, TrapCode, TrapSite,
};
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::TagId;
use dynvm_vm::types::DefinedFuncIndex;

/// Bytes of the hash.
const HASH_BYTES: usize = 32;

/// An entry with the code of some functions, under this name.
pub(super) fn encode(format: &[u8], name: &[u8], codes: &SomeCode) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.u32(codes.len());
    for (func, code) in codes {
        out.number(func.0);
        let Code { bytes, align, relocations, traps, locations, call_sites, stack_maps } = code;
        out.u32(bytes.len());
        out.0.extend_from_slice(bytes);
        out.number(*align);
        out.u32(relocations.len());
        for Relocation { offset, kind, target, addend } in relocations {
            out.number(*offset);
            out.number(match kind {
                RelocationKind::Relative32 => 0,
                RelocationKind::Absolute64 => 1,
            });
            out.number(target.0);
            out.0.extend_from_slice(&addend.to_le_bytes());
        }
        out.u32(traps.len());
        for TrapSite { offset, code } in traps {
            out.number(*offset);
            out.0.push(*code as u8);
        }
        out.u32(locations.len());
        for (code_offset, wasm_offset) in locations {
            out.number(*code_offset);
            out.number(*wasm_offset);
        }
        out.u32(call_sites.len());
        for CallSite { return_offset, frame_bytes, handlers } in call_sites {
            out.number(*return_offset);
            out.number(*frame_bytes);
            out.u32(handlers.len());
            for Handler { tag, offset } in handlers {
                // No tag has the highest number: each takes room in the process.
                out.number(tag.map_or(u32::MAX, |tag| tag.0));
                out.number(*offset);
            }
        }
        out.u32(stack_maps.len());
        for StackMap { return_offset, below_frame_pointer } in stack_maps {
            out.number(*return_offset);
            out.u32(below_frame_pointer.len());
            below_frame_pointer.iter().for_each(|below| out.number(*below));
        }
    }
    let mut entry = format.to_vec();
    entry.extend_from_slice(hash(name, &out.0).as_bytes());
    entry.extend_from_slice(&out.0);
    entry
}

/// The code in an entry; `None` if a bit of it is not as it was written, or it was written under
/// another name.
pub(super) fn decode(format: &[u8], name: &[u8], entry: &[u8]) -> Option<SomeCode> {
    let (expected, content) = entry.strip_prefix(format)?.split_at_checked(HASH_BYTES)?;
    if hash(name, content).as_bytes() != expected {
        return None;
    }
    let mut reader = Reader(content);
    let count = reader.u32()?;
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push((DefinedFuncIndex(reader.u32()?), reader.code()?));
    }
    reader.0.is_empty().then_some(codes)
}

/// Names have one length, so that no two entries run into the same bytes.
fn hash(name: &[u8], content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(name).update(content).finalize()
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A length.
    fn u32(&mut self, len: usize) {
        self.number(u32::try_from(len).expect("a function is far below 4 GiB"));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    fn i64(&mut self) -> Option<i64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i64::from_le_bytes(*bytes))
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = self.u32()? as usize;
        // Every item has a byte at least: no more are reserved than there can be.
        let mut items = Vec::with_capacity(len.min(self.0.len()));
        for _ in 0..len {
            items.push(item(self)?);
        }
        Some(items)
    }

    fn code(&mut self) -> Option<Code> {
        let len = self.u32()? as usize;
        Some(Code {
            bytes: self.take(len)?.to_vec(),
            align: self.u32()?,
            relocations: self.list(Self::relocation)?,
            traps: self.list(|reader| {
                let offset = reader.u32()?;
                Some(TrapSite { offset, code: TrapCode::from_number(reader.u8()?)? })
            })?,
            locations: self.list(|reader| Some((reader.u32()?, reader.u32()?)))?,
            call_sites: self.list(Self::call_site)?,
            stack_maps: self.list(|reader| {
                let return_offset = reader.u32()?;
                let below_frame_pointer = reader.list(Self::u32)?.into();
                Some(StackMap { return_offset, below_frame_pointer })
            })?,
        })
    }

    fn relocation(&mut self) -> Option<Relocation> {
        let offset = self.u32()?;
        let kind = match self.u32()? {
            0 => RelocationKind::Relative32,
            1 => RelocationKind::Absolute64,
            _ => return None,
        };
        Some(Relocation { offset, kind, target: FuncId(self.u32()?), addend: self.i64()? })
    }

    fn call_site(&mut self) -> Option<CallSite> {
        Some(CallSite {
            return_offset: self.u32()?,
            frame_bytes: self.u32()?,
            handlers: self.list(|reader| {
                let tag = Some(reader.u32()?).filter(|tag| *tag != u32::MAX).map(TagId);
                Some(Handler { tag, offset: reader.u32()? })
            })?,
        })
    }
}

//! The bytes of an entry: a line that names the format, a hash of the entry's name and of what
//! follows; how many functions and relocations there are, and bytes of code; an index; the
//! relocations; the code; then what only traps and exceptions ask for. All numbers are
//! little-endian.

use std::ops::Range;
use std::sync::Arc;

use dynvm_jit::SomeCode;
use dynvm_vm::MappedFile;
use dynvm_vm::code::{
    CallSite, Code, CodeStore, Handler, InlinedPlace, Relocation, RelocationKind, StackMap,
    TrapCode, TrapSite,
};
use dynvm_vm::context::FuncId;
use dynvm_vm::instance::TagId;
use dynvm_vm::types::DefinedFuncIndex;

/// Bytes of the hash.
pub(super) const HASH_BYTES: usize = 32;

/// Bytes of the three numbers before the index.
const COUNTS_BYTES: usize = 12;

/// Bytes of a function in the index: which one it is, its alignment and skew with a bit that tells
/// provisional code, and where its code, its relocations (counted) and its details end. They start
/// where those of the function before end.
const INDEX_BYTES: usize = 20;

/// Where the skew begins in the number that also has the alignment.
const SKEW_SHIFT: u32 = 16;

/// The bit in that number.
const IS_PROVISIONAL: u32 = 1 << 31;

/// Bytes of a relocation: its offset, the upper bit of which tells absolute ones, its target, and
/// its addend.
const RELOCATION_BYTES: usize = 16;

/// The bit in a relocation's offset; no function is that long.
const IS_ABSOLUTE: u32 = 1 << 31;

/// An entry with the code of some functions, under this name.
pub(super) fn encode(format: &[u8], name: &[u8], codes: &SomeCode) -> Vec<u8> {
    let content = encode_content(codes);
    [format, hash(name, &content).as_bytes(), &content].concat()
}

/// The same without what vouches for it: [`Part::inside`] reads it.
pub(super) fn encode_content(codes: &SomeCode) -> Vec<u8> {
    let (mut index, mut relocations) = (Writer(Vec::new()), Writer(Vec::new()));
    let (mut bytes, mut details) = (Vec::new(), Writer(Vec::new()));
    let mut relocations_len = 0;
    for (func, code) in codes {
        bytes.extend_from_slice(&code.bytes);
        relocations_len += code.relocations.len();
        code.relocations.iter().for_each(|relocation| relocations.relocation(relocation));
        details.details(code);
        index.number(func.0);
        let provisional = if code.is_provisional { IS_PROVISIONAL } else { 0 };
        index.number(code.align | code.skew << SKEW_SHIFT | provisional);
        index.u32(bytes.len());
        index.u32(relocations_len);
        index.u32(details.0.len());
    }
    let mut content = Writer(Vec::new());
    content.u32(codes.len());
    content.u32(relocations_len);
    content.u32(bytes.len());
    [content.0, index.0, relocations.0, bytes, details.0].concat()
}

/// Names have one length, so that no two entries run into the same bytes.
pub(super) fn hash(name: &[u8], content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(name).update(content).finalize()
}

/// Code of some functions, in a file of its own or among others in one.
#[derive(Debug)]
pub(crate) struct Part {
    file: Arc<MappedFile>,
    /// Where in the file each part of it is.
    index: Range<usize>,
    relocations: Range<usize>,
    code: Range<usize>,
    details: Range<usize>,
}

/// What the index says of a function: ranges in the parts of the file.
struct Indexed {
    align: u32,
    skew: u32,
    is_provisional: bool,
    code: Range<usize>,
    relocations: Range<usize>,
    details: Range<usize>,
}

impl Part {
    /// `None` if a bit of the file is not as it was written, or it was written under another name.
    pub(super) fn new(format: &[u8], name: &[u8], file: MappedFile) -> Option<Part> {
        let (expected, content) = file.strip_prefix(format)?.split_at_checked(HASH_BYTES)?;
        if hash(name, content).as_bytes() != expected {
            return None;
        }
        let content = file.len() - content.len()..file.len();
        Part::inside(Arc::new(file), content)
    }

    /// What [`encode_content`] wrote and lies at `content` of the file. Something has vouched for it.
    pub(super) fn inside(file: Arc<MappedFile>, content: Range<usize>) -> Option<Part> {
        let mut counts = Reader(file.get(content.clone())?);
        let (functions, relocations) = (counts.u32()? as usize, counts.u32()? as usize);
        let code_bytes = counts.u32()? as usize;
        let index = content.start + COUNTS_BYTES;
        let relocations_start = index + functions * INDEX_BYTES;
        let code_start = relocations_start + relocations * RELOCATION_BYTES;
        let details_start = code_start + code_bytes;
        let part = Part {
            index: index..relocations_start,
            relocations: relocations_start..code_start,
            code: code_start..details_start,
            details: details_start..content.end,
            file,
        };
        (details_start <= content.end && part.is_consistent()).then_some(part)
    }

    /// Whether every range that the index names is in the file.
    fn is_consistent(&self) -> bool {
        let mut end = (0, 0, 0);
        let functions = self.index.len() / INDEX_BYTES;
        (0..functions as u32).all(|number| {
            let Indexed { code, relocations, details, .. } = self.indexed(number);
            let is_ascending = end <= (code.end, relocations.end, details.end)
                && code.start <= code.end
                && relocations.start <= relocations.end
                && details.start <= details.end;
            end = (code.end, relocations.end, details.end);
            is_ascending
        }) && end.0 <= self.code.len()
            && end.1 * RELOCATION_BYTES <= self.relocations.len()
            && end.2 <= self.details.len()
    }

    /// Which functions these are; their order is that of their numbers in this store.
    pub(crate) fn functions(&self) -> impl ExactSizeIterator<Item = DefinedFuncIndex> {
        let index = self.file[self.index.clone()].chunks_exact(INDEX_BYTES);
        index.map(|function| DefinedFuncIndex(number_at(function, 0)))
    }

    /// How many bytes [`encode_content`] made.
    pub(super) fn content_len(&self) -> usize {
        COUNTS_BYTES + self.details.end - self.index.start
    }

    /// All code of it.
    pub(super) fn codes(&self) -> SomeCode {
        self.functions().zip(0..).map(|(func, number)| (func, self.code(number))).collect()
    }

    fn indexed(&self, number: u32) -> Indexed {
        let index = &self.file[self.index.clone()];
        let at = number as usize * INDEX_BYTES;
        let end = |at: usize, field: usize| number_at(index, at + field) as usize;
        let start = |field| if at == 0 { 0 } else { end(at - INDEX_BYTES, field) };
        Indexed {
            align: number_at(index, at + 4) & ((1 << SKEW_SHIFT) - 1),
            skew: (number_at(index, at + 4) & !IS_PROVISIONAL) >> SKEW_SHIFT,
            is_provisional: number_at(index, at + 4) & IS_PROVISIONAL != 0,
            code: start(8)..end(at, 8),
            relocations: start(12)..end(at, 12),
            details: start(16)..end(at, 16),
        }
    }
}

impl CodeStore for Part {
    fn bytes(&self, number: u32) -> &[u8] {
        &self.file[self.code.clone()][self.indexed(number).code]
    }

    fn align(&self, number: u32) -> (u32, u32) {
        let Indexed { align, skew, .. } = self.indexed(number);
        (align, skew)
    }

    fn is_provisional(&self, number: u32) -> bool {
        self.indexed(number).is_provisional
    }

    fn relocations(&self, number: u32, show: &mut dyn FnMut(Relocation)) {
        let Range { start, end } = self.indexed(number).relocations;
        let bytes = start * RELOCATION_BYTES..end * RELOCATION_BYTES;
        let relocations = &self.file[self.relocations.clone()][bytes];
        relocations.chunks_exact(RELOCATION_BYTES).for_each(|bytes| show(relocation(bytes)));
    }

    fn code(&self, number: u32) -> Code {
        let mut relocations = Vec::new();
        self.relocations(number, &mut |relocation| relocations.push(relocation));
        let Indexed { align, skew, is_provisional, details, .. } = self.indexed(number);
        let mut details = Reader(&self.file[self.details.clone()][details]);
        let code = Code {
            bytes: self.bytes(number).to_vec(),
            align,
            skew,
            relocations,
            is_provisional,
            ..Code::default()
        };
        details.details(code).expect("the hash says that it was written like this")
    }
}

/// The number at `offset`, which is inside.
fn number_at(bytes: &[u8], offset: usize) -> u32 {
    let bytes = bytes[offset..offset + 4].try_into().expect("four bytes were taken");
    u32::from_le_bytes(bytes)
}

fn relocation(bytes: &[u8]) -> Relocation {
    let offset = number_at(bytes, 0);
    let kind = match offset & IS_ABSOLUTE {
        0 => RelocationKind::Relative32,
        _ => RelocationKind::Absolute64,
    };
    let addend = u64::from(number_at(bytes, 8)) | u64::from(number_at(bytes, 12)) << 32;
    Relocation {
        offset: offset & !IS_ABSOLUTE,
        kind,
        target: FuncId(number_at(bytes, 4)),
        addend: addend as i64,
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn relocation(&mut self, relocation: &Relocation) {
        let Relocation { offset, kind, target, addend } = relocation;
        self.number(match kind {
            RelocationKind::Relative32 => *offset,
            RelocationKind::Absolute64 => *offset | IS_ABSOLUTE,
        });
        self.number(target.0);
        self.0.extend_from_slice(&addend.to_le_bytes());
    }

    /// What is read only when it is asked for.
    fn details(&mut self, code: &Code) {
        let Code { traps, locations, inlined, inlined_calls, call_sites, stack_maps, .. } = code;
        self.u32(traps.len());
        for TrapSite { offset, code } in traps {
            self.number(*offset);
            self.0.push(*code as u8);
        }
        self.u32(locations.len());
        for (code_offset, wasm_offset) in locations {
            self.number(*code_offset);
            self.number(*wasm_offset);
        }
        self.u32(inlined.len());
        for InlinedPlace { code_offset, func, wasm_offset } in inlined {
            self.number(*code_offset);
            self.number(func.0);
            self.number(*wasm_offset);
        }
        self.number(*inlined_calls);
        self.u32(call_sites.len());
        for CallSite { return_offset, frame_bytes, handlers } in call_sites {
            self.number(*return_offset);
            self.number(*frame_bytes);
            self.u32(handlers.len());
            for Handler { tag, offset } in handlers {
                // No tag has the highest number: each takes room in the process.
                self.number(tag.map_or(u32::MAX, |tag| tag.0));
                self.number(*offset);
            }
        }
        self.u32(stack_maps.len());
        for StackMap { return_offset, below_frame_pointer } in stack_maps {
            self.number(*return_offset);
            self.u32(below_frame_pointer.len());
            below_frame_pointer.iter().for_each(|below| self.number(*below));
        }
    }

    fn number(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A length.
    fn u32(&mut self, len: usize) {
        self.number(u32::try_from(len).expect("a function is far below 4 GiB"));
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u8(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
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

    /// Adds to `code` what [`Writer::details`] wrote of it.
    fn details(&mut self, code: Code) -> Option<Code> {
        Some(Code {
            traps: self.list(|reader| {
                let offset = reader.u32()?;
                Some(TrapSite { offset, code: TrapCode::from_number(reader.u8()?)? })
            })?,
            locations: self.list(|reader| Some((reader.u32()?, reader.u32()?)))?,
            inlined: self.list(|reader| {
                let (code_offset, func) = (reader.u32()?, FuncId(reader.u32()?));
                Some(InlinedPlace { code_offset, func, wasm_offset: reader.u32()? })
            })?,
            inlined_calls: self.u32()?,
            call_sites: self.list(Self::call_site)?,
            stack_maps: self.list(|reader| {
                let return_offset = reader.u32()?;
                let below_frame_pointer = reader.list(Self::u32)?.into();
                Some(StackMap { return_offset, below_frame_pointer })
            })?,
            ..code
        })
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

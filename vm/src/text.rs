//! Machine code in memory: one reservation, so that any function reaches any other with a 32-bit
//! displacement. A page is writable or executable, never both.

mod arena;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arena::{Arena, LARGE_PAGE_BYTES};

use crate::code::{
    Code, CodeStore, InlinedPlace, Relocation, RelocationKind, TRAP_AT_RETURN, TrapCode,
};
use crate::context::FuncId;
use crate::departure::TEXT_UNIT_BYTES;
use crate::error::Error;
use crate::instance::{InstanceId, TagId};
use crate::plt::{self, PLT_BYTES, Plt};
use crate::reservation::{Access, PAGE_BYTES, Reservation};

/// Most bytes of machine code in a process.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 30;

/// The end of the text is for provisional code, so that an address tells.
const PROVISIONAL_BYTES: usize = 256 << 20;

/// By how much the code of one instance starts further into its page than that of the one before:
/// were each at the start of its page, a small library and its caller would compete for the same
/// entries of the processor's caches of branches and instructions, which go by the lower bits.
const COLOR_BYTES: usize = 13 * 64;

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The functions of an instance.
    Instance(InstanceId),
    /// A way in or out of wasm.
    Stub,
    /// A way out that makes no frame.
    Thunk,
}

/// What code is to its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Calls lead to it for as long as the function exists.
    Final,
    /// Better code may come: whoever keeps an address keeps that of the function's entry in the PLT.
    Provisional,
    /// Nobody calls it but who was told where it is: calls lead elsewhere.
    Aside,
}

/// Code of one owner that waits for its place.
#[derive(Debug)]
pub(crate) struct Unplaced {
    pub(crate) owner: Owner,
    pub(crate) role: Role,
    /// Each function with its code, in the order they shall lie.
    pub(crate) functions: Vec<(FuncId, Unread)>,
}

/// The code of a function, wherever it is.
#[derive(Debug)]
pub(crate) enum Unread {
    /// Just compiled.
    Here(Code),
    /// The function with this number of a store.
    Stored(Arc<dyn CodeStore>, u32),
}

impl Unread {
    fn bytes(&self) -> &[u8] {
        match self {
            Unread::Here(code) => &code.bytes,
            Unread::Stored(store, number) => store.bytes(*number),
        }
    }

    pub(crate) fn is_provisional(&self) -> bool {
        match self {
            Unread::Here(code) => code.is_provisional,
            Unread::Stored(store, number) => store.is_provisional(*number),
        }
    }

    /// The first place from `from` on where it may start.
    fn start(&self, from: usize) -> usize {
        let (align, skew) = match self {
            Unread::Here(code) => (code.align, code.skew),
            Unread::Stored(store, number) => store.align(*number),
        };
        let skew = skew as usize;
        from.saturating_sub(skew).next_multiple_of(align.max(1) as usize) + skew
    }

    fn relocations(&self, mut show: impl FnMut(Relocation)) {
        match self {
            Unread::Here(code) => code.relocations.iter().copied().for_each(show),
            Unread::Stored(store, number) => store.relocations(*number, &mut show),
        }
    }
}

/// What is known of placed code.
#[derive(Debug)]
struct Section {
    owner: Owner,
    end: usize,
    /// Functions ascending by address.
    functions: Vec<PlacedFunction>,
}

#[derive(Debug)]
struct PlacedFunction {
    func: FuncId,
    range: Range<usize>,
    /// Where its traps, locations and call sites are.
    unread: Unread,
    /// The same, once somebody asked for what a store has.
    read: OnceLock<Box<Code>>,
}

impl PlacedFunction {
    /// Its traps, locations and call sites; the instructions are elsewhere now.
    fn code(&self) -> &Code {
        match &self.unread {
            Unread::Here(code) => code,
            Unread::Stored(store, number) => {
                self.read.get_or_init(|| Box::new(store.code(*number)))
            }
        }
    }
}

/// Where an address of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) owner: Owner,
    pub(crate) func: FuncId,
    /// Distance from the function's first instruction.
    pub(crate) code_offset: u32,
    /// Offset in the module's bytes, where the compiler recorded one.
    pub(crate) wasm_offset: Option<u32>,
}

/// All machine code of a process.
#[derive(Debug)]
pub(crate) struct Text {
    reservation: Reservation,
    plt: Plt,
    /// Sections by start offset.
    sections: BTreeMap<usize, Section>,
    /// For code that stays.
    lasting: Arena,
    /// For provisional code.
    provisional: Arena,
    handlers: HandlerCache,
}

/// What was found for calls that exceptions came out of before: a program throws in few places.
#[derive(Debug)]
struct HandlerCache(Vec<FoundHandler>);

/// How many answers are kept.
const FOUND_HANDLERS: usize = 1024;

/// The answer for one call and one tag.
#[derive(Clone, Copy, Debug, Default)]
struct FoundHandler {
    /// Return address; 0 in an entry not used yet.
    pc: usize,
    tag: u32,
    frame_bytes: u32,
    /// 0 if the exception goes on outwards.
    handler: usize,
}

impl HandlerCache {
    /// Forgets everything: the text has changed.
    fn clear(&mut self) {
        self.0.clear();
    }

    fn entry(&mut self, pc: usize, tag: TagId) -> &mut FoundHandler {
        if self.0.is_empty() {
            self.0.resize(FOUND_HANDLERS, FoundHandler::default());
        }
        &mut self.0[(pc ^ (pc >> 10) ^ tag.0 as usize) % FOUND_HANDLERS]
    }
}

impl Text {
    pub(crate) fn new() -> Result<Self, Error> {
        let reservation =
            Reservation::aligned(TEXT_BYTES_MAX + PLT_BYTES, TEXT_UNIT_BYTES, "machine code")?;
        let base = reservation.base();
        let lasting = 0..TEXT_BYTES_MAX - PROVISIONAL_BYTES;
        let provisional = lasting.end..TEXT_BYTES_MAX;
        let addresses = base + provisional.start..base + provisional.end;
        Ok(Text {
            plt: Plt::new(base + TEXT_BYTES_MAX, addresses),
            reservation,
            sections: BTreeMap::new(),
            lasting: Arena::new(lasting),
            provisional: Arena::new(provisional),
            handlers: HandlerCache(Vec::new()),
        })
    }

    /// First and one past the last address.
    pub(crate) fn range(&self) -> Range<usize> {
        self.reservation.base()..self.reservation.base() + self.reservation.len()
    }

    /// The entries of functions without code, which lie behind all code.
    pub(crate) fn plt(&self) -> &Plt {
        &self.plt
    }

    /// Makes the PLT's entries of `count` functions from `first` on executable.
    pub(crate) fn open_plt(&mut self, first: FuncId, count: u32) -> Result<(), Error> {
        for pages in self.plt.missing(first, count) {
            let bytes = plt::bytes_of(&pages);
            write(&self.reservation, TEXT_BYTES_MAX + bytes.start, bytes.len(), |image| {
                plt::fill(&pages, image);
                Ok(())
            })?;
            self.plt.add(pages);
        }
        Ok(())
    }

    /// Places `batch`, which may refer to itself in cycles and has one role, and makes it executable.
    /// `address_of` tells where functions outside the batch are. Gives the address of each placed
    /// function.
    pub(crate) fn place(
        &mut self,
        batch: Vec<Unplaced>,
        address_of: impl Fn(FuncId) -> Option<usize>,
    ) -> Result<Vec<(FuncId, usize)>, Error> {
        self.handlers.clear();
        let mut layout = Layout::new(&batch, self.sections.len());
        if layout.len == 0 {
            return Ok(Vec::new());
        }
        let role = batch.first().map_or(Role::Final, |unplaced| unplaced.role);
        let arena =
            if role == Role::Provisional { &mut self.provisional } else { &mut self.lasting };
        let start = arena.allocate(layout.len)?;
        layout.shift(self.reservation.base() + start);
        let inside = |func: &FuncId| match role {
            Role::Final => layout.addresses.get(func).copied(),
            Role::Provisional => layout.addresses.get(func).map(|_| self.plt.entry_of(*func)),
            Role::Aside => None,
        };
        let outside =
            |func: FuncId| address_of(func).map(|address| self.plt.lasting(func, address));
        let lookup = |func: FuncId| inside(&func).or_else(|| outside(func));
        let fill = |image: &mut [u8]| layout.fill(image, &batch, &lookup);
        let written = write(&self.reservation, start, layout.len, fill);
        if let Err(error) = written {
            self.release(start, layout.len);
            return Err(error);
        }
        let mut placed = Vec::with_capacity(layout.addresses.len());
        for (unplaced, range) in batch.into_iter().zip(layout.sections) {
            let mut functions = Vec::with_capacity(unplaced.functions.len());
            for (func, mut unread) in unplaced.functions {
                let address = layout.addresses[&func];
                placed.push((func, address));
                let range = address..address + unread.bytes().len();
                if let Unread::Here(code) = &mut unread {
                    (code.bytes, code.relocations) = (Vec::new(), Vec::new());
                }
                functions.push(PlacedFunction { func, range, unread, read: OnceLock::new() });
            }
            let section = Section { owner: unplaced.owner, end: range.end, functions };
            self.sections.insert(range.start, section);
        }
        Ok(placed)
    }

    /// Gives back the code of `instance`; its pages lose all access.
    pub(crate) fn remove(&mut self, instance: InstanceId) {
        self.handlers.clear();
        let owner = Owner::Instance(instance);
        let starts: Vec<usize> = self
            .sections
            .iter()
            .filter(|(_, section)| section.owner == owner)
            .map(|(start, _)| *start)
            .collect();
        for start in starts {
            let section = self.sections.remove(&start).expect("the key was just listed");
            self.release(start - self.reservation.base(), section.end - start);
        }
    }

    /// Finds what the address `pc` belongs to. A return address belongs to the call before it,
    /// even where that is a function's last instruction.
    pub(crate) fn locate(&self, pc: usize, is_return: bool) -> Option<Location> {
        let (section, position) = self.function_at(pc - usize::from(is_return))?;
        let function = &section.functions[position];
        let code_offset = (pc - function.range.start) as u32;
        let locations = &function.code().locations;
        let key = location_key(function.code(), code_offset, is_return);
        let known = locations.binary_search_by_key(&key, |(code, _)| *code);
        Some(Location {
            owner: section.owner,
            func: function.func,
            code_offset,
            wasm_offset: known.ok().map(|found| locations[found].1),
        })
    }

    /// The instructions, and constants behind them, of the function that starts at `address`.
    pub(crate) fn code_at(&self, address: usize) -> Option<&[u8]> {
        let (section, position) = self.function_at(address)?;
        let range = section.functions[position].range.clone();
        let start = self.reservation.pointer(range.start - self.reservation.base());
        // SAFETY: the function's code was placed there, its pages can be read and are written by
        // nobody until `remove` takes it away, which needs `&mut self`.
        Some(unsafe { std::slice::from_raw_parts(start, range.len()) })
    }

    /// The inlined functions around the address `pc`, innermost first.
    pub(crate) fn inlined_at(&self, pc: usize, is_return: bool) -> &[InlinedPlace] {
        let found = self.function_at(pc - usize::from(is_return));
        let Some((section, position)) = found else { return &[] };
        let function = &section.functions[position];
        let code_offset = (pc - function.range.start) as u32;
        let code_offset = location_key(function.code(), code_offset, is_return);
        let inlined = &function.code().inlined;
        let start = inlined.partition_point(|place| place.code_offset < code_offset);
        let end = inlined.partition_point(|place| place.code_offset <= code_offset);
        &inlined[start..end]
    }

    /// Why the instruction at `pc` traps, if it is one that can.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        let (section, position) = self.function_at(pc)?;
        let function = &section.functions[position];
        let offset = (pc - function.range.start) as u32;
        let traps = &function.code().traps;
        let found = traps.binary_search_by_key(&offset, |site| site.offset).ok()?;
        Some(traps[found].code)
    }

    /// Where an exception with `tag` goes on that comes out of the call that returns to `pc`: the
    /// handler's address, and the bytes between stack and frame pointer there.
    pub(crate) fn handler_at(&mut self, pc: usize, tag: TagId) -> Option<(usize, usize)> {
        let found = *self.handlers.entry(pc, tag);
        if (found.pc, found.tag) == (pc, tag.0) {
            return (found.handler != 0).then_some((found.handler, found.frame_bytes as usize));
        }
        let handler = self.find_handler_at(pc, tag);
        let (address, frame_bytes) = handler.unwrap_or_default();
        *self.handlers.entry(pc, tag) =
            FoundHandler { pc, tag: tag.0, frame_bytes: frame_bytes as u32, handler: address };
        handler
    }

    fn find_handler_at(&self, pc: usize, tag: TagId) -> Option<(usize, usize)> {
        let (section, position) = self.function_at(pc - 1)?;
        let function = &section.functions[position];
        let offset = (pc - function.range.start) as u32;
        let sites = &function.code().call_sites;
        let found = sites.binary_search_by_key(&offset, |site| site.return_offset);
        let site = &sites[found.ok()?];
        let handler = site.handlers.iter().find(|handler| handler.tag.is_none_or(|t| t == tag))?;
        Some((function.range.start + handler.offset as usize, site.frame_bytes as usize))
    }

    /// How far below the frame pointer the caller that goes on at `pc` has references.
    pub(crate) fn stack_map_at(&self, pc: usize) -> &[u32] {
        let Some((section, position)) = self.function_at(pc - 1) else { return &[] };
        let function = &section.functions[position];
        let offset = (pc - function.range.start) as u32;
        let maps = &function.code().stack_maps;
        let found = maps.binary_search_by_key(&offset, |map| map.return_offset);
        found.map_or(&[], |found| &maps[found].below_frame_pointer)
    }

    fn function_at(&self, pc: usize) -> Option<(&Section, usize)> {
        let (_, section) = self.sections.range(..=pc).next_back()?;
        let position = section.functions.partition_point(|function| function.range.start <= pc);
        let position = position.checked_sub(1)?;
        section.functions[position].range.contains(&pc).then_some((section, position))
    }

    fn release(&mut self, start: usize, len: usize) {
        // Taking access away cannot fail for lack of memory; if the kernel refuses, the range is
        // left as it is and never used again.
        if self.reservation.set_access(start, len, Access::None).is_ok() {
            let is_lasting = self.lasting.contains(start);
            let arena = if is_lasting { &mut self.lasting } else { &mut self.provisional };
            arena.release(start, len);
        }
    }
}

/// What the function's locations call the place at `code_offset`.
fn location_key(code: &Code, code_offset: u32, is_return: bool) -> u32 {
    let trap = code_offset | TRAP_AT_RETURN;
    let is_known = |key| code.locations.binary_search_by_key(&key, |(code, _)| *code).is_ok();
    if !is_return && is_known(trap) { trap } else { code_offset }
}

/// Lets `fill` write the `len` bytes of the text at `start`, which were allocated and not given out
/// yet, and makes them executable.
fn write(
    text: &Reservation,
    start: usize,
    len: usize,
    fill: impl FnOnce(&mut [u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    text.set_access(start, len, Access::ReadWrite)?;
    if len >= LARGE_PAGE_BYTES {
        text.prefer_huge_pages(start, len);
    }
    text.populate(start, len);
    let to = text.pointer(start);
    // SAFETY: `start..start + len` was allocated to this batch alone, or is a page of the PLT that is
    // not open yet, and was just made writable; its bytes are zero or those of code that is no more.
    // No thread executes it, since no address of it was given out yet, and both callers have the
    // only reference to the text, whose other methods read no code.
    fill(unsafe { std::slice::from_raw_parts_mut(to, len) })?;
    // x86-64 keeps its instruction cache coherent; the change of access is a full barrier.
    text.set_access(start, len, Access::ReadExecute)
}

type Addresses = HashMap<FuncId, usize, BuildHasherDefault<FuncHasher>>;

/// Hashes numbers of functions, which the process gives out itself: nobody can choose them so that
/// they collide.
#[derive(Default)]
struct FuncHasher(u64);

impl Hasher for FuncHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    fn write_u32(&mut self, number: u32) {
        // 2^64 over the golden ratio: neighbours come to lie far apart.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Where each function of a batch goes.
struct Layout {
    len: usize,
    sections: Vec<Range<usize>>,
    addresses: Addresses,
    order: Vec<usize>,
}

impl Layout {
    /// Lays the batch out from 0: each owner on pages of its own, so that it can be given back.
    /// `sections_len` sections are placed already.
    fn new(batch: &[Unplaced], sections_len: usize) -> Self {
        let count = batch.iter().map(|unplaced| unplaced.functions.len()).sum();
        let mut layout = Layout {
            len: 0,
            sections: Vec::with_capacity(batch.len()),
            addresses: Addresses::with_capacity_and_hasher(count, BuildHasherDefault::default()),
            order: Vec::with_capacity(count),
        };
        for (position, unplaced) in batch.iter().enumerate() {
            let start = layout.len;
            if let (Owner::Instance(_), Role::Final) = (unplaced.owner, unplaced.role) {
                layout.len += (sections_len + position) * COLOR_BYTES % PAGE_BYTES;
            }
            for (func, code) in &unplaced.functions {
                layout.len = code.start(layout.len);
                layout.addresses.insert(*func, layout.len);
                layout.order.push(layout.len);
                layout.len += code.bytes().len();
            }
            layout.len = layout.len.next_multiple_of(PAGE_BYTES);
            layout.sections.push(start..layout.len);
        }
        layout
    }

    /// Moves everything to `base`.
    fn shift(&mut self, base: usize) {
        for range in &mut self.sections {
            *range = range.start + base..range.end + base;
        }
        for address in self.addresses.values_mut() {
            *address += base;
        }
    }

    /// Writes the whole batch, relocated, to where it will lie. Gaps hold `int3`.
    fn fill(
        &self,
        image: &mut [u8],
        batch: &[Unplaced],
        lookup: &dyn Fn(FuncId) -> Option<usize>,
    ) -> Result<(), Error> {
        let base = self.sections.first().map_or(0, |range| range.start);
        let mut end = 0;
        let codes = batch.iter().flat_map(|unplaced| &unplaced.functions);
        for (offset, (_, code)) in self.order.iter().zip(codes) {
            let bytes = code.bytes();
            image[end..*offset].fill(0xcc);
            end = *offset + bytes.len();
            let place = &mut image[*offset..end];
            place.copy_from_slice(bytes);
            let mut unlinked = None;
            code.relocations(|relocation| match lookup(relocation.target) {
                Some(target) => relocate(place, base + offset, &relocation, target),
                None => unlinked = unlinked.or(Some(relocation.target)),
            });
            if let Some(FuncId(callee)) = unlinked {
                return Err(Error::Unlinked { callee: format!("function {callee}") });
            }
        }
        image[end..].fill(0xcc);
        Ok(())
    }
}

/// Patches one place in `bytes`, which will lie at `address`.
fn relocate(bytes: &mut [u8], address: usize, relocation: &Relocation, target: usize) {
    let offset = relocation.offset as usize;
    let value = (target as i64).wrapping_add(relocation.addend);
    match relocation.kind {
        RelocationKind::Relative32 => {
            let distance = value - (address + offset) as i64;
            let distance = i32::try_from(distance).expect("the text is smaller than 2 GiB");
            bytes[offset..offset + 4].copy_from_slice(&distance.to_le_bytes());
        }
        RelocationKind::Absolute64 => {
            bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        }
    }
}

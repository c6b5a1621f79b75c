//! The garbage-collected heap: two halves, of which one is in use. Objects are made one behind the
//! other; a collection copies those that can be reached to the other half.

use std::sync::Arc;

use crate::context::{HEAP_HALF_BYTES, HEAP_START, HEAP_UNIT_BYTES};
use crate::error::Error;
use crate::layout::{ARRAY_BIT, ARRAY_ELEMENTS, ARRAY_LEN, Layout, array_size_bytes};
use crate::reservation::{Access, Reservation};
use crate::types::TypeId;

/// Bytes of objects before the first collection, and at least between two.
const COLLECT_MIN_BYTES: usize = 8 << 20;
/// How many bytes are used at the next collection for each that is live after this one.
const GROWTH: usize = 3;
/// Room of the unused half that is kept from the system between two collections.
const KEPT_BYTES_MAX: usize = 64 << 20;
/// References from the start of one half to that of the other.
const HALF: u32 = (HEAP_HALF_BYTES / HEAP_UNIT_BYTES) as u32;

/// Whether `bits` refers to an object of the heap, and not to nothing, a number or something of the
/// host's.
#[must_use]
pub(crate) fn is_object(bits: u32) -> bool {
    bits >= HEAP_START && bits & 1 == 0
}

/// What the heap did so far, and what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapStats {
    /// Collections.
    pub collections: u64,
    /// Bytes of the objects that the last collection found alive.
    pub live_bytes: u64,
    /// Bytes of all objects, dead ones included.
    pub used_bytes: u64,
    /// Most bytes that objects had before a collection.
    pub peak_bytes: u64,
    /// Bytes that were copied by all collections.
    pub copied_bytes: u64,
    /// Nanoseconds that all collections took.
    pub collecting_ns: u64,
    /// References that the host holds.
    pub handles: usize,
}

/// The heap. Where the next object goes stands in the context, since compiled code makes objects
/// itself.
#[derive(Debug)]
pub(crate) struct Heap {
    reservation: Arc<Reservation>,
    /// By type id.
    pub(crate) layouts: Vec<Layout>,
    /// Whether some type's objects hold references to exceptions.
    pub(crate) has_exceptions: bool,
    /// Which half is in use: 0 or 1.
    half: u32,
    /// How many bytes of each half can be accessed.
    open_bytes: [usize; 2],
    /// Bytes of objects at which the next collection is due.
    due_bytes: usize,
    bytes_max: usize,
    /// Whether every allocation collects.
    is_stressed: bool,
    pub(crate) stats: HeapStats,
}

impl Heap {
    /// A heap at the end of `reservation`, of at most `bytes_max` bytes.
    pub(crate) fn new(reservation: Arc<Reservation>, bytes_max: u64, is_stressed: bool) -> Self {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX).min(HEAP_HALF_BYTES);
        Heap {
            reservation,
            layouts: vec![Layout::None],
            has_exceptions: false,
            half: 0,
            open_bytes: [0; 2],
            due_bytes: 0,
            bytes_max: bytes_max / 8 * 8,
            is_stressed,
            stats: HeapStats::default(),
        }
    }

    /// The reference to the first object of the half in use.
    pub(crate) fn start(&self) -> u32 {
        HEAP_START + self.half * HALF
    }

    pub(crate) fn is_stressed(&self) -> bool {
        self.is_stressed
    }

    /// Most bytes that it may have.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The reference that compiled code may make objects up to.
    pub(crate) fn limit(&self) -> u32 {
        if self.is_stressed { 0 } else { self.start() + units(self.due_bytes) }
    }

    /// Whether objects up to `next` and `size_bytes` more fit without a collection.
    pub(crate) fn fits(&self, next: u32, size_bytes: u64) -> bool {
        self.used_bytes(next) as u64 + size_bytes <= self.due_bytes as u64
    }

    /// Bytes of all objects if the next is at `next`.
    pub(crate) fn used_bytes(&self, next: u32) -> usize {
        (next - self.start()) as usize * HEAP_UNIT_BYTES
    }

    /// Every word of all objects if the next is at `next`, dead ones included.
    pub(crate) fn words(&self, next: u32) -> impl Iterator<Item = u32> {
        let bytes = self.bytes(self.start(), 0, self.used_bytes(next) as u64);
        let (words, _) = bytes.as_chunks();
        words.iter().map(|word| u32::from_le_bytes(*word))
    }

    /// Makes room for `used + more` bytes, if the limit lets it; else as much as it lets.
    pub(crate) fn raise(&mut self, used_bytes: usize, more_bytes: u64) -> Result<(), Error> {
        let wanted = (used_bytes as u64).saturating_add(more_bytes).max(COLLECT_MIN_BYTES as u64);
        let due = usize::try_from(wanted).unwrap_or(usize::MAX).min(self.bytes_max);
        self.open(self.half, due)?;
        self.due_bytes = due;
        Ok(())
    }

    fn open(&mut self, half: u32, bytes: usize) -> Result<(), Error> {
        let open = &mut self.open_bytes[half as usize];
        if bytes > *open {
            let bytes = bytes.next_multiple_of(crate::reservation::PAGE_BYTES);
            let start = offset(HEAP_START + half * HALF);
            self.reservation.set_access(start + *open, bytes - *open, Access::ReadWrite)?;
            self.reservation.prefer_huge_pages(start, bytes);
            *open = bytes;
        }
        Ok(())
    }

    /// Takes the access to a half beyond `kept_bytes`, and gives its memory back.
    fn close(&mut self, half: u32, kept_bytes: usize) -> Result<(), Error> {
        let open = &mut self.open_bytes[half as usize];
        let kept_bytes = kept_bytes.next_multiple_of(crate::reservation::PAGE_BYTES);
        if *open > kept_bytes {
            let start = offset(HEAP_START + half * HALF);
            self.reservation.set_access(start + kept_bytes, *open - kept_bytes, Access::None)?;
            *open = kept_bytes;
        }
        Ok(())
    }

    /// The header of an object.
    pub(crate) fn header(&self, object: u32) -> u32 {
        self.read(object, 0)
    }

    /// The type of an object.
    pub(crate) fn type_of(&self, object: u32) -> TypeId {
        TypeId(self.header(object) & !ARRAY_BIT)
    }

    /// The length of an array.
    pub(crate) fn array_len(&self, array: u32) -> u32 {
        self.read(array, ARRAY_LEN)
    }

    /// Four bytes of an object.
    pub(crate) fn read(&self, object: u32, at: u32) -> u32 {
        let bytes = self.bytes(object, u64::from(at), 4);
        u32::from_le_bytes(bytes.try_into().expect("these are four bytes"))
    }

    /// Changes four bytes of an object.
    pub(crate) fn write(&mut self, object: u32, at: u32, value: u32) {
        self.bytes_mut(object, u64::from(at), 4).copy_from_slice(&value.to_le_bytes());
    }

    /// The bytes of an array's elements.
    pub(crate) fn elements_mut(&mut self, array: u32, at: u64, len: u64) -> &mut [u8] {
        self.bytes_mut(array, u64::from(ARRAY_ELEMENTS) + at, len)
    }

    fn range(&self, object: u32, at: u64, len: u64) -> usize {
        let half = usize::from(object >= HEAP_START + HALF);
        let start = offset(object) as u64 + at;
        let end = offset(HEAP_START + half as u32 * HALF) + self.open_bytes[half];
        let is_inside = is_object(object) && start + len <= end as u64;
        assert!(is_inside, "bytes {at}.. of object {object:#x} are outside the heap");
        start as usize
    }

    /// Bytes of an object.
    pub(crate) fn bytes(&self, object: u32, at: u64, len: u64) -> &[u8] {
        let start = self.range(object, at, len);
        // SAFETY: `range` checked that the bytes are in an open part of the heap, which is readable
        // and was zeroed by the kernel; wasm, which writes there, does not run now.
        unsafe { std::slice::from_raw_parts(self.reservation.pointer(start), len as usize) }
    }

    /// Bytes of an object, to change.
    pub(crate) fn bytes_mut(&mut self, object: u32, at: u64, len: u64) -> &mut [u8] {
        let start = self.range(object, at, len);
        // SAFETY: as in `bytes`; `&mut self` excludes every other slice of the heap.
        unsafe { std::slice::from_raw_parts_mut(self.reservation.pointer(start), len as usize) }
    }

    /// Copies elements between arrays, or within one. The ranges are inside.
    pub(crate) fn copy_elements(&mut self, to: (u32, u64), from: (u32, u64), len: u64) {
        let elements = u64::from(ARRAY_ELEMENTS);
        let target = self.range(to.0, elements + to.1, len);
        let source = self.range(from.0, elements + from.1, len);
        // SAFETY: `range` checked that both ranges are in open parts of the heap; they may overlap.
        unsafe {
            let (source, target) =
                (self.reservation.pointer(source), self.reservation.pointer(target));
            std::ptr::copy(source, target, len as usize);
        }
    }

    /// The size of the object that has this header and, if it is an array, this length.
    fn size_bytes(layouts: &[Layout], header: u32, len: u32) -> u64 {
        match &layouts[(header & !ARRAY_BIT) as usize] {
            Layout::Struct { size_bytes, .. } => u64::from(*size_bytes),
            Layout::Array { element_bytes, .. } => array_size_bytes(*element_bytes, len),
            Layout::None => unreachable!("no object is of type {header:#x}"),
        }
    }

    /// Starts a collection of the objects up to `next`. `notes_exceptions`: whether the references to
    /// exceptions in what is alive are wanted.
    pub(crate) fn begin(&mut self, next: u32, notes_exceptions: bool) -> Result<Copier, Error> {
        let used_bytes = self.used_bytes(next);
        let from = self.start();
        let other = 1 - self.half;
        self.open(other, used_bytes)?;
        self.half = other;
        self.stats.peak_bytes = self.stats.peak_bytes.max(used_bytes as u64);
        Ok(Copier {
            base: self.reservation.base(),
            layouts: std::mem::take(&mut self.layouts),
            from: (from, next),
            next: self.start(),
            followed: self.start(),
            notes_exceptions,
            exceptions: Vec::new(),
            begun: std::time::Instant::now(),
        })
    }

    /// Ends a collection after all roots were forwarded. `more_bytes` are needed at once. Gives the
    /// reference of the next object.
    pub(crate) fn finish(&mut self, mut copier: Copier, more_bytes: u64) -> u32 {
        copier.follow();
        let next = copier.next;
        self.layouts = copier.layouts;
        let live_bytes = self.used_bytes(next);
        let more = (live_bytes as u64 * (GROWTH as u64 - 1)).max(more_bytes);
        if self.raise(live_bytes, more).is_err() {
            // Without memory for more, the next collection comes where this half ends.
            self.due_bytes = self.open_bytes[self.half as usize].min(self.bytes_max);
        }
        let kept = if self.is_stressed { 0 } else { self.due_bytes.min(KEPT_BYTES_MAX) };
        // If the system does not take the memory back, it stays with the half that is left.
        let _ = self.close(1 - self.half, kept);
        self.stats.collections += 1;
        self.stats.live_bytes = live_bytes as u64;
        self.stats.copied_bytes += live_bytes as u64;
        self.stats.collecting_ns += copier.begun.elapsed().as_nanos() as u64;
        next
    }
}

/// Distance of an object from the start of the reservation.
fn offset(object: u32) -> usize {
    object as usize * HEAP_UNIT_BYTES
}

/// A size as a distance between references.
pub(crate) fn units(bytes: usize) -> u32 {
    u32::try_from(bytes / HEAP_UNIT_BYTES).expect("no object is larger than the heap")
}

/// A collection under way: copies what is reached, breadth first, and leaves in each object's old
/// header where it is now.
#[derive(Debug)]
pub(crate) struct Copier {
    /// Address of what null refers to.
    base: usize,
    layouts: Vec<Layout>,
    /// The references of the half that is left: first, and one past the last.
    from: (u32, u32),
    next: u32,
    /// The first object whose references were not followed yet.
    followed: u32,
    notes_exceptions: bool,
    /// References to exceptions that were met.
    exceptions: Vec<u32>,
    begun: std::time::Instant,
}

impl Copier {
    /// Where the object is now that a root refers to; what refers to no object stays as it is.
    pub(crate) fn forward(&mut self, bits: u32) -> u32 {
        if bits & 1 != 0 || bits < self.from.0 || bits >= self.from.1 {
            return bits;
        }
        let old = (self.base + offset(bits)) as *mut u32;
        // SAFETY: `bits` is an even number among the references of objects that this collection
        // leaves. Only references to objects have such bits: compiled code makes no others, the
        // host's are checked where they come in, and stack maps and layouts are precise. So `old`
        // is an object's header, or where it was copied to. The other half is open for as many
        // bytes as this half has objects, and each is copied once.
        unsafe {
            let header = *old;
            if header >= HEAP_START {
                return header;
            }
            let len = if header & ARRAY_BIT != 0 { *old.add(1) } else { 0 };
            let size_bytes = Heap::size_bytes(&self.layouts, header, len) as usize;
            let moved = self.next;
            let target = (self.base + offset(moved)) as *mut u64;
            if size_bytes <= 64 {
                // Most objects are small: a call would take longer than the copy.
                for word in 0..size_bytes / 8 {
                    *target.add(word) = *old.cast::<u64>().add(word);
                }
            } else {
                std::ptr::copy_nonoverlapping(old.cast(), target, size_bytes / 8);
            }
            self.next += units(size_bytes);
            *old = moved;
            moved
        }
    }

    /// Follows the references of all objects that were copied, and of what that copies. Gives the
    /// references to exceptions that were met.
    pub(crate) fn follow(&mut self) -> Vec<u32> {
        let mut object = self.followed;
        while object < self.next {
            let address = self.base + offset(object);
            // SAFETY: `object..next` was filled by `forward` with whole objects, whose types have
            // layouts; offsets of fields and elements are inside them.
            unsafe {
                let header = *(address as *const u32);
                let layout: *const Layout = &raw const self.layouts[(header & !ARRAY_BIT) as usize];
                match &*layout {
                    Layout::Struct { size_bytes, managed, exceptions } => {
                        for at in managed {
                            self.forward_at(address + *at as usize);
                        }
                        for at in exceptions {
                            self.note_exception_at(address + *at as usize);
                        }
                        object += size_bytes / HEAP_UNIT_BYTES as u32;
                    }
                    Layout::Array { element_bytes, is_managed, is_exceptions } => {
                        let len = *((address + ARRAY_LEN as usize) as *const u32);
                        if *is_managed {
                            for index in 0..len as usize {
                                self.forward_at(address + ARRAY_ELEMENTS as usize + 4 * index);
                            }
                        } else if *is_exceptions {
                            for index in 0..len as usize {
                                let at = address + ARRAY_ELEMENTS as usize + 4 * index;
                                self.note_exception_at(at);
                            }
                        }
                        object += units(array_size_bytes(*element_bytes, len) as usize);
                    }
                    Layout::None => unreachable!("no object is of type {header:#x}"),
                }
            }
        }
        self.followed = object;
        std::mem::take(&mut self.exceptions)
    }

    /// Notes the reference to an exception at an address.
    ///
    /// # Safety
    /// Four aligned bytes of a copied object are there.
    unsafe fn note_exception_at(&mut self, address: usize) {
        if self.notes_exceptions {
            // SAFETY: this function's duty.
            self.exceptions.push(unsafe { *(address as *const u32) });
        }
    }

    /// Forwards the reference at an address.
    ///
    /// # Safety
    /// Four aligned bytes of a copied object are there.
    unsafe fn forward_at(&mut self, address: usize) {
        let slot = address as *mut u32;
        // SAFETY: this function's duty.
        unsafe {
            let bits = *slot;
            if bits >= HEAP_START {
                *slot = self.forward(bits);
            }
        }
    }
}

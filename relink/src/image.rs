//! The process memory as it is when the program starts: what segments and relocations put there.

use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of a block. Blocks that nothing was written to are not kept.
const BLOCK_BYTES: u64 = 1 << 16;
/// Zeros between two runs of data that cost less than a segment of its own.
const GAP_BYTES: u64 = 32;
/// Most segments that are written: engines for the web refuse modules of more than 100,000.
const SEGMENTS_MAX: usize = 50_000;

/// A memory of which only what was written is kept; all else is zero.
#[derive(Debug)]
pub(crate) struct Image {
    blocks: BTreeMap<u64, Box<[u8]>>,
    len_bytes: u64,
}

impl Image {
    /// A memory of zeros.
    pub(crate) fn new(len_bytes: u64) -> Image {
        Image { blocks: BTreeMap::new(), len_bytes }
    }

    /// Whether a range of addresses is inside.
    pub(crate) fn contains(&self, address: u64, len: u64) -> bool {
        address.checked_add(len).is_some_and(|end| end <= self.len_bytes)
    }

    /// Writes bytes, which must be inside.
    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) {
        let mut rest = bytes;
        let mut at = address;
        while !rest.is_empty() {
            let offset = at % BLOCK_BYTES;
            let count = rest.len().min((BLOCK_BYTES - offset) as usize);
            let (part, behind) = rest.split_at(count);
            let block = self.blocks.entry(at / BLOCK_BYTES);
            let block = block.or_insert_with(|| vec![0; BLOCK_BYTES as usize].into());
            block[offset as usize..][..count].copy_from_slice(part);
            (rest, at) = (behind, at + count as u64);
        }
    }

    /// Makes a range zero.
    pub(crate) fn clear(&mut self, range: Range<u64>) {
        let blocks = range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES);
        for (number, block) in self.blocks.range_mut(blocks) {
            let start = number * BLOCK_BYTES;
            let from = range.start.max(start) - start;
            let to = range.end.min(start + BLOCK_BYTES) - start;
            block[from as usize..to as usize].fill(0);
        }
    }

    /// What is not zero, as segments: address and bytes, in order.
    pub(crate) fn segments(&self) -> Vec<(u64, Vec<u8>)> {
        let mut gap = GAP_BYTES;
        loop {
            let segments = self.segments_with_gap(gap);
            if segments.len() <= SEGMENTS_MAX {
                return segments;
            }
            gap *= 4;
        }
    }

    fn segments_with_gap(&self, gap: u64) -> Vec<(u64, Vec<u8>)> {
        let mut segments: Vec<(u64, Vec<u8>)> = Vec::new();
        for (number, block) in &self.blocks {
            for (offset, byte) in block.iter().enumerate() {
                if *byte == 0 {
                    continue;
                }
                let address = number * BLOCK_BYTES + offset as u64;
                match segments.last_mut() {
                    Some((start, bytes)) if address - (*start + bytes.len() as u64) < gap => {
                        bytes.resize((address - *start) as usize, 0);
                        bytes.push(*byte);
                    }
                    _ => segments.push((address, vec![*byte])),
                }
            }
        }
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn what_is_not_zero_becomes_segments() {
        let mut image = Image::new(0x3_0000);
        image.write(0xfffe, &[1, 2, 3, 4]);
        image.write(0x1_0010, &[5, 0, 0]);
        image.write(0x2_0000, &[6; 8]);
        image.clear(0x2_0004..0x3_0000);
        let mut near = vec![1, 2, 3, 4];
        near.resize(0x12, 0);
        near.push(5);
        assert_eq!(image.segments(), [(0xfffe, near), (0x2_0000, vec![6; 4])]);
    }

    #[test]
    fn ends_are_inside_and_what_wraps_is_not() {
        let image = Image::new(16);
        assert!(image.contains(16, 0) && image.contains(0, 16));
        assert!(!image.contains(16, 1) && !image.contains(u64::MAX, 2));
    }

    #[test]
    fn there_are_never_more_segments_than_engines_take() {
        let mut image = Image::new(1 << 24);
        for address in (0..1 << 24).step_by(64) {
            image.write(address, &[1]);
        }
        let segments = image.segments();
        assert_eq!((segments.len(), segments[0].1.len()), (1, (1 << 24) - 63));
    }
}

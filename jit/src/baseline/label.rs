//! Places in code that jumps lead to, known before or after the jumps.

/// A place, and who wants to know where it is.
#[derive(Debug, Default)]
pub struct Label {
    position: Option<u32>,
    /// Where distances to it stand that are still open, each behind its four bytes.
    open: Vec<u32>,
}

impl Label {
    /// Whether anything refers to it that is not filled in yet.
    pub fn is_awaited(&self) -> bool {
        !self.open.is_empty()
    }

    /// The last four bytes are to hold the distance from their end.
    pub fn refer(&mut self, bytes: &mut [u8]) {
        let end = bytes.len() as u32;
        match self.position {
            Some(position) => write(bytes, end, position),
            None => self.open.push(end),
        }
    }

    /// It stands for the end of `bytes`.
    pub fn bind(&mut self, bytes: &mut [u8]) {
        let position = bytes.len() as u32;
        for end in self.open.drain(..) {
            write(bytes, end, position);
        }
        self.position = Some(position);
    }
}

/// Writes the distance from `end`, behind its four bytes, to `position`.
fn write(bytes: &mut [u8], end: u32, position: u32) {
    let distance = position.wrapping_sub(end);
    bytes[end as usize - 4..end as usize].copy_from_slice(&distance.to_le_bytes());
}

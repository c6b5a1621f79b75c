//! The rows of types that casts read: see [`crate::layout::TYPE_ROW_BYTES`].

use crate::error::Error;
use crate::layout::{TYPE_ROW_BYTES, TYPES_MAX};
use crate::reservation::{Access, PAGE_BYTES, Reservation};
use crate::types::TypeId;

/// A row for each type of a process.
#[derive(Debug)]
pub(crate) struct TypeRows {
    reservation: Reservation,
    len: usize,
    /// How many bytes can be written.
    open_bytes: usize,
}

impl TypeRows {
    /// The row of type 0, which is no type.
    pub(crate) fn new() -> Result<Self, Error> {
        let reservation = Reservation::new(TYPES_MAX * TYPE_ROW_BYTES, "types")?;
        let mut rows = TypeRows { reservation, len: 0, open_bytes: 0 };
        rows.grow(1)?;
        Ok(rows)
    }

    /// Where they start.
    pub(crate) fn base(&self) -> usize {
        self.reservation.base()
    }

    /// Makes room for the types below `len`.
    pub(crate) fn grow(&mut self, len: usize) -> Result<(), Error> {
        if len >= TYPES_MAX {
            return Err(Error::Exhausted { what: "types", limit: TYPES_MAX as u64 });
        }
        let end = (len * TYPE_ROW_BYTES).next_multiple_of(PAGE_BYTES);
        if end > self.open_bytes {
            let grown = end - self.open_bytes;
            self.reservation.set_access(self.open_bytes, grown, Access::ReadWrite)?;
            self.open_bytes = end;
        }
        self.len = len;
        Ok(())
    }

    /// Writes the row of `id`: the type itself last, its supertypes before it.
    pub(crate) fn write(&mut self, id: TypeId, row: &[TypeId]) {
        assert!(id.index() < self.len, "type {} has a row", id.0);
        assert!(row.len() * 4 <= TYPE_ROW_BYTES, "validation bounds the depth of subtypes");
        let place = self.reservation.pointer(id.index() * TYPE_ROW_BYTES).cast::<TypeId>();
        // SAFETY: the row of `id` was opened, as `id < len` says, and has room for `row`, as was
        // checked above; nobody else writes there, and wasm does not run now.
        unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), place, row.len()) };
    }
}

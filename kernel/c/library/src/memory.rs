//! The block of memory that the embedder lends.

use core::slice;

use steward_ledger::Error;

/// What is left of the block.
///
/// # Invariants
/// The `bytes` bytes from `start` on can be written to, no object is larger, and they are nobody else's for ever.
pub(crate) struct Block {
    start: *mut u8,
    bytes: usize,
}

impl Block {
    /// A block whose end is an address, too, and which is aligned to so many bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another.
    ///
    /// # Safety
    /// From now on, nobody else reads or writes these bytes.
    pub(crate) unsafe fn new(start: *mut u8, bytes: usize, alignment: usize) -> Result<Self, Error> {
        let is_object = isize::try_from(bytes).is_ok() && start.addr().checked_add(bytes).is_some();
        if start.is_null() || !start.addr().is_multiple_of(alignment) || !is_object {
            return Err(Error::Invalid);
        }
        // INVARIANT: what was just found, and what the caller says.
        Ok(Self { start, bytes })
    }

    /// Takes room for so many values from the beginning of what is left, and makes them: `make` gets their numbers.
    ///
    /// # Errors
    /// [`Error::NoMemory`] if there is not enough.
    pub(crate) fn take<T: Sync>(
        &mut self,
        count: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&'static [T], Error> {
        let skipped = self.start.addr().wrapping_neg() % align_of::<T>();
        let used = count.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(skipped));
        let left = used.and_then(|used| self.bytes.checked_sub(used)).ok_or(Error::NoMemory)?;
        let first = self.start.wrapping_add(skipped).cast::<T>();
        self.start = self.start.wrapping_add(self.bytes - left);
        self.bytes = left;
        for number in 0..count {
            // SAFETY: all `count` values lie in the part of the block that was just taken off it, at multiples of the type's
            // size from an address that is aligned for it. By the block's invariant that can be written to.
            unsafe { first.wrapping_add(number).write(make(number)) };
        }
        // SAFETY: each has just been written, and by the block's invariant nobody writes to them but through this.
        Ok(unsafe { slice::from_raw_parts(first, count) })
    }
}

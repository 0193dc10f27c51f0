//! What bitmap and reservations need of an atomic word, so that a model checker can put its own in place of it.

use core::sync::atomic::{AtomicU64, Ordering};

/// 64 bits that several CPUs change.
pub(crate) trait Cell {
    /// What stands there.
    fn load(&self, order: Ordering) -> u64;
    /// Writes it.
    fn store(&self, value: u64, order: Ordering);
    /// Writes it, and gives what stood there.
    fn swap(&self, value: u64, order: Ordering) -> u64;
    /// Sets bits, and gives what stood there.
    fn set(&self, bits: u64, order: Ordering) -> u64;
    /// Clears bits, and gives what stood there.
    fn clear(&self, bits: u64, order: Ordering) -> u64;
}

impl Cell for AtomicU64 {
    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        Self::load(self, order)
    }

    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        Self::store(self, value, order);
    }

    #[inline]
    fn swap(&self, value: u64, order: Ordering) -> u64 {
        Self::swap(self, value, order)
    }

    #[inline]
    fn set(&self, bits: u64, order: Ordering) -> u64 {
        self.fetch_or(bits, order)
    }

    #[inline]
    fn clear(&self, bits: u64, order: Ordering) -> u64 {
        self.fetch_and(!bits, order)
    }
}

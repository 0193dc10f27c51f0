//! What claims and accounts need of an atomic word, so that a model checker can put its own in place of it.

use core::sync::atomic::{AtomicU64, Ordering};

/// 64 bits that several CPUs change.
pub(crate) trait Cell {
    /// What stands there.
    fn load(&self, order: Ordering) -> u64;
    /// Writes it.
    fn store(&self, value: u64, order: Ordering);
    /// Replaces `old`, and fails with what it finds instead; or, now and then, with what it was asked for. A failure
    /// orders nothing.
    fn exchange(&self, old: u64, new: u64, order: Ordering) -> Result<u64, u64>;
}

impl Cell for AtomicU64 {
    fn load(&self, order: Ordering) -> u64 {
        Self::load(self, order)
    }

    fn store(&self, value: u64, order: Ordering) {
        Self::store(self, value, order);
    }

    fn exchange(&self, old: u64, new: u64, order: Ordering) -> Result<u64, u64> {
        self.compare_exchange_weak(old, new, order, Ordering::Relaxed)
    }
}

//! Running out on purpose, for kernel tests: of frames, of heap, of room for processes, of what a change of the ledger
//! needs. Whoever hands such things out asks [`strikes`] first; a kernel without tests is always told no.

#[cfg(not(feature = "ktest"))]
pub(crate) const fn strikes() -> bool {
    false
}

#[cfg(feature = "ktest")]
pub(crate) use on_purpose::{after, end, has_struck, strikes};

#[cfg(feature = "ktest")]
mod on_purpose {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// How many more requests are met, and one more that is not; 0 for all.
    static LEFT: AtomicU64 = AtomicU64::new(0);

    /// From now on so many requests are met, and the one after them is not. Those after that are met again.
    pub(crate) fn after(met: u64) {
        LEFT.store(met + 1, Relaxed);
    }

    /// No request fails any more that need not. How many more would have been met; `None` when one was not.
    pub(crate) fn end() -> Option<u64> {
        LEFT.swap(0, Relaxed).checked_sub(1)
    }

    /// Whether a request was not met since [`after`].
    pub(crate) fn has_struck() -> bool {
        LEFT.load(Relaxed) == 0
    }

    /// Whether this request is the one that is not met.
    pub(crate) fn strikes() -> bool {
        LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1)
    }
}

//! A cache's slabs.

use core::sync::atomic::Ordering::Relaxed;

use spin::RelaxStrategy;

use crate::{
    slab::{NONE, Slab},
    store::Store,
};

/// Slabs of a cache, as its lock guards them. Those without free objects are in no list.
///
/// # Invariants
/// A slab is in `partial` exactly if it has a free object and one that is not, in `empty` exactly if all are free.
#[derive(Debug)]
pub(crate) struct Depot {
    pub(crate) partial: List,
    pub(crate) empty: List,
    /// All slabs.
    pub(crate) slabs: usize,
    /// Their pages.
    pub(crate) pages: usize,
    /// Free objects in them.
    pub(crate) free: usize,
}

/// Slabs linked by their numbers.
#[derive(Debug)]
pub(crate) struct List {
    first: u32,
    length: usize,
}

impl List {
    const fn new() -> Self {
        Self { first: NONE, length: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// The slab in front.
    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    pub(crate) fn push<R: RelaxStrategy>(&mut self, store: &Store<'_, R>, number: u32) {
        let slab = store.known(number);
        slab.previous.store(NONE, Relaxed);
        slab.next.store(self.first, Relaxed);
        if let Some(next) = self.first() {
            store.known(next).previous.store(number, Relaxed);
        }
        self.first = number;
        self.length += 1;
    }

    pub(crate) fn remove<R: RelaxStrategy>(&mut self, store: &Store<'_, R>, slab: &Slab) {
        let (previous, next) = (slab.previous.load(Relaxed), slab.next.load(Relaxed));
        match previous {
            NONE => self.first = next,
            _ => store.known(previous).next.store(next, Relaxed),
        }
        if next != NONE {
            store.known(next).previous.store(previous, Relaxed);
        }
        self.length -= 1;
    }
}

impl Depot {
    pub(crate) const fn new() -> Self {
        Self { partial: List::new(), empty: List::new(), slabs: 0, pages: 0, free: 0 }
    }
}

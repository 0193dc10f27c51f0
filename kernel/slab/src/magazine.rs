//! What each CPU has of its own.

use crate::{MOST_CACHES, slab::MOST_OBJECTS};

/// Most objects in a magazine.
pub(crate) const CAPACITY: usize = 32;

/// A free object: slab and number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(u32);

const _: () = assert!(MOST_OBJECTS == 256 && crate::store::MOST_SLABS <= 1 << 24);

impl Handle {
    #[inline]
    pub(crate) const fn new(slab: u32, object: u8) -> Self {
        Self(slab << 8 | object as u32)
    }

    #[inline]
    pub(crate) const fn slab(self) -> u32 {
        self.0 >> 8
    }

    #[inline]
    pub(crate) const fn object(self) -> u8 {
        self.0 as u8
    }
}

/// A CPU's free objects of a cache, the latest on top, and what it has handed out and taken back.
#[derive(Clone, Debug)]
pub(crate) struct Magazine {
    length: u32,
    handles: [Handle; CAPACITY],
    /// Objects that this CPU has handed out, less those that it has taken back. It wraps: others take back, too.
    pub(crate) live: u64,
    /// What was asked for of these, in bytes; it wraps as well.
    pub(crate) asked: u64,
}

impl Magazine {
    const fn new() -> Self {
        Self { length: 0, handles: [Handle(0); CAPACITY], live: 0, asked: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length as usize
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Handle> {
        let below = self.length.checked_sub(1)?;
        self.length = below;
        self.handles.get(below as usize).copied()
    }

    /// Lays one more on top.
    ///
    /// # Panics
    /// If it is full.
    #[inline]
    pub(crate) fn push(&mut self, handle: Handle) {
        self.handles[self.length as usize] = handle;
        self.length += 1;
    }

    /// Takes out the oldest, at most so many, for `sink`.
    pub(crate) fn take_oldest(&mut self, count: usize, sink: impl FnMut(Handle)) {
        let length = self.len();
        let count = count.min(length);
        self.handles[..count].iter().copied().for_each(sink);
        self.handles.copy_within(count..length, 0);
        self.length -= count as u32;
    }
}

/// What a CPU has of its own: a magazine for each cache. It lends itself to one operation at a time.
#[derive(Clone, Debug)]
pub struct Magazines([Magazine; MOST_CACHES]);

impl Magazines {
    /// Empty ones.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { Magazine::new() }; MOST_CACHES])
    }

    #[inline]
    pub(crate) fn of(&mut self, cache: u8) -> &mut Magazine {
        &mut self.0[usize::from(cache)]
    }

    pub(crate) fn see(&self, cache: u8) -> &Magazine {
        &self.0[usize::from(cache)]
    }
}

impl Default for Magazines {
    fn default() -> Self {
        Self::new()
    }
}

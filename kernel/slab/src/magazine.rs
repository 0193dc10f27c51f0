//! What each CPU has of its own.

use crate::{CacheId, MOST_CACHES};

/// Most objects in a magazine.
pub(crate) const CAPACITY: usize = 32;

/// A CPU's free objects of a cache, the latest on top, and what it has handed out and taken back.
#[derive(Clone, Debug)]
pub(crate) struct Magazine {
    length: u32,
    /// How many there may be; 0 until the cache is known.
    pub(crate) capacity: u32,
    addresses: [usize; CAPACITY],
    /// Objects that this CPU has handed out, less those that it has taken back. It wraps: others take back, too.
    pub(crate) live: u64,
    /// What was asked for of these, in bytes; it wraps as well.
    pub(crate) asked: u64,
}

impl Magazine {
    const fn new() -> Self {
        Self { length: 0, capacity: 0, addresses: [0; CAPACITY], live: 0, asked: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length as usize
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let below = self.length.checked_sub(1)?;
        self.length = below;
        self.addresses.get(below as usize).copied()
    }

    #[inline]
    pub(crate) const fn is_full(&self) -> bool {
        self.length >= self.capacity
    }

    /// Lays one more on top.
    ///
    /// # Panics
    /// If there is no room for it.
    #[inline]
    pub(crate) fn push(&mut self, address: usize) {
        self.addresses[self.length as usize] = address;
        self.length += 1;
    }

    /// Takes out the oldest, at most so many, for `sink`.
    pub(crate) fn take_oldest(&mut self, count: usize, sink: impl FnMut(usize)) {
        let length = self.len();
        let count = count.min(length);
        self.addresses[..count].iter().copied().for_each(sink);
        self.addresses.copy_within(count..length, 0);
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
    pub(crate) fn of(&mut self, cache: CacheId) -> &mut Magazine {
        &mut self.0[cache.as_usize()]
    }

    pub(crate) fn see(&self, cache: CacheId) -> &Magazine {
        &self.0[cache.as_usize()]
    }
}

impl Default for Magazines {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_magazine_is_full_at_its_capacity_gives_the_newest_and_loses_the_oldest() {
        let mut magazine = Magazine::new();
        assert!(magazine.is_full() && magazine.pop().is_none(), "there is no room before it is known how much");
        magazine.capacity = 4;
        for address in 1..=4 {
            assert!(!magazine.is_full());
            magazine.push(address);
        }
        assert!(magazine.is_full());
        let mut oldest = Vec::new();
        magazine.take_oldest(2, |address| oldest.push(address));
        assert_eq!((oldest.as_slice(), magazine.len(), magazine.is_full()), (&[1, 2][..], 2, false));
        assert_eq!([(); 3].map(|()| magazine.pop()), [Some(4), Some(3), None]);
    }
}

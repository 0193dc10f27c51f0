//! Room for the entries of a few keys, and the lock over it.
//!
//! What is done here is done to any kind of [`Room`], so that a model checker can have one of its own.

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::{Entry, atomic::Cell};

/// How many keys there is room for in a bucket.
pub(crate) const PLACES: usize = 5;

const LOCKED: u64 = 1;
const USED_SHIFT: u32 = 1;
const ALL_USED: u64 = (1 << PLACES) - 1;
const NEXT_SHIFT: u32 = 32;

/// The first word of a bucket: its lock, which places are used, and which bucket has more of the same keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(u64);

impl Header {
    const fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    /// A bit for each place that is used.
    pub(crate) const fn used(self) -> u64 {
        self.0 >> USED_SHIFT & ALL_USED
    }

    /// The lowest place that is not.
    pub(crate) const fn unused_place(self) -> Option<usize> {
        let place = self.used().trailing_ones() as usize;
        if place < PLACES { Some(place) } else { None }
    }

    /// The places that are.
    pub(crate) fn used_places(self) -> impl Iterator<Item = usize> {
        (0..PLACES).filter(move |place| self.used() >> place & 1 != 0)
    }

    const fn with_used(self, place: usize) -> Self {
        Self(self.0 | 1 << (place as u32 + USED_SHIFT))
    }

    const fn with_unused(self, place: usize) -> Self {
        Self(self.0 & !(1 << (place as u32 + USED_SHIFT)))
    }

    /// Number of the next bucket of the chain.
    pub(crate) const fn next(self) -> Option<u32> {
        ((self.0 >> NEXT_SHIFT) as u32).checked_sub(1)
    }

    /// The same with that bucket as the next one. There are fewer than 2³² − 1.
    pub(crate) const fn with_next(self, next: Option<u32>) -> Self {
        let number = match next {
            Some(number) => number as u64 + 1,
            None => 0,
        };
        Self(self.0 & !(u64::MAX << NEXT_SHIFT) | number << NEXT_SHIFT)
    }
}

/// The header of a bucket that has no keys and no next one.
pub(crate) const NO_KEYS: Header = Header(0);

/// Room for five keys and their entries. Zeroed memory is one that is empty.
///
/// # Invariants
/// - Who has locked a chain of buckets, by the bit in the header of its first, alone takes and leaves places, changes
///   links, and makes words of used places busy.
/// - A place that is used keeps its key until it is left, which only who made its word busy does.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct Bucket {
    header: AtomicU64,
    keys: [AtomicU64; PLACES],
    entries: [Entry; PLACES],
}

const _: () = assert!(size_of::<Bucket>() == 128);

impl Bucket {
    /// A bucket without keys.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: AtomicU64::new(0),
            keys: [const { AtomicU64::new(0) }; PLACES],
            entries: [const { Entry::free() }; PLACES],
        }
    }

    /// The entry at a place.
    #[inline(always)]
    pub(crate) fn entry(&self, place: usize) -> &Entry {
        &self.entries[place]
    }

    /// The key at a place that is used.
    pub(crate) fn key(&self, place: usize) -> usize {
        self.keys[place].load(Relaxed) as usize
    }

    /// The header as it is now, or was before somebody locked it.
    pub(crate) fn header(&self) -> Header {
        header(self)
    }

    /// Writes the header of a bucket that is not the first of its chain. Only who has locked the chain may.
    pub(crate) fn set_header(&self, header: Header) {
        // Release: pairs with the Acquire in `header`.
        self.header.store(header.0, Release);
    }
}

/// What a bucket consists of.
pub(crate) trait Room {
    type Cell: Cell;

    fn header_cell(&self) -> &Self::Cell;
    fn key_cell(&self, place: usize) -> &Self::Cell;
    /// The first word of the entry.
    fn word_cell(&self, place: usize) -> &Self::Cell;
}

impl Room for Bucket {
    type Cell = AtomicU64;

    #[inline(always)]
    fn header_cell(&self) -> &AtomicU64 {
        &self.header
    }

    #[inline(always)]
    fn key_cell(&self, place: usize) -> &AtomicU64 {
        &self.keys[place]
    }

    #[inline(always)]
    fn word_cell(&self, place: usize) -> &AtomicU64 {
        self.entries[place].cell()
    }
}

/// Locks a chain by its first bucket, whose header this gives. The lock is held for some dozen instructions, and who
/// holds it waits for nothing.
#[inline(always)]
pub(crate) fn lock(room: &impl Room, mut relax: impl FnMut()) -> Header {
    let cell = room.header_cell();
    let mut seen = Header(cell.load(Relaxed));
    loop {
        if seen.is_locked() {
            relax();
            seen = Header(cell.load(Relaxed));
            continue;
        }
        // Acquire: pairs with the Release in `unlock`: this has all that those before it did to the chain.
        match cell.exchange(seen.0, seen.0 | LOCKED, Acquire) {
            Ok(_) => return seen,
            Err(now) => seen = Header(now),
        }
    }
}

/// Gives the chain back, its first bucket with this header.
#[inline(always)]
pub(crate) fn unlock(room: &impl Room, header: Header) {
    // Release: pairs with the Acquires in `lock` and `header`.
    room.header_cell().store(header.0, Release);
}

/// What [`Bucket::header`] does, for any kind of room.
#[inline(always)]
pub(crate) fn header(room: &impl Room) -> Header {
    // Acquire: pairs with the Releases in `unlock` and `set_header`. Who sees that a place is used sees whose it is.
    Header(room.header_cell().load(Acquire))
}

/// The place of the key in this bucket, if it has one.
#[inline(always)]
pub(crate) fn find(room: &impl Room, header: Header, key: usize) -> Option<usize> {
    let mut hits = 0;
    for place in 0..PLACES {
        hits |= u64::from(room.key_cell(place).load(Relaxed) == key as u64) << place;
    }
    // What stands in a place that is not used is left over.
    let hit = (hits & header.used()).trailing_zeros() as usize;
    (hit < PLACES).then_some(hit)
}

/// Gives the key a place that is not used; the header with it. Nobody looks there before that is stored.
#[inline(always)]
pub(crate) fn take(room: &impl Room, header: Header, place: usize, key: usize, word: u64) -> Header {
    room.key_cell(place).store(key as u64, Relaxed);
    room.word_cell(place).store(word, Relaxed);
    header.with_used(place)
}

/// Takes the place from its key; the header without it.
#[inline(always)]
pub(crate) fn leave(room: &impl Room, header: Header, place: usize) -> Header {
    room.word_cell(place).store(0, Relaxed);
    header.with_unused(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_its_parts_apart() {
        let mut header = Header(0);
        assert_eq!((header.used(), header.next(), header.unused_place()), (0, None, Some(0)));
        for place in 0..PLACES {
            assert_eq!(header.unused_place(), Some(place));
            header = header.with_used(place);
        }
        assert_eq!((header.used(), header.next(), header.unused_place()), (ALL_USED, None, None));
        header = header.with_next(Some(0));
        assert_eq!((header.used(), header.next(), header.is_locked()), (ALL_USED, Some(0), false));
        header = header.with_unused(3).with_next(Some(u32::MAX - 1));
        assert_eq!((header.unused_place(), header.next(), header.is_locked()), (Some(3), Some(u32::MAX - 1), false));
        assert_eq!(header.with_next(None).next(), None);
        assert!(Header(LOCKED).is_locked() && Header(LOCKED).used() == 0);
    }

    #[test]
    fn a_key_is_found_only_while_it_has_a_place() {
        let bucket = Bucket::new();
        let header = lock(&bucket, || unreachable!());
        assert_eq!(find(&bucket, header, 0), None, "what is zeroed is not the key 0");
        let header = take(&bucket, header, 2, 77, 5);
        assert_eq!((find(&bucket, header, 77), find(&bucket, header, 0)), (Some(2), None));
        assert_eq!(bucket.entry(2).word().owner(), 5);
        let header = leave(&bucket, header, 2);
        assert_eq!((find(&bucket, header, 77), bucket.entry(2).word().owner()), (None, 0));
        unlock(&bucket, header);
        assert_eq!(bucket.header(), header);
    }
}

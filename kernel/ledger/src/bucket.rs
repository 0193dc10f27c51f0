//! Room for the entries of a few keys, and the lock over it.
//!
//! What is done here is done to any kind of [`Room`], so that a model checker can have one of its own.

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::{Entry, Error, Word, atomic::Cell, entry::unclaimed};

/// How many keys there is room for in a bucket.
pub(crate) const PLACES: usize = 5;

const LOCKED: u64 = 1;
/// From bit 1 on, six bits for each place: five of its key's hash, and one above that says that it is used.
const FIELD: u32 = 6;
const TAG: u32 = FIELD - 1;
/// The lowest bit of each place's.
const LOWEST: u64 = (1 | 1 << FIELD | 1 << (2 * FIELD) | 1 << (3 * FIELD) | 1 << (4 * FIELD)) << 1;
const USED: u64 = LOWEST << TAG;
const NEXT_SHIFT: u32 = 32;

/// The header of a bucket that has no keys and no next one.
pub(crate) const NO_KEYS: Header = Header(0);

/// The first word of a bucket: its lock, which places are used, by keys of which hash, and which bucket has more of the same
/// chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(u64);

/// Some bits of a key's hash, by which most other keys are told from it without a look at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u64);

impl Tag {
    /// That of a hash, of which the lowest bits name the chain.
    #[inline(always)]
    pub(crate) const fn of(hash: u64) -> Self {
        Self(hash >> (u64::BITS - TAG))
    }
}

impl Header {
    const fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    /// Whether no place is used.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 & USED == 0
    }

    /// The lowest place that is not used.
    #[inline(always)]
    pub(crate) const fn unused_place(self) -> Option<usize> {
        let unused = !self.0 & USED;
        if unused == 0 { None } else { Some(Self::place(unused)) }
    }

    /// The place that the lowest bit belongs to, of bits that say what is used.
    #[inline(always)]
    const fn place(bits: u64) -> usize {
        (bits.trailing_zeros() / FIELD) as usize - 1
    }

    /// The places that are used.
    pub(crate) fn used_places(self) -> impl Iterator<Item = usize> {
        (0..PLACES).filter(move |place| self.0 & USED & Self::field(*place) != 0)
    }

    /// What says that places are used by keys with this tag, and perhaps by some others: a bit for each.
    #[inline(always)]
    const fn candidates(self, tag: Tag) -> u64 {
        // Fields that are alike become zero. The lowest that is zero is found for certain; those above it may borrow from
        // it, and are looked at in vain.
        let unlike = self.0 ^ (LOWEST * (tag.0 | 1 << TAG));
        unlike.wrapping_sub(LOWEST) & !unlike & USED
    }

    /// The bits of a place.
    const fn field(place: usize) -> u64 {
        ((1 << FIELD) - 1) << (place as u32 * FIELD + 1)
    }

    #[inline(always)]
    const fn with_used(self, place: usize, tag: Tag) -> Self {
        Self(self.0 | (tag.0 | 1 << TAG) << (place as u32 * FIELD + 1))
    }

    #[inline(always)]
    const fn with_unused(self, place: usize) -> Self {
        Self(self.0 & !Self::field(place))
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

/// The same for who has better to do than to wait; `None` while another one has locked it, and now and then else.
#[inline(always)]
pub(crate) fn try_lock(room: &impl Room) -> Option<Header> {
    let cell = room.header_cell();
    let seen = Header(cell.load(Relaxed));
    if seen.is_locked() {
        return None;
    }
    // Acquire: as in `lock`.
    cell.exchange(seen.0, seen.0 | LOCKED, Acquire).ok()?;
    Some(seen)
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
pub(crate) fn find(room: &impl Room, header: Header, key: usize, tag: Tag) -> Option<usize> {
    let mut candidates = header.candidates(tag);
    while candidates != 0 {
        let place = Header::place(candidates);
        if room.key_cell(place).load(Relaxed) == key as u64 {
            return Some(place);
        }
        candidates &= candidates - 1;
    }
    None
}

/// Gives the key a place that is not used; the header with it. Nobody looks there before that is stored.
#[inline(always)]
pub(crate) fn take(room: &impl Room, header: Header, place: usize, (key, tag): (usize, Tag), word: u64) -> Header {
    room.key_cell(place).store(key as u64, Relaxed);
    room.word_cell(place).store(word, Relaxed);
    header.with_used(place, tag)
}

/// Takes the place from its key; the header without it.
#[inline(always)]
pub(crate) fn leave(room: &impl Room, header: Header, place: usize) -> Header {
    room.word_cell(place).store(0, Relaxed);
    header.with_unused(place)
}

/// Changes the word of a key as `rule` says, if nobody is in the way and the first bucket of its chain is all that it takes.
/// `None` if not; nothing is changed then.
#[inline(always)]
pub(crate) fn change(
    head: &Bucket,
    key: (usize, Tag),
    rule: impl FnOnce(Word) -> Result<Word, Error>,
) -> Option<Result<(), Error>> {
    let header = try_lock(head)?;
    let changed = change_locked(head, header, key, rule);
    unlock(head, changed.and_then(Result::ok).unwrap_or(header));
    changed.map(|changed| changed.map(drop))
}

/// What [`change`] does while the chain is locked; the header with it.
#[inline(always)]
fn change_locked(
    head: &Bucket,
    header: Header,
    (key, tag): (usize, Tag),
    rule: impl FnOnce(Word) -> Result<Word, Error>,
) -> Option<Result<Header, Error>> {
    let place = find(head, header, key, tag);
    if place.is_none() && header.next().is_some() {
        return None;
    }
    let before = place.map_or(Some(Word::default()), |place| unclaimed(head.entry(place).cell()))?;
    let word = match rule(before) {
        Ok(word) => word,
        Err(error) => return Some(Err(error)),
    };
    Some(Ok(match place {
        Some(place) if word == Word::default() => leave(head, header, place),
        Some(place) => {
            head.entry(place).settle(word);
            header
        }
        None if word == Word::default() => header,
        None => {
            let place = header.unused_place()?;
            head.entry(place).clear_note();
            take(head, header, place, (key, tag), word.settled())
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [Tag; PLACES] = [Tag(0), Tag(31), Tag(0), Tag(16), Tag(1)];

    #[test]
    fn a_header_tells_its_parts_apart() {
        let mut header = NO_KEYS;
        for (place, tag) in TAGS.into_iter().enumerate() {
            assert_eq!((header.unused_place(), header.is_empty()), (Some(place), place == 0));
            assert_eq!(header.used_places().count(), place);
            header = header.with_used(place, tag);
        }
        assert_eq!((header.unused_place(), header.next(), header.is_locked()), (None, None, false));
        header = header.with_next(Some(0));
        assert_eq!((header.used_places().count(), header.next(), header.is_locked()), (PLACES, Some(0), false));
        header = header.with_unused(3).with_next(Some(u32::MAX - 1));
        assert_eq!((header.unused_place(), header.next(), header.is_locked()), (Some(3), Some(u32::MAX - 1), false));
        assert_eq!(header.with_next(None).next(), None);
        assert!(Header(LOCKED).is_locked() && Header(LOCKED).is_empty());
        for place in [0, 1, 2, 4] {
            header = header.with_unused(place);
        }
        assert_eq!(header.with_next(None), NO_KEYS);
    }

    #[test]
    fn each_place_of_a_tag_is_a_candidate_and_what_is_unused_is_none() {
        for tag in (0..32).map(Tag) {
            let mut header = NO_KEYS.with_next(Some(u32::MAX - 1));
            assert_eq!(header.candidates(tag), 0);
            for (place, other) in TAGS.into_iter().enumerate() {
                header = header.with_used(place, other);
            }
            for (place, other) in TAGS.into_iter().enumerate() {
                let is_candidate = header.candidates(tag) & Header::field(place) != 0;
                assert!(is_candidate || other != tag, "{tag:?} at {place}");
            }
        }
    }

    #[test]
    fn a_key_is_found_only_while_it_has_a_place() {
        let bucket = Bucket::new();
        let tag = Tag(0);
        let header = lock(&bucket, || unreachable!());
        assert_eq!(find(&bucket, header, 0, tag), None, "what is zeroed is not the key 0");
        let header = take(&bucket, header, 1, (76, tag), 4);
        let header = take(&bucket, header, 2, (77, tag), 5);
        assert_eq!((find(&bucket, header, 77, tag), find(&bucket, header, 0, tag)), (Some(2), None));
        assert_eq!(bucket.entry(2).word().owner(), 5);
        let header = leave(&bucket, header, 2);
        assert_eq!((find(&bucket, header, 77, tag), bucket.entry(2).word().owner()), (None, 0));
        assert_eq!(find(&bucket, header, 76, tag), Some(1));
        unlock(&bucket, header);
        assert_eq!(bucket.header(), header);
    }
}

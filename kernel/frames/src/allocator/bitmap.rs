//! Hints at free frames, shared by all CPUs: one bit a frame, and what is true of whole areas.
//!
//! A set bit says where to look; whether the frame is free, its entry alone decides. So a bit may be stale, but a free
//! frame's bit is set somewhere: here, or in a CPU's reservation, or it is in the hands of an operation under way.

use core::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed, SeqCst},
};

use super::{atomic::Cell, spans::AREA_WORDS};

/// A set of areas.
#[derive(Debug)]
pub(crate) struct Set<'a, W = AtomicU64>(&'a [W]);

impl<W: Cell> Set<'_, W> {
    pub(crate) fn has(&self, area: usize) -> bool {
        // SeqCst: see `Bitmap::put`.
        self.0[area / 64].load(SeqCst) >> (area % 64) & 1 != 0
    }

    /// Puts the area in; false when it was in already.
    pub(crate) fn insert(&self, area: usize) -> bool {
        !self.has(area) && self.0[area / 64].set(1 << (area % 64), SeqCst) >> (area % 64) & 1 == 0
    }

    pub(crate) fn remove(&self, area: usize) {
        if self.has(area) {
            self.0[area / 64].clear(1 << (area % 64), SeqCst);
        }
    }
}

/// What areas are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No CPU's, and partly used.
    Partial,
    /// No CPU's, and without a used frame.
    Whole,
    /// Any with a free frame.
    Some,
}

#[derive(Debug)]
pub(crate) struct Bitmap<'a, W = AtomicU64> {
    words: &'a [W],
    /// Areas with a set bit. One may be missing while an operation is under way.
    pub(crate) some: Set<'a, W>,
    /// Areas with all bits set, likewise; some may be stale.
    pub(crate) whole: Set<'a, W>,
    /// Areas that CPUs have their reservations in.
    pub(crate) reserved: Set<'a, W>,
}

impl Bitmap<'_> {
    /// How many words a bitmap of so many areas takes.
    pub(crate) const fn words_for(areas: usize) -> usize {
        areas * AREA_WORDS + 3 * areas.div_ceil(64)
    }
}

impl<'a, W: Cell> Bitmap<'a, W> {
    /// A bitmap of so many areas in words that are zero; `None` when they are too few.
    pub(crate) fn new(storage: &'a [W], areas: usize) -> Option<Self> {
        let (words, sets) = storage.get(..Bitmap::words_for(areas))?.split_at(areas * AREA_WORDS);
        let (some, rest) = sets.split_at(areas.div_ceil(64));
        let (whole, reserved) = rest.split_at(areas.div_ceil(64));
        Some(Self { words, some: Set(some), whole: Set(whole), reserved: Set(reserved) })
    }

    pub(crate) fn word(&self, word: usize) -> u64 {
        self.words[word].load(Relaxed)
    }

    /// Sets bits of free frames.
    #[inline]
    pub(crate) fn put(&self, word: usize, bits: u64) {
        // Release: pairs with the Acquire in `clear`, which must see the entries of these frames as they are now.
        // SeqCst, here and in the sets: pairs with `emptied`. Either that sees the bits, or this sees the area gone. What
        // the word was before is not asked for, because that would cost a loop.
        self.words[word].set(bits, SeqCst);
        let area = word / AREA_WORDS;
        if !self.some.has(area) {
            self.some.insert(area);
        }
        // SeqCst: of several CPUs that put the last bits of an area, the last sees them all.
        if self.words[word].load(SeqCst) == u64::MAX {
            self.completed(area);
        }
    }

    /// Notes that a word of the area has all bits set.
    #[cold]
    fn completed(&self, area: usize) {
        if self.is_whole(area) {
            self.whole.insert(area);
        }
    }

    /// Takes all bits of a word.
    pub(crate) fn take(&self, word: usize) -> u64 {
        if self.word(word) == 0 {
            return 0;
        }
        // Acquire: pairs with the Release in `put`.
        let bits = self.words[word].swap(0, SeqCst);
        self.broken(word / AREA_WORDS);
        bits
    }

    /// Takes the first word of an area, going round from one of its words, that has a set bit. Gives the word's index, and
    /// its bits.
    pub(crate) fn take_in(&self, area: usize, from: usize) -> Option<(usize, u64)> {
        let mut words = (from..AREA_WORDS).chain(0..from).map(|word| area * AREA_WORDS + word);
        words.find_map(|word| Some((word, self.take(word))).filter(|(_, bits)| *bits != 0))
    }

    /// Clears the bit of a frame that was found not to be free. `is_free` looks at the frame again.
    pub(crate) fn drop_stale(&self, word: usize, bit: u64, is_free: impl FnOnce() -> bool) {
        self.clear(word, bit);
        // If its owner has set the bit before it was cleared, the entry is free by now.
        if is_free() {
            self.put(word, bit);
        }
    }

    /// Takes bits away.
    pub(crate) fn clear(&self, word: usize, bits: u64) {
        // Acquire: pairs with the Release in `put`.
        self.words[word].clear(bits, AcqRel);
        self.broken(word / AREA_WORDS);
    }

    /// Notes that the area has lost a bit.
    fn broken(&self, area: usize) {
        if self.whole.has(area) {
            self.whole.remove(area);
            // Who put the bits back meanwhile may have found the area still in the set.
            if self.is_whole(area) {
                self.whole.insert(area);
            }
        }
    }

    /// Notes that no bit of the area was found set.
    pub(crate) fn emptied(&self, area: usize) {
        self.broken(area);
        self.some.remove(area);
        // SeqCst: pairs with `put`, as said there.
        if self.area(area).iter().any(|word| word.load(SeqCst) != 0) {
            self.some.insert(area);
        }
    }

    /// The first wanted area of `from..end`.
    pub(crate) fn next(&self, from: usize, end: usize, wanted: Wanted) -> Option<usize> {
        let mut area = from;
        while area < end {
            let index = area / 64;
            let load = |set: &Set<'_, W>| set.0[index].load(Relaxed);
            let found = match wanted {
                Wanted::Partial => load(&self.some) & !load(&self.whole) & !load(&self.reserved),
                Wanted::Whole => load(&self.whole) & !load(&self.reserved),
                Wanted::Some => load(&self.some),
            } >> (area % 64);
            if found != 0 {
                let area = area + found.trailing_zeros() as usize;
                return (area < end).then_some(area);
            }
            area = (index + 1) * 64;
        }
        None
    }

    fn area(&self, area: usize) -> &[W] {
        &self.words[area * AREA_WORDS..][..AREA_WORDS]
    }

    fn is_whole(&self, area: usize) -> bool {
        self.area(area).iter().all(|word| word.load(SeqCst) == u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREAS: usize = 130;

    fn words() -> [AtomicU64; Bitmap::words_for(AREAS)] {
        [const { AtomicU64::new(0) }; Bitmap::words_for(AREAS)]
    }

    #[test]
    fn a_set_has_what_was_put_in_and_nothing_else() {
        let words = words();
        let set = Bitmap::new(&words, AREAS).unwrap().some;
        for area in [0, 63, 64, 129] {
            assert!(!set.has(area) && set.insert(area) && set.has(area) && !set.insert(area));
        }
        assert_eq!((0..AREAS).filter(|&area| set.has(area)).count(), 4);
        set.remove(64);
        set.remove(65);
        assert!([0, 63, 129].into_iter().all(|area| set.has(area)));
        assert!(!set.has(64) && !set.has(65) && !set.has(128));
    }

    #[test]
    fn the_parts_of_a_bitmap_share_no_word() {
        assert_eq!(Bitmap::words_for(AREAS), AREAS * AREA_WORDS + 9);
        let words = words();
        assert!(Bitmap::new(&words[1..], AREAS).is_none());
        let bitmap = Bitmap::new(&words, AREAS).unwrap();
        assert_eq!((bitmap.some.0.len(), bitmap.whole.0.len(), bitmap.reserved.0.len()), (3, 3, 3));
        (0..AREAS * AREA_WORDS).for_each(|word| bitmap.words[word].store(u64::MAX, Relaxed));
        assert!((0..AREAS).all(|area| !bitmap.some.has(area) && !bitmap.whole.has(area)));
    }

    #[test]
    fn bits_make_an_area_one_of_some_and_all_of_them_make_it_whole() {
        let words = words();
        let bitmap = Bitmap::new(&words, AREAS).unwrap();
        let first = 70 * AREA_WORDS;
        for word in first..first + AREA_WORDS {
            assert!(!bitmap.whole.has(70));
            bitmap.put(word, u64::MAX << 1);
            assert!(bitmap.some.has(70));
            bitmap.put(word, 1);
        }
        assert!(bitmap.whole.has(70) && !bitmap.whole.has(69) && !bitmap.some.has(71));
        bitmap.clear(first + 3, 0b100);
        assert_eq!((bitmap.word(first + 3), bitmap.whole.has(70), bitmap.some.has(70)), (!0b100, false, true));
        bitmap.put(first + 3, 0b100);
        assert!(bitmap.whole.has(70));
        assert_eq!((bitmap.take(first + 7), bitmap.take(first + 7), bitmap.whole.has(70)), (u64::MAX, 0, false));
        bitmap.emptied(70);
        assert!(bitmap.some.has(70), "it is not empty");
        assert_eq!((first..first + AREA_WORDS).filter(|&word| bitmap.take(word) != 0).count(), AREA_WORDS - 1);
        bitmap.emptied(70);
        assert!(!bitmap.some.has(70));
    }

    #[test]
    fn an_area_that_is_found_whole_when_it_is_said_to_be_empty_stays_whole() {
        let words = words();
        let bitmap = Bitmap::new(&words, AREAS).unwrap();
        (0..AREA_WORDS).for_each(|word| bitmap.put(word, u64::MAX));
        bitmap.emptied(0);
        assert!(bitmap.some.has(0) && bitmap.whole.has(0));
    }

    #[test]
    fn the_first_word_with_a_bit_is_taken_going_round() {
        let words = words();
        let bitmap = Bitmap::new(&words, AREAS).unwrap();
        bitmap.put(3 * AREA_WORDS + 2, 8);
        bitmap.put(3 * AREA_WORDS + 5, 1);
        bitmap.put(4 * AREA_WORDS, 1);
        assert_eq!(bitmap.take_in(3, 3), Some((3 * AREA_WORDS + 5, 1)));
        assert_eq!(bitmap.take_in(3, 3), Some((3 * AREA_WORDS + 2, 8)));
        assert_eq!(bitmap.take_in(3, 3), None);
    }

    #[test]
    fn a_bit_that_is_dropped_comes_back_if_its_frame_is_free() {
        let words = words();
        let bitmap = Bitmap::new(&words, AREAS).unwrap();
        bitmap.put(9, 0b11);
        bitmap.drop_stale(9, 0b10, || false);
        assert_eq!(bitmap.word(9), 0b01);
        bitmap.drop_stale(9, 0b01, || true);
        assert_eq!(bitmap.word(9), 0b01);
    }

    #[test]
    fn the_next_area_is_of_the_kind_that_is_wanted() {
        let words = words();
        let bitmap = Bitmap::new(&words, AREAS).unwrap();
        for area in [2, 63, 64, 100, 128] {
            bitmap.some.insert(area);
        }
        for area in [63, 128] {
            bitmap.whole.insert(area);
        }
        for area in [2, 63] {
            bitmap.reserved.insert(area);
        }
        let all = |wanted| {
            let found = |&area: &usize| bitmap.next(area, area + 1, wanted) == Some(area);
            let mut list = [0; 5];
            (0..AREAS).filter(found).zip(&mut list).for_each(|(area, place)| *place = area);
            list
        };
        assert_eq!(all(Wanted::Partial), [64, 100, 0, 0, 0]);
        assert_eq!(all(Wanted::Whole), [128, 0, 0, 0, 0]);
        assert_eq!(all(Wanted::Some), [2, 63, 64, 100, 128]);
        assert_eq!(bitmap.next(3, AREAS, Wanted::Some), Some(63));
        assert_eq!(bitmap.next(65, AREAS, Wanted::Whole), Some(128));
        assert_eq!(bitmap.next(101, 128, Wanted::Some), None, "the end is not part of it");
        assert_eq!(bitmap.next(0, AREAS, Wanted::Partial), Some(64));
        assert_eq!(bitmap.next(129, AREAS, Wanted::Some), None);
    }
}

//! What CPUs do to bits and entries at once, in every order that the memory model allows, under `loom`. Each is also tried
//! with something taken away from it that it needs, which must be found.
//!
//! The entry here is claimed as the ledger's is, which has tests of that of its own.

extern crate std;

use core::sync::atomic::Ordering;
use std::vec::Vec;

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU64, fence},
    },
    thread,
};
use steward_ledger::Word;

use super::{
    atomic::Cell,
    bitmap::{Bitmap, Wanted},
    reservation::Bits,
    spans::AREA_WORDS,
    tracking::{Holds, Key, Note, Purpose, Seized, acquire, release},
};
use crate::Use;

/// What is taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Nothing,
    /// Nothing is ordered.
    Order,
    /// There is no order of all SeqCst operations.
    TotalOrder,
    /// What reads and writes is a load and a store.
    Atomicity,
    /// Who looks a second time does not.
    SecondLook,
}

/// A word as loom knows it. Of SeqCst it models the fences only, so those are put where the operations stand.
struct Modelled {
    word: AtomicU64,
    lack: Lack,
}

impl Modelled {
    fn new(lack: Lack) -> Self {
        Self { word: AtomicU64::new(0), lack }
    }

    fn fence(&self, order: Ordering) {
        if order == Ordering::SeqCst && !matches!(self.lack, Lack::Order | Lack::TotalOrder) {
            fence(Ordering::SeqCst);
        }
    }

    /// Reads and writes. loom orders its SeqCst as AcqRel.
    fn change(&self, order: Ordering, act: impl Fn(u64) -> u64) -> u64 {
        if self.lack == Lack::Atomicity {
            let found = self.word.load(Ordering::Acquire);
            self.word.store(act(found), Ordering::Release);
            return found;
        }
        let order = match (self.lack, order) {
            (Lack::Order, _) => Ordering::Relaxed,
            (_, order) => order,
        };
        let found = self.word.fetch_update(order, Ordering::Relaxed, |found| Some(act(found)));
        self.fence(order);
        found.expect("there is always something to write")
    }
}

impl Cell for Modelled {
    fn load(&self, order: Ordering) -> u64 {
        // Only those who look a second time at a word of bits ask for more than Relaxed.
        if self.lack == Lack::SecondLook && order == Ordering::SeqCst {
            return 0;
        }
        self.fence(order);
        self.word.load(match (self.lack, order) {
            (Lack::Order, _) => Ordering::Relaxed,
            (_, Ordering::SeqCst) => Ordering::Acquire,
            (_, other) => other,
        })
    }

    fn store(&self, value: u64, order: Ordering) {
        self.word.store(value, order);
    }

    fn swap(&self, value: u64, order: Ordering) -> u64 {
        self.change(order, |_| value)
    }

    fn set(&self, bits: u64, order: Ordering) -> u64 {
        self.change(order, |found| found | bits)
    }

    fn clear(&self, bits: u64, order: Ordering) -> u64 {
        self.change(order, |found| found & !bits)
    }
}

/// An entry: owner and whether it is claimed, and the note.
struct Tracked {
    owner: AtomicU64,
    note: AtomicU64,
    lack: Lack,
}

const BUSY: u64 = 1 << 63;

struct Hold<'a> {
    entry: &'a Tracked,
    owner: u64,
}

impl Tracked {
    fn new(owner: u16, lack: Lack) -> Self {
        let note = if owner == 0 { Note::free(Holds::Anything) } else { taken() };
        Self { owner: AtomicU64::new(owner.into()), note: AtomicU64::new(note.bits()), lack }
    }

    fn order(&self, order: Ordering) -> Ordering {
        if self.lack == Lack::Order { Ordering::Relaxed } else { order }
    }

    fn owner(&self) -> u64 {
        self.owner.load(Ordering::Relaxed) & !BUSY
    }
}

impl Key for Tracked {
    fn seize<E>(&self, rule: impl Fn(Word) -> Result<(), E>, mut relax: impl FnMut()) -> Result<impl Seized, E> {
        loop {
            let found = self.owner.load(Ordering::Relaxed);
            if found & BUSY != 0 {
                relax();
                continue;
            }
            rule(Word::default().with_owner(found as u16))?;
            if self.lack == Lack::Atomicity {
                self.owner.store(found | BUSY, Ordering::Release);
                return Ok(Hold { entry: self, owner: found });
            }
            let order = self.order(Ordering::AcqRel);
            if self.owner.compare_exchange(found, found | BUSY, order, Ordering::Relaxed).is_ok() {
                return Ok(Hold { entry: self, owner: found });
            }
        }
    }
}

impl Seized for Hold<'_> {
    fn word(&self) -> Word {
        Word::default().with_owner(self.owner as u16)
    }

    fn note(&self) -> u64 {
        self.entry.note.load(Ordering::Relaxed)
    }

    fn set_note(&self, note: u64) {
        self.entry.note.store(note, Ordering::Relaxed);
    }

    fn commit(mut self, word: Word) {
        self.owner = word.owner().into();
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.entry.owner.store(self.owner, self.entry.order(Ordering::Release));
    }
}

const FIRST: u16 = 5;
const SECOND: u16 = 6;

fn taken() -> Note {
    Note::taken(Use::Tests, 0)
}

fn free() -> Note {
    Note::free(Holds::Zeroes)
}

/// Bits and entries of an area whose first two frames are all that is ever free, and what a CPU has reserved of it.
struct Memory {
    words: Vec<Modelled>,
    entries: [Tracked; 2],
    reserved: Bits<Modelled>,
}

impl Memory {
    /// `owners` of the two frames; no bits are set.
    fn new(owners: [u16; 2], bits: Lack, entries: Lack) -> Self {
        // Sets of areas ask for SeqCst when they look first, too.
        let sets = if bits == Lack::SecondLook { Lack::Nothing } else { bits };
        let count = Bitmap::words_for(1);
        Self {
            words: (0..count).map(|word| Modelled::new(if word < count - 3 { bits } else { sets })).collect(),
            entries: owners.map(|owner| Tracked::new(owner, entries)),
            reserved: Bits(Modelled::new(Lack::Nothing)),
        }
    }

    fn bitmap(&self) -> Bitmap<'_, Modelled> {
        Bitmap::new(&self.words, 1).expect("there are words for one area")
    }

    /// Takes the frames that these bits say are free; as bits, those that were.
    fn acquire(&self, bits: u64, owner: u16) -> u64 {
        let is_mine = |bit: &usize| {
            bits >> bit & 1 != 0 && acquire(&self.entries[*bit], owner, taken(), thread::yield_now).is_ok()
        };
        (0..2).filter(is_mine).fold(0, |all, bit| all | 1 << bit)
    }

    fn put(&self, bit: usize, giver: u16) {
        release(&self.entries[bit], giver, free, thread::yield_now).expect("it is its giver's");
        self.bitmap().put(0, 1 << bit);
    }

    /// Panics if somebody who looks for a free frame would not find it.
    fn assert_none_lost(&self) {
        let hints = self.bitmap().word(0) | self.reserved.get();
        for (bit, entry) in self.entries.iter().enumerate() {
            assert!(entry.owner() != 0 || hints >> bit & 1 != 0, "a frame was lost");
        }
        let is_found = self.bitmap().word(0) == 0 || self.bitmap().next(0, 1, Wanted::Some) == Some(0);
        assert!(is_found, "an area was lost");
    }
}

/// Runs both at once, in every order, and then a look at what came of it.
fn both(
    memory: impl Fn() -> Memory + Send + Sync + 'static,
    one: impl Fn(&Memory) -> u64 + Copy + Send + Sync + 'static,
    other: impl Fn(&Memory) -> u64 + Copy + Send + Sync + 'static,
    judge: impl Fn(&Memory, u64, u64) + Send + Sync + 'static,
) {
    loom::model(move || {
        let memory = Arc::new(memory());
        let shared = Arc::clone(&memory);
        let thread = thread::spawn(move || one(&shared));
        let second = other(&memory);
        let first = thread.join().unwrap();
        judge(&memory, first, second);
    });
}

/// A CPU takes a word for itself while another gives a frame of it back.
fn a_word_is_reserved_while_a_frame_comes_back(bits: Lack) {
    let memory = move || {
        let memory = Memory::new([0, FIRST], bits, Lack::Nothing);
        memory.bitmap().put(0, 1);
        memory
    };
    let put = |memory: &Memory| {
        memory.put(1, FIRST);
        0
    };
    let take = |memory: &Memory| {
        let bits = memory.bitmap().take(0);
        memory.acquire(bits, SECOND)
    };
    both(memory, put, take, |memory, _, taken| {
        assert!(taken & 1 != 0, "a free frame was not had");
        memory.assert_none_lost();
    });
}

#[test]
fn a_word_that_is_reserved_while_a_frame_comes_back_loses_none() {
    a_word_is_reserved_while_a_frame_comes_back(Lack::Nothing);
}

#[test]
#[should_panic(expected = "a frame was lost")]
fn a_swap_that_is_torn_is_found_out() {
    a_word_is_reserved_while_a_frame_comes_back(Lack::Atomicity);
}

#[test]
#[should_panic(expected = "a frame was lost")]
fn a_swap_that_orders_nothing_is_found_out() {
    a_word_is_reserved_while_a_frame_comes_back(Lack::Order);
}

/// Two CPUs take the same word.
fn two_reserve_a_word(bits: Lack) {
    let memory = move || {
        let memory = Memory::new([0, FIRST], bits, Lack::Nothing);
        memory.bitmap().put(0, 1);
        memory
    };
    let take = |memory: &Memory| memory.bitmap().take(0);
    both(memory, take, take, |memory, one, other| {
        assert_eq!((one ^ other, one & other), (1, 0), "both have the bit, or none has");
        assert_eq!(memory.bitmap().word(0), 0);
    });
}

#[test]
fn a_word_that_two_reserve_is_one_cpus() {
    two_reserve_a_word(Lack::Nothing);
}

#[test]
#[should_panic(expected = "both have the bit, or none has")]
fn a_swap_that_is_torn_hands_out_bits_twice() {
    two_reserve_a_word(Lack::Atomicity);
}

/// A CPU finds nothing in its area and leaves it, while another gives a frame of it back.
fn an_area_is_left_while_a_frame_comes_back(bits: Lack) {
    let memory = move || {
        let memory = Memory::new([FIRST, FIRST], bits, Lack::Nothing);
        memory.bitmap().some.insert(0);
        memory
    };
    let put = |memory: &Memory| {
        memory.put(0, FIRST);
        0
    };
    let refill = |memory: &Memory| match memory.bitmap().take_in(0, 1) {
        Some((word, bits)) => {
            assert_eq!(word, 0);
            memory.acquire(bits, SECOND)
        }
        None => {
            memory.bitmap().emptied(0);
            0
        }
    };
    both(memory, put, refill, |memory, _, _| memory.assert_none_lost());
}

#[test]
fn an_area_that_is_left_while_a_frame_comes_back_is_found_again() {
    an_area_is_left_while_a_frame_comes_back(Lack::Nothing);
}

#[test]
#[should_panic(expected = "an area was lost")]
fn leaving_an_area_without_a_second_look_is_found_out() {
    an_area_is_left_while_a_frame_comes_back(Lack::SecondLook);
}

#[test]
#[should_panic(expected = "an area was lost")]
fn leaving_an_area_without_an_order_of_all_is_found_out() {
    an_area_is_left_while_a_frame_comes_back(Lack::TotalOrder);
}

/// A CPU in need takes a frame that another has reserved, which its owner is about to take.
fn a_reserved_frame_is_taken_over(entries: Lack) {
    let memory = move || {
        let memory = Memory::new([0, FIRST], Lack::Nothing, entries);
        memory.reserved.set(1);
        memory
    };
    let take = |memory: &Memory| memory.reserved.next().map_or(0, |bit| memory.acquire(1 << bit, FIRST));
    let take_over = |memory: &Memory| memory.acquire(memory.reserved.get(), SECOND);
    both(memory, take, take_over, |memory, one, other| {
        assert!(one & other == 0, "a frame was handed out twice");
        assert!(one | other == 1, "nobody had the frame");
        assert_eq!(memory.entries[0].owner(), u64::from(if one == 1 { FIRST } else { SECOND }));
    });
}

#[test]
fn a_reserved_frame_goes_to_one_of_those_who_want_it() {
    a_reserved_frame_is_taken_over(Lack::Nothing);
}

#[test]
#[should_panic(expected = "a frame was handed out twice")]
fn an_entry_whose_exchange_is_torn_is_found_out() {
    a_reserved_frame_is_taken_over(Lack::Atomicity);
}

/// The same, and who took it over gives it back, perhaps before its first owner comes to it.
fn a_reserved_frame_is_taken_over_and_given_back(entries: Lack) {
    let memory = move || {
        let memory = Memory::new([0, FIRST], Lack::Nothing, entries);
        memory.reserved.set(1);
        memory
    };
    let take = |memory: &Memory| {
        let Some(bit) = memory.reserved.next() else { return 0 };
        let Ok(before) = acquire(&memory.entries[bit as usize], FIRST, taken(), thread::yield_now) else { return 0 };
        assert!(before.purpose() == Purpose::None, "the note is not the word's");
        1
    };
    let take_over = |memory: &Memory| {
        let taken = memory.acquire(memory.reserved.get(), SECOND);
        if taken != 0 {
            memory.put(0, SECOND);
        }
        0
    };
    both(memory, take, take_over, |memory, _, _| memory.assert_none_lost());
}

#[test]
fn a_frame_that_was_taken_over_and_given_back_is_not_lost() {
    a_reserved_frame_is_taken_over_and_given_back(Lack::Nothing);
}

#[test]
#[should_panic(expected = "the note is not the word's")]
fn an_entry_that_orders_nothing_is_found_out() {
    a_reserved_frame_is_taken_over_and_given_back(Lack::Order);
}

/// A CPU that wants a run stumbles over a frame that is not free, and clears its bit, while that frame comes back.
fn a_stale_bit_is_dropped(bits: Lack, looks_again: bool) {
    let memory = move || {
        let memory = Memory::new([FIRST, FIRST], bits, Lack::Nothing);
        memory.bitmap().put(0, 1);
        memory
    };
    let put = |memory: &Memory| {
        memory.put(0, FIRST);
        0
    };
    let claim = move |memory: &Memory| {
        let taken = memory.acquire(1, SECOND);
        if taken == 0 {
            memory.bitmap().drop_stale(0, 1, || looks_again && memory.entries[0].owner() == 0);
        }
        taken
    };
    both(memory, put, claim, |memory, _, _| memory.assert_none_lost());
}

#[test]
fn a_stale_bit_that_is_dropped_while_its_frame_comes_back_is_set_again() {
    a_stale_bit_is_dropped(Lack::Nothing, true);
}

#[test]
#[should_panic(expected = "a frame was lost")]
fn dropping_a_bit_without_a_second_look_is_found_out() {
    a_stale_bit_is_dropped(Lack::Nothing, false);
}

#[test]
#[should_panic(expected = "a frame was lost")]
fn dropping_a_bit_in_no_order_is_found_out() {
    a_stale_bit_is_dropped(Lack::Order, true);
}

/// The last bit of a whole area is cleared as stale, while its frame comes back and makes the area whole.
fn a_whole_area_is_broken_and_completed(bits: Lack) {
    let memory = move || {
        let memory = Memory::new([FIRST, 0], bits, Lack::Nothing);
        (0..AREA_WORDS).for_each(|word| memory.bitmap().put(word, u64::MAX));
        memory.bitmap().whole.insert(0);
        memory
    };
    let put = |memory: &Memory| {
        memory.put(0, FIRST);
        0
    };
    let drop_stale = |memory: &Memory| {
        memory.bitmap().clear(0, 1);
        0
    };
    both(memory, put, drop_stale, |memory, _, _| {
        let is_whole = (0..AREA_WORDS).all(|word| memory.bitmap().word(word) == u64::MAX);
        assert!(!is_whole || memory.bitmap().whole.has(0), "a whole area is not known for one");
    });
}

#[test]
fn an_area_that_is_broken_and_completed_is_known_to_be_whole() {
    a_whole_area_is_broken_and_completed(Lack::Nothing);
}

#[test]
#[should_panic(expected = "a whole area is not known for one")]
fn breaking_an_area_without_a_second_look_is_found_out() {
    a_whole_area_is_broken_and_completed(Lack::SecondLook);
}

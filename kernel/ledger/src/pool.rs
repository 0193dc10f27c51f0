//! Room for loans: it grows, and never shrinks.

use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use spin::{Mutex, Once};

use crate::{
    Error,
    loan::{LoanSlot, Meta, NONE, Phase, Slots},
};

const CHUNK_BITS: u32 = 12;
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNKS: usize = 256;

/// Slots in chunks of up to 4096, and a stack of those that are free.
///
/// # Invariants
/// The stack's word counts its changes in the upper half, so that a slot that came back is not mistaken for one that
/// never left.
#[derive(Debug)]
pub(crate) struct Pool<'a> {
    chunks: [Once<&'a [LoanSlot]>; CHUNKS],
    free: AtomicU64,
    chunk_count: Mutex<usize>,
    slots: AtomicU32,
    retired: AtomicU32,
}

impl<'a> Pool<'a> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { Once::new() }; CHUNKS],
            free: AtomicU64::new(NONE as u64),
            chunk_count: Mutex::new(0),
            slots: AtomicU32::new(0),
            retired: AtomicU32::new(0),
        }
    }

    /// Adds slots that never held a loan.
    pub(crate) fn grow(&self, slots: &'a [LoanSlot]) -> Result<(), Error> {
        let mut count = self.chunk_count.lock();
        if slots.len().div_ceil(CHUNK) > CHUNKS - *count {
            return Err(Error::NoMemory);
        }
        for chunk in slots.chunks(CHUNK) {
            self.chunks[*count].call_once(|| chunk);
            let first = (*count << CHUNK_BITS) as u32;
            for index in first..first + chunk.len() as u32 - 1 {
                self.slot(index).next_held.store(index + 1, Relaxed);
            }
            self.push_chain(first, first + chunk.len() as u32 - 1);
            self.slots.fetch_add(chunk.len() as u32, Relaxed);
            *count += 1;
        }
        Ok(())
    }

    /// Whether so many can be added.
    pub(crate) fn has_room_for(&self, slots: usize) -> bool {
        slots.div_ceil(CHUNK) <= CHUNKS - *self.chunk_count.lock()
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> u32 {
        self.slots.load(Relaxed)
    }

    /// How many are free. Nobody may take or give back any meanwhile. Those whose names are used up count as free.
    pub(crate) fn count_free(&self) -> u32 {
        let mut count = self.retired.load(Relaxed);
        let mut index = self.free.load(Acquire) as u32;
        while index != NONE && count <= self.len() {
            count += 1;
            index = self.slot(index).next_held.load(Relaxed);
        }
        count
    }

    /// The slot, if there is one at this place.
    pub(crate) fn get(&self, index: u32) -> Option<&'a LoanSlot> {
        let chunk = self.chunks.get(index as usize >> CHUNK_BITS)?.get()?;
        chunk.get(index as usize & (CHUNK - 1))
    }

    /// All places of slots.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        let chunks = self.chunks.iter().map_while(Once::get).enumerate();
        chunks.flat_map(|(number, chunk)| {
            let first = (number << CHUNK_BITS) as u32;
            first..first + chunk.len() as u32
        })
    }

    /// A free slot, which is the caller's until it is pushed back.
    #[inline(never)]
    pub(crate) fn pop(&self) -> Option<u32> {
        // Acquire, here and below: pairs with the Release in `push_chain`, so that the slot's link is the pushed one.
        let mut head = self.free.load(Acquire);
        loop {
            let index = head as u32;
            if index == NONE {
                return None;
            }
            let next = self.slot(index).next_held.load(Relaxed);
            match self.free.compare_exchange_weak(head, Self::changed(head, next), Acquire, Acquire) {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
    }

    /// Gives a slot and those that extend it back. The next loan there has the next generation.
    #[inline(never)]
    pub(crate) fn push(&self, index: u32) {
        let mut next = index;
        while next != NONE {
            let index = next;
            let slot = self.slot(index);
            next = slot.more();
            slot.set_more(NONE);
            if slot.retire() {
                self.push_chain(index, index);
            } else {
                // All its names are used up: it is never used again.
                slot.set_meta(Meta::new(u32::MAX, Phase::Free));
                self.retired.fetch_add(1, Relaxed);
            }
        }
    }

    /// Gives a slot back that is free already.
    pub(crate) fn push_free(&self, index: u32) {
        self.push_chain(index, index);
    }

    fn changed(head: u64, index: u32) -> u64 {
        ((head >> 32) + 1) << 32 | u64::from(index)
    }

    fn push_chain(&self, first: u32, last: u32) {
        let last = &self.slot(last).next_held;
        let mut head = self.free.load(Relaxed);
        loop {
            last.store(head as u32, Relaxed);
            // Release: pairs with the Acquires in `pop`, also across later changes, which are all read-modify-writes.
            match self.free.compare_exchange_weak(head, Self::changed(head, first), Release, Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

impl Slots for Pool<'_> {
    /// # Panics
    /// If there is none: only links of records come here.
    fn slot(&self, index: u32) -> &LoanSlot {
        self.get(index).expect("links of records name records")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_whose_names_are_used_up_is_never_used_again() {
        let slots = [const { LoanSlot::new() }; 2];
        let pool = Pool::new();
        pool.grow(&slots).unwrap();
        let [first, second] = [pool.pop().unwrap(), pool.pop().unwrap()];
        assert_eq!(pool.pop(), None);
        pool.slot(first).set_meta(Meta::new(u32::MAX, Phase::Active));
        pool.slot(second).set_meta(Meta::new(u32::MAX - 1, Phase::Active));
        pool.push(first);
        pool.push(second);
        assert_eq!((pool.count_free(), pool.pop(), pool.pop()), (2, Some(second), None));
        assert_eq!(pool.slot(second).meta(), Meta::new(u32::MAX, Phase::Free));
    }

    #[test]
    fn a_head_that_came_back_is_not_the_one_that_went() {
        let slots = [const { LoanSlot::new() }; 2];
        let pool = Pool::new();
        pool.grow(&slots).unwrap();
        let mut heads = std::vec![pool.free.load(Relaxed)];
        for _ in 0..3 {
            let index = pool.pop().unwrap();
            pool.push(index);
            heads.push(pool.free.load(Relaxed));
        }
        assert!(heads.windows(2).all(|pair| pair[0] as u32 == pair[1] as u32 && pair[1] >> 32 == (pair[0] >> 32) + 2));
        assert_eq!(Pool::changed(u64::MAX, 7), 7, "it counts round");
    }

    #[test]
    #[cfg_attr(miri, ignore = "counts thousands of slots: minutes, and one thread only")]
    fn slots_come_in_chunks_of_any_size_until_there_are_too_many_chunks() {
        let slots: std::vec::Vec<_> = (0..2 * CHUNK + 3).map(|_| LoanSlot::new()).collect();
        let pool = Pool::new();
        pool.grow(&slots).unwrap();
        assert_eq!(
            (pool.len() as usize, pool.count_free() as usize, pool.indices().count()),
            (2 * CHUNK + 3, 2 * CHUNK + 3, 2 * CHUNK + 3)
        );
        assert!(pool.indices().all(|index| pool.get(index).is_some()));
        assert!(
            [3, CHUNK, 10 * CHUNK]
                .map(|beyond| pool.get((2 * CHUNK + beyond) as u32).is_none())
                .iter()
                .all(|&none| none)
        );
        for slot in &slots[..CHUNKS - 3] {
            pool.grow(core::slice::from_ref(slot)).unwrap();
        }
        assert_eq!(pool.grow(&slots[..1]), Err(Error::NoMemory));
    }
}

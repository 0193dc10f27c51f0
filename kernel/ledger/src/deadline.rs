//! Which loans end by themselves, and when.

use core::sync::atomic::Ordering::Relaxed;

use crate::{
    Instant, LoanId,
    loan::{LoanSlot, NONE, Slots},
};

const DIGIT: u32 = 6;
const DIGITS: usize = 1 << DIGIT;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT) as usize;

/// Loans by their deadlines, in a wheel for each digit to the base 64. A loan is in the wheel of the highest digit in
/// which its deadline differs from the time, in the bucket of that digit; so it moves at most ten times, and to put it
/// in or take it out costs a few steps, whatever the number of loans. The lists run through the records.
///
/// # Invariants
/// No deadline in the wheels is before `base`, except that it is counted as `base` itself.
#[derive(Debug)]
pub(crate) struct Deadlines {
    base: u64,
    count: u32,
    filled: [u64; LEVELS],
    heads: [[u32; DIGITS]; LEVELS],
}

impl Deadlines {
    pub(crate) const fn new() -> Self {
        Self { base: 0, count: 0, filled: [0; LEVELS], heads: [[NONE; DIGITS]; LEVELS] }
    }

    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Notes a loan that has a deadline.
    pub(crate) fn insert(&mut self, slots: &impl Slots, index: u32) {
        self.put(slots, index);
        self.count += 1;
    }

    /// Forgets a loan, if it is here.
    pub(crate) fn remove(&mut self, slots: &impl Slots, slot: &LoanSlot) {
        let bucket = slot.bucket.load(Relaxed);
        if bucket == NONE {
            return;
        }
        let (level, digit) = (bucket as usize / DIGITS, bucket as usize % DIGITS);
        let next = slot.next_due.load(Relaxed);
        let previous = slot.previous_due.load(Relaxed);
        match previous {
            NONE => self.heads[level][digit] = next,
            previous => slots.slot(previous).next_due.store(next, Relaxed),
        }
        if next != NONE {
            slots.slot(next).previous_due.store(previous, Relaxed);
        }
        if self.heads[level][digit] == NONE {
            self.filled[level] &= !(1 << digit);
        }
        slot.bucket.store(NONE, Relaxed);
        self.count -= 1;
    }

    /// Takes a loan out whose deadline is not later than `now`.
    pub(crate) fn take_due(&mut self, slots: &impl Slots, now: Instant) -> Option<LoanId> {
        let now = now.nanoseconds();
        loop {
            let Some((level, digit, start)) = self.first().filter(|&(.., start)| start <= now) else {
                // Nothing lies between: everything stays where it is.
                self.base = self.base.max(now);
                return None;
            };
            let index = self.heads[level][digit];
            if level == 0 {
                let slot = slots.slot(index);
                self.remove(slots, slot);
                return Some(LoanId::from_parts(index, slot.meta().generation()));
            }
            self.base = start;
            self.heads[level][digit] = NONE;
            self.filled[level] &= !(1 << digit);
            let mut next = index;
            while next != NONE {
                let index = next;
                next = slots.slot(index).next_due.load(Relaxed);
                self.put(slots, index);
            }
        }
    }

    /// The earliest deadline.
    pub(crate) fn earliest(&self, slots: &impl Slots) -> Option<Instant> {
        let (level, digit, _) = self.first()?;
        let mut earliest = None;
        let mut index = self.heads[level][digit];
        while index != NONE {
            let slot = slots.slot(index);
            earliest = earliest.into_iter().chain(slot.deadline()).min();
            index = slot.next_due.load(Relaxed);
        }
        earliest
    }

    /// The first bucket that is not empty: level, digit, and the first moment that belongs there. Lower levels share
    /// more digits with the base, so they come first.
    fn first(&self) -> Option<(usize, usize, u64)> {
        let level = self.filled.iter().position(|&filled| filled != 0)?;
        let digit = self.filled[level].trailing_zeros();
        let shift = level as u32 * DIGIT;
        let above = u64::MAX.checked_shl(shift + DIGIT).unwrap_or(0);
        Some((level, digit as usize, self.base & above | u64::from(digit) << shift))
    }

    fn put(&mut self, slots: &impl Slots, index: u32) {
        let slot = slots.slot(index);
        let moment = slot.deadline().map_or(u64::MAX, Instant::nanoseconds).max(self.base);
        let highest = (moment ^ self.base).checked_ilog2().unwrap_or(0);
        let level = (highest / DIGIT) as usize;
        let digit = (moment >> (level as u32 * DIGIT)) as usize % DIGITS;
        let next = self.heads[level][digit];
        slot.next_due.store(next, Relaxed);
        slot.previous_due.store(NONE, Relaxed);
        slot.bucket.store((level * DIGITS + digit) as u32, Relaxed);
        if next != NONE {
            slots.slot(next).previous_due.store(index, Relaxed);
        }
        self.heads[level][digit] = index;
        self.filled[level] |= 1 << digit;
    }
}

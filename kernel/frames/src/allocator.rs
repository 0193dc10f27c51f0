//! The frame allocator: hands out free frames to all CPUs at once, and tracks each.
//!
//! Whose a frame is, its [`Entry`] says, and nothing else. Beside the entries there is a bitmap of hints at free frames.
//! A CPU reserves a word of that with one swap, and then finds frames in the word, and returns them to it, with plain
//! loads and stores; making a frame its owner's is one compare-exchange on the entry, and so is making it free.

mod ahead;
mod atomic;
mod bitmap;
mod bulk;
mod check;
#[cfg(test)]
mod interleavings;
mod particular;
mod put;
mod reservation;
mod runs;
mod setup;
mod spans;
mod tracking;

use steward_ledger::{Entry, Error, ProcessId};

use crate::{
    Contents, Frame, FrameNumber, FrameRange, MemoryUse, Owned, Request, TakeError, Untouched, Use,
    accounting::{Fixed, Taken},
};
use bitmap::{Bitmap, Wanted};
use spans::AREA_WORDS;
use tracking::{Holds, Note, Purpose, is_somebody};

pub use bulk::Shortage;
pub use check::Hints;
pub use put::Refused;
pub use reservation::{CpuSlot, Reservation};
pub use setup::{Needs, SetupError, Storage};
pub use spans::Spans;

/// The machine's free frames, for all CPUs.
///
/// # Where frames come from
/// A single frame comes from the CPU's reservation: a word of 64 frames. When that is used up, the CPU reserves the next
/// word of its area (2 MiB) that has a free frame, then of another area: one that no CPU is in, first above 4 GiB and
/// then below, partly used ones before whole ones. Runs of frames are the first that fit, above 4 GiB before below.
///
/// # When memory runs short
/// A request that nothing meets is tried again over all frames, with those that other CPUs have reserved; these need not
/// be asked. If frames are found in such a pass but are lost to others meanwhile, there are up to three more passes. A
/// request fails only after a whole pass found nothing that would meet it, or after four.
///
/// # Invariants
/// A frame's entry has an owner from the moment in which a token of the frame is made until the token is taken back.
/// A free frame has its bit set in the bitmap or in a slot, unless an operation on it is under way.
#[derive(Debug)]
pub struct FrameAllocator<'a, C = Untouched> {
    spans: Spans,
    entries: &'a [Entry],
    bitmap: Bitmap<'a>,
    slots: &'a [CpuSlot],
    /// Index of the first area above 4 GiB.
    high: usize,
    /// Frames that are free or taken.
    managed: u64,
    /// What was taken before there was the allocator.
    early: Taken,
    fixed: Fixed,
    contents: C,
}

impl<C: Contents> FrameAllocator<'_, C> {
    /// Takes one frame, anywhere, and makes it `owner`'s. That the owner lives and may own so much is the caller's
    /// business. A frame for another owner than the kernel is zeroed.
    ///
    /// # Errors
    /// [`TakeError::OutOfFrames`] when there is none left, also not in other CPUs' reservations; [`TakeError::BadRequest`]
    /// when the owner is nobody.
    #[inline]
    pub fn take(&self, reservation: &mut Reservation, owner: ProcessId, usage: Use) -> Result<Frame<Owned>, TakeError> {
        if !is_somebody(owner) {
            return Err(TakeError::BadRequest);
        }
        let slot = &self.slots[reservation.cpu];
        let note = Note::taken(usage, 0);
        loop {
            let Some(bit) = slot.bits.next() else {
                if self.refill(reservation) {
                    continue;
                }
                return self.take_under_pressure(reservation, owner, usage);
            };
            // A frame that is not free any more was taken from the reservation by somebody in need.
            if let Ok(before) = self.acquire(reservation.entry_of(bit), owner, note) {
                let number = reservation.first + u64::from(bit);
                self.prepare(slot, number, before, owner != ProcessId::KERNEL);
                slot.count_taken(usage, 1);
                return Ok(Frame::new(FrameNumber::known(number), usage));
            }
        }
    }

    /// Makes a free frame `owner`'s. Gives the note that it had.
    #[inline]
    fn acquire(&self, entry: usize, owner: ProcessId, note: Note) -> Result<Note, Error> {
        tracking::acquire(&self.entries[entry], owner.slot(), note, || self.contents.relax())
    }

    #[cold]
    fn take_under_pressure(
        &self,
        reservation: &mut Reservation,
        owner: ProcessId,
        usage: Use,
    ) -> Result<Frame<Owned>, TakeError> {
        let run = self.take_from_all(reservation, owner, &Request::one(usage))?;
        Ok(run.into_frames().next().expect("a run holds at least one frame"))
    }

    /// Sees to a frame that was just taken and has this note from before.
    #[inline]
    fn prepare(&self, slot: &CpuSlot, number: u64, before: Note, zeroed: bool) {
        // The ledger freed it, and it was found by an old hint before it was put here.
        if let Purpose::Of(usage) = before.purpose() {
            slot.count_put(usage, 1);
        }
        if C::POISONS && before.holds() == Holds::Poison {
            self.contents.check(one(number));
        }
        if zeroed && before.holds() != Holds::Zeroes {
            self.contents.zero(one(number));
        }
    }

    /// Reserves a word with free frames for the CPU; false when there is none.
    #[cold]
    fn refill(&self, reservation: &mut Reservation) -> bool {
        let area = reservation.word / AREA_WORDS;
        let has_area = reservation.tracked != 0;
        if has_area && self.reserve_in(reservation, area, reservation.word % AREA_WORDS) {
            return true;
        }
        let mut from = area;
        if has_area {
            self.bitmap.reserved.remove(area);
            self.bitmap.emptied(area);
            reservation.tracked = 0;
        }
        while let Some(area) = self.next_area(from) {
            let is_ours = self.bitmap.reserved.insert(area);
            if self.reserve_in(reservation, area, 0) {
                return true;
            }
            if is_ours {
                self.bitmap.reserved.remove(area);
            }
            self.bitmap.emptied(area);
            from = area;
        }
        false
    }

    /// The next area to take frames from, going round from one.
    fn next_area(&self, from: usize) -> Option<usize> {
        let round = |start: usize, end: usize, wanted| {
            let from = from.clamp(start, end);
            self.bitmap.next(from, end, wanted).or_else(|| self.bitmap.next(start, from, wanted))
        };
        [(self.high, self.spans.areas()), (0, self.high)].into_iter().find_map(|(start, end)| {
            [Wanted::Partial, Wanted::Whole, Wanted::Some].into_iter().find_map(|wanted| round(start, end, wanted))
        })
    }

    /// Reserves the first word of an area, going round from one, that has free frames.
    fn reserve_in(&self, reservation: &mut Reservation, area: usize, from: usize) -> bool {
        let Some((word, bits)) = self.bitmap.take_in(area, from) else { return false };
        if reservation.tracked == 0 || word != reservation.word {
            let place = self.spans.word(word);
            (reservation.first, reservation.entry, reservation.tracked) = (place.first, place.entry, place.tracked);
            reservation.word = word;
        }
        let slot = &self.slots[reservation.cpu];
        slot.set_word(word);
        slot.set_bits(bits);
        true
    }

    /// How many frames are free, those in reservations included. While others take and give back, about so many.
    #[must_use]
    pub fn free_frames(&self) -> u64 {
        self.managed - self.taken().total()
    }

    /// Where every byte of the machine's memory went. While others take and give back, a frame may be counted where it was
    /// or where it goes to; the sum is right at any time.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        let taken = self.taken();
        MemoryUse::new(&self.fixed, &taken, self.managed - taken.total())
    }

    /// Frames taken for each use, all together no more than there are.
    fn taken(&self) -> Taken {
        let mut taken = self.early;
        let mut room = self.managed;
        for (usage, sum) in Use::ALL.into_iter().zip(&mut taken.0) {
            let change = self.slots.iter().fold(0_u32, |sum, slot| sum.wrapping_add(slot.taken(usage)));
            // The true sum is below 2^32. The counters of moments that do not belong together can lead below zero, or
            // count a frame twice.
            let now = (*sum as u32).wrapping_add(change);
            let now = if now > u32::MAX / 2 && u64::from(now) > self.managed { 0 } else { u64::from(now) };
            *sum = now.min(room);
            room -= *sum;
        }
        taken
    }
}

fn one(number: u64) -> FrameRange {
    range(number, 1)
}

fn range(start: u64, count: u64) -> FrameRange {
    FrameRange::new(start, start + count).expect("tracked frames have numbers")
}

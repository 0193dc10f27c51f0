//! Many single frames at once.

use core::{fmt, hint::black_box};

use steward_ledger::{Error, ProcessId};

use super::{
    FrameAllocator,
    put::{Gathered, Refused, refuse},
    reservation::Reservation,
    spans::Place,
    tracking::{Note, is_somebody},
};
use crate::{Contents, Frame, FrameNumber, Owned, TakeError, Use};

/// Frames that are looked at before the first of them is given back, so that their entries come from memory together
/// rather than one after the other.
const AHEAD: usize = 32;

/// Why fewer frames were taken than asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// How many were taken.
    pub taken: u64,
    /// Why not more.
    pub error: TakeError,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} frames", self.error, self.taken)
    }
}

impl<C: Contents> FrameAllocator<'_, C> {
    /// Takes `count` frames, anywhere, and hands each to `sink`; otherwise as [`Self::take`].
    ///
    /// # Errors
    /// [`Shortage`] when there are not so many. Those that there are have been handed over then.
    pub fn take_bulk(
        &self,
        reservation: &mut Reservation,
        owner: ProcessId,
        usage: Use,
        count: u64,
        mut sink: impl FnMut(Frame<Owned>),
    ) -> Result<(), Shortage> {
        if !is_somebody(owner) {
            return Err(Shortage { taken: 0, error: TakeError::BadRequest });
        }
        let slot = &self.slots[reservation.cpu];
        let note = Note::taken(usage, 0);
        let mut missing = count;
        while missing > 0 {
            let mut bits = slot.bits();
            if bits == 0 {
                // The slow way reserves another word, or looks everywhere.
                let frame = self.take(reservation, owner, usage);
                sink(frame.map_err(|error| Shortage { taken: count - missing, error })?);
                missing -= 1;
                continue;
            }
            let before = missing;
            while bits != 0 && missing > 0 {
                let bit = bits.trailing_zeros();
                bits &= bits - 1;
                if let Ok(before) = self.acquire(reservation.entry_of(bit), owner, note) {
                    let number = reservation.first + u64::from(bit);
                    self.prepare(slot, number, before, owner != ProcessId::KERNEL);
                    missing -= 1;
                    sink(Frame::new(FrameNumber::known(number), usage));
                }
            }
            slot.set_bits(bits);
            slot.count_taken(usage, before - missing);
        }
        Ok(())
    }

    /// Takes frames of `giver`'s back, each by itself; those that are refused go to `refused`.
    pub fn put_bulk(
        &self,
        reservation: &mut Reservation,
        giver: ProcessId,
        frames: impl IntoIterator<Item = Frame<Owned>>,
        mut refused: impl FnMut(Refused),
    ) {
        let mut frames = frames.into_iter();
        let slot = &self.slots[reservation.cpu];
        let mut gathered = Gathered::default();
        let mut counted = (Use::Tests, 0);
        let mut group = [Leaving { number: 0, usage: Use::Tests, place: Place::default() }; AHEAD];
        loop {
            let (mut drawn, mut known) = (0, 0);
            for frame in frames.by_ref().take(AHEAD) {
                drawn += 1;
                let (number, usage) = (frame.number().as_u64(), frame.usage());
                match self.spans.place(number) {
                    Some(place) => {
                        group[known] = Leaving { number, usage, place };
                        known += 1;
                    }
                    None => refused(refuse(frame, Error::Invalid)),
                }
            }
            let group = &group[..known];
            // Only for the caches: what the words say is asked for again below.
            let owners = group.iter().map(|frame| u32::from(self.entries[frame.place.entry].word().owner()));
            black_box(owners.sum::<u32>());
            for &Leaving { number, usage, place } in group {
                if let Err(error) = self.release(place.entry, giver, number) {
                    refused(refuse(Frame::new(FrameNumber::known(number), usage), error));
                    continue;
                }
                if counted.0 != usage {
                    slot.count_put(counted.0, counted.1);
                    counted = (usage, 0);
                }
                counted.1 += 1;
                if let Some((word, bits)) = gathered.add(place) {
                    self.put_bits(reservation, word, bits);
                }
            }
            if drawn < AHEAD {
                break;
            }
        }
        slot.count_put(counted.0, counted.1);
        self.put_bits(reservation, gathered.word, gathered.bits);
    }
}

/// A frame that is being given back, taken apart.
#[derive(Clone, Copy)]
struct Leaving {
    number: u64,
    usage: Use,
    place: Place,
}

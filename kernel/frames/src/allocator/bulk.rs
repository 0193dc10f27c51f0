//! Many single frames at once.

use core::fmt;

use steward_ledger::ProcessId;

use super::{
    FrameAllocator,
    put::{Gathered, Refused, refuse},
    reservation::Reservation,
    spans::Place,
    tracking::{self, Note, is_somebody},
};
use crate::{Contents, Frame, FrameNumber, Owned, TakeError, Use};

/// Frames that are looked at before the first of them is given back, so that their entries come from memory together
/// rather than one after the other.
const AHEAD: usize = 16;

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
                if let Ok(before) = tracking::acquire(&self.entries[reservation.entry_of(bit)], owner.slot(), note) {
                    let number = reservation.first + u64::from(bit);
                    self.prepare(number, before, owner != ProcessId::KERNEL);
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
        let mut gathered = Gathered::default();
        loop {
            let mut ahead: heapless::Vec<(Frame<Owned>, Place), AHEAD> = heapless::Vec::new();
            let mut drawn = 0;
            for frame in frames.by_ref().take(AHEAD) {
                drawn += 1;
                let checked = self.spans.place(frame.number().as_u64()).ok_or(steward_ledger::Error::Invalid);
                let checked = checked.and_then(|place| {
                    tracking::may_leave(self.entries[place.entry].word(), giver.slot())?;
                    Ok(place)
                });
                match checked {
                    Ok(place) => ahead.push((frame, place)).expect("no more are taken than there is room for"),
                    Err(error) => refused(refuse(frame, error)),
                }
            }
            for (frame, place) in ahead {
                match self.release(place.entry, giver, frame.number().as_u64()) {
                    Ok(_) => {
                        self.slots[reservation.cpu].count_put(frame.usage(), 1);
                        if let Some((word, bits)) = gathered.add(place) {
                            self.put_bits(reservation, word, bits);
                        }
                    }
                    Err(error) => refused(refuse(frame, error)),
                }
            }
            if drawn < AHEAD {
                break;
            }
        }
        self.put_bits(reservation, gathered.word, gathered.bits);
    }
}

//! Giving frames back.

use core::fmt;

use steward_ledger::{Error, ProcessId};

use super::{
    FrameAllocator, one,
    reservation::Reservation,
    spans::Place,
    tracking::{self, Holds, Note, Purpose, is_somebody},
};
use crate::{Contents, Frame, FrameNumber, FrameRange, Owned, Run};

/// Frames that were not taken back: they are their giver's as before, all of them.
#[derive(Debug)]
#[must_use = "it holds the frames"]
pub struct Refused {
    /// The frames.
    pub run: Run<Owned>,
    /// The first frame that stands against it.
    pub frame: FrameNumber,
    /// Why: [`Error::NotOwner`] when the frame is not the giver's (it may be free already), [`Error::Borrowed`] when it is
    /// lent or a device uses it, [`Error::Invalid`] when the frame is not tracked or the giver is nobody.
    pub error: Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {} is not taken back: {}", self.frame.start(), self.error)
    }
}

impl<C: Contents> FrameAllocator<'_, C> {
    /// Takes a frame of `giver`'s back, who must not die meanwhile: frames of a process go back through the ledger
    /// ([`Self::put_freed`]), which knows when it dies.
    ///
    /// # Errors
    /// [`Refused`] returns the frame when it is not the giver's, or lent, or pinned.
    #[inline]
    pub fn put(&self, reservation: &mut Reservation, giver: ProcessId, frame: Frame<Owned>) -> Result<(), Refused> {
        let number = frame.number().as_u64();
        let slot = &self.slots[reservation.cpu];
        if let Some(bit) = reservation.bit_of(number) {
            match self.release(reservation.entry_of(bit), giver, number) {
                Ok(()) => slot.set_bits(slot.bits() | 1 << bit),
                Err(error) => return Err(refuse(frame, error)),
            }
        } else {
            let Some(place) = self.spans.place(number) else { return Err(refuse(frame, Error::Invalid)) };
            match self.release(place.entry, giver, number) {
                Ok(()) => self.bitmap.put(place.word, 1 << place.bit),
                Err(error) => return Err(refuse(frame, error)),
            }
        }
        slot.count_put(frame.usage(), 1);
        Ok(())
    }

    /// Takes frames of `giver`'s back, all or none. While it lasts, nobody can do anything with them.
    ///
    /// # Errors
    /// [`Refused`] returns the frames when one of them is not the giver's, or lent, or pinned.
    pub fn put_run(
        &self,
        reservation: &mut Reservation,
        giver: ProcessId,
        run: impl Into<Run<Owned>>,
    ) -> Result<(), Refused> {
        let run = run.into();
        match self.put_all(reservation, giver, run.range()) {
            Ok(()) => {
                self.slots[reservation.cpu].count_put(run.usage(), run.range().count());
                Ok(())
            }
            Err((frame, error)) => Err(Refused { run, frame, error }),
        }
    }

    /// Takes frames back that the ledger has freed already: those that a process gave up, or left when it died. Frames that
    /// have an owner stay as they are.
    pub fn put_freed(&self, reservation: &mut Reservation, range: FrameRange) {
        for frame in range.iter() {
            let number = frame.as_u64();
            let Some(place) = self.spans.place(number) else { continue };
            let entry = &self.entries[place.entry];
            if let Some(note) = tracking::freed(entry, || self.empty(number), || self.contents.relax()) {
                if let Purpose::Of(usage) = note.purpose() {
                    self.slots[reservation.cpu].count_put(usage, 1);
                }
                // Also of one that was never taken here: whoever found its bit before has dropped that.
                self.put_bits(reservation, place.word, 1 << place.bit);
            }
        }
    }

    fn put_all(
        &self,
        reservation: &Reservation,
        giver: ProcessId,
        range: FrameRange,
    ) -> Result<(), (FrameNumber, Error)> {
        let first = FrameNumber::known(range.start());
        if !is_somebody(giver) {
            return Err((first, Error::Invalid));
        }
        if range.count() == 1 {
            // A single frame needs no transit.
            return self.put_one(reservation, giver, range.start()).map_err(|error| (first, error));
        }
        let (giver, relax) = (giver.slot(), || self.contents.relax());
        for frame in range.iter() {
            let departed =
                self.place(frame).and_then(|place| tracking::depart(&self.entries[place.entry], giver, relax));
            if let Err(error) = departed {
                for frame in range.below(frame.as_u64()).iter() {
                    let place = self.place(frame).expect("it has departed from its place");
                    tracking::come_back(&self.entries[place.entry], giver, relax);
                }
                return Err((frame, error));
            }
        }
        let mut gathered = Gathered::default();
        for frame in range.iter() {
            let place = self.place(frame).expect("it has departed from its place");
            tracking::arrive(&self.entries[place.entry], || self.empty(frame.as_u64()), relax);
            if let Some((word, bits)) = gathered.add(place) {
                self.put_bits(reservation, word, bits);
            }
        }
        self.put_bits(reservation, gathered.word, gathered.bits);
        Ok(())
    }

    fn put_one(&self, reservation: &Reservation, giver: ProcessId, number: u64) -> Result<(), Error> {
        let place = self.place(FrameNumber::known(number))?;
        self.release(place.entry, giver, number)?;
        self.put_bits(reservation, place.word, 1 << place.bit);
        Ok(())
    }

    fn place(&self, frame: FrameNumber) -> Result<Place, Error> {
        self.spans.place(frame.as_u64()).ok_or(Error::Invalid)
    }

    /// Makes a frame free of which there is a token, but sets no bit.
    #[inline]
    pub(crate) fn release(&self, entry: usize, giver: ProcessId, number: u64) -> Result<(), Error> {
        if !is_somebody(giver) {
            return Err(Error::Invalid);
        }
        tracking::release(&self.entries[entry], giver.slot(), || self.empty(number), || self.contents.relax())
    }

    /// Sees to what a frame holds that becomes free.
    #[inline]
    fn empty(&self, number: u64) -> Note {
        if !C::POISONS {
            return Note::free(Holds::Anything);
        }
        self.contents.poison(one(number));
        Note::free(Holds::Poison)
    }

    /// Sets bits of free frames, in the reservation where they belong there.
    pub(crate) fn put_bits(&self, reservation: &Reservation, word: usize, bits: u64) {
        if reservation.tracked != 0 && word == reservation.word {
            let slot = &self.slots[reservation.cpu];
            slot.set_bits(slot.bits() | bits);
        } else if bits != 0 {
            self.bitmap.put(word, bits);
        }
    }
}

#[cold]
pub(crate) fn refuse(frame: Frame<Owned>, error: Error) -> Refused {
    Refused { frame: frame.number(), run: frame.into(), error }
}

/// Bits of one word that are to be set together.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) word: usize,
    pub(crate) bits: u64,
}

impl Gathered {
    /// Adds a frame's bit; gives what was gathered of another word.
    #[inline]
    pub(crate) fn add(&mut self, place: Place) -> Option<(usize, u64)> {
        let bit = 1 << place.bit;
        if place.word == self.word {
            self.bits |= bit;
            return None;
        }
        let before = (self.word, self.bits);
        *self = Self { word: place.word, bits: bit };
        Some(before)
    }
}

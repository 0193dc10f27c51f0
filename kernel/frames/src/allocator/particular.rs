//! Taking one particular frame.

use steward_ledger::{Error, ProcessId};

use super::{
    FrameAllocator,
    reservation::Reservation,
    tracking::{Note, is_somebody},
};
use crate::{Contents, Frame, FrameNumber, Owned, Use};

impl<C: Contents> FrameAllocator<'_, C> {
    /// Takes this frame and no other, and makes it `owner`'s, zeroed: for those who choose frames by themselves. Otherwise as
    /// [`Self::take`]. The frame's bit stays set, until somebody stumbles over it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such frame or the owner is nobody, [`Error::AlreadyOwned`] when it is not free.
    pub fn take_this(
        &self,
        reservation: &mut Reservation,
        owner: ProcessId,
        frame: FrameNumber,
        usage: Use,
    ) -> Result<Frame<Owned>, Error> {
        let place = self.spans.place(frame.as_u64()).filter(|_| is_somebody(owner)).ok_or(Error::Invalid)?;
        let before = self.acquire(place.entry, owner, Note::taken(usage, 0))?;
        let slot = &self.slots[reservation.cpu];
        self.prepare(slot, frame.as_u64(), before, true);
        slot.count_taken(usage, 1);
        Ok(Frame::new(frame, usage))
    }
}

//! Zeroing frames before anybody asks for them.

use super::{
    FrameAllocator, one,
    reservation::Reservation,
    tracking::{self, Holds},
};
use crate::Contents;

impl<C: Contents> FrameAllocator<'_, C> {
    /// Zeroes up to `most` of the free frames that the CPU has reserved, so that taking them for a process is quick. For a
    /// CPU that is idle. Says how many it zeroed: fewer when the others of the reservation are zeroed already, and none
    /// where freed frames are poisoned.
    pub fn zero_ahead(&self, reservation: &mut Reservation, most: u64) -> u64 {
        if C::POISONS {
            return 0;
        }
        let mut bits = self.slots[reservation.cpu].bits();
        let mut zeroed = 0;
        while bits != 0 && zeroed < most {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            let number = reservation.first + u64::from(bit);
            let (zero, relax) = (|| self.contents.zero(one(number)), || self.contents.relax());
            zeroed += u64::from(tracking::refill(&self.entries[reservation.entry_of(bit)], Holds::Zeroes, zero, relax));
        }
        zeroed
    }
}

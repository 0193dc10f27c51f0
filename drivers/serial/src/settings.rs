//! How a port is to be set up.

use core::num::NonZeroU16;

use crate::UnsupportedBaud;

/// Rate of the clock that a PC feeds its UARTs, in Hz ("Programmable Baud Generator", table for 1.8432 MHz).
pub const CLOCK_HZ: u32 = 1_843_200;

/// Clock cycles of one bit: the receiver samples the line 16 times a bit.
const CYCLES_PER_BIT: u32 = 16;

/// What the clock is divided by to make a speed.
///
/// Possession proves that the chip can make the speed exactly; whether the other end uses the same, nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divisor(NonZeroU16);

impl Divisor {
    /// The divisor of a speed in bits a second.
    ///
    /// # Errors
    /// [`UnsupportedBaud`] when the speed is 0, more than 115200, or not a whole part of it.
    pub const fn of_baud(baud: u32) -> Result<Self, UnsupportedBaud> {
        const FASTEST: u32 = CLOCK_HZ / CYCLES_PER_BIT;
        if baud == 0 || !FASTEST.is_multiple_of(baud) || FASTEST / baud > u16::MAX as u32 {
            return Err(UnsupportedBaud(baud));
        }
        match NonZeroU16::new((FASTEST / baud) as u16) {
            Some(divisor) => Ok(Self(divisor)),
            None => Err(UnsupportedBaud(baud)),
        }
    }

    /// Low and high byte, as the divisor latches take them.
    #[must_use]
    pub const fn bytes(self) -> [u8; 2] {
        self.0.get().to_le_bytes()
    }
}

/// How a port is to be set up. The format is always 8 data bits, no parity, 1 stop bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The speed.
    pub divisor: Divisor,
    /// How many times the line status is read, without a change, before the chip is given up. One read of a PC's port
    /// takes about a microsecond.
    pub patience: u32,
}

impl Default for Settings {
    /// 115200 baud; 100,000 polls, a tenth of a second and 70 times what a full FIFO takes at that speed.
    fn default() -> Self {
        const FASTEST: Divisor = match Divisor::of_baud(115_200) {
            Ok(divisor) => divisor,
            Err(_) => panic!("115200 is the clock's own rate, divided by 1"),
        };
        Self { divisor: FASTEST, patience: 100_000 }
    }
}

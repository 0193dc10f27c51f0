//! What was typed.

use core::ops::Deref;

/// A key press, with the modifiers that were held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// What a terminal would send for it.
    Bytes(Sequence),
    /// Shift-PageUp: older rows shall be shown, half a screen.
    ScrollUp,
    /// Shift-PageDown: newer rows shall be shown, half a screen.
    ScrollDown,
}

/// A function key with all modifiers, such as `ESC [ 2 4 ; 8 ~`, has 7 bytes.
const MOST_BYTES: usize = 8;

/// The bytes of one key press; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    bytes: [u8; MOST_BYTES],
    length: u8,
}

impl Sequence {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; MOST_BYTES], length: 0 }
    }

    /// The same with those bytes behind; what does not fit is left out.
    pub(crate) fn with(mut self, bytes: &[u8]) -> Self {
        for (place, &byte) in self.bytes[usize::from(self.length)..].iter_mut().zip(bytes) {
            *place = byte;
            self.length += 1;
        }
        self
    }

    /// The same with that number behind, in decimal digits.
    pub(crate) fn with_number(self, number: u8) -> Self {
        let tens = if number < 10 { self } else { self.with(&[b'0' + number / 10 % 10]) };
        tens.with(&[b'0' + number % 10])
    }
}

impl Deref for Sequence {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

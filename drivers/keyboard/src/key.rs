//! What a key press means.

use core::ops::Deref;

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// What a terminal would send for it.
    Bytes(Sequence),
    /// Shift-PageUp: show older rows, half a screen.
    ScrollUp,
    /// Shift-PageDown: show newer rows, half a screen.
    ScrollDown,
}

/// Most bytes of a sequence.
pub(crate) const MOST_BYTES: usize = 8;

/// A few bytes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    bytes: [u8; MOST_BYTES],
    length: u8,
}

impl Deref for Sequence {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

//! One character's place on the screen.

use crate::palette::{BACKGROUND, FOREGROUND};

/// A character with its colours: the memory that a [`Screen`](crate::Screen) is given is made of these.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cell(u32);

const _: () = assert!(size_of::<Cell>() == 4);

/// Bits 0 to 20 are the character, as `char` has 21 at most.
const CHARACTER: u32 = (1 << 21) - 1;
const FOREGROUND_SHIFT: u32 = 21;
const BACKGROUND_SHIFT: u32 = 25;
const UNDERLINE: u32 = 1 << 29;
const TAIL: u32 = 1 << 30;

impl Cell {
    /// A space in the default colours.
    pub const BLANK: Self = Self::new(' ', FOREGROUND, BACKGROUND, false);

    /// A character in two colours of the palette, each below 16.
    pub(crate) const fn new(character: char, foreground: u8, background: u8, underline: bool) -> Self {
        let colours = (foreground as u32 & 15) << FOREGROUND_SHIFT | (background as u32 & 15) << BACKGROUND_SHIFT;
        Self(character as u32 | colours | if underline { UNDERLINE } else { 0 })
    }

    /// The second cell of a character that takes two.
    pub(crate) const fn tail(self) -> Self {
        Self(self.0 & !CHARACTER | ' ' as u32 | TAIL)
    }

    /// A space in its place.
    pub(crate) const fn erased(self) -> Self {
        Self(self.0 & !(CHARACTER | UNDERLINE | TAIL) | ' ' as u32)
    }

    pub(crate) fn character(self) -> char {
        char::from_u32(self.0 & CHARACTER).unwrap_or(' ')
    }

    pub(crate) const fn foreground(self) -> u8 {
        (self.0 >> FOREGROUND_SHIFT & 15) as u8
    }

    pub(crate) const fn background(self) -> u8 {
        (self.0 >> BACKGROUND_SHIFT & 15) as u8
    }

    pub(crate) const fn is_underlined(self) -> bool {
        self.0 & UNDERLINE != 0
    }

    /// Whether it is the second cell of a character that takes two.
    pub(crate) const fn is_tail(self) -> bool {
        self.0 & TAIL != 0
    }

    /// The same with its colours exchanged.
    pub(crate) const fn inverse(self) -> Self {
        let colours = (self.background() as u32) << FOREGROUND_SHIFT | (self.foreground() as u32) << BACKGROUND_SHIFT;
        Self(self.0 & !(15 << FOREGROUND_SHIFT | 15 << BACKGROUND_SHIFT) | colours)
    }
}

impl Default for Cell {
    fn default() -> Self {
        Self::BLANK
    }
}

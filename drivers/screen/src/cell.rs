//! One character's place on the screen.

use crate::palette::{BACKGROUND, FOREGROUND};

/// A character with its colours: the memory that a [`Screen`](crate::Screen) is given is made of these.
///
/// # Invariants
/// The number is the exclusive or of the cell's bits and those of a blank cell, whose number is therefore 0: a static array of
/// blank cells takes no place in a program's file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cell(u32);

const _: () = assert!(size_of::<Cell>() == 4 && Cell::BLANK.0 == 0);

/// Bits 0 to 20 are the character, as `char` has 21 at most.
const CHARACTER: u32 = (1 << 21) - 1;
const FOREGROUND_SHIFT: u32 = 21;
const BACKGROUND_SHIFT: u32 = 25;
const COLOURS: u32 = 15 << FOREGROUND_SHIFT | 15 << BACKGROUND_SHIFT;
const UNDERLINE: u32 = 1 << 29;
/// The second cell of a character that takes two.
const TAIL: u32 = 1 << 30;

const BLANK_BITS: u32 = ' ' as u32 | colour_bits(FOREGROUND, BACKGROUND);

const fn colour_bits(foreground: u8, background: u8) -> u32 {
    (foreground as u32 & 15) << FOREGROUND_SHIFT | (background as u32 & 15) << BACKGROUND_SHIFT
}

impl Cell {
    /// A space in the default colours.
    pub const BLANK: Self = Self::of_bits(BLANK_BITS);

    // INVARIANT: the only place that makes a cell, and the exclusive or is its own inverse.
    const fn of_bits(bits: u32) -> Self {
        Self(bits ^ BLANK_BITS)
    }

    const fn bits(self) -> u32 {
        self.0 ^ BLANK_BITS
    }

    /// A character in two colours of the palette, each below 16.
    pub(crate) const fn new(character: char, foreground: u8, background: u8, underline: bool) -> Self {
        let underline = if underline { UNDERLINE } else { 0 };
        Self::of_bits(character as u32 | colour_bits(foreground, background) | underline)
    }

    /// The second cell of this character, which takes two.
    pub(crate) const fn tail(self) -> Self {
        Self::of_bits(self.bits() & !CHARACTER | ' ' as u32 | TAIL)
    }

    /// A space in its place.
    pub(crate) const fn erased(self) -> Self {
        Self::of_bits(self.bits() & COLOURS | ' ' as u32)
    }

    /// The same with its colours exchanged.
    pub(crate) const fn inverse(self) -> Self {
        Self::of_bits(self.bits() & !COLOURS | colour_bits(self.background(), self.foreground()))
    }

    pub(crate) fn character(self) -> char {
        char::from_u32(self.bits() & CHARACTER).unwrap_or(' ')
    }

    pub(crate) const fn foreground(self) -> u8 {
        (self.bits() >> FOREGROUND_SHIFT & 15) as u8
    }

    pub(crate) const fn background(self) -> u8 {
        (self.bits() >> BACKGROUND_SHIFT & 15) as u8
    }

    pub(crate) const fn is_underlined(self) -> bool {
        self.bits() & UNDERLINE != 0
    }

    /// Whether it is the second cell of a character that takes two.
    pub(crate) const fn is_tail(self) -> bool {
        self.bits() & TAIL != 0
    }
}

impl Default for Cell {
    fn default() -> Self {
        Self::BLANK
    }
}

//! How a framebuffer lays out its pixels, and what of that can be drawn to.

use core::{error::Error, fmt};

use crate::layout::Layout;

/// The bits of a pixel that hold one colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Lowest bit.
    pub shift: u8,
    /// Number of bits.
    pub bits: u8,
}

/// A linear framebuffer's format, as the firmware or the boot loader states it. Nothing of it is trusted.
///
/// A pixel is a little-endian number of 2 bytes (15 and 16 bits per pixel), 3 (24) or 4 (32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Bytes from one line's first pixel to the next line's.
    pub pitch: u32,
    /// 15, 16, 24 or 32.
    pub bits_per_pixel: u8,
    /// Where red is.
    pub red: Field,
    /// Where green is.
    pub green: Field,
    /// Where blue is.
    pub blue: Field,
}

/// Why there can be no screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is no room for [`LEAST_COLUMNS`](crate::LEAST_COLUMNS) by [`LEAST_ROWS`](crate::LEAST_ROWS) characters.
    TooSmall {
        /// Pixels in a line.
        width: u32,
        /// Lines.
        height: u32,
    },
    /// More pixels than any screen has: these are no sizes.
    TooLarge {
        /// Pixels in a line.
        width: u32,
        /// Lines.
        height: u32,
        /// Bytes a line.
        pitch: u32,
    },
    /// Neither 15, 16, 24 nor 32 bits per pixel.
    Depth(u8),
    /// A line is longer than the distance to the next.
    Pitch {
        /// Bytes from line to line.
        pitch: u32,
        /// Bytes that a line takes.
        needed: u32,
    },
    /// A colour has no bits, too many, bits outside the pixel, or bits of another colour.
    Field {
        /// `"red"`, `"green"` or `"blue"`.
        colour: &'static str,
        /// Where it is said to be.
        field: Field,
    },
    /// The memory for characters does not hold the visible ones twice.
    TooFewCells {
        /// Cells given.
        given: usize,
        /// The fewest that do, see [`Mode::cells`].
        needed: usize,
    },
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { width, height } => write!(f, "a screen of {width}x{height} pixels is too small for text"),
            Self::TooLarge { width, height, pitch } => {
                write!(f, "no screen has {width}x{height} pixels, {pitch} bytes a line")
            }
            Self::Depth(bits) => write!(f, "{bits} bits per pixel are not supported; 15, 16, 24 and 32 are"),
            Self::Pitch { pitch, needed } => {
                write!(f, "a line of {needed} bytes does not fit the {pitch} bytes to the next line")
            }
            Self::Field { colour, field } => {
                write!(f, "{} bits from bit {} on cannot hold a pixel's {colour}", field.bits, field.shift)
            }
            Self::TooFewCells { given, needed } => {
                write!(f, "the screen needs memory for {needed} characters and got {given}")
            }
        }
    }
}

impl Error for Unusable {}

/// Most pixels in either direction: four times what 8K has.
const MOST_PIXELS: u32 = 1 << 15;
/// Most bytes a line.
const MOST_PITCH: u32 = 1 << 20;
/// Most bits of a colour; 10 are the most that are known.
const MOST_BITS: u8 = 16;

impl Mode {
    /// How many [`Cell`](crate::Cell)s a screen of this mode needs: those that are visible, twice, and `history` rows to
    /// scroll back to.
    ///
    /// # Errors
    /// [`Unusable`] when there can be no screen of this mode.
    pub fn cells(&self, history: usize) -> Result<usize, Unusable> {
        let layout = self.check()?;
        Ok((2 * layout.rows).saturating_add(history).saturating_mul(layout.columns))
    }

    /// Bytes of a pixel.
    pub(crate) const fn pixel_bytes(&self) -> usize {
        self.bits_per_pixel.div_ceil(8) as usize
    }

    /// Where the text goes, if the mode can be drawn to.
    pub(crate) fn check(&self) -> Result<Layout, Unusable> {
        let Self { width, height, pitch, bits_per_pixel, .. } = *self;
        if width > MOST_PIXELS || height > MOST_PIXELS || pitch > MOST_PITCH {
            return Err(Unusable::TooLarge { width, height, pitch });
        }
        if !matches!(bits_per_pixel, 15 | 16 | 24 | 32) {
            return Err(Unusable::Depth(bits_per_pixel));
        }
        let needed = width * u32::from(bits_per_pixel.div_ceil(8));
        if pitch < needed {
            return Err(Unusable::Pitch { pitch, needed });
        }
        self.check_fields()?;
        Layout::of(width, height).ok_or(Unusable::TooSmall { width, height })
    }

    fn check_fields(&self) -> Result<(), Unusable> {
        let mut taken = 0_u32;
        for (colour, field) in [("red", self.red), ("green", self.green), ("blue", self.blue)] {
            let fits = (1..=MOST_BITS).contains(&field.bits)
                && u16::from(field.shift) + u16::from(field.bits) <= u16::from(self.bits_per_pixel);
            let mask = if fits { ((1 << field.bits) - 1) << field.shift } else { u32::MAX };
            if !fits || taken & mask != 0 {
                return Err(Unusable::Field { colour, field });
            }
            taken |= mask;
        }
        Ok(())
    }
}

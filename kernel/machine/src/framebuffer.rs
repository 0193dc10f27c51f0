//! A framebuffer as the boot loader describes it, and what of that can be believed.

use core::fmt;

use steward_screen::{Field, Mode, Unusable};

use crate::layout::{DIRECT_MAP, SCREEN_BYTES};

/// What the loader says. Nothing about it can be relied on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    /// Virtual address of the first pixel, in the loader's direct map.
    pub(crate) address: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
    /// Bytes from line to line.
    pub(crate) pitch: u64,
    pub(crate) bits_per_pixel: u16,
    /// Pixels are numbers with a field for each colour; the protocol defines nothing else.
    pub(crate) is_rgb: bool,
    pub(crate) red: Field,
    pub(crate) green: Field,
    pub(crate) blue: Field,
}

/// A framebuffer whose mode text can be shown in.
///
/// It does not prove that anything is at its address.
///
/// # Invariants
/// It has at most [`SCREEN_BYTES`] bytes, and none of them is past the end of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framebuffer {
    address: u64,
    mode: Mode,
}

/// Why a framebuffer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its pixels are not made of red, green and blue.
    NotRgb,
    /// A number that is larger than any screen's.
    TooLarge,
    /// It is not in the loader's direct map, or reaches past the end of the address space.
    OutOfReach(u64),
    /// No text can be shown in its mode.
    Mode(Unusable),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRgb => f.write_str("its pixels are not made of red, green and blue"),
            Self::TooLarge => f.write_str("the boot loader gives a size that no screen has"),
            Self::OutOfReach(address) => write!(f, "nothing can be at the boot loader's address {address:#x}"),
            Self::Mode(unusable) => write!(f, "{unusable}"),
        }
    }
}

impl Framebuffer {
    /// Checks what the loader says.
    pub(crate) fn check(raw: &Raw) -> Result<Self, Unfit> {
        if !raw.is_rgb {
            return Err(Unfit::NotRgb);
        }
        let number = |value: u64| u32::try_from(value).map_err(|_| Unfit::TooLarge);
        let mode = Mode {
            width: number(raw.width)?,
            height: number(raw.height)?,
            pitch: number(raw.pitch)?,
            bits_per_pixel: u8::try_from(raw.bits_per_pixel).map_err(|_| Unfit::TooLarge)?,
            red: raw.red,
            green: raw.green,
            blue: raw.blue,
        };
        mode.cells(0).map_err(Unfit::Mode)?;
        let framebuffer = Self { address: raw.address, mode };
        if framebuffer.bytes() > SCREEN_BYTES {
            return Err(Unfit::TooLarge);
        }
        if raw.address < DIRECT_MAP || raw.address.checked_add(framebuffer.bytes()).is_none() {
            return Err(Unfit::OutOfReach(raw.address));
        }
        // INVARIANT: both limits have just been checked.
        Ok(framebuffer)
    }

    /// The same framebuffer by its physical address, for a loader whose direct map begins at `direct_map`; `None` when it
    /// is not in there, or past every physical address.
    pub(crate) fn to_physical(self, direct_map: u64) -> Option<Self> {
        let address = self.address.checked_sub(direct_map)?;
        // INVARIANT: the address is lower than it was, so the end does not wrap either.
        (address.checked_add(self.bytes())? <= 1 << 52).then_some(Self { address, ..self })
    }

    /// Address of the first pixel.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// How its pixels are laid out.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Bytes from the first pixel to the end of the last.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        let Mode { width, height, pitch, bits_per_pixel, .. } = self.mode;
        let last_line = width as u64 * bits_per_pixel.div_ceil(8) as u64;
        pitch as u64 * (height as u64).saturating_sub(1) + last_line
    }
}

#[cfg(test)]
mod tests;

//! Colours as pixels of a mode.

use crate::{
    Field, Mode,
    font::SHADES,
    palette::{PALETTE, Rgb},
};

/// Most bytes of a pixel.
pub(crate) const MOST_PIXEL_BYTES: usize = 4;

/// What pixels are made of.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// Bytes of a pixel; its low ones count.
    pub(crate) bytes: usize,
    fields: [Field; 3],
}

/// The pixels from a background to a foreground.
pub(crate) type Ramp = [u32; SHADES];

impl Format {
    /// The mode has been checked.
    pub(crate) const fn of(mode: &Mode) -> Self {
        Self { bytes: mode.pixel_bytes(), fields: [mode.red, mode.green, mode.blue] }
    }

    /// The pixel of that colour.
    pub(crate) fn pixel(&self, colour: Rgb) -> u32 {
        self.fields.iter().zip(colour).fold(0, |pixel, (field, part)| {
            let most = (1 << field.bits) - 1;
            pixel | ((u32::from(part) * most + 127) / 255) << field.shift
        })
    }

    /// The pixels of all shades between two colours of the palette, rounded to what the fields hold.
    pub(crate) fn ramp(&self, foreground: u8, background: u8) -> Ramp {
        let (foreground, background) = (PALETTE[usize::from(foreground & 15)], PALETTE[usize::from(background & 15)]);
        core::array::from_fn(|shade| {
            self.pixel(core::array::from_fn(|part| mix(foreground[part], background[part], shade)))
        })
    }
}

/// A part of a colour between two others. The result is below 256, as it lies between both.
pub(crate) fn mix(foreground: u8, background: u8, shade: usize) -> u8 {
    let whole = SHADES - 1;
    let sum = usize::from(foreground) * shade + usize::from(background) * (whole - shade);
    ((sum + whole / 2) / whole) as u8
}

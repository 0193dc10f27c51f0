//! A text terminal on a linear framebuffer.
#![no_std]
#![forbid(unsafe_code)]

mod cell;
mod font;
mod layout;
mod mode;
mod screen;

pub use cell::Cell;
pub use layout::{LEAST_COLUMNS, LEAST_ROWS, MOST_COLUMNS, MOST_ROWS};
pub use mode::{Field, Mode, Unusable};
pub use screen::{Screen, Surface};

/// A screen made of plain memory, and a reader of the text on it.
#[cfg(any(test, feature = "fake"))]
pub mod fake;

//! A text terminal on a linear framebuffer.
//!
//! [`Screen`] draws through [`Surface`], which takes bytes for an offset and never gives any back: framebuffers are slow to
//! read, and mapped for combined writes. It takes whatever [`Mode`] the firmware set up, chooses a font size that can be
//! read there, and needs no heap: the caller gives it memory for its [`Cell`]s once.
//!
//! ```
//! use core::fmt::Write;
//! use steward_screen::{Cell, Field, Mode, Screen, Surface};
//! # fn example(framebuffer: impl Surface) -> Result<(), Box<dyn std::error::Error>> {
//! let (red, green, blue) = (Field { shift: 16, bits: 8 }, Field { shift: 8, bits: 8 }, Field { shift: 0, bits: 8 });
//! let mode = Mode { width: 1280, height: 800, pitch: 5120, bits_per_pixel: 32, red, green, blue };
//! let cells = vec![Cell::BLANK; mode.cells(1000)?]; // and 1000 rows to scroll back to
//! let mut screen = Screen::new(framebuffer, mode, cells.leak())?;
//! write!(screen, "{} columns: \x1b[1;32mok\x1b[m\r\n", screen.columns())?;
//! screen.scroll(10);
//! # Ok(())
//! # }
//! ```
//!
//! # What it understands
//!
//! Text is UTF-8. Characters of Basic Latin and Latin-1 have glyphs; others show as a replacement, in two columns where
//! terminals give them two. Those that combine with the one before are left out. Of the control functions of ECMA-48 and
//! xterm:
//!
//! - BS, HT (every eighth column), LF, VT and FF (down), CR; after the last column, the next character wraps
//! - cursor: CUU, CUD, CUF, CUB, CNL, CPL, CHA, HPA, HPR, VPA, VPR, CUP, HVP; saved and restored by DECSC, DECRC, and CSI s
//!   and u; hidden and shown by DECTCEM; IND, NEL, RI
//! - erasing: ED (3 forgets what can be scrolled back to), EL, ECH, in the background's colour
//! - moving text: ICH, DCH, IL, DL, SU, SD
//! - SGR: bold (as bright), underlined, inverse, 16 colours; of 256 and of all colours, the nearest of the 16
//! - RIS; CAN and SUB, which end any sequence
//!
//! Whatever else comes is recognized and left out, strings such as titles and marks of prompts too. It answers nothing.
//!
//! # What it costs
//!
//! It knows what the framebuffer shows, and writes the lines of pixels that change, those of neighbouring cells together:
//! for a scrolled line of a full screen about a seventh of it. [`Screen::put`] and [`Screen::draw`] draw once for many
//! lines. The fonts take 59 KiB, as they are packed while this crate compiles.
//!
//! Nothing here knows what memory, a lock, a log or a keyboard is.
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

/// A framebuffer made of plain memory, and a reader of the text on a picture.
#[cfg(any(test, feature = "fake"))]
pub mod fake;

#[cfg(test)]
mod tests;

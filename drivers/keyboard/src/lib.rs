//! A driver for a PS/2 keyboard behind an i8042 controller, as every PC had and most firmware still imitates for USB
//! keyboards.
//!
//! [`Keyboard`] works through [`Ports`], which somebody else knows how to reach: the kernel through I/O ports, a test
//! through a controller made of plain memory. It polls, and never waits without bound. What is typed comes out as the
//! bytes that a terminal would send ([`Key::Bytes`]), so that a prompt cannot tell a keyboard from a serial line:
//!
//! - characters of the US layout, in UTF-8; with Ctrl as control characters, with Alt after an ESC
//! - Enter as CR, Backspace as DEL (0x7f), Tab, Escape
//! - the other keys as xterm's control sequences, with modifiers: `ESC [ A`, `ESC [ 3 ~`, `ESC [ 1 ; 5 D` …
//!
//! Shift-PageUp and Shift-PageDown never reach a prompt: they are for whoever shows its output.
//!
//! ```
//! use steward_keyboard::{Key, Keyboard, Ports};
//! # fn example(ports: impl Ports, mut typed: impl FnMut(&[u8])) -> Result<(), Box<dyn std::error::Error>> {
//! let mut keyboard = Keyboard::start(ports)?;
//! while let Some(key) = keyboard.poll() {
//!     match key {
//!         Key::Bytes(bytes) => typed(&bytes),
//!         Key::ScrollUp | Key::ScrollDown => {} // for the screen
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Commands and bits are those of IBM's *Personal System/2 Hardware Interface Technical Reference* (October 1990), section
//! "Keyboard and Auxiliary Device Controller", and of its section "Keyboards".
//!
//! Nothing here knows what a port, an interrupt controller, a lock or a log is, and nothing sets the keyboard's lights.
#![no_std]
#![forbid(unsafe_code)]

mod controller;
mod decoder;
mod key;
mod keyboard;

pub use controller::{Absent, Ports};
pub use key::{Key, Sequence};
pub use keyboard::Keyboard;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

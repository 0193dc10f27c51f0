//! A PS/2 keyboard behind an i8042 controller, as bytes that a terminal would send.
#![no_std]
#![forbid(unsafe_code)]

mod controller;
mod key;
mod keyboard;

pub use controller::{Absent, Ports};
pub use key::{Key, Sequence};
pub use keyboard::Keyboard;

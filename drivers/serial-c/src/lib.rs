//! The driver of `steward-serial` once more, in C, behind the same type: for those who want to know what that costs.
//!
//! [`Uart`] does what `steward_serial::Uart` does, and is held to the same tests. The driver is `c/uart16550.c`; here is
//! only the border. Where the registers are I/O ports, C reaches them by itself; any others it reaches by calling back.
#![no_std]

mod border;
mod uart;

pub use steward_serial::*;
pub use uart::Uart;

#[cfg(test)]
#[path = "../../serial/src/tests.rs"]
mod tests;

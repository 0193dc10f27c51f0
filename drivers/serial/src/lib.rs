//! A driver for the 16550 family of serial ports, as every PC has or emulates.
//!
//! [`Uart`] works through [`Registers`], eight bytes that somebody else knows how to reach: the kernel through
//! I/O ports, a test through `fake::FakeUart`. It polls, never allocates and never waits without bound: a chip that does
//! not answer costs a stated number of polls, then an error.
//!
//! ```
//! use steward_serial::{Registers, Settings, Uart};
//! # fn example(port: impl Registers) -> Result<(), Box<dyn std::error::Error>> {
//! let mut uart = Uart::start(port, Settings::default())?; // 115200 baud, 8 data bits, no parity, 1 stop bit
//! uart.send_all(b"hello\r\n")?;
//! while let Some(byte) = uart.receive()? {
//!     uart.send(byte)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Section names in this crate are those of National Semiconductor's data sheet *PC16550D Universal Asynchronous
//! Receiver/Transmitter with FIFOs* (June 1995), chapter "Registers".
//!
//! Nothing here knows what a port, an interrupt controller, a lock or a log is.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod registers;
mod settings;
mod uart;

pub use error::{Absent, LineError, Stuck, UnsupportedBaud};
pub use registers::{
    Register, Registers, fifo_control, interrupt_enable, interrupt_identification, line_control, line_status,
    modem_control,
};
pub use settings::{CLOCK_HZ, Divisor, Settings};
pub use uart::{FIFO_BYTES, Uart};

/// A 16550 made of plain memory.
#[cfg(any(test, feature = "fake"))]
pub mod fake;

#[cfg(test)]
mod tests;

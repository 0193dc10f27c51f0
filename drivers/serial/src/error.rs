//! What can go wrong, and who is to blame.

use core::{error::Error, fmt};

/// There is no working UART behind the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The scratchpad register did not keep a value: nothing is there, or something that is no 16550.
    Scratchpad {
        /// What was written.
        wrote: u8,
        /// What came back; 0xff is what an empty port reads as.
        read: u8,
    },
    /// The chip keeps values but does not send its own output back to itself in loop-back mode.
    LoopBack {
        /// What was sent.
        sent: u8,
        /// The last byte that came back within the patience of the settings, if any did.
        received: Option<u8>,
    },
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scratchpad { wrote, read } => {
                write!(
                    f,
                    "no serial port here: its scratchpad register read {read:#04x} after {wrote:#04x} was written"
                )
            }
            Self::LoopBack { sent, received: Some(received) } => {
                write!(f, "the serial port is broken: in loop-back mode it received {received:#04x} for {sent:#04x}")
            }
            Self::LoopBack { sent, received: None } => {
                write!(f, "the serial port is broken: in loop-back mode it received nothing for {sent:#04x}")
            }
        }
    }
}

impl Error for Absent {}

/// The transmitter did not empty within the patience of the settings; the bytes not sent are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// How many bytes of the call went out before.
    pub sent: usize,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the serial transmitter is stuck; the text was dropped after {} bytes", self.sent)
    }
}

impl Error for Stuck {}

/// Something went wrong on the line while receiving ("Line Status Register").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// Bytes came faster than they were read: some are lost. Those still in the FIFO follow with the next calls.
    Overrun,
    /// The byte's parity bit is wrong. The byte was dropped.
    Parity,
    /// The byte has no stop bit: the other end speaks at another speed, or the cable is bad. The byte was dropped.
    Framing,
    /// The line was held at 0 for longer than a byte takes. The zero byte that stands for it was dropped.
    Break,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overrun => "serial input was lost: it came faster than it was read",
            Self::Parity => "a serial byte was dropped: its parity is wrong",
            Self::Framing => "a serial byte was dropped: it has no stop bit; do both ends use the same speed?",
            Self::Break => "the serial line was held in the break state",
        })
    }
}

impl Error for LineError {}

/// The UART cannot make this speed from its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedBaud(pub u32);

impl fmt::Display for UnsupportedBaud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} baud is not a whole part of 115200; use 115200, 57600, 38400, 19200 or 9600", self.0)
    }
}

impl Error for UnsupportedBaud {}

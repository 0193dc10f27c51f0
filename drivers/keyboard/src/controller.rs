//! The i8042 controller.

use core::{error::Error, fmt};

/// How the driver reaches the controller: ports 0x60 (data) and 0x64 (status when read, command when written).
///
/// An implementation performs exactly the accesses asked for, in order: reading data takes it out of the controller.
/// Whoever holds it is the only one who talks to the controller.
pub trait Ports {
    /// Reads the status.
    fn status(&mut self) -> u8;
    /// Takes the byte that waits.
    fn data(&mut self) -> u8;
    /// Writes a command to the controller.
    fn command(&mut self, byte: u8);
    /// Writes a byte to the keyboard, or the parameter of a command.
    fn write(&mut self, byte: u8);
}

impl<P: Ports + ?Sized> Ports for &mut P {
    fn status(&mut self) -> u8 {
        (**self).status()
    }
    fn data(&mut self) -> u8 {
        (**self).data()
    }
    fn command(&mut self, byte: u8) {
        (**self).command(byte);
    }
    fn write(&mut self, byte: u8) {
        (**self).write(byte);
    }
}

/// There is no keyboard controller that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The status reads 0xff, as ports do that nobody answers at.
    Controller,
    /// The controller never takes a command, or never runs out of data: the status that it stays at.
    Stuck(u8),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str("no keyboard controller here: its status reads 0xff"),
            Self::Stuck(status) => write!(f, "the keyboard controller is stuck at status {status:#04x}"),
        }
    }
}

impl Error for Absent {}

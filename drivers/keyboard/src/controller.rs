//! The i8042 controller: who reaches it, and how to talk to it without waiting for ever.

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
    /// Writes a byte to the keyboard.
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
    /// The status reads 0xff, as ports do where nobody answers.
    Controller,
    /// The controller does not take commands, or does not run out of data.
    Stuck {
        /// The status that it stays at.
        status: u8,
    },
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str("no keyboard controller here: its status reads 0xff"),
            Self::Stuck { status } => write!(f, "the keyboard controller is stuck at status {status:#04x}"),
        }
    }
}

impl Error for Absent {}

/// Bits of the status ("Status Register").
pub(crate) mod status {
    /// A byte waits to be read.
    pub(crate) const OUTPUT_FULL: u8 = 1 << 0;
    /// The last byte written has not been taken yet.
    pub(crate) const INPUT_FULL: u8 = 1 << 1;
    /// The byte that waits is the mouse's.
    pub(crate) const FROM_AUXILIARY: u8 = 1 << 5;
    /// The byte that waits did not arrive whole.
    pub(crate) const TIMEOUT: u8 = 1 << 6;
    /// The byte that waits was damaged on the line.
    pub(crate) const PARITY: u8 = 1 << 7;
    /// What a port reads as where nobody answers.
    pub(crate) const NOBODY: u8 = 0xff;
}

/// Commands to the controller ("Commands").
pub(crate) mod command {
    /// Answers with the configuration.
    pub(crate) const READ_CONFIGURATION: u8 = 0x20;
    /// Holds the keyboard's line.
    pub(crate) const DISABLE_KEYBOARD: u8 = 0xad;
    /// Releases it.
    pub(crate) const ENABLE_KEYBOARD: u8 = 0xae;
}

/// Bit of the configuration ("Controller Command Byte"): the controller translates set 2 to set 1.
pub(crate) const TRANSLATES: u8 = 1 << 6;

/// Most looks at the status for one wait. An access takes a microsecond or so; a keyboard answers within 20 ms.
pub(crate) const PATIENCE: usize = 20_000;

/// Most bytes that are thrown away to empty a controller. It holds one itself, a keyboard and a mouse 16 each.
pub(crate) const MOST_STALE: usize = 128;

/// A byte that came from the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// From the keyboard, or the controller itself.
    Byte(u8),
    /// From a mouse, or damaged.
    Foreign,
}

/// A controller, with what is needed of its protocol.
pub(crate) struct Controller<P> {
    ports: P,
}

impl<P: Ports> Controller<P> {
    pub(crate) fn new(ports: P) -> Result<Self, Absent> {
        let mut controller = Self { ports };
        match controller.ports.status() {
            status::NOBODY => Err(Absent::Controller),
            _ => Ok(controller),
        }
    }

    /// Takes the byte that waits, if one does.
    pub(crate) fn receive(&mut self) -> Option<Received> {
        let status = self.ports.status();
        if status == status::NOBODY || status & status::OUTPUT_FULL == 0 {
            return None;
        }
        let byte = self.ports.data();
        let is_foreign = status & (status::FROM_AUXILIARY | status::TIMEOUT | status::PARITY) != 0;
        Some(if is_foreign { Received::Foreign } else { Received::Byte(byte) })
    }

    /// Throws away all bytes that wait.
    pub(crate) fn flush(&mut self) -> Result<(), Absent> {
        if (0..MOST_STALE).any(|_| self.receive().is_none()) { Ok(()) } else { Err(self.stuck()) }
    }

    /// Waits for a byte from the keyboard or the controller; `None` when patience is over.
    pub(crate) fn wait(&mut self) -> Option<u8> {
        (0..PATIENCE).find_map(|_| match self.receive()? {
            Received::Byte(byte) => Some(byte),
            Received::Foreign => None,
        })
    }

    /// Gives the controller a command.
    pub(crate) fn command(&mut self, command: u8) -> Result<(), Absent> {
        self.wait_to_write()?;
        self.ports.command(command);
        Ok(())
    }

    /// Sends the keyboard a byte.
    pub(crate) fn write(&mut self, byte: u8) -> Result<(), Absent> {
        self.wait_to_write()?;
        self.ports.write(byte);
        Ok(())
    }

    fn wait_to_write(&mut self) -> Result<(), Absent> {
        let is_ready = (0..PATIENCE).any(|_| self.ports.status() & status::INPUT_FULL == 0);
        if is_ready { Ok(()) } else { Err(self.stuck()) }
    }

    fn stuck(&mut self) -> Absent {
        match self.ports.status() {
            status::NOBODY => Absent::Controller,
            status => Absent::Stuck { status },
        }
    }
}

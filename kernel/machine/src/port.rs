//! Port I/O (Intel SDM volume 1, chapter 19).

use x86_64::instructions::port::Port;

/// A port that some driver of this crate owns. Reading or writing it may have any effect the device gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoPort(u16);

impl IoPort {
    /// The port at `address`.
    pub(crate) const fn new(address: u16) -> Self {
        Self(address)
    }

    /// Its address.
    pub(crate) const fn address(self) -> u16 {
        self.0
    }

    /// The port `offset` above this one.
    pub(crate) const fn offset(self, offset: u16) -> Self {
        Self(self.0 + offset)
    }

    pub(crate) fn read_u8(self) -> u8 {
        // SAFETY: a port read touches no memory that Rust knows of; the drivers of this crate name only ports of
        // devices whose reads start no transfer into memory.
        unsafe { Port::new(self.0).read() }
    }

    pub(crate) fn write_u8(self, value: u8) {
        // SAFETY: byte writes here go to the UARTs, the PIT, the PICs, the keyboard controller and reset ports; none of
        // them makes a device write to memory.
        unsafe { Port::new(self.0).write(value) }
    }

    pub(crate) fn read_u16(self) -> u16 {
        // SAFETY: word reads here are of ACPI's PM1 registers, which have no side effect on memory.
        unsafe { Port::new(self.0).read() }
    }

    pub(crate) fn write_u16(self, value: u16) {
        // SAFETY: word writes here go to ACPI's PM1 control registers: they change the power state, not memory.
        unsafe { Port::new(self.0).write(value) }
    }

    pub(crate) fn write_u32(self, value: u32) {
        // SAFETY: the one double-word port here is the debug exit of an emulator, which ends the machine.
        unsafe { Port::new(self.0).write(value) }
    }
}

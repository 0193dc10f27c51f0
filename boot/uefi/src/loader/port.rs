//! The few I/O ports that the loader uses. None of them can change memory, so their use is safe.

use core::arch::asm;

/// A port that this loader knows.
#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Port {
    /// COM1, transmit register; the divisor's low byte while it can be reached.
    Com1Data = 0x3f8,
    /// COM1, interrupt enable register; the divisor's high byte while it can be reached.
    Com1Interrupts = 0x3f9,
    /// COM1, line control register.
    Com1LineControl = 0x3fb,
    /// COM1, line status register.
    Com1LineStatus = 0x3fd,
    /// COM1, a register that does nothing.
    Com1Scratch = 0x3ff,
    /// Interrupt mask of the first 8259A.
    Pic1Mask = 0x21,
    /// Interrupt mask of the second 8259A.
    Pic2Mask = 0xa1,
}

impl Port {
    /// Reads a byte.
    pub fn read(self) -> u8 {
        let value: u8;
        // SAFETY: a read of the line's registers or the interrupt masks has no effect on memory.
        unsafe { asm!("in al, dx", in("dx") self as u16, out("al") value, options(nomem, nostack, preserves_flags)) };
        value
    }

    /// Writes a byte.
    pub fn write(self, value: u8) {
        // SAFETY: neither a UART nor an interrupt controller reaches memory, whatever it is told.
        unsafe { asm!("out dx, al", in("dx") self as u16, in("al") value, options(nomem, nostack, preserves_flags)) };
    }
}

//! The few I/O ports that the loader uses. None of them can change memory, so their use is safe.

use core::arch::asm;

/// What a failed boot writes to [`DEBUG_EXIT`]. The harness knows it as its word for the loader; this crate, which stands
/// apart from the harness, shares only the exit status with it.
pub const FAILED: u8 = 0x12;

/// QEMU's exit status for [`FAILED`], as the documents name it.
const EXIT_STATUS: u8 = 37;

const _: () = assert!(FAILED * 2 + 1 == EXIT_STATUS);

/// Where QEMU's isa-debug-exit device is expected.
pub const DEBUG_EXIT: u8 = 0xf4;

/// A port that this loader knows.
#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Port {
    /// COM1, transmit register.
    Com1Data = 0x3f8,
    /// COM1, line control register.
    Com1LineControl = 0x3fb,
    /// COM1, line status register.
    Com1LineStatus = 0x3fd,
    /// Index of the CMOS memory.
    CmosIndex = 0x70,
    /// Content of the CMOS memory at the index.
    CmosData = 0x71,
    /// Interrupt mask of the first 8259A.
    Pic1Mask = 0x21,
    /// Interrupt mask of the second 8259A.
    Pic2Mask = 0xa1,
    /// The debug exit device.
    DebugExit = DEBUG_EXIT as u16,
}

impl Port {
    /// Reads a byte.
    pub fn read(self) -> u8 {
        let value: u8;
        // SAFETY: reading any of the ports above changes at most its own device.
        unsafe { asm!("in al, dx", in("dx") self as u16, out("al") value, options(nomem, nostack, preserves_flags)) };
        value
    }

    /// Writes a byte.
    pub fn write(self, value: u8) {
        // SAFETY: no device behind these ports does DMA, so no value written can touch memory.
        unsafe { asm!("out dx, al", in("dx") self as u16, in("al") value, options(nomem, nostack, preserves_flags)) };
    }
}

/// Stops the processor for good, or until a non-maskable interrupt: interrupts are off.
pub fn halt() {
    // SAFETY: halting changes no state of the program.
    unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
}

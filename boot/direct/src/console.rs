//! Text on COM1, for errors only: the kernel owns the line otherwise.

use core::fmt;

use crate::port::Port;

/// Polls before a byte is written regardless: a line that never empties must not hang the loader.
const PATIENCE: u32 = 100_000;

/// COM1 at whatever speed it has; emulated lines have none.
pub struct Console;

impl Console {
    /// COM1 with 8 data bits, no parity, one stop bit.
    pub fn new() -> Self {
        Port::Com1LineControl.write(0x03);
        Self
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // Line status bit 5: the transmit register is empty.
            (0..PATIENCE).find(|_| Port::Com1LineStatus.read() & 0x20 != 0);
            Port::Com1Data.write(byte);
        }
        Ok(())
    }
}

//! The programmable interval timer's channel 2, which counts without interrupting (Intel 8254 datasheet).

use super::Reference;
use crate::port::IoPort;

const CHANNEL_2: IoPort = IoPort::new(0x42);
const COMMAND: IoPort = IoPort::new(0x43);
/// System control port B: bit 0 gates channel 2, bit 1 lets it reach the speaker.
const CONTROL_B: IoPort = IoPort::new(0x61);

/// Ticks a second: a third of the NTSC colour subcarrier.
const HZ: u64 = 1_193_182;
/// Channel 2, low byte then high byte, mode 2 (counts down again and again), binary.
const RATE_GENERATOR: u8 = 0b1011_0100;
/// Latch the count of channel 2, so that both bytes belong together.
const LATCH: u8 = 0b1000_0000;

/// A running channel 2, whose 16-bit count is extended here.
pub(super) struct Pit {
    last: u16,
    ticks: u64,
}

impl Pit {
    /// Starts the count.
    pub(super) fn start() -> Self {
        CONTROL_B.write_u8(CONTROL_B.read_u8() & !0b10 | 0b01);
        COMMAND.write_u8(RATE_GENERATOR);
        // 0 stands for 65,536.
        CHANNEL_2.write_u8(0);
        CHANNEL_2.write_u8(0);
        Self { last: count(), ticks: 0 }
    }
}

fn count() -> u16 {
    COMMAND.write_u8(LATCH);
    let low = CHANNEL_2.read_u8();
    u16::from_le_bytes([low, CHANNEL_2.read_u8()])
}

impl Reference for Pit {
    /// A machine without a PIT reads all ones for ever, so that time stands still and the caller gives up.
    fn nanoseconds(&mut self) -> Option<u64> {
        let now = count();
        self.ticks += u64::from(self.last.wrapping_sub(now));
        self.last = now;
        Some(self.ticks * 1_000_000_000 / HZ)
    }
}

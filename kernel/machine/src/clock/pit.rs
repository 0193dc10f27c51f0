//! The programmable interval timer's channel 2, which counts without interrupting (Intel 8254 datasheet).

use super::Reference;
use crate::{
    port::IoPort,
    resources::{self, Kind, Taken, timers},
};

const PORTS: [u16; 3] = [0x42, 0x43, 0x61];
const CHANNEL_2: IoPort = IoPort::new(PORTS[0]);
const COMMAND: IoPort = IoPort::new(PORTS[1]);
/// System control port B: bit 0 gates channel 2, bit 1 lets it reach the speaker.
const CONTROL_B: IoPort = IoPort::new(PORTS[2]);

/// Ticks a second: a third of the NTSC colour subcarrier.
const HZ: u64 = 1_193_182;
/// Channel 2, low byte then high byte, mode 0 (counts down once and raises its output at the end), binary.
const COUNT_DOWN: u8 = 0b1011_0000;
/// Read-back of channel 2: latch its status, then its count, so that all three bytes belong together.
const READ_BACK: u8 = 0b1100_1000;
/// Bit of the status: the output is high, so the count has come to its end.
const OUTPUT: u8 = 1 << 7;

/// Channel 2 on its one way down, which takes 55 ms.
pub(super) struct Pit {
    _taken: [Taken; 4],
}

impl Pit {
    /// Starts the count. `None` while somebody else uses the channel.
    pub(super) fn start() -> Option<Self> {
        let take = |port: u16| resources::take(Kind::IoPorts, port.into(), 1).ok();
        let channel = resources::take(Kind::Timers, timers::PIT_CHANNEL_2, 1).ok()?;
        let taken = [channel, take(PORTS[0])?, take(PORTS[1])?, take(PORTS[2])?];
        CONTROL_B.write_u8(CONTROL_B.read_u8() & !0b10 | 0b01);
        COMMAND.write_u8(COUNT_DOWN);
        // 0 stands for 65,536.
        CHANNEL_2.write_u8(0);
        CHANNEL_2.write_u8(0);
        Some(Self { _taken: taken })
    }
}

impl Reference for Pit {
    /// A machine without a PIT reads all ones, as does one whose count has ended: neither can say.
    fn nanoseconds(&mut self) -> Option<u64> {
        COMMAND.write_u8(READ_BACK);
        let status = CHANNEL_2.read_u8();
        let low = CHANNEL_2.read_u8();
        let count = u16::from_le_bytes([low, CHANNEL_2.read_u8()]);
        let elapsed = u64::from(0_u16.wrapping_sub(count));
        (status & OUTPUT == 0).then_some(elapsed * 1_000_000_000 / HZ)
    }
}

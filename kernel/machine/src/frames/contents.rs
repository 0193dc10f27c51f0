//! What frames hold, through the direct map.

use core::slice;

use steward_frames::{Contents, FrameRange};

use crate::{memory, smp};

/// What freed frames are filled with: no address, no sensible length, not text.
const PATTERN: u8 = 0xd5;

/// Fills and checks frames where the direct map shows them.
#[derive(Debug)]
pub(super) struct DirectMap;

fn bytes(frames: FrameRange) -> (*mut u8, usize) {
    (memory::direct(frames.start_address()) as *mut u8, frames.bytes() as usize)
}

impl Contents for DirectMap {
    const POISONS: bool = cfg!(debug_assertions);

    fn zero(&self, frames: FrameRange) {
        let (start, length) = bytes(frames);
        // SAFETY: the direct map shows all memory, and the allocator calls this for frames that nobody else may use yet.
        unsafe { start.write_bytes(0, length) };
    }

    fn poison(&self, frames: FrameRange) {
        let (start, length) = bytes(frames);
        // SAFETY: as for zeroes; these frames have just been given up by whoever could use them.
        unsafe { start.write_bytes(PATTERN, length) };
    }

    fn check(&self, frames: FrameRange) {
        let (start, length) = bytes(frames);
        // SAFETY: nobody writes to frames that were free and are being taken; that somebody does nevertheless is what is
        // looked for, and would be as wrong without this.
        let held = unsafe { slice::from_raw_parts(start, length) };
        if let Some(at) = held.iter().position(|&byte| byte != PATTERN) {
            log::error!("memory was written to while it was free, at {:#x}", frames.start_address() + at as u64);
        }
    }

    fn relax(&self) {
        smp::relax();
    }
}

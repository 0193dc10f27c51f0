//! Free objects hold a pattern, in debug builds: who writes to one is told of when it is handed out again.

use core::slice;

use steward_frames::{Owned, Run};

use crate::memory;

/// No address, no sensible length, not text.
const PATTERN: u8 = 0xd5;
const IS_ON: bool = cfg!(debug_assertions);
/// So much of an object is looked at.
const LOOKED_AT: usize = 64;

/// Fills memory of which objects will be cut.
pub(super) fn fill_new(run: &Run<Owned>) {
    if IS_ON {
        let start = memory::direct(run.range().start_address()) as *mut u8;
        // SAFETY: the token proves that the frames are its holder's alone, and the direct map shows them.
        unsafe { start.write_bytes(PATTERN, run.range().bytes() as usize) };
    }
}

/// Fills an object that has just been freed.
///
/// # Safety
/// The `bytes` at `object` are an object of the heap's that nobody uses, and that is not handed out again meanwhile.
pub(crate) unsafe fn fill_freed(object: *mut u8, bytes: usize) {
    if IS_ON {
        // SAFETY: the caller vouches that it is memory that nobody uses.
        unsafe { object.write_bytes(PATTERN, bytes) };
    }
}

/// Looks at an object that has just been handed out; says it when somebody has written to it while it was free.
///
/// # Safety
/// The `bytes` at `object` are an object of the heap's that was just handed out to the caller.
pub(crate) unsafe fn check(object: *const u8, bytes: usize) {
    if IS_ON {
        // SAFETY: it was filled when it became free, or when its slab was made, and the caller alone has it.
        let held = unsafe { slice::from_raw_parts(object, bytes.min(LOOKED_AT)) };
        if let Some(at) = held.iter().position(|&byte| byte != PATTERN) {
            log::error!("memory of the heap was written to while it was free, at {object:p} + {at}");
        }
    }
}

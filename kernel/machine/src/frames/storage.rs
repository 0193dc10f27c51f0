//! Memory for what is known of frames.

use core::slice;

use steward_frames::{FrameSource, Request, Use};

use crate::memory::{self, MapError};

/// `count` values that `make` makes, in frames of their own, for good.
///
/// # Errors
/// [`MapError::OutOfFrames`] when there are not enough frames in a row.
///
/// # Panics
/// If the values need more than a frame's alignment.
pub(crate) fn filled<T: Sync>(
    source: &mut FrameSource,
    count: usize,
    make: impl Fn() -> T,
) -> Result<&'static [T], MapError> {
    const { assert!(align_of::<T>() <= 4096) };
    let frames = ((count * size_of::<T>()) as u64).div_ceil(steward_frames::FRAME_SIZE).max(1);
    let run = source.take_run(Request::run(frames, Use::Ledger)).map_err(MapError::OutOfFrames)?;
    let start = memory::direct(run.range().start_address()) as *mut T;
    for index in 0..count {
        // SAFETY: the run is large enough for `count` values.
        let place = unsafe { start.add(index) };
        // SAFETY: the direct map shows the run, which is aligned to a frame and nobody else's.
        unsafe { place.write(make()) };
    }
    // SAFETY: all of them have just been written. The run's token ends here, so they stay for good, and nobody has them
    // to write to.
    Ok(unsafe { slice::from_raw_parts(start, count) })
}

//! Memory for what is known of frames.

use core::slice;

use steward_frames::{FrameSource, Owned, Request, Run, Use};

use crate::memory::{self, MapError};

/// `count` values that `make` makes, in frames of their own, for good.
///
/// # Errors
/// [`MapError::OutOfFrames`] when there are not enough frames in a row.
pub(crate) fn filled<T: Sync>(
    source: &mut FrameSource,
    count: usize,
    make: impl Fn() -> T,
) -> Result<&'static [T], MapError> {
    let run = source.take_run(request::<T>(count)).map_err(MapError::OutOfFrames)?;
    Ok(fill(run, count, make))
}

/// What to take for so many values.
pub(crate) fn request<T>(count: usize) -> Request {
    let frames = ((count * size_of::<T>()) as u64).div_ceil(steward_frames::FRAME_SIZE).max(1);
    Request::run(frames, Use::Ledger)
}

/// The same in frames that were taken for it.
///
/// # Panics
/// If the values need more room than there is.
pub(crate) fn fill<T: Sync>(run: Run<Owned>, count: usize, make: impl Fn() -> T) -> &'static [T] {
    const { assert!(align_of::<T>() <= 4096) };
    assert!((count * size_of::<T>()) as u64 <= run.range().bytes(), "{count} values do not fit");
    let start = memory::direct(run.range().start_address()) as *mut T;
    for index in 0..count {
        // SAFETY: the run was found to be large enough for `count` values.
        let place = unsafe { start.add(index) };
        // SAFETY: the direct map shows the run, which is aligned to a frame and nobody else's.
        unsafe { place.write(make()) };
    }
    // SAFETY: all of them have just been written. The run's token ends here, so they stay for good, and nobody has them
    // to write to.
    unsafe { slice::from_raw_parts(start, count) }
}

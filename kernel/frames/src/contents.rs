//! What is in frames when they change hands. The allocator decides when; somebody who can reach memory does it.

use crate::FrameRange;

/// Fills frames and looks at them.
///
/// The frames of a call belong to nobody else while it lasts.
pub trait Contents {
    /// Whether frames are poisoned when they become free, and looked at when they are taken again.
    const POISONS: bool;

    /// Fills the frames with zeroes.
    fn zero(&self, frames: FrameRange);

    /// Fills the frames with a pattern.
    fn poison(&self, frames: FrameRange);

    /// Looks for the pattern in frames that were filled with it and nobody has owned since; says it when they hold
    /// something else, which somebody wrote who had no business to.
    fn check(&self, frames: FrameRange);

    /// Called again and again while another CPU is at a frame.
    fn relax(&self) {
        core::hint::spin_loop();
    }
}

/// Leaves frames as they are: for those that exist as numbers only, in tests and models.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untouched;

impl Contents for Untouched {
    const POISONS: bool = false;

    fn zero(&self, _: FrameRange) {}

    fn poison(&self, _: FrameRange) {}

    fn check(&self, _: FrameRange) {}
}

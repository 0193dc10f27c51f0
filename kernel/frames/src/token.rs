//! Tokens: ownership of frames as a value.

use core::{fmt, marker::PhantomData};

use crate::{FrameNumber, FrameRange, Use};

/// State of a [`Frame`] or [`Run`] that its holder alone may use.
#[derive(Debug)]
pub enum Owned {}

/// A frame in the state `S`.
///
/// A `Frame<Owned>` proves that a [`FrameSource`](crate::FrameSource) or [`FrameAllocator`](crate::FrameAllocator) handed
/// the frame to its holder and to nobody else since. It does not prove that the frame is mapped, or zeroed. It can be neither copied nor cloned, and
/// dropping it leaves the frame accounted under its use for good.
///
/// ```compile_fail
/// fn twice(frame: steward_frames::Frame<steward_frames::Owned>) {
///     drop(frame);
///     drop(frame);
/// }
/// ```
/// ```compile_fail
/// fn copy(frame: &steward_frames::Frame<steward_frames::Owned>) -> steward_frames::Frame<steward_frames::Owned> {
///     frame.clone()
/// }
/// ```
#[must_use = "a dropped frame is never free again"]
pub struct Frame<S> {
    number: FrameNumber,
    usage: Use,
    state: PhantomData<S>,
}

impl Frame<Owned> {
    /// Only [`FrameSource`](crate::FrameSource) and [`FrameAllocator`](crate::FrameAllocator) make tokens.
    pub(crate) const fn new(number: FrameNumber, usage: Use) -> Self {
        Self { number, usage, state: PhantomData }
    }

    /// The frame's number.
    #[must_use]
    pub const fn number(&self) -> FrameNumber {
        self.number
    }

    /// What it was taken for.
    #[must_use]
    pub const fn usage(&self) -> Use {
        self.usage
    }
}

impl fmt::Debug for Frame<Owned> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} for {:?})", self.number.start(), self.usage)
    }
}

/// Frames that follow each other, in the state `S`; otherwise as [`Frame`].
///
/// # Invariants
/// At least one frame.
#[must_use = "dropped frames are never free again"]
pub struct Run<S> {
    range: FrameRange,
    usage: Use,
    state: PhantomData<S>,
}

impl Run<Owned> {
    /// Only [`FrameSource`](crate::FrameSource) and [`FrameAllocator`](crate::FrameAllocator) make tokens.
    pub(crate) const fn new(range: FrameRange, usage: Use) -> Self {
        assert!(!range.is_empty(), "a run holds at least one frame");
        Self { range, usage, state: PhantomData }
    }

    /// The frames' numbers.
    #[must_use]
    pub const fn range(&self) -> FrameRange {
        self.range
    }

    /// What they were taken for.
    #[must_use]
    pub const fn usage(&self) -> Use {
        self.usage
    }

    /// Takes the run apart into its frames, in order. Frames left in the iterator when it is dropped are never free
    /// again.
    pub fn into_frames(self) -> impl Iterator<Item = Frame<Owned>> {
        self.range.iter().map(move |number| Frame::new(number, self.usage))
    }
}

impl From<Frame<Owned>> for Run<Owned> {
    fn from(frame: Frame<Owned>) -> Self {
        let number = frame.number.as_u64();
        let range = FrameRange::new(number, number + 1).expect("a frame number is below the count of frames");
        Self::new(range, frame.usage)
    }
}

impl fmt::Debug for Run<Owned> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run({} for {:?})", self.range, self.usage)
    }
}

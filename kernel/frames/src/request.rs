//! What is asked for, and why it is not met.

use core::fmt;

use crate::{FRAME_SIZE, FrameNumber, Use};

pub(crate) const FOUR_GIB: u64 = (4 << 30) / FRAME_SIZE;

/// Where frames may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Anywhere from 1 MiB up.
    Any,
    /// From 1 MiB up, and all of them below 4 GiB, for devices and CPU modes with 32-bit addresses.
    Below4GiB,
}

impl Zone {
    /// Number of the frame behind the zone.
    pub(crate) const fn end(self) -> u64 {
        match self {
            Self::Any => FrameNumber::COUNT,
            Self::Below4GiB => FOUR_GIB,
        }
    }
}

/// What frames somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) frames: u64,
    pub(crate) alignment: u64,
    pub(crate) zone: Zone,
    pub(crate) usage: Use,
    pub(crate) zeroed: bool,
}

impl Request {
    /// One frame, anywhere.
    #[must_use]
    pub const fn one(usage: Use) -> Self {
        Self::run(1, usage)
    }

    /// `frames` frames in a row, anywhere.
    #[must_use]
    pub const fn run(frames: u64, usage: Use) -> Self {
        Self { frames, alignment: 1, zone: Zone::Any, usage, zeroed: false }
    }

    /// The same, with the first frame's number a multiple of `frames`, which must be a power of two.
    #[must_use]
    pub const fn aligned_to(self, frames: u64) -> Self {
        Self { alignment: frames, ..self }
    }

    /// The same, in that zone.
    #[must_use]
    pub const fn within(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// The same, with nothing but zeroes in the frames. A [`FrameSource`](crate::FrameSource) does not know how; for a
    /// [`FrameAllocator`](crate::FrameAllocator), whatever goes to a process is zeroed without being asked.
    #[must_use]
    pub const fn zeroed(self) -> Self {
        Self { zeroed: true, ..self }
    }

    /// How many frames.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// What for.
    #[must_use]
    pub const fn usage(&self) -> Use {
        self.usage
    }

    /// Whether any single frame will do.
    #[must_use]
    pub const fn is_any_one(&self) -> bool {
        self.frames == 1 && self.alignment == 1 && matches!(self.zone, Zone::Any) && !self.zeroed
    }

    /// Whether any such frames could exist.
    pub(crate) const fn is_sensible(&self) -> bool {
        self.frames > 0 && self.alignment.is_power_of_two()
    }
}

/// Why a request was not met. Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeError {
    /// The caller asked for no frames at all, or for an alignment that is not a power of two.
    BadRequest,
    /// The zone has fewer free frames than asked for.
    OutOfFrames,
    /// There are enough free frames, but no run of them is as long and as aligned as asked for.
    TooFragmented,
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest => "a request for no frames, or with an alignment that is not a power of two",
            Self::OutOfFrames => "not enough free frames",
            Self::TooFragmented => "no run of free frames is long enough",
        })
    }
}

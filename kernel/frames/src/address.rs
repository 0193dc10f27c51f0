//! Physical addresses and frame numbers.

use core::fmt;

/// Bytes of a frame.
pub const FRAME_SIZE: u64 = 4096;

/// Most bits that a physical address has (Intel SDM volume 3, section 4.1.4: MAXPHYADDR is at most 52).
pub const PHYSICAL_ADDRESS_BITS: u32 = 52;

const END: u64 = 1 << PHYSICAL_ADDRESS_BITS;

/// A physical address below 2^52. It says nothing about whether memory answers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysicalAddress(u64);

impl PhysicalAddress {
    /// The address, if it is below 2^52.
    #[must_use]
    pub const fn new(address: u64) -> Option<Self> {
        if address < END { Some(Self(address)) } else { None }
    }

    /// The address as a number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The frame that the address lies in.
    #[must_use]
    pub const fn frame(self) -> FrameNumber {
        FrameNumber(self.0 / FRAME_SIZE)
    }

    /// Distance from the start of its frame, in bytes.
    #[must_use]
    pub const fn offset_in_frame(self) -> u64 {
        self.0 % FRAME_SIZE
    }
}

impl fmt::Display for PhysicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Number of a frame: its physical address divided by [`FRAME_SIZE`]. Holding one proves no ownership.
///
/// # Invariants
/// Below 2^40, so that the frame's address is below 2^52.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameNumber(u64);

impl FrameNumber {
    /// How many frame numbers there are.
    pub const COUNT: u64 = END / FRAME_SIZE;

    /// The frame of that number, if it is below [`FrameNumber::COUNT`].
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Address of the frame's first byte.
    #[must_use]
    pub const fn start(self) -> PhysicalAddress {
        PhysicalAddress(self.0 * FRAME_SIZE)
    }
}

impl FrameNumber {
    /// A number that is known to be that of a frame.
    pub(crate) const fn known(number: u64) -> Self {
        debug_assert!(number < Self::COUNT);
        Self(number)
    }
}

/// Frames that follow each other. It may be empty. Holding one proves no ownership.
///
/// # Invariants
/// `start <= end <= FrameNumber::COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRange {
    start: u64,
    end: u64,
}

impl FrameRange {
    /// The frames from number `start` up to, but not including, `end`.
    ///
    /// `None` when `start` is past `end`, or `end` past [`FrameNumber::COUNT`].
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Option<Self> {
        if start <= end && end <= FrameNumber::COUNT { Some(Self { start, end }) } else { None }
    }

    /// Number of the first frame.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Number after that of the last frame.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Address of the first byte.
    #[must_use]
    pub const fn start_address(self) -> u64 {
        self.start * FRAME_SIZE
    }

    /// Address after that of the last byte; at most 2^52.
    #[must_use]
    pub const fn end_address(self) -> u64 {
        self.end * FRAME_SIZE
    }

    /// The frames that are in both; empty when there are none.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        self.at_or_above(other.start).below(other.end)
    }

    /// How many frames there are.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.end - self.start
    }

    /// How many bytes they hold.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.count() * FRAME_SIZE
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether the frame is one of these.
    #[must_use]
    pub const fn contains(self, frame: FrameNumber) -> bool {
        self.start <= frame.0 && frame.0 < self.end
    }

    /// Whether some frame is in both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.start < other.end && other.start < self.end
    }

    /// The part from number `floor` on; empty when all of it is below.
    #[must_use]
    pub const fn at_or_above(self, floor: u64) -> Self {
        if self.start >= floor {
            self
        } else if self.end <= floor {
            Self { start: self.end, end: self.end }
        } else {
            Self { start: floor, end: self.end }
        }
    }

    /// The part below number `ceiling`; empty when all of it is at or above.
    #[must_use]
    pub const fn below(self, ceiling: u64) -> Self {
        if self.end <= ceiling {
            self
        } else if self.start >= ceiling {
            Self { start: self.start, end: self.start }
        } else {
            Self { start: self.start, end: ceiling }
        }
    }

    /// The frames, in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = FrameNumber> {
        (self.start..self.end).map(FrameNumber)
    }
}

impl fmt::Display for FrameRange {
    /// First and last byte, as memory maps are usually printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        write!(f, "{:#014x}-{:#014x}", self.start_address(), self.end_address() - 1)
    }
}

//! The ledger's time.

/// A moment of the ledger's own clock, in nanoseconds since it was made. It never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// So many nanoseconds after the clock was made.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the clock was made.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        self.0
    }
}

//! Names of processes and loans.

use core::fmt;

/// A process: a slot, and how many had that slot before it. So a slot that is used again is never mistaken for the
/// process that died.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(u64);

/// A slot that no process ever has. An allocator that shares the table names it as owner of keys that change hands:
/// nobody can do anything with these.
pub const IN_TRANSIT: u16 = u16::MAX;

impl ProcessId {
    /// The kernel itself. It never dies, and has no quota.
    pub const KERNEL: Self = Self::from_parts(1, 0);

    /// The process of that slot and generation. It need not exist.
    #[must_use]
    pub const fn from_parts(slot: u16, generation: u32) -> Self {
        Self((slot as u64) << u32::BITS | generation as u64)
    }

    /// Its slot; 0 is nobody's.
    #[must_use]
    pub const fn slot(self) -> u16 {
        (self.0 >> u32::BITS) as u16
    }

    /// How many processes had the slot before it.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.0 as u32
    }

    /// Both in one word.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// What [`Self::bits`] gave.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {self}")
    }
}

impl fmt::Display for ProcessId {
    /// Slot and generation, as in `7.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot(), self.generation())
    }
}

/// A loan: the place of its record, and how many had that place before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoanId(u64);

impl LoanId {
    /// The loan of that place and generation. It need not exist.
    #[must_use]
    pub const fn from_parts(index: u32, generation: u32) -> Self {
        Self((index as u64) << u32::BITS | generation as u64)
    }

    /// The place of its record.
    #[must_use]
    pub const fn index(self) -> u32 {
        (self.0 >> u32::BITS) as u32
    }

    /// How many loans had that place before it.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.0 as u32
    }

    /// Both in one word.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// What [`Self::bits`] gave.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for LoanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loan {self}")
    }
}

impl fmt::Display for LoanId {
    /// Index and generation, as in `12.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index(), self.generation())
    }
}

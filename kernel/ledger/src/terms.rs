//! What a lender offers, what a borrower accepts, what a process may have.

use crate::Instant;

/// What a borrower may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Read, as may the lender and others.
    Shared,
    /// Read and write, and nobody else may.
    Mut,
}

/// On what terms something is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// What the borrower may do.
    pub kind: Kind,
    /// The lender may take it back at any time.
    pub revocable: bool,
    /// It ends by itself at this time.
    pub deadline: Option<Instant>,
}

impl Terms {
    /// Firm, and without a deadline: only the borrower ends it, or its death.
    #[must_use]
    pub const fn firm(kind: Kind) -> Self {
        Self { kind, revocable: false, deadline: None }
    }
}

/// What a device does with memory that is pinned for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It reads; others may read too.
    DeviceReads,
    /// It writes; nobody else may have access.
    DeviceWrites,
}

/// What a process is willing to borrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Shared loans.
    pub shared: bool,
    /// Mutable loans.
    pub mutable: bool,
    /// At most so many keys in one loan.
    pub most_keys: usize,
    /// Loans that may be revoked at any time.
    pub revocable: bool,
    /// Loans that end by themselves, if not before so many nanoseconds have passed; `None` for no such loans.
    pub shortest: Option<u64>,
}

impl Default for Window {
    /// Firm loans without deadlines, of both kinds and any size.
    fn default() -> Self {
        Self { shared: true, mutable: true, most_keys: usize::MAX, revocable: false, shortest: None }
    }
}

/// The most that a process may have at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Keys that it owns.
    pub owned: u32,
    /// Keys that it has borrowed, each counted once for each loan.
    pub borrowed: u32,
    /// Loans that it has borrowed by.
    pub loans: u32,
}

impl Quota {
    /// No limit but those of the counters.
    pub const NONE: Self = Self { owned: u32::MAX, borrowed: u32::MAX, loans: u32::MAX };
}

//! Operations as data, which can be repeated, also when some that came before are left out.

use alloc::vec::Vec;

use steward_ledger::{Direction, Extent, Kind, Quota, Window};

/// Number of the step that made a loan or a pin; so they are named before it is known what the ledger calls them.
pub type Tag = u32;

/// A process by its slot: the latest one, one before it, or one that is yet to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The slot.
    pub slot: u16,
    /// 0 for the latest, 1 for the one before it, -1 for the next one.
    pub ago: i8,
}

/// By what right something is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// As the owner.
    Owned,
    /// By the loan of that step.
    Loan(Tag),
}

/// Terms, with a deadline that counts from the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// For reading or writing.
    pub kind: Kind,
    /// May be revoked.
    pub revocable: bool,
    /// Ends so many nanoseconds from now; or had to end before now, which no ledger takes.
    pub within: Option<i8>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the arguments of what each is named after")]
pub enum Operation {
    Birth { slot: u16, window: Window, quota: Quota },
    Die { process: Who },
    SetWindow { process: Who, window: Window },
    SetQuota { process: Who, quota: Quota },
    Acquire { actor: Who, keys: Vec<Extent> },
    Release { actor: Who, keys: Vec<Extent> },
    Transfer { actor: Who, to: Who, keys: Vec<Extent> },
    Lend { actor: Who, to: Who, keys: Vec<Extent>, offer: Offer },
    Relend { actor: Who, parent: Tag, to: Who, keys: Vec<Extent>, offer: Offer },
    Return { actor: Who, loan: Tag },
    Revoke { actor: Who, loan: Tag },
    Wait { nanoseconds: u8 },
    Expire,
    Pin { actor: Who, through: Through, extent: Extent, direction: Direction },
    Unpin { pin: Tag },
}

impl Operation {
    /// Its name, for statistics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Birth { .. } => "birth",
            Self::Die { .. } => "die",
            Self::SetWindow { .. } => "set window",
            Self::SetQuota { .. } => "set quota",
            Self::Acquire { .. } => "acquire",
            Self::Release { .. } => "release",
            Self::Transfer { .. } => "transfer",
            Self::Lend { .. } => "lend",
            Self::Relend { .. } => "relend",
            Self::Return { .. } => "return",
            Self::Revoke { .. } => "revoke",
            Self::Wait { .. } => "wait",
            Self::Expire => "expire",
            Self::Pin { .. } => "pin",
            Self::Unpin { .. } => "unpin",
        }
    }
}

impl Operation {
    /// The range that it is about, if there is one.
    #[must_use]
    pub const fn keys(&self) -> Option<&Vec<Extent>> {
        match self {
            Self::Acquire { keys, .. }
            | Self::Release { keys, .. }
            | Self::Transfer { keys, .. }
            | Self::Lend { keys, .. }
            | Self::Relend { keys, .. } => Some(keys),
            _ => None,
        }
    }
}

/// An operation at its place in a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub tag: Tag,
    /// What is done.
    pub operation: Operation,
    /// Whether effects find no room meanwhile.
    pub refuse: bool,
}

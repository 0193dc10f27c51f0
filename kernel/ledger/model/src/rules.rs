//! What happens to a single key, as a table: the seventh check of every operation, and what it does to the entry.
//!
//! The table speaks of an entry's fields only. That they agree with the records is what the proof is about.

use steward_ledger::{Error, LoanId, ProcessId};

use crate::view::View;

/// A step that changes a key, or what is recorded of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Takes the key.
    Acquire,
    /// Gives it up.
    Release,
    /// Gives it to another process.
    Transfer,
    /// Lends it, as the owner.
    LendShared,
    /// Lends it mutably, as the owner.
    LendMut,
    /// Lends it by a mutable loan.
    RelendSharedOfMut,
    /// Lends it mutably by a mutable loan.
    RelendMutOfMut,
    /// Lends it by a shared loan.
    RelendSharedOfShared,
    /// A loan ends, with all below it: by return, revocation, expiry, or because the borrower dies.
    End,
    /// A shared loan that has ended finishes: no pin is its own, and no loan is below it.
    FinishShared,
    /// A mutable loan that has ended finishes.
    FinishMut,
    /// The owner lets a device read.
    PinReadsOwned,
    /// The owner lets a device write.
    PinWritesOwned,
    /// The borrower by a mutable loan lets a device read.
    PinReadsOfMut,
    /// The borrower by a mutable loan lets a device write.
    PinWritesOfMut,
    /// The borrower by a shared loan lets a device read.
    PinReadsOfShared,
    /// A device that read is done.
    UnpinReads,
    /// A device that wrote is done.
    UnpinWrites,
    /// A process dies. What it has borrowed ends ([`Step::End`]).
    Die,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Nobody owns the key.
    OwnerIsNobody,
    /// Who acts owns it.
    OwnerIsActor,
    /// It is not lent mutably.
    NotLentMut,
    /// The loan that the step is about is the innermost mutable one.
    HolderIsLoan,
    /// There is no shared loan of it.
    NoShared,
    /// There may be one more.
    RoomForShared,
    /// No device reads.
    NoReads,
    /// One more may.
    RoomForReads,
    /// No device writes.
    NoWrites,
}

/// What is done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The owner becomes who acts.
    OwnerIsActor,
    /// The owner becomes the other process.
    OwnerIsOther,
    /// Nobody owns it.
    OwnerIsNobody,
    /// One shared loan more.
    OneShared,
    /// One less.
    OneSharedLess,
    /// It is lent mutably.
    LentMut,
    /// The new loan is the innermost mutable one.
    HolderIsNew,
    /// The innermost mutable loan is the parent of the one that finishes; if it has none, there is none.
    HolderIsParent,
    /// One pin more by which a device reads.
    OneRead,
    /// One less.
    OneReadLess,
    /// A device writes.
    Writes,
    /// None does.
    WritesNot,
    /// If the owner is dead, and the key is neither lent nor pinned any more, nobody owns it.
    FreeIfLeft,
}

/// What must be so, and what is answered otherwise.
pub type Guard = (Fact, Error);

/// A row: the first guard that does not hold is answered; when all hold, all updates are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Of which step.
    pub step: Step,
    /// In this order.
    pub guards: &'static [Guard],
    /// All at once.
    pub updates: &'static [Update],
}

const ALONE: [Guard; 5] = [
    (Fact::OwnerIsActor, Error::NotOwner),
    (Fact::NotLentMut, Error::Borrowed),
    (Fact::NoShared, Error::Borrowed),
    (Fact::NoReads, Error::Borrowed),
    (Fact::NoWrites, Error::Borrowed),
];
const OWNER: Guard = (Fact::OwnerIsActor, Error::NotOwner);
const NOT_LENT_MUT: Guard = (Fact::NotLentMut, Error::MutBorrowed);
const HOLDER: Guard = (Fact::HolderIsLoan, Error::MutBorrowed);
const NO_WRITES: Guard = (Fact::NoWrites, Error::MutBorrowed);
const NO_SHARED: Guard = (Fact::NoShared, Error::SharedBorrowed);
const NO_READS: Guard = (Fact::NoReads, Error::SharedBorrowed);
const ROOM_FOR_SHARED: Guard = (Fact::RoomForShared, Error::NoMemory);
const ROOM_FOR_READS: Guard = (Fact::RoomForReads, Error::NoMemory);

const fn rule(step: Step, guards: &'static [Guard], updates: &'static [Update]) -> Rule {
    Rule { step, guards, updates }
}

/// One row a step.
pub const RULES: [Rule; 19] = [
    rule(Step::Acquire, &[(Fact::OwnerIsNobody, Error::AlreadyOwned)], &[Update::OwnerIsActor]),
    rule(Step::Release, &ALONE, &[Update::OwnerIsNobody]),
    rule(Step::Transfer, &ALONE, &[Update::OwnerIsOther]),
    rule(Step::LendShared, &[OWNER, NOT_LENT_MUT, NO_WRITES, ROOM_FOR_SHARED], &[Update::OneShared]),
    rule(
        Step::LendMut,
        &[OWNER, NOT_LENT_MUT, NO_WRITES, NO_SHARED, NO_READS],
        &[Update::LentMut, Update::HolderIsNew],
    ),
    rule(Step::RelendSharedOfMut, &[HOLDER, NO_WRITES, ROOM_FOR_SHARED], &[Update::OneShared]),
    rule(Step::RelendMutOfMut, &[HOLDER, NO_WRITES, NO_SHARED, NO_READS], &[Update::HolderIsNew]),
    rule(Step::RelendSharedOfShared, &[ROOM_FOR_SHARED], &[Update::OneShared]),
    rule(Step::End, &[], &[]),
    rule(Step::FinishShared, &[], &[Update::OneSharedLess, Update::FreeIfLeft]),
    rule(Step::FinishMut, &[], &[Update::HolderIsParent, Update::FreeIfLeft]),
    rule(Step::PinReadsOwned, &[OWNER, NOT_LENT_MUT, NO_WRITES, ROOM_FOR_READS], &[Update::OneRead]),
    rule(Step::PinWritesOwned, &[OWNER, NOT_LENT_MUT, NO_WRITES, NO_SHARED, NO_READS], &[Update::Writes]),
    rule(Step::PinReadsOfMut, &[HOLDER, NO_WRITES, ROOM_FOR_READS], &[Update::OneRead]),
    rule(Step::PinWritesOfMut, &[HOLDER, NO_WRITES, NO_SHARED, NO_READS], &[Update::Writes]),
    rule(Step::PinReadsOfShared, &[ROOM_FOR_READS], &[Update::OneRead]),
    rule(Step::UnpinReads, &[], &[Update::OneReadLess, Update::FreeIfLeft]),
    rule(Step::UnpinWrites, &[], &[Update::WritesNot, Update::FreeIfLeft]),
    rule(Step::Die, &[], &[Update::FreeIfLeft]),
];

/// What a step is about, besides the key.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Who acts.
    pub actor: ProcessId,
    /// The other process.
    pub other: Option<ProcessId>,
    /// The loan by which it acts.
    pub loan: Option<LoanId>,
    /// The loan that it makes.
    pub new: Option<LoanId>,
    /// The parent of a loan that finishes.
    pub parent: Option<LoanId>,
    /// Most shared loans of a key.
    pub most_shared: u32,
    /// Most pins of a key by which devices read.
    pub most_reads: u32,
}

impl Rule {
    /// The row of a step.
    ///
    /// # Panics
    /// Never: every step has one.
    #[must_use]
    pub fn of(step: Step) -> &'static Self {
        RULES.iter().find(|rule| rule.step == step).expect("one row a step")
    }

    /// What the row answers for a key that looks like that.
    ///
    /// # Errors
    /// That of the first guard that does not hold.
    pub fn answer(&self, view: &View, about: &About) -> Result<(), Error> {
        self.guards.iter().try_for_each(|(fact, error)| if fact.holds(view, about) { Ok(()) } else { Err(*error) })
    }
}

impl Rule {
    /// What the key looks like after all updates.
    #[must_use]
    pub fn done(&self, view: View, about: &About) -> View {
        let mut view = self.updates.iter().fold(view, |view, update| update.made(view, about));
        if self.updates.contains(&Update::FreeIfLeft) && view.estate && !view.is_in_use() {
            view = View::FREE;
        }
        View { state: view.state_by_fields(), ..view }
    }
}

impl Update {
    fn made(self, view: View, about: &About) -> View {
        match self {
            Self::OwnerIsActor => View { owner: Some(about.actor), ..view },
            Self::OwnerIsOther => View { owner: about.other, ..view },
            Self::OwnerIsNobody => View { owner: None, ..view },
            Self::OneShared => View { shared: view.shared + 1, ..view },
            Self::OneSharedLess => View { shared: view.shared - 1, ..view },
            Self::HolderIsNew => View { holder: about.new, ..view },
            Self::HolderIsParent => View { holder: about.parent, ..view },
            Self::OneRead => View { reads: view.reads + 1, ..view },
            Self::OneReadLess => View { reads: view.reads - 1, ..view },
            Self::Writes => View { writes: true, ..view },
            Self::WritesNot => View { writes: false, ..view },
            // A view has a holder when the key is lent mutably. What is left is looked at when all is done.
            Self::LentMut | Self::FreeIfLeft => view,
        }
    }
}

impl Fact {
    fn holds(self, view: &View, about: &About) -> bool {
        match self {
            Self::OwnerIsNobody => view.owner.is_none(),
            Self::OwnerIsActor => view.owner == Some(about.actor),
            Self::NotLentMut => view.holder.is_none(),
            Self::HolderIsLoan => view.holder.is_some() && view.holder == about.loan,
            Self::NoShared => view.shared == 0,
            Self::RoomForShared => view.shared < about.most_shared,
            Self::NoReads => view.reads == 0,
            Self::RoomForReads => view.reads < about.most_reads,
            Self::NoWrites => !view.writes,
        }
    }
}

//! The rules of single keys as one table, from which the documents and the prover's input are made.

use crate::{Error, Word};

/// What somebody asks of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To own it.
    Acquire,
    /// To give it up.
    Release,
    /// To give it to another.
    Transfer,
    /// As an owner, to lend it shared.
    LendShared,
    /// As an owner, to lend it mutably.
    LendMut,
    /// By a loan, to lend it on shared.
    RelendShared,
    /// By a loan, to lend it on mutably.
    RelendMut,
    /// To give a loan of it back.
    Return,
    /// To take back a revocable loan of the owner's.
    Revoke,
    /// To take back a firm one.
    RevokeFirm,
    /// As an owner, to have a device read it.
    PinOwnedReads,
    /// As an owner, to have a device write it.
    PinOwnedWrites,
    /// By a loan, to have a device read it.
    PinLoanReads,
    /// By a loan, to have a device write it.
    PinLoanWrites,
    /// To say that a device is done reading.
    UnpinReads,
    /// To say that a device is done writing.
    UnpinWrites,
    /// A shared loan that has ended finishes; nobody asks for it.
    FinishShared,
    /// The innermost mutable loan, which has ended, finishes; nobody asks for it.
    FinishMut,
    /// To die.
    Die,
    /// The owner is dead; nobody asks for it.
    Inherit,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Acquire,
        Self::Release,
        Self::Transfer,
        Self::LendShared,
        Self::LendMut,
        Self::RelendShared,
        Self::RelendMut,
        Self::Return,
        Self::Revoke,
        Self::RevokeFirm,
        Self::PinOwnedReads,
        Self::PinOwnedWrites,
        Self::PinLoanReads,
        Self::PinLoanWrites,
        Self::UnpinReads,
        Self::UnpinWrites,
        Self::FinishShared,
        Self::FinishMut,
        Self::Die,
        Self::Inherit,
    ];
}

/// What who asks is to the key. The kernel may be any but dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Whatever it is, also nobody.
    Anybody,
    /// It does not live: it is dying, dead, or was never there.
    Dead,
    /// It owns the key.
    Owner,
    /// It borrowed the key by the innermost mutable loan.
    Holder,
    /// It borrowed the key by a mutable loan, and lent it on mutably.
    Outer,
    /// It borrowed the key by a shared loan.
    Reader,
    /// None of these.
    Stranger,
}

/// How a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// However it is.
    Always,
    /// It has an owner.
    Owned,
    /// It is lent or pinned.
    InUse,
    /// It is lent mutably.
    LentMut,
    /// A device writes it.
    Written,
    /// It is lent shared.
    Shared,
    /// A device reads it.
    Read,
    /// As many shared loans as can be counted.
    SharedFull,
    /// As many pins for reading as can be counted.
    ReadsFull,
}

impl When {
    /// Whether a key with this word is so.
    #[must_use]
    pub const fn holds(self, word: Word) -> bool {
        match self {
            Self::Always => true,
            Self::Owned => word.owner() != 0,
            Self::InUse => word.is_in_use(),
            Self::LentMut => word.is_lent_mut(),
            Self::Written => word.writes(),
            Self::Shared => word.shared() > 0,
            Self::Read => word.reads() > 0,
            Self::SharedFull => word.shared() == crate::MOST_SHARED,
            Self::ReadsFull => word.reads() == crate::MOST_READS,
        }
    }
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// It stays as it is.
    Stay,
    /// Who asks is its owner.
    Take,
    /// The other is its owner.
    Give,
    /// It has no owner.
    Free,
    /// One more shared loan.
    Share,
    /// One shared loan less.
    Unshare,
    /// It is lent mutably, and the new loan is the innermost.
    Lend,
    /// The loan above is the innermost; without one, it is no longer lent mutably.
    GiveBack,
    /// One more device reads.
    Read,
    /// One device less reads.
    Unread,
    /// A device writes.
    Write,
    /// No device writes.
    Unwrite,
    /// The loan ends, with all below it: each finishes when nothing keeps it.
    End,
}

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What is asked.
    pub action: Action,
    /// Who asks.
    pub role: Role,
    /// How the key is.
    pub when: When,
    /// What comes of it.
    pub result: Result<Step, Error>,
}

/// What comes of an action: of the rows of that action, the first that fits. What names processes and loans that make
/// no sense, or exceeds what a process accepts or may have, is refused before.
pub const TRANSITIONS: &[Transition] = {
    use Action::*;
    use Error::*;
    use Role::*;
    use When::*;
    &[
        no(Acquire, Dead, Always, Invalid),
        no(Acquire, Anybody, Owned, AlreadyOwned),
        to(Acquire, Anybody, Step::Take),
        no(Release, Dead, Always, Invalid),
        no(Release, Owner, InUse, Borrowed),
        to(Release, Owner, Step::Free),
        no(Release, Anybody, Always, NotOwner),
        no(Transfer, Dead, Always, Invalid),
        no(Transfer, Owner, InUse, Borrowed),
        to(Transfer, Owner, Step::Give),
        no(Transfer, Anybody, Always, NotOwner),
        no(LendShared, Dead, Always, Invalid),
        no(LendShared, Owner, LentMut, MutBorrowed),
        no(LendShared, Owner, Written, MutBorrowed),
        no(LendShared, Owner, SharedFull, NoMemory),
        to(LendShared, Owner, Step::Share),
        no(LendShared, Anybody, Always, NotOwner),
        no(LendMut, Dead, Always, Invalid),
        no(LendMut, Owner, LentMut, MutBorrowed),
        no(LendMut, Owner, Written, MutBorrowed),
        no(LendMut, Owner, Shared, SharedBorrowed),
        no(LendMut, Owner, Read, SharedBorrowed),
        to(LendMut, Owner, Step::Lend),
        no(LendMut, Anybody, Always, NotOwner),
        no(RelendShared, Dead, Always, Invalid),
        no(RelendShared, Holder, Written, MutBorrowed),
        no(RelendShared, Holder, SharedFull, NoMemory),
        to(RelendShared, Holder, Step::Share),
        no(RelendShared, Outer, Always, MutBorrowed),
        no(RelendShared, Reader, SharedFull, NoMemory),
        to(RelendShared, Reader, Step::Share),
        no(RelendShared, Anybody, Always, NotBorrowed),
        no(RelendMut, Dead, Always, Invalid),
        no(RelendMut, Holder, Written, MutBorrowed),
        no(RelendMut, Holder, Shared, SharedBorrowed),
        no(RelendMut, Holder, Read, SharedBorrowed),
        to(RelendMut, Holder, Step::Lend),
        no(RelendMut, Outer, Always, MutBorrowed),
        no(RelendMut, Reader, Always, SharedBorrowed),
        no(RelendMut, Anybody, Always, NotBorrowed),
        no(Return, Dead, Always, Invalid),
        to(Return, Holder, Step::End),
        to(Return, Outer, Step::End),
        to(Return, Reader, Step::End),
        no(Return, Anybody, Always, NotBorrowed),
        no(Revoke, Dead, Always, Invalid),
        to(Revoke, Owner, Step::End),
        no(Revoke, Anybody, Always, NotOwner),
        no(RevokeFirm, Dead, Always, Invalid),
        no(RevokeFirm, Anybody, Always, NotBorrowed),
        no(PinOwnedReads, Dead, Always, Invalid),
        no(PinOwnedReads, Owner, LentMut, MutBorrowed),
        no(PinOwnedReads, Owner, Written, MutBorrowed),
        no(PinOwnedReads, Owner, ReadsFull, NoMemory),
        to(PinOwnedReads, Owner, Step::Read),
        no(PinOwnedReads, Anybody, Always, NotOwner),
        no(PinOwnedWrites, Dead, Always, Invalid),
        no(PinOwnedWrites, Owner, LentMut, MutBorrowed),
        no(PinOwnedWrites, Owner, Written, MutBorrowed),
        no(PinOwnedWrites, Owner, Shared, SharedBorrowed),
        no(PinOwnedWrites, Owner, Read, SharedBorrowed),
        to(PinOwnedWrites, Owner, Step::Write),
        no(PinOwnedWrites, Anybody, Always, NotOwner),
        no(PinLoanReads, Dead, Always, Invalid),
        no(PinLoanReads, Holder, Written, MutBorrowed),
        no(PinLoanReads, Holder, ReadsFull, NoMemory),
        to(PinLoanReads, Holder, Step::Read),
        no(PinLoanReads, Outer, Always, MutBorrowed),
        no(PinLoanReads, Reader, ReadsFull, NoMemory),
        to(PinLoanReads, Reader, Step::Read),
        no(PinLoanReads, Anybody, Always, NotBorrowed),
        no(PinLoanWrites, Dead, Always, Invalid),
        no(PinLoanWrites, Holder, Written, MutBorrowed),
        no(PinLoanWrites, Holder, Shared, SharedBorrowed),
        no(PinLoanWrites, Holder, Read, SharedBorrowed),
        to(PinLoanWrites, Holder, Step::Write),
        no(PinLoanWrites, Outer, Always, MutBorrowed),
        no(PinLoanWrites, Reader, Always, SharedBorrowed),
        no(PinLoanWrites, Anybody, Always, NotBorrowed),
        to(UnpinReads, Anybody, Step::Unread),
        to(UnpinWrites, Anybody, Step::Unwrite),
        to(FinishShared, Anybody, Step::Unshare),
        to(FinishMut, Anybody, Step::GiveBack),
        no(Die, Dead, Always, Invalid),
        on(Die, Owner, InUse, Step::Stay),
        to(Die, Owner, Step::Free),
        to(Die, Holder, Step::End),
        to(Die, Outer, Step::End),
        to(Die, Reader, Step::End),
        to(Die, Anybody, Step::Stay),
        on(Inherit, Anybody, InUse, Step::Stay),
        to(Inherit, Anybody, Step::Free),
    ]
};

const fn no(action: Action, role: Role, when: When, error: Error) -> Transition {
    Transition { action, role, when, result: Err(error) }
}

const fn on(action: Action, role: Role, when: When, step: Step) -> Transition {
    Transition { action, role, when, result: Ok(step) }
}

const fn to(action: Action, role: Role, step: Step) -> Transition {
    on(action, role, When::Always, step)
}

/// What the table says.
///
/// # Errors
/// Those of the table.
pub fn transition(action: Action, role: Role, word: Word) -> Result<Step, Error> {
    let fits = |row: &&Transition| {
        row.action == action && (row.role == role || row.role == Role::Anybody) && row.when.holds(word)
    };
    TRANSITIONS.iter().find(fits).expect("each action ends with a row for anybody and always").result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Kind, MOST_READS, MOST_SHARED, rules};

    const OWNER: u16 = 7;
    const OTHER: u16 = 9;
    const ROLES: [Role; 5] = [Role::Owner, Role::Holder, Role::Outer, Role::Reader, Role::Stranger];

    /// Words of all kinds that can be: of each count, none, one, one below the most, and the most.
    fn words() -> impl Iterator<Item = Word> {
        let shared = [0, 1, MOST_SHARED - 1, MOST_SHARED];
        let reads = [0, 1, MOST_READS - 1, MOST_READS];
        let flags = [(false, false), (false, true), (true, false), (true, true)];
        let all = shared.into_iter().flat_map(move |shared| {
            let each = move |reads| {
                flags.map(|(lent, writes)| {
                    let word = Word::default().with_owner(OWNER).with_shared(shared).with_reads(reads);
                    word.with_lent_mut(lent).with_writes(writes)
                })
            };
            reads.into_iter().flat_map(each)
        });
        let possible = |word: &Word| !word.writes() || (word.shared() == 0 && word.reads() == 0);
        all.filter(possible).chain([Word::default()])
    }

    /// The word after a step. `nested`: the innermost mutable loan has another above it.
    fn after(step: Step, word: Word, actor: u16, nested: bool) -> Word {
        match step {
            Step::Stay | Step::End => word,
            Step::Take => word.with_owner(actor),
            Step::Give => word.with_owner(OTHER),
            Step::Free => word.with_owner(0),
            Step::Share => word.with_shared(word.shared() + 1),
            Step::Unshare => word.with_shared(word.shared() - 1),
            Step::Lend => word.with_lent_mut(true),
            Step::GiveBack => word.with_lent_mut(nested),
            Step::Read => word.with_reads(word.reads() + 1),
            Step::Unread => word.with_reads(word.reads() - 1),
            Step::Write => word.with_writes(true),
            Step::Unwrite => word.with_writes(false),
        }
    }

    /// What the fast path does with the word of a key; `None` if it has no rule of its own for that.
    fn rule(action: Action, role: Role, word: Word, actor: u16, nested: bool) -> Option<Result<Word, Error>> {
        let by_loan = |of_mut: &dyn Fn(bool) -> Result<Word, Error>, of_shared: Result<Word, Error>| match role {
            Role::Holder => Some(of_mut(true)),
            Role::Outer => Some(of_mut(false)),
            Role::Reader => Some(of_shared),
            _ => None,
        };
        use Direction::{DeviceReads, DeviceWrites};
        match action {
            Action::Acquire => Some(rules::acquire(word, actor)),
            Action::Release => Some(rules::pass_on(word, actor, 0)),
            Action::Transfer => Some(rules::pass_on(word, actor, OTHER)),
            Action::LendShared => Some(rules::lend(word, actor, Kind::Shared)),
            Action::LendMut => Some(rules::lend(word, actor, Kind::Mut)),
            Action::RelendShared => {
                by_loan(&|holds| rules::relend_of_mut(word, holds, Kind::Shared), rules::relend_of_shared(word))
            }
            Action::RelendMut => {
                by_loan(&|holds| rules::relend_of_mut(word, holds, Kind::Mut), Err(Error::SharedBorrowed))
            }
            Action::PinOwnedReads => Some(rules::pin_owned(word, actor, DeviceReads)),
            Action::PinOwnedWrites => Some(rules::pin_owned(word, actor, DeviceWrites)),
            Action::PinLoanReads => {
                by_loan(&|holds| rules::pin_of_mut(word, holds, DeviceReads), rules::pin_of_shared(word, DeviceReads))
            }
            Action::PinLoanWrites => {
                by_loan(&|holds| rules::pin_of_mut(word, holds, DeviceWrites), rules::pin_of_shared(word, DeviceWrites))
            }
            Action::UnpinReads => (word.reads() > 0).then(|| Ok(rules::unpin(word, DeviceReads))),
            Action::UnpinWrites => word.writes().then(|| Ok(rules::unpin(word, DeviceWrites))),
            Action::FinishShared => (word.shared() > 0).then(|| Ok(rules::end_shared(word))),
            Action::FinishMut => word.is_lent_mut().then(|| Ok(rules::end_mut(word, nested))),
            Action::Inherit if word.owner() > 0 => Some(Ok(rules::pass_on(word, word.owner(), 0).unwrap_or(word))),
            Action::Inherit | Action::Return | Action::Revoke | Action::RevokeFirm | Action::Die => None,
        }
    }

    #[test]
    fn every_rule_does_what_the_table_says_for_every_kind_of_word() {
        let mut checked = 0;
        for word in words() {
            for (action, role) in Action::ALL.into_iter().flat_map(|action| ROLES.map(|role| (action, role))) {
                let actor = if role == Role::Owner && word.owner() > 0 { OWNER } else { 8 };
                let role = if actor == 8 && role == Role::Owner { Role::Stranger } else { role };
                for nested in [false, true] {
                    if let Some(found) = rule(action, role, word, actor, nested) {
                        let expected = transition(action, role, word).map(|step| after(step, word, actor, nested));
                        assert_eq!(found, expected, "{action:?} by {role:?} of {word:?}");
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked > 3000, "{checked}");
    }

    #[test]
    fn the_table_has_an_answer_for_everything_and_no_row_in_vain() {
        let roles = ROLES.into_iter().chain([Role::Dead]);
        let mut used = std::collections::BTreeSet::new();
        for action in Action::ALL {
            for (role, word) in roles.clone().flat_map(|role| words().map(move |word| (role, word))) {
                let _ = transition(action, role, word);
                let fits = |row: &Transition| {
                    row.action == action && (row.role == role || row.role == Role::Anybody) && row.when.holds(word)
                };
                used.insert(TRANSITIONS.iter().position(fits).unwrap());
            }
        }
        assert_eq!(used.len(), TRANSITIONS.len());
    }
}

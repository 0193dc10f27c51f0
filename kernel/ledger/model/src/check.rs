//! Whether an operation is allowed. Each check stands in the order of the rules; nothing here changes anything.

use alloc::vec::Vec;

use steward_ledger::{Direction, Error, Extent, Instant, Kind, LoanId, ProcessId, Terms};

use crate::model::{Life, Loan, Model, Process};
use crate::view::View;

/// Why the model refuses an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The rule that does not hold.
    pub rule: &'static str,
    /// Keys of the range that were right before the one that was not.
    pub behind: usize,
    code: i32,
}

impl Refusal {
    /// What the operation answers.
    ///
    /// # Panics
    /// Never: the code is that of an error.
    #[must_use]
    pub fn error(self) -> Error {
        Error::ALL.into_iter().find(|error| error.code() == self.code).expect("made of an error")
    }
}

/// By what right something is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As the owner.
    Owned,
    /// As the borrower by this loan.
    Loan(LoanId),
}

pub(crate) type Checked<T = ()> = Result<T, Refusal>;

/// Refuses with the error when the rule does not hold.
fn ensure(holds: bool, error: Error, rule: &'static str) -> Checked {
    #[cfg(test)]
    let holds = holds || crate::tests::is_ignored(rule);
    if holds { Ok(()) } else { Err(Refusal { code: error.code(), rule, behind: 0 }) }
}

/// A loan as it will be, without a name.
pub(crate) type Draft = Loan;

impl Model {
    /// 1: the keys of a range.
    pub(crate) fn arguments(&self, extents: &[Extent]) -> Checked<Vec<usize>> {
        ensure(!extents.is_empty(), Error::Invalid, "no extent")?;
        let (mut next, mut count) = (0, 0_usize);
        for extent in extents {
            ensure(extent.count > 0, Error::Invalid, "empty extent")?;
            let end = extent.start.checked_add(extent.count);
            ensure(end.is_some(), Error::Invalid, "extent beyond the last number")?;
            ensure(next <= extent.start, Error::Invalid, "unsorted or overlapping")?;
            ensure(self.setup.has(*extent), Error::Invalid, "key outside the table")?;
            ensure(self.setup.are_alike(*extent), Error::Invalid, "extent partly in a span")?;
            next = extent.start + extent.count;
            count = count.saturating_add(extent.count);
        }
        ensure(u32::try_from(count).is_ok(), Error::NoMemory, "more keys than can be counted")?;
        let keys = extents.iter().flat_map(|extent| extent.start..extent.start + extent.count).collect();
        Ok(keys)
    }

    fn process(&self, process: ProcessId) -> &Process {
        &self.processes[&process.slot()]
    }

    /// 2: who acts.
    pub(crate) fn actor(&self, actor: ProcessId) -> Checked {
        ensure(self.life(actor) != Life::Dying, Error::Invalid, "actor is dying")?;
        ensure(self.life(actor) != Life::Vacant, Error::Invalid, "actor is not there")
    }

    /// 3: who receives.
    fn recipient(&self, actor: ProcessId, to: ProcessId) -> Checked {
        ensure(self.life(to) != Life::Dying, Error::Invalid, "recipient is dying")?;
        ensure(self.life(to) != Life::Vacant, Error::Invalid, "recipient is not there")?;
        ensure(actor != to, Error::Invalid, "recipient is the actor")
    }

    /// 5: what the recipient accepts.
    fn accepts(&self, loan: &Draft) -> Checked {
        let window = self.process(loan.borrower).window;
        let accepts_kind = if loan.kind == Kind::Mut { window.mutable } else { window.shared };
        ensure(accepts_kind, Error::Invalid, "kind is not accepted")?;
        ensure(loan.keys.len() <= window.most_keys, Error::Invalid, "size is not accepted")?;
        ensure(window.revocable || !loan.revocable, Error::Invalid, "revocable is not accepted")?;
        let Some(deadline) = loan.deadline else { return Ok(()) };
        ensure(deadline > self.now, Error::Invalid, "deadline has passed")?;
        let left = deadline.nanoseconds().saturating_sub(self.now.nanoseconds());
        ensure(window.shortest.is_some(), Error::Invalid, "deadlines are not accepted")?;
        ensure(left >= window.shortest.unwrap_or(0), Error::Invalid, "deadline is too soon")
    }

    /// 6: whether the process may own so many keys more.
    fn room_to_own(&self, process: ProcessId, keys: &[usize]) -> Checked {
        let owned = self.owners.values().filter(|owner| **owner == process).count();
        let fits = process == ProcessId::KERNEL || owned + keys.len() <= self.process(process).quota.owned as usize;
        ensure(fits, Error::NoMemory, "quota of owned keys")
    }

    /// 6: whether the process may borrow so many keys more, by one loan more.
    fn room_to_borrow(&self, process: ProcessId, keys: &[usize]) -> Checked {
        let account = self.account(process).expect("the recipient was checked");
        let quota = self.process(process).quota;
        if process != ProcessId::KERNEL {
            let fits = account.borrowed as usize + keys.len() <= quota.borrowed as usize;
            ensure(fits, Error::NoMemory, "quota of borrowed keys")?;
            ensure(account.loans < quota.loans, Error::NoMemory, "quota of loans")?;
        }
        ensure(self.loans.len() < self.setup.loans, Error::NoMemory, "no record left")
    }

    /// Between 6 and 7: room for the effects.
    fn reserve(&self) -> Checked {
        ensure(!self.refuses, Error::NoMemory, "reservation is refused")
    }

    /// 7: the keys in ascending order.
    fn each_key(&self, keys: &[usize], rule: impl Fn(&View) -> Checked) -> Checked {
        let mut checked = keys.iter().map(|key| rule(&self.view(*key))).enumerate();
        checked.try_for_each(|(behind, result)| result.map_err(|refusal| Refusal { behind, ..refusal }))
    }

    pub(crate) fn check_acquire(&self, actor: ProcessId, extents: &[Extent]) -> Checked<Vec<usize>> {
        let keys = self.arguments(extents)?;
        self.actor(actor)?;
        self.room_to_own(actor, &keys)?;
        self.reserve()?;
        self.each_key(&keys, |view| ensure(view.owner.is_none(), Error::AlreadyOwned, "key has an owner"))?;
        Ok(keys)
    }

    /// 7, for what must be the actor's alone.
    fn has_alone(&self, actor: ProcessId, keys: &[usize]) -> Checked {
        self.each_key(keys, |view| {
            ensure(view.owner == Some(actor), Error::NotOwner, "actor is not the owner")?;
            ensure(view.holder.is_none() && view.shared == 0, Error::Borrowed, "key is lent")?;
            ensure(view.reads == 0 && !view.writes, Error::Borrowed, "key is pinned")
        })
    }

    pub(crate) fn check_release(&self, actor: ProcessId, extents: &[Extent]) -> Checked<Vec<usize>> {
        let keys = self.arguments(extents)?;
        self.actor(actor)?;
        self.reserve()?;
        self.has_alone(actor, &keys)?;
        Ok(keys)
    }

    pub(crate) fn check_transfer(&self, actor: ProcessId, to: ProcessId, extents: &[Extent]) -> Checked<Vec<usize>> {
        let keys = self.arguments(extents)?;
        self.actor(actor)?;
        self.recipient(actor, to)?;
        self.room_to_own(to, &keys)?;
        self.reserve()?;
        self.has_alone(actor, &keys)?;
        Ok(keys)
    }

    pub(crate) fn check_lend(
        &self,
        actor: ProcessId,
        to: ProcessId,
        extents: &[Extent],
        terms: Terms,
    ) -> Checked<Draft> {
        let keys = self.arguments(extents)?;
        self.actor(actor)?;
        self.recipient(actor, to)?;
        let draft = Draft {
            parent: None,
            lender: actor,
            borrower: to,
            kind: terms.kind,
            keys,
            depth: 1,
            revocable_itself: terms.revocable,
            revocable: terms.revocable,
            deadline: terms.deadline,
            ending: false,
        };
        self.accepts(&draft)?;
        self.room_to_borrow(to, &draft.keys)?;
        self.reserve()?;
        self.each_key(&draft.keys, |view| {
            ensure(view.owner == Some(actor), Error::NotOwner, "actor is not the owner")?;
            ensure(view.holder.is_none(), Error::MutBorrowed, "key is lent mutably")?;
            self.is_lendable(view, terms.kind)
        })?;
        Ok(draft)
    }

    /// 7, for who may lend a key unless others use it.
    fn is_lendable(&self, view: &View, kind: Kind) -> Checked {
        ensure(!view.writes, Error::MutBorrowed, "device writes")?;
        match kind {
            Kind::Shared => ensure(view.shared < self.setup.most_shared, Error::NoMemory, "count of loans is full"),
            Kind::Mut => {
                ensure(view.shared == 0, Error::SharedBorrowed, "key is lent shared")?;
                ensure(view.reads == 0, Error::SharedBorrowed, "device reads")
            }
        }
    }

    /// 4: an active loan of which the actor is the borrower.
    pub(crate) fn held(&self, actor: ProcessId, id: LoanId) -> Checked<&Loan> {
        let loan = self.loans.get(&id);
        ensure(loan.is_some(), Error::NotBorrowed, "no such loan")?;
        let loan = loan.expect("just checked");
        ensure(!loan.ending, Error::NotBorrowed, "loan has ended")?;
        ensure(loan.borrower == actor, Error::NotBorrowed, "actor is not the borrower")?;
        Ok(loan)
    }

    pub(crate) fn check_relend(
        &self,
        actor: ProcessId,
        parent_id: LoanId,
        to: ProcessId,
        extents: &[Extent],
        terms: Terms,
    ) -> Checked<Draft> {
        let keys = self.arguments(extents)?;
        self.actor(actor)?;
        self.recipient(actor, to)?;
        let parent = self.held(actor, parent_id)?;
        let within = keys.iter().all(|key| parent.keys.contains(key));
        ensure(within, Error::NotBorrowed, "key is not of the loan")?;
        let stronger = terms.kind == Kind::Mut && parent.kind == Kind::Shared;
        ensure(!stronger, Error::SharedBorrowed, "mutable of a shared loan")?;
        ensure(parent.depth < self.setup.deepest, Error::NoMemory, "too deep")?;
        let outlives = terms.deadline.zip(parent.deadline).is_some_and(|(own, above)| own > above);
        ensure(!outlives, Error::Invalid, "deadline after the parent's")?;
        let draft = Draft {
            parent: Some(parent_id),
            lender: actor,
            borrower: to,
            kind: terms.kind,
            keys,
            depth: parent.depth + 1,
            revocable_itself: terms.revocable,
            revocable: terms.revocable || parent.revocable,
            deadline: earlier(terms.deadline, parent.deadline),
            ending: false,
        };
        self.accepts(&draft)?;
        self.room_to_borrow(to, &draft.keys)?;
        self.reserve()?;
        self.each_key(&draft.keys, |view| match parent.kind {
            Kind::Mut => {
                ensure(view.holder == Some(parent_id), Error::MutBorrowed, "key is lent on mutably")?;
                self.is_lendable(view, terms.kind)
            }
            Kind::Shared => ensure(view.shared < self.setup.most_shared, Error::NoMemory, "count of loans is full"),
        })?;
        Ok(draft)
    }

    pub(crate) fn check_return(&self, actor: ProcessId, id: LoanId) -> Checked {
        self.actor(actor)?;
        self.held(actor, id).map(|_| ())
    }

    pub(crate) fn check_revoke(&self, actor: ProcessId, id: LoanId) -> Checked {
        self.actor(actor)?;
        let loan = self.loans.get(&id);
        ensure(loan.is_some(), Error::NotBorrowed, "no such loan")?;
        let loan = loan.expect("just checked");
        ensure(!loan.ending, Error::NotBorrowed, "loan has ended")?;
        ensure(loan.revocable_itself, Error::NotBorrowed, "loan is firm")?;
        ensure(loan.lender == actor, Error::NotOwner, "actor is not the lender")
    }

    pub(crate) fn check_pin(
        &self,
        actor: ProcessId,
        access: Access,
        extent: Extent,
        direction: Direction,
    ) -> Checked<Vec<usize>> {
        let keys = self.arguments(&[extent])?;
        self.actor(actor)?;
        match access {
            Access::Owned => self.each_key(&keys, |view| {
                ensure(view.owner == Some(actor), Error::NotOwner, "actor is not the owner")?;
                ensure(view.holder.is_none(), Error::MutBorrowed, "key is lent mutably")?;
                self.is_pinnable(view, direction)
            })?,
            Access::Loan(id) => {
                let loan = self.held(actor, id)?;
                let within = keys.iter().all(|key| loan.keys.contains(key));
                ensure(within, Error::NotBorrowed, "key is not of the loan")?;
                let stronger = loan.kind == Kind::Shared && direction == Direction::DeviceWrites;
                ensure(!stronger, Error::SharedBorrowed, "device writes by a shared loan")?;
                self.each_key(&keys, |view| match loan.kind {
                    Kind::Mut => {
                        ensure(view.holder == Some(id), Error::MutBorrowed, "key is lent on mutably")?;
                        self.is_pinnable(view, direction)
                    }
                    Kind::Shared => {
                        ensure(view.reads < self.setup.most_reads, Error::NoMemory, "count of pins is full")
                    }
                })?;
            }
        }
        Ok(keys)
    }

    /// 7, for who may pin a key unless others use it.
    fn is_pinnable(&self, view: &View, direction: Direction) -> Checked {
        ensure(!view.writes, Error::MutBorrowed, "device writes")?;
        match direction {
            Direction::DeviceReads => {
                ensure(view.reads < self.setup.most_reads, Error::NoMemory, "count of pins is full")
            }
            Direction::DeviceWrites => {
                ensure(view.shared == 0, Error::SharedBorrowed, "key is lent shared")?;
                ensure(view.reads == 0, Error::SharedBorrowed, "device reads")
            }
        }
    }

    pub(crate) fn check_die(&self, process: ProcessId) -> Checked {
        self.actor(process)?;
        ensure(process != ProcessId::KERNEL, Error::Invalid, "the kernel")
    }

    pub(crate) fn check_birth(&self, slot: u16) -> Checked<ProcessId> {
        let next = self.next(slot);
        ensure(next.is_some(), Error::NoMemory, "slot is taken")?;
        Ok(next.expect("just checked"))
    }
}

/// The earlier of two moments, of which each may be missing.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

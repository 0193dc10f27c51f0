//! Making loans.

use core::sync::atomic::Ordering::Relaxed;

use crate::{
    Change, Effects, Entry, Error, Extent, Instant, Kind, Ledger, LoanId, LoanSlot, Operation, ProcessId, Terms, Word,
    key::Keys,
    ledger::Tree,
    loan::{Draft, Meta, NONE, Phase, Slots},
    rules,
};

/// How often a loan can be lent on: the owner's loan is the first level, and this the last.
pub const MOST_DEPTH: u8 = 255;

impl Ledger<'_> {
    /// The owner lends keys.
    ///
    /// # Errors
    /// [`Error::Invalid`], also if the borrower does not accept the terms; [`Error::NoMemory`], [`Error::NotOwner`],
    /// [`Error::MutBorrowed`], [`Error::SharedBorrowed`].
    pub fn lend(
        &self,
        lender: ProcessId,
        borrower: ProcessId,
        keys: &[Extent],
        terms: Terms,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        let count = self.table.count(keys)?;
        self.live(lender)?;
        self.other(lender, borrower)?;
        let Terms { kind, revocable, deadline } = terms;
        let (may_end, parent, depth) = (revocable, NONE, 1);
        let draft = Draft { lender, borrower, keys, count, kind, revocable, may_end, deadline, parent, depth };
        self.make(None, &draft, |_, word| rules::lend(word, lender.slot(), kind), effects)
    }

    /// A borrower lends keys of a loan on. The new loan ends with that one at the latest.
    ///
    /// # Errors
    /// As [`Ledger::lend`], and [`Error::NotBorrowed`] unless the process has the keys by that loan.
    pub fn relend(
        &self,
        lender: ProcessId,
        loan: LoanId,
        borrower: ProcessId,
        keys: &[Extent],
        terms: Terms,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        let count = self.table.count(keys)?;
        self.live(lender)?;
        self.other(lender, borrower)?;
        let (tree, above) = self.lock_active(loan, effects).ok_or(Error::NotBorrowed)?;
        if above.borrower() != lender || !Keys::record(&self.pool, above).contain(keys) {
            return Err(Error::NotBorrowed);
        }
        let Terms { kind, revocable, deadline } = terms;
        if (above.kind(), kind) == (Kind::Shared, Kind::Mut) {
            return Err(Error::SharedBorrowed);
        }
        let depth = above.depth().checked_add(1).ok_or(Error::NoMemory)?;
        if deadline > above.deadline() && above.deadline().is_some() {
            return Err(Error::Invalid);
        }
        let (may_end, parent) = (revocable || above.may_end(), loan.index());
        let deadline = deadline.or(above.deadline());
        let draft = Draft { lender, borrower, keys, count, kind, revocable, may_end, deadline, parent, depth };
        match above.kind() {
            Kind::Shared => self.make(Some(&tree), &draft, |_, word| rules::relend_of_shared(word), effects),
            Kind::Mut => {
                // The holder of a key of the tree changes only with the tree locked, so it can be read before the
                // key is claimed.
                let rule = |entry: &Entry, word| rules::relend_of_mut(word, entry.holder() == parent, kind);
                self.make(Some(&tree), &draft, rule, effects)
            }
        }
    }

    fn make(
        &self,
        tree: Option<&Tree<'_>>,
        draft: &Draft<'_>,
        rule: impl Fn(&Entry, Word) -> Result<Word, Error>,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        let left = match draft.deadline.map(|deadline| deadline.nanoseconds().checked_sub(self.now().nanoseconds())) {
            None => None,
            Some(None | Some(0)) => return Err(Error::Invalid),
            Some(left) => left,
        };
        let record = self.draw_up(tree, draft);
        let loan = self.charge(record, draft, left)?;
        let slot = self.pool.slot(loan.index());
        let keys = Keys::list(draft.keys);
        let operation = if tree.is_some() { Operation::Relend } else { Operation::Lend };
        let change = Change {
            loan: Some(loan),
            kind: Some(draft.kind),
            ..Change::of_keys(operation, keys, Some(draft.lender), Some(draft.borrower))
        };
        let done = effects.reserve(&change).and_then(|()| {
            let seized = self.seize(keys, &rule, effects);
            self.confirm(seized, &change, &[draft.lender], effects)
        });
        if let Err(error) = done {
            self.discharge(draft, slot);
            self.pool.push(loan.index());
            return Err(error);
        }
        self.settle(keys, |entry, word| {
            let next = rule(entry, word).unwrap_or(word);
            if draft.kind == Kind::Mut {
                entry.set_holder(loan.index());
            }
            next
        });
        self.link(loan.index(), slot, draft);
        if tree.is_none() {
            slot.unlock();
        }
        Ok(loan)
    }

    /// Writes the record of a loan that is active, and in a tree that is locked. Nobody knows it yet.
    fn draw_up(&self, tree: Option<&Tree<'_>>, draft: &Draft<'_>) -> Option<LoanId> {
        let loan = self.pool.pop()?;
        let slot = self.pool.slot(loan.index());
        let root = tree.map_or(loan, |tree| LoanId::from_parts(tree.index, tree.slot.meta().generation()));
        slot.write(root, draft);
        if !self.write_extents(slot, draft.keys) {
            self.pool.push(loan.index());
            return None;
        }
        let meta = Meta::new(loan.generation(), Phase::Active);
        slot.set_meta(if tree.is_some() { meta } else { meta.locked() });
        Some(loan)
    }

    fn write_extents(&self, slot: &LoanSlot, extents: &[Extent]) -> bool {
        let mut slot = slot;
        for (number, extent) in extents.iter().enumerate() {
            let place = number % LoanSlot::EXTENTS;
            if number > 0 && place == 0 {
                let Some(more) = self.pool.pop() else { return false };
                slot.set_more(more.index());
                slot = self.pool.slot(more.index());
                slot.set_meta(Meta::new(more.generation(), Phase::Extension));
            }
            slot.set_extent(place, *extent);
        }
        true
    }

    /// Asks whether the borrower accepts the loan, charges it, and puts the loan into its list.
    fn charge(&self, record: Option<LoanId>, draft: &Draft<'_>, left: Option<u64>) -> Result<LoanId, Error> {
        let account = self.account(draft.borrower.slot());
        let mut inner = account.lock();
        let charged = if !account.is_live(draft.borrower)
            || !inner.accepts(draft.kind, draft.count as usize, draft.may_end, left)
        {
            Err(Error::Invalid)
        } else {
            record.ok_or(Error::NoMemory).and_then(|loan| inner.charge(draft.count).map(|()| loan))
        };
        match (charged, record) {
            (Ok(loan), _) => inner.hold(&self.pool, loan.index(), self.pool.slot(loan.index())),
            (Err(_), Some(loan)) => {
                drop(inner);
                self.pool.push(loan.index());
            }
            (Err(_), None) => {}
        }
        charged
    }

    #[cold]
    fn discharge(&self, draft: &Draft<'_>, slot: &LoanSlot) {
        let mut inner = self.account(draft.borrower.slot()).lock();
        inner.let_go(&self.pool, slot);
        inner.uncharge(draft.count);
    }

    /// Puts a new loan below the one above it, and among those that wait for their deadlines.
    fn link(&self, index: u32, slot: &LoanSlot, draft: &Draft<'_>) {
        let mut ends_with_parent = false;
        slot.next_sibling.store(NONE, Relaxed);
        slot.previous_sibling.store(NONE, Relaxed);
        if draft.parent != NONE {
            let parent = self.pool.slot(draft.parent);
            let next = parent.first_child.load(Relaxed);
            slot.next_sibling.store(next, Relaxed);
            if next != NONE {
                self.pool.slot(next).previous_sibling.store(index, Relaxed);
            }
            parent.first_child.store(index, Relaxed);
            ends_with_parent = parent.deadline() == draft.deadline;
        }
        if draft.deadline.is_some() && !ends_with_parent {
            self.deadlines.lock().insert(&self.pool, index);
        }
    }

    /// The earliest deadline of an active loan.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.lock().earliest(&self.pool)
    }
}

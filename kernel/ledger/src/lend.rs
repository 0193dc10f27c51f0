//! Making loans.

use core::{mem, sync::atomic::Ordering::Relaxed};

use crate::{
    Account, Change, Effects, Entry, Error, Extent, Instant, Kind, Ledger, LoanId, LoanSlot, Operation, ProcessId,
    Terms,
    key::Keys,
    ledger::Tree,
    loan::{Draft, Meta, NONE, Phase, Slots},
    range::{Claimable, One, Rule},
    rules,
};

/// How often a loan can be lent on: the owner's loan is the first level, and this the last.
pub const MOST_DEPTH: u8 = 255;

/// Why a loan was not charged.
enum Refusal {
    /// There is no slot for it; perhaps processes keep some.
    NoSlot,
    Because(Error),
}

use Refusal::{Because, NoSlot};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            NoSlot => Self::NoMemory,
            Because(error) => error,
        }
    }
}

impl<'a> Ledger<'a> {
    /// The owner lends keys.
    ///
    /// # Errors
    /// [`Error::Invalid`], also if the borrower does not accept the terms; [`Error::NoMemory`], [`Error::NotOwner`],
    /// [`Error::MutBorrowed`], [`Error::SharedBorrowed`].
    #[inline]
    pub fn lend(
        &self,
        lender: ProcessId,
        borrower: ProcessId,
        keys: &[Extent],
        terms: Terms,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        if let [Extent { start, count: 1 }] = keys
            && let Some(entry) = self.table.main_entry(*start)
        {
            return self.lend_range(lender, borrower, keys, (One { entry, source: keys }, 1), terms, effects);
        }
        self.lend_many(lender, borrower, keys, terms, effects)
    }

    #[inline(never)]
    fn lend_many(
        &self,
        lender: ProcessId,
        borrower: ProcessId,
        keys: &[Extent],
        terms: Terms,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        self.lend_range(lender, borrower, keys, self.table.range(keys)?, terms, effects)
    }

    /// The rest of [`Ledger::lend`], with the range of the keys and how many they are.
    #[inline(always)]
    fn lend_range<'k>(
        &self,
        lender: ProcessId,
        borrower: ProcessId,
        keys: &'k [Extent],
        (range, count): (impl Claimable<'k>, u32),
        terms: Terms,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        let account = self.live(lender)?;
        // Whether it lives is asked when the loan is charged, which comes next.
        if lender == borrower || usize::from(borrower.slot()) >= self.accounts.len() {
            return Err(Error::Invalid);
        }
        let Terms { kind, revocable, deadline } = terms;
        let (may_end, parent, depth) = (revocable, NONE, 1);
        let draft = Draft { lender, borrower, keys, count, kind, revocable, may_end, deadline, parent, depth };
        self.make(account, None, draft, range, move |_, word| rules::lend(word, lender.slot(), kind), effects)
    }

    /// A borrower lends keys of a loan on. The new loan ends with that one at the latest.
    ///
    /// # Errors
    /// As [`Ledger::lend`], and [`Error::NotBorrowed`] unless the process has the keys by that loan.
    #[inline(never)]
    pub fn relend(
        &self,
        lender: ProcessId,
        loan: LoanId,
        borrower: ProcessId,
        keys: &[Extent],
        terms: Terms,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        let (range, count) = self.table.range(keys)?;
        let account = self.live(lender)?;
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
            Kind::Shared => {
                self.make(account, Some(&tree), draft, range, |_, word| rules::relend_of_shared(word), effects)
            }
            Kind::Mut => {
                // The holder of a key of the tree changes only with the tree locked, so it can be read before the
                // key is claimed.
                let rule = move |entry: &Entry, word| rules::relend_of_mut(word, entry.holder() == parent, kind);
                self.make(account, Some(&tree), draft, range, rule, effects)
            }
        }
    }

    #[inline(always)]
    fn make<'k>(
        &self,
        account: &Account,
        tree: Option<&Tree<'_>>,
        draft: Draft<'_>,
        range: impl Claimable<'k>,
        rule: impl Rule,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<LoanId, Error> {
        let left = match draft.deadline.map(|deadline| deadline.nanoseconds().checked_sub(self.now().nanoseconds())) {
            None => None,
            Some(None | Some(0)) => return Err(Error::Invalid),
            Some(left) => left,
        };
        let (loan, slot) = match self.charge(tree, draft, left) {
            Err(NoSlot) => self.charge_again(tree, draft, left),
            charged => charged,
        }?;
        let operation = if tree.is_some() { Operation::Relend } else { Operation::Lend };
        let change = Change {
            loan: Some(loan),
            kind: Some(draft.kind),
            ..Change::of_keys(operation, range.keys(), Some(draft.lender), Some(draft.borrower))
        };
        let done = effects.reserve(&change).and_then(|()| {
            let seized = range.seize(rule, effects);
            self.confirm(seized, range, &change, &[(account, draft.lender)], effects)
        });
        let held = match done {
            Ok(held) => held,
            Err(error) => {
                self.discharge(loan.index(), slot);
                return Err(error);
            }
        };
        match draft.kind {
            Kind::Shared => range.settle(held, move |entry, word| rule(entry, word).unwrap_or(word)),
            Kind::Mut => range.settle(held, move |entry, word| {
                let word = rule(entry, word).unwrap_or(word);
                entry.set_holder(loan.index());
                word
            }),
        }
        self.link(loan.index(), slot, draft);
        if tree.is_none() {
            slot.unlock();
        }
        Ok(loan)
    }

    /// Asks whether the borrower accepts the loan, charges it, and puts it into the borrower's list: active, and in a
    /// tree that is locked.
    #[inline(always)]
    fn charge(
        &self,
        tree: Option<&Tree<'_>>,
        draft: Draft<'_>,
        left: Option<u64>,
    ) -> Result<(LoanId, &'a LoanSlot), Refusal> {
        let account = self.account(draft.borrower.slot());
        let mut inner = account.lock();
        let accepts = inner.accepts(draft.kind, draft.count as usize, draft.may_end, left);
        if !accepts || !account.is_live(draft.borrower) {
            return Err(Because(Error::Invalid));
        }
        inner.charge(draft.count).map_err(Because)?;
        let record = inner.take_slot(&self.pool).and_then(|index| self.draw_up(index, tree, draft));
        match record {
            Some((loan, slot)) => {
                inner.hold(&self.pool, loan.index(), slot);
                Ok((loan, slot))
            }
            None => {
                inner.uncharge(draft.count);
                Err(NoSlot)
            }
        }
    }

    /// The same, with the slots that processes keep for their next loan.
    #[cold]
    #[inline(never)]
    fn charge_again(
        &self,
        tree: Option<&Tree<'_>>,
        draft: Draft<'_>,
        left: Option<u64>,
    ) -> Result<(LoanId, &'a LoanSlot), Refusal> {
        self.collect_spares();
        self.charge(tree, draft, left)
    }

    #[cold]
    #[inline(never)]
    fn discharge(&self, index: u32, slot: &LoanSlot) {
        let mut inner = self.account(slot.borrower().slot()).lock();
        inner.let_go(&self.pool, slot);
        inner.uncharge(slot.keys());
        inner.put_slot(&self.pool, index, slot);
    }

    fn collect_spares(&self) {
        for account in self.accounts {
            let spare = mem::replace(&mut account.lock().spare, NONE);
            if spare != NONE {
                self.pool.push_free(spare);
            }
        }
    }

    #[inline(always)]
    fn draw_up(&self, index: u32, tree: Option<&Tree<'_>>, draft: Draft<'_>) -> Option<(LoanId, &'a LoanSlot)> {
        let slot = self.pool.get(index)?;
        let loan = LoanId::from_parts(index, slot.meta().generation());
        let meta = Meta::new(loan.generation(), Phase::Active);
        let (root, meta) = match tree {
            None => (loan, meta.locked()),
            Some(tree) => (LoanId::from_parts(tree.index, tree.slot.meta().generation()), meta),
        };
        slot.write(root, &draft);
        if !self.write_extents(slot, draft.keys) {
            self.pool.push(index);
            return None;
        }
        slot.set_meta(meta);
        Some((loan, slot))
    }

    #[inline(always)]
    fn write_extents(&self, slot: &LoanSlot, extents: &[Extent]) -> bool {
        let mut slot = slot;
        for (number, extent) in extents.iter().enumerate() {
            let place = number % LoanSlot::EXTENTS;
            if number > 0 && place == 0 {
                let Some(more) = self.pool.pop() else { return false };
                slot.set_more(more);
                slot = self.pool.slot(more);
                slot.set_meta(Meta::new(slot.meta().generation(), Phase::Extension));
            }
            slot.set_extent(place, *extent);
        }
        true
    }

    /// Puts a new loan below the one above it, and among those that wait for their deadlines.
    #[inline(always)]
    fn link(&self, index: u32, slot: &LoanSlot, draft: Draft<'_>) {
        let mut ends_with_parent = false;
        if draft.parent != NONE {
            let parent = self.pool.slot(draft.parent);
            let next = parent.first_child.load(Relaxed);
            slot.next_sibling.store(next, Relaxed);
            slot.previous_sibling.store(NONE, Relaxed);
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

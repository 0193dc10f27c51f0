//! How loans end.

use core::sync::atomic::Ordering::Relaxed;

use crate::{
    Account, Change, Effects, Error, Instant, Kind, Ledger, LoanId, LoanSlot, Operation, ProcessId,
    key::Keys,
    ledger::Tree,
    loan::{NONE, Phase, Slots},
    range::{Claimable, One, Range, Record},
    rules,
};

impl Ledger<'_> {
    /// The borrower gives a loan back, with all that it lent on.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the process does not live, [`Error::NotBorrowed`] unless the loan is active and its own.
    pub fn give_back(
        &self,
        borrower: ProcessId,
        loan: LoanId,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<(), Error> {
        let account = self.live(borrower)?;
        let index = loan.index();
        let slot = self.pool.get(index).ok_or(Error::NotBorrowed)?;
        if !slot.try_lock_root(loan) {
            return self.give_back_any(borrower, loan, effects);
        }
        // The usual case, which needs nothing but what is here: a tree of one loan, of one key.
        if slot.borrower() == borrower
            && is_idle(slot)
            && let Some(range) = self.one_key(slot)
        {
            let held = self.withdraw(index, slot, range, Operation::Return, effects);
            self.finish_seized(slot.lender(), account, index, slot, (range, held), effects);
            return Ok(());
        }
        slot.unlock();
        self.give_back_any(borrower, loan, effects)
    }

    #[inline(never)]
    fn give_back_any(
        &self,
        borrower: ProcessId,
        loan: LoanId,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<(), Error> {
        let (mut tree, slot) = self.lock_active(loan, effects).ok_or(Error::NotBorrowed)?;
        if slot.borrower() != borrower {
            return Err(Error::NotBorrowed);
        }
        self.end(&mut tree, loan.index(), slot, Operation::Return, effects);
        Ok(())
    }

    /// The key of a loan, if it is one alone.
    #[inline(always)]
    fn one_key<'k>(&'k self, slot: &'k LoanSlot) -> Option<One<'k, Record<'k>>> {
        if slot.extent_count() != 1 || slot.keys() != 1 {
            return None;
        }
        let entry = self.table.main_entry(slot.extent(0).start)?;
        Some(One { entry, source: Record { slots: &self.pool, slot } })
    }

    /// The lender takes a loan back that it lent revocably, with all that was lent on.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the process does not live, [`Error::NotBorrowed`] unless the loan is active and was
    /// itself lent revocably, [`Error::NotOwner`] unless the process is its lender.
    pub fn revoke(&self, lender: ProcessId, loan: LoanId, effects: &mut (impl Effects + ?Sized)) -> Result<(), Error> {
        self.live(lender)?;
        let (mut tree, slot) = self.lock_active(loan, effects).ok_or(Error::NotBorrowed)?;
        if !slot.is_revocable() {
            return Err(Error::NotBorrowed);
        }
        if slot.lender() != lender {
            return Err(Error::NotOwner);
        }
        self.end(&mut tree, loan.index(), slot, Operation::Revoke, effects);
        Ok(())
    }

    /// Tells the ledger the time, and ends every loan whose deadline is not later. A time before one that it was told
    /// is taken for that. How many loans were ended; those lent on from them are not counted.
    pub fn expire(&self, now: Instant, effects: &mut (impl Effects + ?Sized)) -> usize {
        let now = now.max(Instant::from_nanoseconds(self.now.fetch_max(now.nanoseconds(), Relaxed)));
        let mut ended = 0;
        loop {
            let due = self.deadlines.lock().take_due(&self.pool, now);
            let Some(loan) = due else { return ended };
            // It may just have been ended otherwise.
            if let Some((mut tree, slot)) = self.lock_active(loan, effects) {
                self.end(&mut tree, loan.index(), slot, Operation::Expire, effects);
                ended += 1;
            }
        }
    }

    /// Ends an active loan and all below it. They stop being active before anything else happens; then each loses its
    /// access, those below before those above.
    #[inline(always)]
    pub(crate) fn end(
        &self,
        tree: &mut Tree<'_>,
        top: u32,
        slot: &LoanSlot,
        operation: Operation,
        effects: &mut (impl Effects + ?Sized),
    ) {
        if slot.first_child.load(Relaxed) == NONE {
            self.close(tree, top, slot, operation, effects);
        } else {
            self.end_all(tree, top, operation, effects);
        }
    }

    #[inline(never)]
    fn end_all(&self, tree: &mut Tree<'_>, top: u32, operation: Operation, effects: &mut (impl Effects + ?Sized)) {
        let mut index = top;
        while index != NONE {
            let slot = self.pool.slot(index);
            if slot.meta().phase() == Phase::Active {
                slot.set_phase(Phase::Ending);
            }
            index = self.next_downward(index, top);
        }
        let mut next = Some(self.leaf_below(top));
        while let Some(index) = next {
            let slot = self.pool.slot(index);
            // Closing may end the record, so the way on is asked for before.
            next = (index != top).then(|| match slot.next_sibling.load(Relaxed) {
                NONE => slot.parent.load(Relaxed),
                sibling => self.leaf_below(sibling),
            });
            if slot.meta().phase() == Phase::Ending {
                self.close(tree, index, slot, operation, effects);
            }
        }
    }

    /// The first loan of a subtree in the order in which those below come before those above.
    fn leaf_below(&self, top: u32) -> u32 {
        let mut index = top;
        loop {
            match self.pool.slot(index).first_child.load(Relaxed) {
                NONE => return index,
                child => index = child,
            }
        }
    }

    /// The next loan of the subtree of `top` in the order in which those above come before those below.
    fn next_downward(&self, index: u32, top: u32) -> u32 {
        let child = self.pool.slot(index).first_child.load(Relaxed);
        if child != NONE {
            return child;
        }
        let mut index = index;
        while index != top {
            let slot = self.pool.slot(index);
            match slot.next_sibling.load(Relaxed) {
                NONE => index = slot.parent.load(Relaxed),
                sibling => return sibling,
            }
        }
        NONE
    }

    /// Takes the borrower's access away, and finishes the loan if nothing keeps it.
    #[inline(always)]
    fn close(
        &self,
        tree: &mut Tree<'_>,
        index: u32,
        slot: &LoanSlot,
        operation: Operation,
        effects: &mut (impl Effects + ?Sized),
    ) {
        let range = Range::record(&self.table, &self.pool, slot);
        let account = self.account(slot.borrower().slot());
        self.withdraw(index, slot, range, operation, effects);
        if is_idle(slot) {
            tree.gone |= index == tree.index;
            return self.finish_seized(tree.slot.lender(), account, index, slot, (range, ()), effects);
        }
        range.unseize(());
        account.lock().let_go(&self.pool, slot);
        slot.set_phase(Phase::Waiting);
    }

    /// Claims the keys, and takes the borrower's access away.
    #[inline(always)]
    fn withdraw<'k, R: Claimable<'k>>(
        &self,
        index: u32,
        slot: &LoanSlot,
        range: R,
        operation: Operation,
        effects: &mut (impl Effects + ?Sized),
    ) -> R::Held {
        let held = range.seize_any(effects);
        effects.apply(&ending(operation, range.keys(), index, slot));
        if slot.deadline().is_some() {
            self.deadlines.lock().remove(&self.pool, slot);
        }
        held
    }

    /// Finishes a loan that waited, and those above it that waited for it.
    pub(crate) fn finish_waiting(&self, tree: &mut Tree<'_>, index: u32, effects: &mut (impl Effects + ?Sized)) {
        let mut index = index;
        while index != NONE {
            let slot = self.pool.slot(index);
            if slot.meta().phase() != Phase::Waiting || !is_idle(slot) {
                return;
            }
            let parent = slot.parent.load(Relaxed);
            let range = Range::record(&self.table, &self.pool, slot);
            let account = self.account(slot.borrower().slot());
            range.seize_any(effects);
            tree.gone |= index == tree.index;
            self.finish_seized(tree.slot.lender(), account, index, slot, (range, ()), effects);
            index = parent;
        }
    }

    /// Gives the keys, which are claimed, back to the lender, and drops the record, whose borrower has the account. If
    /// it is the tree's root, the lock goes with it.
    #[inline(always)]
    fn finish_seized<'k, R: Claimable<'k>>(
        &self,
        owner: ProcessId,
        account: &Account,
        index: u32,
        slot: &LoanSlot,
        (range, held): (R, R::Held),
        effects: &mut (impl Effects + ?Sized),
    ) {
        effects.apply(&ending(Operation::Finish, range.keys(), index, slot));
        // All keys of a tree have the same owner. Its death either is seen here, now that they are claimed, or finds
        // them as they are settled.
        let is_dead = !self.account(owner.slot()).is_live(owner);
        let parent = slot.parent.load(Relaxed);
        match slot.kind() {
            Kind::Shared => range.settle(held, |_, word| rules::end_shared(word)),
            Kind::Mut if parent == NONE => range.settle(held, |_, word| rules::end_mut(word, false)),
            Kind::Mut => range.settle(held, move |entry, word| {
                entry.set_holder(parent);
                rules::end_mut(word, true)
            }),
        }
        if is_dead {
            self.sweep(owner, range.keys(), effects);
        }
        if parent != NONE {
            self.unlink(slot, parent);
        }
        let mut inner = account.lock();
        if slot.meta().phase() != Phase::Waiting {
            inner.let_go(&self.pool, slot);
        }
        inner.uncharge(slot.keys());
        account.vacate(&inner);
        inner.put_slot(&self.pool, index, slot);
    }

    #[inline(never)]
    fn unlink(&self, slot: &LoanSlot, parent: u32) {
        let next = slot.next_sibling.load(Relaxed);
        let previous = slot.previous_sibling.load(Relaxed);
        match previous {
            NONE => self.pool.slot(parent).first_child.store(next, Relaxed),
            previous => self.pool.slot(previous).next_sibling.store(next, Relaxed),
        }
        if next != NONE {
            self.pool.slot(next).previous_sibling.store(previous, Relaxed);
        }
    }
}

fn ending<'c>(operation: Operation, keys: Keys<'c>, index: u32, slot: &LoanSlot) -> Change<'c> {
    Change {
        loan: Some(LoanId::from_parts(index, slot.meta().generation())),
        kind: Some(slot.kind()),
        ..Change::of_keys(operation, keys, Some(slot.borrower()), Some(slot.lender()))
    }
}

/// Whether nothing keeps the record of a loan that has ended.
fn is_idle(slot: &LoanSlot) -> bool {
    slot.pins.load(Relaxed) == 0 && slot.first_child.load(Relaxed) == NONE
}

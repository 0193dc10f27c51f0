//! The operations: checked first, then done.

use alloc::vec::Vec;

use steward_ledger::{Direction, Extent, Instant, LoanId, ProcessId, Quota, Terms, Window};

use crate::check::{Access, Checked, Draft};
use crate::model::{Life, Model, Pin, PinId, Process};

impl Model {
    /// Makes the next process of a slot.
    ///
    /// # Errors
    /// When the slot is taken, or is no process's.
    pub fn birth(&mut self, slot: u16, window: Window, quota: Quota) -> Checked<ProcessId> {
        let process = self.check_birth(slot)?;
        self.processes.insert(slot, Process { generation: process.generation(), life: Life::Live, window, quota });
        Ok(process)
    }

    /// Sets what a process accepts.
    ///
    /// # Errors
    /// When the process is not live.
    pub fn set_window(&mut self, process: ProcessId, window: Window) -> Checked {
        self.actor(process)?;
        self.processes.get_mut(&process.slot()).expect("it is live").window = window;
        Ok(())
    }

    /// Sets what a process may have. What it has beyond that it keeps.
    ///
    /// # Errors
    /// When the process is not live.
    pub fn set_quota(&mut self, process: ProcessId, quota: Quota) -> Checked {
        self.actor(process)?;
        self.processes.get_mut(&process.slot()).expect("it is live").quota = quota;
        Ok(())
    }

    /// Takes free keys.
    ///
    /// # Errors
    /// As the rules say; nothing is changed then. So with all that follow.
    pub fn acquire(&mut self, actor: ProcessId, extents: &[Extent]) -> Checked {
        let keys = self.check_acquire(actor, extents)?;
        self.own(actor, &keys);
        Ok(())
    }

    pub(crate) fn own(&mut self, owner: ProcessId, keys: &[usize]) {
        self.owners.extend(keys.iter().map(|key| (*key, owner)));
    }

    /// Gives keys up.
    ///
    /// # Errors
    /// As the rules say.
    pub fn release(&mut self, actor: ProcessId, extents: &[Extent]) -> Checked {
        let keys = self.check_release(actor, extents)?;
        self.disown(&keys);
        self.freed.extend(&keys);
        Ok(())
    }

    pub(crate) fn disown(&mut self, keys: &[usize]) {
        self.owners.retain(|key, _| !keys.contains(key));
    }

    /// Gives keys to another process for good.
    ///
    /// # Errors
    /// As the rules say.
    pub fn transfer(&mut self, actor: ProcessId, to: ProcessId, extents: &[Extent]) -> Checked {
        let keys = self.check_transfer(actor, to, extents)?;
        self.own(to, &keys);
        Ok(())
    }

    /// Lends what one owns.
    ///
    /// # Errors
    /// As the rules say.
    pub fn lend(&mut self, actor: ProcessId, to: ProcessId, extents: &[Extent], terms: Terms) -> Checked<LoanId> {
        let draft = self.check_lend(actor, to, extents, terms)?;
        Ok(self.record(draft))
    }

    /// Lends what one has borrowed.
    ///
    /// # Errors
    /// As the rules say.
    pub fn relend(
        &mut self,
        actor: ProcessId,
        parent: LoanId,
        to: ProcessId,
        extents: &[Extent],
        terms: Terms,
    ) -> Checked<LoanId> {
        let draft = self.check_relend(actor, parent, to, extents, terms)?;
        Ok(self.record(draft))
    }

    /// Whether [`Self::lend`] would be done.
    #[must_use]
    pub fn may_lend(&self, actor: ProcessId, to: ProcessId, extents: &[Extent], terms: Terms) -> bool {
        self.check_lend(actor, to, extents, terms).is_ok()
    }

    /// Whether [`Self::relend`] would be done.
    #[must_use]
    pub fn may_relend(
        &self,
        actor: ProcessId,
        parent: LoanId,
        to: ProcessId,
        extents: &[Extent],
        terms: Terms,
    ) -> bool {
        self.check_relend(actor, parent, to, extents, terms).is_ok()
    }

    pub(crate) fn record(&mut self, draft: Draft) -> LoanId {
        let id = LoanId::from_parts(self.loans_so_far, 0);
        self.loans_so_far += 1;
        self.loans.insert(id, draft);
        id
    }

    /// Gives a loan back, with all below it.
    ///
    /// # Errors
    /// As the rules say.
    pub fn give_back(&mut self, actor: ProcessId, loan: LoanId) -> Checked {
        self.check_return(actor, loan)?;
        self.end([loan]);
        Ok(())
    }

    /// Takes a loan back, with all below it.
    ///
    /// # Errors
    /// As the rules say.
    pub fn revoke(&mut self, actor: ProcessId, loan: LoanId) -> Checked {
        self.check_revoke(actor, loan)?;
        self.end([loan]);
        Ok(())
    }

    /// Ends what is due at this moment.
    pub fn expire(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        let due: Vec<LoanId> = self.loans.iter().filter(|(_, loan)| due(loan.deadline)).map(|(id, _)| *id).collect();
        self.end(due);
    }

    /// Whether [`Self::pin`] would be done.
    #[must_use]
    pub fn may_pin(&self, actor: ProcessId, access: Access, extent: Extent, direction: Direction) -> bool {
        self.check_pin(actor, access, extent, direction).is_ok()
    }

    /// Lets a device use keys.
    ///
    /// # Errors
    /// As the rules say.
    pub fn pin(&mut self, actor: ProcessId, access: Access, extent: Extent, direction: Direction) -> Checked<PinId> {
        let keys = self.check_pin(actor, access, extent, direction)?;
        Ok(self.record_pin(access, keys, direction))
    }

    pub(crate) fn record_pin(&mut self, access: Access, keys: Vec<usize>, direction: Direction) -> PinId {
        let loan = match access {
            Access::Owned => None,
            Access::Loan(id) => Some(id),
        };
        let id = PinId(self.pins_so_far);
        self.pins_so_far += 1;
        self.pins.insert(id, Pin { loan, keys, direction });
        id
    }

    /// The device is done.
    pub fn unpin(&mut self, pin: PinId) {
        self.pins.remove(&pin);
        self.settle();
    }

    /// A process dies.
    ///
    /// # Errors
    /// When it is not live, or is the kernel.
    pub fn die(&mut self, process: ProcessId) -> Checked {
        self.check_die(process)?;
        self.bury(process);
        Ok(())
    }

    pub(crate) fn bury(&mut self, process: ProcessId) {
        self.processes.get_mut(&process.slot()).expect("it was live").life = Life::Dying;
        let held: Vec<LoanId> =
            self.loans.iter().filter(|(_, loan)| loan.borrower == process).map(|(id, _)| *id).collect();
        self.end(held);
    }

    /// Ends loans and all that are below them.
    pub(crate) fn end(&mut self, ids: impl IntoIterator<Item = LoanId>) {
        let mut ends: Vec<LoanId> = ids.into_iter().collect();
        while let Some(id) = ends.pop() {
            ends.extend(self.children(id));
            self.loans.get_mut(&id).expect("it has not finished").ending = true;
        }
        self.settle();
    }

    /// Finishes loans, frees keys of the dead and vacates slots, as far as nothing stands against it.
    pub(crate) fn settle(&mut self) {
        while let Some(id) = self.loans.keys().copied().find(|id| self.can_finish(*id)) {
            self.loans.remove(&id);
        }
        let left = |(key, owner): (&usize, &ProcessId)| {
            (self.life(*owner) == Life::Dying && !self.view(*key).is_in_use()).then_some(*key)
        };
        let freed: Vec<usize> = self.owners.iter().filter_map(left).collect();
        self.disown(&freed);
        self.freed.extend(freed);
        let gone: Vec<u16> = self.processes().filter(|process| self.is_gone(*process)).map(ProcessId::slot).collect();
        for slot in gone {
            self.processes.get_mut(&slot).expect("it was listed").life = Life::Vacant;
        }
    }

    /// Whether an ended loan waits for nothing.
    fn can_finish(&self, id: LoanId) -> bool {
        let pinned = || self.pins.values().any(|pin| pin.loan == Some(id));
        self.loans[&id].ending && !pinned() && self.children(id).next().is_none()
    }

    /// Whether nothing is left of a process that died.
    fn is_gone(&self, process: ProcessId) -> bool {
        let owns = || self.owners.values().any(|owner| *owner == process);
        let named = || self.loans.values().any(|loan| loan.lender == process || loan.borrower == process);
        self.life(process) == Life::Dying && !owns() && !named()
    }
}

//! How processes die.

use crate::{
    Account, Effects, Error, Extent, Ledger, LoanId, Operation, ProcessId,
    key::Keys,
    loan::{NONE, Slots},
};

/// How many keys are looked at before the walk asks whether the dead process has any left.
const STRIDE: usize = 4096;

impl Ledger<'_> {
    /// A process dies. What it has borrowed goes back, what it owns and nobody uses becomes free, and the rest is its
    /// estate, until the last who uses it is done.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it does not live, or is the kernel.
    pub fn die(&self, process: ProcessId, effects: &mut (impl Effects + ?Sized)) -> Result<(), Error> {
        let account = self.live(process)?;
        if process == ProcessId::KERNEL {
            return Err(Error::Invalid);
        }
        account.begin_dying(process)?;
        while let Some(loan) = self.first_held(account) {
            match self.lock_active(loan, effects) {
                Some((mut tree, slot)) => self.end(&mut tree, loan.index(), slot, Operation::Die, effects),
                // Somebody else is about to take it from the list.
                None => effects.relax(),
            }
        }
        for span in self.table.spans() {
            for start in (span.keys.start..span.keys.start + span.keys.count).step_by(STRIDE) {
                if account.standing().owned() == 0 {
                    break;
                }
                let count = STRIDE.min(span.keys.start + span.keys.count - start);
                self.sweep(process, Keys::list(&[Extent { start, count }]), effects);
                // It takes long where there is much memory, and nothing is claimed here.
                effects.relax();
            }
        }
        account.leave_estate();
        Ok(())
    }

    fn first_held(&self, account: &Account) -> Option<LoanId> {
        // Records are freed only after they left the list, so the generation is the loan's.
        let inner = account.lock();
        let index = inner.first_held;
        (index != NONE).then(|| LoanId::from_parts(index, self.pool.slot(index).meta().generation()))
    }
}

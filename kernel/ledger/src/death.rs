//! How processes die.

use crate::{
    Account, Effects, Error, Extent, Ledger, LoanId, Operation, ProcessId, Span,
    key::Keys,
    loan::{NONE, Slots},
};

/// How many keys are looked at before the walk asks whether the dead process has any left.
const STRIDE: usize = 4096;
/// The same for chains of keys that are in no span.
const CHAINS: usize = 256;
/// The same for keys of such chains: each takes a look at all of its chain.
const CHAINED: usize = 64;

/// A process's death under way: it does nothing any more and is offered nothing, but what it has is still to be taken from
/// it, step by step.
#[derive(Debug)]
#[must_use = "a process that is not taken down to the end keeps its slot for ever"]
pub struct Death {
    process: ProcessId,
    /// The first key of a span that has not been looked at.
    next: usize,
    /// The first chain of other keys that has not been looked at to its end.
    next_chain: usize,
    /// The last key of it that was looked at.
    last: Option<usize>,
}

impl Ledger<'_> {
    /// A process dies. What it has borrowed goes back, what it owns and nobody uses becomes free, and the rest is its
    /// estate, until the last who uses it is done.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it does not live, or is the kernel.
    pub fn die(&self, process: ProcessId, effects: &mut (impl Effects + ?Sized)) -> Result<(), Error> {
        let mut death = self.begin_death(process)?;
        while self.go_on(&mut death, effects) {}
        Ok(())
    }

    /// The first step of [`Ledger::die`], for who can do no more than so much at once. Each step takes one loan, or looks at
    /// some thousand keys of a span, or at 256 chains or 64 keys of [`Others`](crate::Others), a look at all of a chain for each
    /// key; it claims and locks nothing beyond itself.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the process does not live, or is the kernel.
    pub fn begin_death(&self, process: ProcessId) -> Result<Death, Error> {
        let account = self.live(process)?;
        if process == ProcessId::KERNEL {
            return Err(Error::Invalid);
        }
        account.begin_dying(process)?;
        Ok(Death { process, next: 0, next_chain: 0, last: None })
    }

    /// The next step; false after the last one.
    pub fn go_on(&self, death: &mut Death, effects: &mut (impl Effects + ?Sized)) -> bool {
        let account = self.account(death.process.slot());
        if let Some(loan) = self.first_held(account) {
            match self.lock_active(loan, effects) {
                Some((mut tree, slot)) => self.end(&mut tree, loan.index(), slot, Operation::Die, effects),
                // Somebody else is about to take it from the list.
                None => effects.relax(),
            }
            return true;
        }
        if account.standing().owned() == 0 {
            account.leave_estate();
            return false;
        }
        let is_next = |span: &&Span| span.keys.start + span.keys.count > death.next;
        let Some(span) = self.table.spans().iter().find(is_next) else { return self.go_on_others(death, effects) };
        let start = span.keys.start.max(death.next);
        let count = STRIDE.min(span.keys.start + span.keys.count - start);
        self.sweep(death.process, Keys::list(&[Extent { start, count }]), effects);
        death.next = start + count;
        true
    }

    /// The next step among the keys that are in no span.
    fn go_on_others(&self, death: &mut Death, effects: &mut (impl Effects + ?Sized)) -> bool {
        let others = self.table.others().filter(|others| death.next_chain < others.chains());
        let Some(others) = others else {
            self.account(death.process.slot()).leave_estate();
            return false;
        };
        let (mut chains, mut keys) = (0, 0);
        while chains < CHAINS && keys < CHAINED && death.next_chain < others.chains() {
            // In ascending order, so that none is looked at twice. A key that comes behind this is of who sees the death.
            death.last = others.next_in(death.next_chain, death.last);
            match death.last {
                Some(key) => {
                    self.sweep_other(death.process, key, effects);
                    keys += 1;
                }
                None => {
                    death.next_chain += 1;
                    chains += 1;
                }
            }
        }
        true
    }

    fn first_held(&self, account: &Account) -> Option<LoanId> {
        // Records are freed only after they left the list, so the generation is the loan's.
        let inner = account.lock();
        let index = inner.first_held;
        (index != NONE).then(|| LoanId::from_parts(index, self.pool.slot(index).meta().generation()))
    }
}

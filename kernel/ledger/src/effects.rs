//! What the world does along with a change of the ledger: page tables, for example.

use crate::{Direction, Error, Extent, Kind, LoanId, ProcessId, key::Keys};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Somebody becomes the owner of free keys.
    Acquire,
    /// The owner gives keys up.
    Release,
    /// Keys get another owner.
    Transfer,
    /// The owner lends keys.
    Lend,
    /// A borrower lends keys on.
    Relend,
    /// The borrower gives a loan back: it loses its access.
    Return,
    /// The lender takes a loan back: the borrower loses its access.
    Revoke,
    /// The time of a loan is over: the borrower loses its access.
    Expire,
    /// The borrower died, and loses its access.
    Die,
    /// The last use of a loan that ended is over: its lender has the keys again.
    Finish,
    /// A device gets access.
    Pin,
    /// A device is done.
    Unpin,
}

/// A change of some keys, as [`Effects`] are told of it.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What is being done.
    pub operation: Operation,
    /// The keys, ascending.
    pub keys: Keys<'a>,
    /// Who had access: the old owner, the lender; of a loan that ends, its borrower.
    pub from: Option<ProcessId>,
    /// Who gets it: the new owner, the borrower; of a loan that ends, its lender.
    pub to: Option<ProcessId>,
    /// The loan by which, or of which.
    pub loan: Option<LoanId>,
    /// What the borrower may do.
    pub kind: Option<Kind>,
    /// What the device does.
    pub direction: Option<Direction>,
}

/// What is to happen along with changes. Each does nothing unless it is written.
pub trait Effects {
    /// Before any key is claimed: takes what [`Effects::apply`] will need. Not asked when a loan ends or a pin is
    /// taken off, because those cannot fail.
    ///
    /// # Errors
    /// [`Error::NoMemory`]; the operation then fails with it, and nothing is changed.
    fn reserve(&mut self, change: &Change<'_>) -> Result<(), Error> {
        let _ = change;
        Ok(())
    }

    /// Nothing comes of a change that was reserved: a key refused.
    fn cancel(&mut self, change: &Change<'_>) {
        let _ = change;
    }

    /// Makes the change, while all its keys are claimed. It must not call the ledger.
    fn apply(&mut self, change: &Change<'_>) {
        let _ = change;
    }

    /// These keys belong to nobody now: their owner gave them up, or died. The caller has no key claimed, but perhaps the tree
    /// of a loan locked: this may acquire, release and transfer, nothing more.
    fn freed(&mut self, keys: Extent) {
        let _ = keys;
    }

    /// Somebody else is at a key or a loan, and this CPU waits: it may answer others meanwhile.
    fn relax(&mut self) {
        core::hint::spin_loop();
    }
}

impl Effects for () {}

impl<'a> Change<'a> {
    pub(crate) const fn of_keys(
        operation: Operation,
        keys: Keys<'a>,
        from: Option<ProcessId>,
        to: Option<ProcessId>,
    ) -> Self {
        Self { operation, keys, from, to, loan: None, kind: None, direction: None }
    }
}

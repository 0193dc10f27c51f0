//! A ledger under test.

use alloc::string::String;
use alloc::vec::Vec;

use steward_ledger::{Direction, Error, Extent, Instant, LoanId, ProcessId, Quota, Terms, Window};

use crate::check::Access;
use crate::view::{Account, LoanFacts, View};

/// A ledger under test. Names of loans are its own: no name may stand for two loans, ever.
#[expect(missing_docs, reason = "the methods are the operations of the ledger")]
pub trait Subject {
    /// What stands for a pin.
    type Pin;

    /// Makes a process of that slot; `NoMemory` if the slot is taken, or is no process's. If a ledger chooses slots itself,
    /// its adapter has to see to it that it chooses this one.
    fn birth(&mut self, slot: u16, window: Window, quota: Quota) -> Result<ProcessId, Error>;
    fn die(&mut self, process: ProcessId) -> Result<(), Error>;
    fn set_window(&mut self, process: ProcessId, window: Window) -> Result<(), Error>;
    fn set_quota(&mut self, process: ProcessId, quota: Quota) -> Result<(), Error>;
    fn acquire(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error>;
    fn release(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error>;
    fn transfer(&mut self, actor: ProcessId, to: ProcessId, keys: &[Extent]) -> Result<(), Error>;
    fn lend(
        &mut self,
        actor: ProcessId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        now: Instant,
    ) -> Result<LoanId, Error>;
    fn relend(
        &mut self,
        actor: ProcessId,
        parent: LoanId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        now: Instant,
    ) -> Result<LoanId, Error>;
    fn give_back(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error>;
    fn revoke(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error>;
    fn expire(&mut self, now: Instant);
    fn pin(
        &mut self,
        actor: ProcessId,
        access: Access,
        extent: Extent,
        direction: Direction,
    ) -> Result<Self::Pin, Error>;
    fn unpin(&mut self, pin: Self::Pin);
    fn view(&mut self, key: usize) -> View;
    /// `None` for a process of which nothing is left, or that never was.
    fn account(&mut self, process: ProcessId) -> Option<Account>;

    /// All loans that have not finished, in any order; `None` if it does not tell.
    fn loans(&mut self) -> Option<Vec<LoanFacts>> {
        None
    }

    /// The keys that were freed since this was asked last, in any order; `None` if it does not tell.
    fn take_freed(&mut self) -> Option<Vec<usize>> {
        None
    }

    /// Whether effects find no room from now on: acquire, release, transfer, lend and re-lend then answer `NoMemory`,
    /// once the order of the checks is there. (Those that do not support it set `Options::refusals` to false.)
    fn refuse_reservations(&mut self, _refuses: bool) {}

    /// Its own audit.
    ///
    /// # Errors
    /// What it found.
    fn audit(&mut self) -> Result<(), String> {
        Ok(())
    }
}

//! The real ledger as a ledger under test.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use steward_ledger::{
    Account as Slot, Bucket, Change, Direction, Effects, Entry, Error, Extent, Instant, Ledger, Life, LoanId, LoanSlot,
    LoanView, Operation, Others, Pin, ProcessId, Quota, Span, Table, Terms, Window,
};

use crate::check::Access;
use crate::compare::Subject;
use crate::model::Setup;
use crate::view::{Account, LoanFacts, View};

/// Memory for a ledger.
pub struct Storage {
    entries: Vec<Entry>,
    spans: Vec<Span>,
    accounts: Vec<Slot>,
    slots: Vec<LoanSlot>,
    others: Option<usize>,
    buckets: Vec<Bucket>,
    more: Vec<Bucket>,
}

/// Buckets that other keys belong to: so few that most chains have more than one.
const BUCKETS: usize = 4;
/// Buckets for these chains: more than are needed, as the model has no such notion.
const MORE_BUCKETS: usize = 60;

impl Storage {
    /// As much as a ledger of these sizes needs.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        let mut first = 0;
        let spans = setup.spans.iter().map(|&keys| {
            let span = Span { keys, first };
            first += keys.count;
            span
        });
        let spans = spans.collect();
        Self {
            entries: (0..first).map(|_| Entry::free()).collect(),
            spans,
            accounts: (0..setup.slots).map(|_| Slot::new()).collect(),
            slots: (0..setup.loans).map(|_| LoanSlot::new()).collect(),
            others: setup.others,
            buckets: (0..BUCKETS).map(|_| Bucket::new()).collect(),
            more: (0..MORE_BUCKETS).map(|_| Bucket::new()).collect(),
        }
    }

    /// A ledger in it.
    ///
    /// # Panics
    /// When there was one before.
    #[must_use]
    pub fn ledger(&self) -> Ledger<'_> {
        let table = Table::new(&self.entries, &self.spans).expect("the setup's spans are in order");
        let table = match self.others {
            None => table,
            Some(first) => {
                let others = Others::new(&self.buckets, first, 0).expect("a power of two");
                others.grow(&self.more).expect("once is not too often");
                table.with_others(others)
            }
        };
        let ledger = Ledger::new(table, &self.accounts).expect("nothing has an owner yet");
        ledger.grow(&self.slots).expect("the setup asks for fewer loans than there can be");
        ledger
    }
}

/// A ledger that is compared with the model. Its time passes only when [`Subject::expire`] says so.
pub struct Tested<'l, 's> {
    ledger: &'l Ledger<'s>,
    effects: Noting,
}

/// Effects that note what is freed, and find no room when they are told to.
#[derive(Default)]
struct Noting {
    freed: Vec<usize>,
    refuses: bool,
}

impl Effects for Noting {
    fn reserve(&mut self, change: &Change<'_>) -> Result<(), Error> {
        // The model knows of no room that pins take.
        if self.refuses && change.operation != Operation::Pin { Err(Error::NoMemory) } else { Ok(()) }
    }

    fn freed(&mut self, keys: Extent) {
        self.freed.extend(keys.start..keys.start + keys.count);
    }
}

impl<'l, 's> Tested<'l, 's> {
    /// Compares this ledger, in which nothing has happened yet. The kernel accepts what any process does.
    ///
    /// # Panics
    /// When the kernel is dead, which it never is.
    #[must_use]
    pub fn new(ledger: &'l Ledger<'s>) -> Self {
        ledger.set_window(ProcessId::KERNEL, Window::default()).expect("the kernel lives");
        Self { ledger, effects: Noting::default() }
    }

    fn facts(&self, loan: &LoanView) -> LoanFacts {
        let mut keys = Vec::new();
        self.ledger.for_each_extent(loan.loan, |extent| keys.extend(extent.start..extent.start + extent.count));
        LoanFacts {
            id: loan.loan,
            parent: loan.parent,
            lender: loan.lender,
            borrower: loan.borrower,
            kind: loan.kind,
            revocable: loan.may_end,
            deadline: loan.deadline,
            ending: !loan.active,
            keys,
        }
    }
}

impl Subject for Tested<'_, '_> {
    type Pin = Pin;

    fn birth(&mut self, slot: u16, window: Window, quota: Quota) -> Result<ProcessId, Error> {
        // The model has no slots but those of its setup, and calls all others taken.
        self.ledger.admit_at(slot, quota, window).map_err(|_| Error::NoMemory)
    }

    fn die(&mut self, process: ProcessId) -> Result<(), Error> {
        self.ledger.die(process, &mut self.effects)
    }

    fn set_window(&mut self, process: ProcessId, window: Window) -> Result<(), Error> {
        self.ledger.set_window(process, window)
    }

    fn set_quota(&mut self, process: ProcessId, quota: Quota) -> Result<(), Error> {
        self.ledger.set_quota(process, quota)
    }

    fn acquire(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        self.ledger.acquire(actor, keys, &mut self.effects)
    }

    fn release(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        self.ledger.release(actor, keys, &mut self.effects)
    }

    fn transfer(&mut self, actor: ProcessId, to: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        self.ledger.transfer(actor, to, keys, &mut self.effects)
    }

    fn lend(
        &mut self,
        actor: ProcessId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        _now: Instant,
    ) -> Result<LoanId, Error> {
        self.ledger.lend(actor, to, keys, terms, &mut self.effects)
    }

    fn relend(
        &mut self,
        actor: ProcessId,
        parent: LoanId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        _now: Instant,
    ) -> Result<LoanId, Error> {
        self.ledger.relend(actor, parent, to, keys, terms, &mut self.effects)
    }

    fn give_back(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error> {
        self.ledger.give_back(actor, loan, &mut self.effects)
    }

    fn revoke(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error> {
        self.ledger.revoke(actor, loan, &mut self.effects)
    }

    fn expire(&mut self, now: Instant) {
        self.ledger.expire(now, &mut self.effects);
    }

    fn pin(&mut self, actor: ProcessId, access: Access, extent: Extent, direction: Direction) -> Result<Pin, Error> {
        let access = match access {
            Access::Owned => steward_ledger::Access::Owned,
            Access::Loan(loan) => steward_ledger::Access::Loan(loan),
        };
        self.ledger.pin(actor, access, extent, direction, &mut self.effects)
    }

    fn unpin(&mut self, pin: Pin) {
        self.ledger.unpin(pin, &mut self.effects);
    }

    fn view(&mut self, key: usize) -> View {
        let Ok(view) = self.ledger.view(key) else { return View::FREE };
        let steward_ledger::View { state, owner, estate, shared, reads, writes, holder } = view;
        View { state, owner, estate, shared, reads, writes, holder }
    }

    fn account(&mut self, process: ProcessId) -> Option<Account> {
        let view = self.ledger.account_of(process)?;
        let (owned, borrowed, loans) = (view.owned, view.borrowed, view.loans);
        Some(Account { dying: view.life != Life::Live, owned, borrowed, loans })
    }

    fn loans(&mut self) -> Option<Vec<LoanFacts>> {
        let mut loans = Vec::new();
        self.ledger.for_each_loan(|loan| loans.push(loan));
        Some(loans.iter().map(|loan| self.facts(loan)).collect())
    }

    fn take_freed(&mut self) -> Option<Vec<usize>> {
        Some(core::mem::take(&mut self.effects.freed))
    }

    fn refuse_reservations(&mut self, refuses: bool) {
        self.effects.refuses = refuses;
    }

    fn audit(&mut self) -> Result<(), String> {
        let mut found = String::new();
        self.ledger.audit(|difference| {
            let _ = writeln!(found, "{difference:?}");
        });
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

//! What can be seen of a ledger, recounted from the records.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use steward_ledger::{Direction, Instant, Kind, LoanId, ProcessId, State};

use crate::model::{Life, Model, Pin, PinId};

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// What may be done with it.
    pub state: State,
    /// Who owns it, dead or alive.
    pub owner: Option<ProcessId>,
    /// Its owner is dead.
    pub estate: bool,
    /// Shared loans of it, at whatever depth, also those that are ending.
    pub shared: u32,
    /// Pins by which devices read.
    pub reads: u32,
    /// Whether a pin lets a device write.
    pub writes: bool,
    /// The innermost mutable loan.
    pub holder: Option<LoanId>,
}

impl View {
    /// What is known of a key that nobody owns.
    pub const FREE: Self =
        Self { state: State::Free, owner: None, estate: false, shared: 0, reads: 0, writes: false, holder: None };

    /// The state that the other fields amount to.
    pub(crate) const fn state_by_fields(&self) -> State {
        match self {
            Self { owner: None, .. } => State::Free,
            Self { holder: Some(_), .. } => State::MutLent,
            Self { shared: 1.., .. } => State::SharedOwned,
            _ => State::Exclusive,
        }
    }

    /// Whether it is lent or pinned.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        self.shared > 0 || self.reads > 0 || self.writes || self.holder.is_some()
    }
}

/// What is charged to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// It is dead, and not gone.
    pub dying: bool,
    /// Keys that it owns.
    pub owned: u32,
    /// Keys that it has borrowed, each counted once for each loan.
    pub borrowed: u32,
    /// Loans that it has borrowed by, also those that are ending.
    pub loans: u32,
}

/// What is known of a loan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoanFacts {
    /// Its name.
    pub id: LoanId,
    /// The loan that it was made of.
    pub parent: Option<LoanId>,
    /// Who lent.
    pub lender: ProcessId,
    /// Who borrowed.
    pub borrower: ProcessId,
    /// For reading or writing.
    pub kind: Kind,
    /// Its lender, or that of a loan above it, may take it back at any time.
    pub revocable: bool,
    /// When it ends by itself.
    pub deadline: Option<Instant>,
    /// It has ended, and waits for pins.
    pub ending: bool,
    /// What was lent, in ascending order.
    pub keys: Vec<usize>,
}

/// What is known of a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinFacts {
    /// Its name.
    pub id: PinId,
    /// By which loan; `None` for an owner's own.
    pub loan: Option<LoanId>,
    /// What the device does.
    pub direction: Direction,
    /// What it uses, in ascending order.
    pub keys: Vec<usize>,
}

impl Model {
    /// All pins.
    pub fn pins(&self) -> impl Iterator<Item = PinFacts> + '_ {
        let facts = |id: PinId, pin: &Pin| {
            let Pin { loan, direction, ref keys } = *pin;
            PinFacts { id, loan, direction, keys: keys.clone() }
        };
        self.pins.iter().map(move |(id, pin)| facts(*id, pin))
    }

    /// Whether the loan was itself lent revocably, so that its lender may revoke it.
    #[must_use]
    pub fn is_revocable_itself(&self, loan: LoanId) -> bool {
        self.loans.get(&loan).is_some_and(|loan| loan.revocable_itself)
    }

    /// What is known of a key; a key that does not exist looks free.
    #[must_use]
    pub fn view(&self, key: usize) -> View {
        let mut view = View { owner: self.owners.get(&key).copied(), ..View::FREE };
        view.estate = view.owner.is_some_and(|owner| self.life(owner) != Life::Live);
        let mut depth = 0;
        for (id, loan) in self.loans.iter().filter(|(_, loan)| loan.keys.contains(&key)) {
            match loan.kind {
                Kind::Shared => view.shared += 1,
                Kind::Mut if loan.depth > depth => (depth, view.holder) = (loan.depth, Some(*id)),
                Kind::Mut => {}
            }
        }
        for pin in self.pins.values().filter(|pin| pin.keys.contains(&key)) {
            match pin.direction {
                Direction::DeviceReads => view.reads += 1,
                Direction::DeviceWrites => view.writes = true,
            }
        }
        View { state: view.state_by_fields(), ..view }
    }

    /// What is charged to a process; `None` when there is none of that name, or nothing is left of it.
    #[must_use]
    pub fn account(&self, process: ProcessId) -> Option<Account> {
        let life = self.life(process);
        let count = |number: usize| u32::try_from(number).expect("fewer records than that");
        let held = || self.loans.values().filter(|loan| loan.borrower == process);
        (life != Life::Vacant).then(|| Account {
            dying: life == Life::Dying,
            owned: count(self.owners.values().filter(|owner| **owner == process).count()),
            borrowed: count(held().map(|loan| loan.keys.len()).sum()),
            loans: count(held().count()),
        })
    }

    /// All loans that have not finished.
    pub fn loans(&self) -> impl Iterator<Item = LoanFacts> + '_ {
        self.loans.iter().map(|(id, loan)| LoanFacts {
            id: *id,
            parent: loan.parent,
            lender: loan.lender,
            borrower: loan.borrower,
            kind: loan.kind,
            revocable: loan.revocable,
            deadline: loan.deadline,
            ending: loan.ending,
            keys: loan.keys.clone(),
        })
    }

    /// [`Self::view`] of every key that is not free.
    #[must_use]
    pub fn views(&self) -> BTreeMap<usize, View> {
        self.owners.keys().map(|key| (*key, self.view(*key))).collect()
    }
}

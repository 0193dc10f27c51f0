//! Loans found by what they are of, for who knows no names of loans.

use crate::{
    Error, Extent, Kind, Ledger, LoanId, ProcessId,
    loan::{NONE, Phase, Slots},
};

impl Ledger<'_> {
    /// The newest active loan of exactly this key, and no other, that the process has borrowed in that kind. It may have
    /// ended by the time that its name is used. Looks at one loan of the process's after the other, from the newest on.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such key or the process does not live, [`Error::NotBorrowed`] if there is no such
    /// loan.
    pub fn newest_loan(&self, borrower: ProcessId, key: usize, kind: Kind) -> Result<LoanId, Error> {
        self.table.range(&[Extent::one(key)])?;
        // While the account is locked, no loan leaves the list, and so no record in it becomes another loan's.
        let inner = self.live(borrower)?.lock();
        self.live(borrower)?;
        let mut index = inner.first_held;
        while index != NONE {
            let slot = self.pool.slot(index);
            let meta = slot.meta();
            let is_it = slot.kind() == kind && slot.keys() == 1 && slot.extent(0) == Extent::one(key);
            if is_it && meta.phase() == Phase::Active {
                return Ok(LoanId::from_parts(index, meta.generation()));
            }
            index = slot.next_held.load(core::sync::atomic::Ordering::Relaxed);
        }
        Err(Error::NotBorrowed)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Account, Entry, LoanSlot, Quota, Span, Table, Terms, Window};

    use super::*;

    #[test]
    fn the_newest_loan_of_a_key_is_found_by_borrower_and_kind() {
        let entries = [const { Entry::free() }; 4];
        let spans = [Span { keys: Extent { start: 0, count: 4 }, first: 0 }];
        let accounts = [const { Account::new() }; 4];
        let slots = [const { LoanSlot::new() }; 8];
        let ledger = Ledger::new(Table::new(&entries, &spans).unwrap(), &accounts).unwrap();
        ledger.grow(&slots).unwrap();
        let [owner, borrower] = [0; 2].map(|_| ledger.admit(Quota::NONE, Window::default()).unwrap());
        let both = Extent { start: 2, count: 2 };
        ledger.acquire(owner, &[Extent { start: 0, count: 4 }], &mut ()).unwrap();
        let lend = |keys, kind| ledger.lend(owner, borrower, &[keys], Terms::firm(kind), &mut ()).expect("it is free");
        let shared = [0; 2].map(|_| lend(Extent::one(0), Kind::Shared));
        let mutable = lend(Extent::one(1), Kind::Mut);
        lend(both, Kind::Shared);
        assert_eq!(ledger.newest_loan(borrower, 0, Kind::Shared), Ok(shared[1]));
        ledger.give_back(borrower, shared[1], &mut ()).unwrap();
        assert_eq!(ledger.newest_loan(borrower, 0, Kind::Shared), Ok(shared[0]));
        assert_eq!(ledger.newest_loan(borrower, 1, Kind::Mut), Ok(mutable));
        for (key, kind) in [(0, Kind::Mut), (1, Kind::Shared), (2, Kind::Shared), (3, Kind::Shared)] {
            assert_eq!(ledger.newest_loan(borrower, key, kind), Err(Error::NotBorrowed), "{key} {kind:?}");
        }
        assert_eq!(ledger.newest_loan(owner, 0, Kind::Shared), Err(Error::NotBorrowed));
        assert_eq!(ledger.newest_loan(borrower, 4, Kind::Shared), Err(Error::Invalid));
        ledger.die(borrower, &mut ()).unwrap();
        assert_eq!(ledger.newest_loan(borrower, 0, Kind::Shared), Err(Error::Invalid));
    }
}

//! Lending, lending on, and giving back.

mod world;

use steward_ledger::{Error, Kind, LoanId, LoanSlot, Operation, Quota, State, Window};
use world::*;

#[test]
fn shared_loans_let_nobody_write_until_the_last_is_over() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    let first = ledger.lend(a, b, &[keys(100, 2)], SHARED, &mut ()).unwrap();
    let second = ledger.lend(a, c, &[keys(101, 2)], SHARED, &mut ()).unwrap();
    assert_eq!((100..104).map(|key| ledger.view(key).unwrap().shared).collect::<Vec<_>>(), [1, 2, 1, 0]);
    assert_eq!(ledger.view(101).unwrap().state, State::SharedOwned);
    refused(ledger, Error::SharedBorrowed, || ledger.lend(a, b, &[keys(103, 1), keys(100, 1)][1..], MUT, &mut ()));
    refused(ledger, Error::Borrowed, || ledger.release(a, &[keys(100, 1)], &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.give_back(c, first, &mut ()));
    ledger.give_back(b, first, &mut ()).unwrap();
    refused(ledger, Error::NotBorrowed, || ledger.give_back(b, first, &mut ()));
    ledger.give_back(c, second, &mut ()).unwrap();
    ledger.lend(a, b, &[keys(100, 4)], MUT, &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn mut_loan_blocks_owner_until_returned() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    let mut notes = Notes::default();
    let loan = ledger.lend(a, b, &[keys(100, 2), keys(103, 1)], MUT, &mut notes).unwrap();
    let view = ledger.view(103).unwrap();
    assert_eq!((view.state, view.holder, view.owner), (State::MutLent, Some(loan), Some(a)));
    assert_eq!(extents(ledger, loan), [keys(100, 2), keys(103, 1)]);
    refused(ledger, Error::MutBorrowed, || ledger.lend(a, c, &[keys(103, 1)], SHARED, &mut ()));
    refused(ledger, Error::MutBorrowed, || ledger.lend(a, c, &[keys(103, 1)], MUT, &mut ()));
    refused(ledger, Error::Borrowed, || ledger.transfer(a, c, &[keys(102, 2)], &mut ()));
    refused(ledger, Error::NotOwner, || ledger.lend(b, c, &[keys(103, 1)], SHARED, &mut ()));
    ledger.give_back(b, loan, &mut notes).unwrap();
    assert_eq!(ledger.view(103).unwrap().state, State::Exclusive);
    let (from, to, loan) = (Some(b), Some(a), Some(loan));
    assert_eq!(
        notes.applied,
        [(Operation::Lend, to, from, loan), (Operation::Return, from, to, loan), (Operation::Finish, from, to, loan)]
    );
    audit(ledger);
}

#[test]
fn lending_on_makes_a_chain_that_is_undone_as_a_whole() {
    let ledger = ledger(8);
    let [a, b, c, d] = processes(ledger);
    ledger.acquire(a, &[keys(100, 8)], &mut ()).unwrap();
    let outer = ledger.lend(a, b, &[keys(100, 8)], MUT, &mut ()).unwrap();
    let inner = ledger.relend(b, outer, c, &[keys(102, 4)], MUT, &mut ()).unwrap();
    refused(ledger, Error::MutBorrowed, || ledger.relend(b, outer, d, &[keys(105, 1)], SHARED, &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.relend(c, outer, d, &[keys(100, 1)], SHARED, &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.relend(c, inner, d, &[keys(105, 2)], SHARED, &mut ()));
    let readers: Vec<_> =
        (0..2).map(|_| ledger.relend(c, inner, d, &[keys(103, 1)], SHARED, &mut ()).unwrap()).collect();
    refused(ledger, Error::SharedBorrowed, || ledger.relend(c, inner, d, &[keys(103, 1)], MUT, &mut ()));
    refused(ledger, Error::SharedBorrowed, || ledger.relend(d, readers[0], a, &[keys(103, 1)], MUT, &mut ()));
    let deepest = ledger.relend(d, readers[0], a, &[keys(103, 1)], SHARED, &mut ()).unwrap();
    let view = ledger.loan(deepest).unwrap();
    assert_eq!((view.depth, view.parent, view.lender), (4, Some(readers[0]), d));
    assert_eq!((ledger.view(103).unwrap().shared, ledger.view(103).unwrap().holder), (3, Some(inner)));
    audit(ledger);
    ledger.give_back(d, readers[1], &mut ()).unwrap();
    audit(ledger);
    let mut notes = Notes::default();
    ledger.give_back(c, inner, &mut notes).unwrap();
    let order: Vec<_> = notes.applied.iter().filter(|of| of.0 == Operation::Return).map(|of| of.3.unwrap()).collect();
    assert_eq!(order, [deepest, readers[0], inner], "those below come first");
    assert_eq!((ledger.view(103).unwrap().shared, ledger.view(103).unwrap().holder), (0, Some(outer)));
    audit(ledger);
    ledger.give_back(b, outer, &mut ()).unwrap();
    ledger.release(a, &[keys(100, 8)], &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn only_what_was_lent_revocably_is_revoked_and_only_by_its_lender() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 2)], &mut ()).unwrap();
    let firm = ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()).unwrap();
    refused(ledger, Error::NotBorrowed, || ledger.revoke(a, firm, &mut ()));
    let loan = ledger.lend(a, b, &[keys(100, 1)], revocable(Kind::Shared), &mut ()).unwrap();
    let below = ledger.relend(b, loan, c, &[keys(100, 1)], SHARED, &mut ()).unwrap();
    assert!(ledger.loan(below).unwrap().may_end && !ledger.loan(below).unwrap().revocable);
    refused(ledger, Error::NotBorrowed, || ledger.revoke(b, below, &mut ()));
    refused(ledger, Error::NotOwner, || ledger.revoke(b, loan, &mut ()));
    ledger.revoke(a, loan, &mut ()).unwrap();
    assert_eq!((ledger.loan(below), ledger.view(100).unwrap().shared), (None, 1));
    audit(ledger);
}

#[test]
fn nobody_gets_a_loan_that_its_window_does_not_show() {
    let ledger = ledger(8);
    let [a] = processes(ledger);
    ledger.acquire(a, &[keys(100, 8)], &mut ()).unwrap();
    ledger.expire(steward_ledger::Instant::from_nanoseconds(1000), &mut ());
    let b = ledger.admit(Quota::NONE, Window::default()).unwrap();
    let [c] = processes(ledger);
    let lend = |count, terms| move || ledger.lend(a, b, &[keys(100, count)], terms, &mut ());
    refused(ledger, Error::Invalid, lend(1, revocable(Kind::Shared)));
    refused(ledger, Error::Invalid, lend(1, until(Kind::Shared, 9000)));
    let inherits = ledger.lend(a, c, &[keys(100, 2)], revocable(Kind::Shared), &mut ()).unwrap();
    refused(ledger, Error::Invalid, || ledger.relend(c, inherits, b, &[keys(100, 1)], SHARED, &mut ()));
    ledger.set_window(b, Window { shared: false, most_keys: 2, shortest: Some(500), ..ANYTHING }).unwrap();
    refused(ledger, Error::Invalid, lend(1, SHARED));
    let lend = |count, terms| move || ledger.lend(a, b, &[keys(104, count)], terms, &mut ());
    refused(ledger, Error::Invalid, lend(3, MUT));
    refused(ledger, Error::Invalid, lend(1, until(Kind::Mut, 1499)));
    let loan = lend(2, until(Kind::Mut, 1500))().unwrap();
    ledger.give_back(b, loan, &mut ()).unwrap();
    ledger.set_window(b, Window { mutable: false, ..ANYTHING }).unwrap();
    refused(ledger, Error::Invalid, lend(1, MUT));
    refused(ledger, Error::Invalid, || ledger.lend(a, a, &[keys(104, 1)], SHARED, &mut ()));
    refused(ledger, Error::Invalid, lend(1, until(Kind::Shared, 1000)));
}

#[test]
fn borrowers_are_charged_until_the_loan_is_over() {
    let ledger = ledger(8);
    let [a] = processes(ledger);
    ledger.acquire(a, &[keys(100, 8)], &mut ()).unwrap();
    let b = ledger.admit(Quota { owned: 0, borrowed: 4, loans: 2 }, ANYTHING).unwrap();
    refused(ledger, Error::NoMemory, || ledger.lend(a, b, &[keys(100, 5)], SHARED, &mut ()));
    let first = ledger.lend(a, b, &[keys(100, 2)], SHARED, &mut ()).unwrap();
    refused(ledger, Error::NoMemory, || ledger.lend(a, b, &[keys(100, 3)], SHARED, &mut ()));
    ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()).unwrap();
    refused(ledger, Error::NoMemory, || ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()));
    ledger.give_back(b, first, &mut ()).unwrap();
    ledger.lend(a, b, &[keys(100, 3)], SHARED, &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn room_for_loans_runs_out_and_grows() {
    let ledger = ledger(2);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 20)], &mut ()).unwrap();
    let scattered: Vec<_> = (0..6).map(|number| keys(100 + 2 * number, 1)).collect();
    let loan = ledger.lend(a, b, &scattered, SHARED, &mut ()).unwrap();
    assert_eq!(extents(ledger, loan), scattered);
    refused(ledger, Error::NoMemory, || ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()));
    let closed = ledger.admit(Quota::NONE, Window { shared: false, ..ANYTHING }).unwrap();
    refused(ledger, Error::Invalid, || ledger.lend(a, closed, &[keys(100, 1)], SHARED, &mut ()));
    ledger.grow(leak(1, LoanSlot::new)).unwrap();
    refused(ledger, Error::NoMemory, || ledger.lend(a, b, &scattered, SHARED, &mut ()));
    let other = ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()).unwrap();
    assert_eq!(ledger.loan_slots(), 3);
    ledger.give_back(b, loan, &mut ()).unwrap();
    ledger.give_back(b, other, &mut ()).unwrap();
    assert_ne!(ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()), Ok(other));
    refused(ledger, Error::NotBorrowed, || ledger.give_back(b, other, &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.give_back(b, LoanId::from_parts(77777, 0), &mut ()));
    audit(ledger);
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes, and has one thread only")]
fn a_chain_has_at_most_255_levels() {
    let ledger = ledger(300);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 1)], &mut ()).unwrap();
    let first = ledger.lend(a, b, &[keys(100, 1)], MUT, &mut ()).unwrap();
    let mut loan = first;
    for level in 2..=255 {
        let (from, to) = if level % 2 == 0 { (b, c) } else { (c, b) };
        loan = ledger.relend(from, loan, to, &[keys(100, 1)], MUT, &mut ()).unwrap();
    }
    assert_eq!(ledger.loan(loan).unwrap().depth, 255);
    refused(ledger, Error::NoMemory, || ledger.relend(b, loan, c, &[keys(100, 1)], SHARED, &mut ()));
    ledger.give_back(b, first, &mut ()).unwrap();
    assert_eq!(ledger.loan(loan), None);
    audit(ledger);
}

#[test]
fn room_for_loans_is_added_256_times_at_most_and_all_of_it_is_used() {
    let ledger = ledger(1);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 1)], &mut ()).unwrap();
    let chunk = 4096;
    assert!(ledger.has_room_for(255 * chunk) && !ledger.has_room_for(255 * chunk + 1));
    for _ in 1..256 {
        assert!(ledger.has_room_for(1));
        ledger.grow(leak(2, LoanSlot::new)).unwrap();
    }
    assert!(!ledger.has_room_for(1) && ledger.has_room_for(0));
    refused(ledger, Error::NoMemory, || ledger.grow(leak(1, LoanSlot::new)));
    let slots = 1 + 255 * 2;
    assert_eq!(ledger.loan_slots(), slots);
    let lend = || ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ());
    let loans: Vec<_> = (0..slots).map(|_| lend().unwrap()).collect();
    assert_eq!(lend(), Err(Error::NoMemory));
    audit(ledger);
    loans.into_iter().for_each(|loan| ledger.give_back(b, loan, &mut ()).unwrap());
    audit(ledger);
}

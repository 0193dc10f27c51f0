//! What happens to loans, keys and names when processes die.

mod world;

use steward_ledger::{Access, Direction, Error, Kind, Life, Operation, Quota, State};
use world::*;

#[test]
fn what_a_dead_process_borrowed_goes_back_with_all_that_it_lent_on() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    let loan = ledger.lend(a, b, &[keys(100, 4)], MUT, &mut ()).unwrap();
    let below = ledger.relend(b, loan, c, &[keys(101, 1)], SHARED, &mut ()).unwrap();
    ledger.lend(a, c, &[keys(100, 1)], SHARED, &mut ()).unwrap_err();
    let mut notes = Notes::default();
    ledger.die(b, &mut notes).unwrap();
    let ended: Vec<_> = notes.applied.iter().filter(|of| of.0 == Operation::Die).map(|of| of.3.unwrap()).collect();
    assert_eq!((ended, notes.freed), (vec![below, loan], vec![]));
    assert_eq!(ledger.view(101).unwrap().state, State::Exclusive);
    assert_eq!(ledger.life(b), Life::Vacant);
    audit(ledger);
}

#[test]
fn a_lent_key_is_not_freed_at_the_exit_of_its_owner_but_at_the_end_of_the_loan() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 6)], &mut ()).unwrap();
    let writer = ledger.lend(a, b, &[keys(101, 2)], MUT, &mut ()).unwrap();
    let readers = [b, c].map(|reader| ledger.lend(a, reader, &[keys(104, 1)], SHARED, &mut ()).unwrap());
    let mut notes = Notes::default();
    ledger.die(a, &mut notes).unwrap();
    assert_eq!(notes.freed, [keys(100, 1), keys(103, 1), keys(105, 1)]);
    let view = ledger.view(101).unwrap();
    assert_eq!((view.owner, view.estate, view.holder), (Some(a), true, Some(writer)));
    assert_eq!(ledger.life(a), Life::Estate);
    refused(ledger, Error::AlreadyOwned, || ledger.acquire(c, &[keys(101, 1)], &mut ()));
    refused(ledger, Error::Invalid, || ledger.release(a, &[keys(101, 1)], &mut ()));
    refused(ledger, Error::Invalid, || ledger.transfer(b, a, &[keys(101, 1)], &mut ()));
    refused(ledger, Error::NoMemory, || ledger.admit_at(a.slot(), Quota::NONE, ANYTHING));
    let below = ledger.relend(b, writer, c, &[keys(102, 1)], SHARED, &mut ()).unwrap();
    audit(ledger);
    notes = Notes::default();
    ledger.give_back(b, writer, &mut notes).unwrap();
    assert_eq!((notes.freed, ledger.loan(below)), (vec![keys(101, 2)], None));
    ledger.give_back(b, readers[0], &mut ()).unwrap();
    assert_eq!(ledger.life(a), Life::Estate);
    audit(ledger);
    notes = Notes::default();
    ledger.die(c, &mut notes).unwrap();
    assert_eq!((notes.freed, ledger.life(a)), (vec![keys(104, 1)], Life::Vacant));
    audit(ledger);
}

#[test]
fn a_handle_does_not_outlive_its_holder_into_the_next_one() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    let old = ledger.lend(a, b, &[keys(100, 1)], revocable(Kind::Shared), &mut ()).unwrap();
    ledger.die(b, &mut ()).unwrap();
    let next = ledger.admit_at(b.slot(), Quota::NONE, ANYTHING).unwrap();
    let new = ledger.lend(a, next, &[keys(100, 1)], revocable(Kind::Shared), &mut ()).unwrap();
    assert_eq!(new.index(), old.index(), "the record is used again");
    refused(ledger, Error::Invalid, || ledger.give_back(b, new, &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.give_back(next, old, &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.revoke(a, old, &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.relend(next, old, c, &[keys(100, 1)], SHARED, &mut ()));
    let reads = Direction::DeviceReads;
    refused(ledger, Error::NotBorrowed, || ledger.pin(next, Access::Loan(old), keys(100, 1), reads, &mut ()));
    refused(ledger, Error::Invalid, || ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()));
}

#[test]
fn a_loan_does_not_outlive_the_restart_of_its_borrower() {
    let ledger = ledger(8);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    for _ in 0..3 {
        let server = ledger.admit_at(7, Quota::NONE, ANYTHING).unwrap();
        ledger.lend(a, server, &[keys(100, 2)], MUT, &mut ()).unwrap();
        ledger.lend(a, server, &[keys(102, 2)], SHARED, &mut ()).unwrap();
        ledger.die(server, &mut ()).unwrap();
        assert_eq!(ledger.life(server), Life::Vacant);
    }
    ledger.transfer(a, b, &[keys(100, 4)], &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn a_slot_is_not_used_again_while_a_record_names_it() {
    let ledger = ledger(8);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 2)], &mut ()).unwrap();
    let loan = ledger.lend(a, b, &[keys(100, 2)], MUT, &mut ()).unwrap();
    let pin = ledger.pin(b, Access::Loan(loan), keys(101, 1), Direction::DeviceWrites, &mut ()).unwrap();
    ledger.die(b, &mut ()).unwrap();
    assert_eq!(ledger.life(b), Life::Estate);
    assert!(!ledger.loan(loan).unwrap().active);
    refused(ledger, Error::NoMemory, || ledger.admit_at(b.slot(), Quota::NONE, ANYTHING));
    refused(ledger, Error::Borrowed, || ledger.release(a, &[keys(100, 1)], &mut ()));
    ledger.unpin(pin, &mut ());
    assert_eq!((ledger.life(b), ledger.loan(loan)), (Life::Vacant, None));
    ledger.release(a, &[keys(100, 2)], &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn both_sides_may_die_in_either_order() {
    for owner_first in [false, true] {
        let ledger = ledger(8);
        let [a, b, c] = processes(ledger);
        ledger.acquire(a, &[keys(100, 2)], &mut ()).unwrap();
        let loan = ledger.lend(a, b, &[keys(100, 2)], MUT, &mut ()).unwrap();
        ledger.relend(b, loan, c, &[keys(100, 2)], MUT, &mut ()).unwrap();
        let mut notes = Notes::default();
        for dead in if owner_first { [a, b] } else { [b, a] } {
            ledger.die(dead, &mut notes).unwrap();
            audit(ledger);
        }
        assert_eq!(notes.freed, [keys(100, 2)]);
        assert_eq!(ledger.account_of(c).unwrap().loans, 0);
    }
}

//! Devices, and loans that wait for them.

mod world;

use steward_ledger::{Access, Direction::*, Error, Kind, Life, Operation, State};
use world::*;

#[test]
fn a_device_that_writes_is_alone_and_one_that_reads_is_not() {
    let ledger = ledger(8);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 2)], &mut ()).unwrap();
    let pin = |direction| move || ledger.pin(a, Access::Owned, keys(100, 2), direction, &mut ());
    let lend = |terms| move || ledger.lend(a, b, &[keys(100, 1)], terms, &mut ());
    let writes = pin(DeviceWrites)().unwrap();
    for direction in [DeviceReads, DeviceWrites] {
        refused(ledger, Error::MutBorrowed, pin(direction));
    }
    refused(ledger, Error::MutBorrowed, lend(SHARED));
    refused(ledger, Error::MutBorrowed, lend(MUT));
    refused(ledger, Error::Borrowed, || ledger.release(a, &[keys(100, 2)], &mut ()));
    refused(ledger, Error::NotOwner, || ledger.pin(b, Access::Owned, keys(100, 1), DeviceReads, &mut ()));
    assert_eq!(ledger.view(100).unwrap().state, State::Exclusive);
    ledger.unpin(writes, &mut ());
    let reads = [pin(DeviceReads)().unwrap(), pin(DeviceReads)().unwrap()];
    assert_eq!(ledger.view(101).unwrap().reads, 2);
    refused(ledger, Error::SharedBorrowed, pin(DeviceWrites));
    refused(ledger, Error::SharedBorrowed, lend(MUT));
    let loan = lend(SHARED)().unwrap();
    audit(ledger);
    reads.into_iter().for_each(|pin| ledger.unpin(pin, &mut ()));
    refused(ledger, Error::SharedBorrowed, pin(DeviceWrites));
    ledger.give_back(b, loan, &mut ()).unwrap();
    ledger.release(a, &[keys(100, 2)], &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn borrowers_pin_what_their_loan_gives_them() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 6)], &mut ()).unwrap();
    let shared = ledger.lend(a, b, &[keys(100, 2)], SHARED, &mut ()).unwrap();
    let whole = ledger.lend(a, b, &[keys(102, 3)], MUT, &mut ()).unwrap();
    let inner = ledger.relend(b, whole, c, &[keys(104, 1)], MUT, &mut ()).unwrap();
    let pin = |who, loan, key, direction| move || ledger.pin(who, Access::Loan(loan), keys(key, 1), direction, &mut ());
    refused(ledger, Error::SharedBorrowed, pin(b, shared, 100, DeviceWrites));
    refused(ledger, Error::NotBorrowed, pin(b, shared, 102, DeviceReads));
    refused(ledger, Error::NotBorrowed, pin(c, shared, 100, DeviceReads));
    refused(ledger, Error::MutBorrowed, pin(b, whole, 104, DeviceReads));
    refused(ledger, Error::MutBorrowed, || ledger.pin(a, Access::Owned, keys(104, 1), DeviceReads, &mut ()));
    let writes = pin(c, inner, 104, DeviceWrites)().unwrap();
    refused(ledger, Error::MutBorrowed, || ledger.relend(c, inner, b, &[keys(104, 1)], SHARED, &mut ()));
    refused(ledger, Error::MutBorrowed, pin(c, inner, 104, DeviceReads));
    let reads = pin(b, whole, 103, DeviceReads)().unwrap();
    refused(ledger, Error::SharedBorrowed, pin(b, whole, 103, DeviceWrites));
    refused(ledger, Error::SharedBorrowed, || ledger.relend(b, whole, c, &[keys(103, 1)], MUT, &mut ()));
    let also = pin(b, shared, 101, DeviceReads)().unwrap();
    audit(ledger);
    [reads, writes, also].into_iter().for_each(|pin| ledger.unpin(pin, &mut ()));
    audit(ledger);
}

#[test]
fn a_loan_that_ended_finishes_at_its_last_unpin() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    let outer = ledger.lend(a, b, &[keys(100, 4)], revocable(Kind::Mut), &mut ()).unwrap();
    let inner = ledger.relend(b, outer, c, &[keys(100, 2)], MUT, &mut ()).unwrap();
    let idle = ledger.relend(b, outer, c, &[keys(102, 1)], SHARED, &mut ()).unwrap();
    let pins = [0, 1].map(|key| ledger.pin(c, Access::Loan(inner), keys(100 + key, 1), DeviceWrites, &mut ()).unwrap());
    let mut notes = Notes::default();
    ledger.revoke(a, outer, &mut notes).unwrap();
    let told: Vec<_> = notes.applied.iter().map(|of| (of.0, of.3.unwrap())).collect();
    let expected =
        [(Operation::Revoke, idle), (Operation::Finish, idle), (Operation::Revoke, inner), (Operation::Revoke, outer)];
    assert_eq!(told, expected);
    for loan in [outer, inner] {
        assert!(!ledger.loan(loan).unwrap().active);
        refused(ledger, Error::NotBorrowed, || ledger.revoke(a, loan, &mut ()));
    }
    refused(ledger, Error::NotBorrowed, || ledger.give_back(c, inner, &mut ()));
    refused(ledger, Error::NotBorrowed, || ledger.pin(c, Access::Loan(inner), keys(100, 1), DeviceReads, &mut ()));
    refused(ledger, Error::Borrowed, || ledger.release(a, &[keys(103, 1)], &mut ()));
    let account = ledger.account_of(c).unwrap();
    assert_eq!((account.borrowed, account.loans), (2, 1), "it is charged until then");
    audit(ledger);
    let [first, second] = pins;
    ledger.unpin(first, &mut ());
    assert!(ledger.loan(inner).is_some());
    let mut notes = Notes::default();
    ledger.unpin(second, &mut notes);
    let told: Vec<_> = notes.applied.iter().map(|of| (of.0, of.3.unwrap())).collect();
    assert_eq!(told, [(Operation::Unpin, inner), (Operation::Finish, inner), (Operation::Finish, outer)]);
    ledger.release(a, &[keys(100, 4)], &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn an_ended_loan_below_an_active_one_goes_back_to_that() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 2)], &mut ()).unwrap();
    let outer = ledger.lend(a, b, &[keys(100, 2)], MUT, &mut ()).unwrap();
    let inner = ledger.relend(b, outer, c, &[keys(100, 2)], MUT, &mut ()).unwrap();
    let pin = ledger.pin(c, Access::Loan(inner), keys(100, 1), DeviceReads, &mut ()).unwrap();
    ledger.give_back(c, inner, &mut ()).unwrap();
    refused(ledger, Error::MutBorrowed, || ledger.relend(b, outer, c, &[keys(100, 1)], SHARED, &mut ()));
    assert!(ledger.loan(outer).unwrap().active);
    ledger.unpin(pin, &mut ());
    assert_eq!(ledger.view(100).unwrap().holder, Some(outer));
    let pin = ledger.pin(b, Access::Loan(outer), keys(100, 1), DeviceWrites, &mut ()).unwrap();
    ledger.die(b, &mut ()).unwrap();
    ledger.die(a, &mut ()).unwrap();
    audit(ledger);
    let mut notes = Notes::default();
    ledger.unpin(pin, &mut notes);
    assert_eq!(notes.freed, [keys(100, 2)]);
    assert_eq!([a, b].map(|dead| ledger.life(dead)), [Life::Vacant; 2]);
    audit(ledger);
}

#[test]
fn a_dead_owners_pinned_keys_are_freed_at_the_last_unpin() {
    let ledger = ledger(8);
    let [a] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    let pins = [0, 0].map(|_| ledger.pin(a, Access::Owned, keys(101, 2), DeviceReads, &mut ()).unwrap());
    let mut notes = Notes::default();
    ledger.die(a, &mut notes).unwrap();
    assert_eq!(notes.freed, [keys(100, 1), keys(103, 1)]);
    let [first, second] = pins;
    ledger.unpin(first, &mut notes);
    assert_eq!((notes.freed.len(), ledger.life(a)), (2, Life::Estate));
    audit(ledger);
    ledger.unpin(second, &mut notes);
    assert_eq!((notes.freed[2], ledger.life(a)), (keys(101, 2), Life::Vacant));
    audit(ledger);
}

#[test]
fn what_a_loan_does_not_allow_is_refused_before_its_effects_are_asked_for_room() {
    let ledger = ledger(4);
    let [a, b] = processes(ledger);
    let no_room = &mut Notes { no_room: true, ..Notes::default() };
    ledger.acquire(a, &[keys(100, 1)], &mut ()).unwrap();
    let loan = ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()).unwrap();
    let mut pin = |direction: steward_ledger::Direction| {
        ledger.pin(b, Access::Loan(loan), keys(100, 1), direction, no_room).err()
    };
    assert_eq!(pin(DeviceWrites), Some(Error::SharedBorrowed));
    assert_eq!(pin(DeviceReads), Some(Error::NoMemory));
}

//! Owning keys.

mod world;

use steward_ledger::{Account, Error, IN_TRANSIT, Ledger, Life, ProcessId, Quota, State, Table, Window};
use world::*;

#[test]
fn a_key_has_one_owner_until_it_is_given_up() {
    let ledger = ledger(0);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    refused(ledger, Error::AlreadyOwned, || ledger.acquire(b, &[keys(103, 2)], &mut ()));
    refused(ledger, Error::AlreadyOwned, || ledger.acquire(a, &[keys(100, 1)], &mut ()));
    refused(ledger, Error::NotOwner, || ledger.release(b, &[keys(100, 1)], &mut ()));
    ledger.transfer(a, b, &[keys(101, 2)], &mut ()).unwrap();
    assert_eq!(ledger.owned_by(a).collect::<Vec<_>>(), [100, 103]);
    assert_eq!(ledger.owned_by(b).collect::<Vec<_>>(), [101, 102]);
    ledger.release(b, &[keys(101, 2)], &mut ()).unwrap();
    assert_eq!(ledger.view(101).unwrap().state, State::Free);
    audit(ledger);
}

#[test]
fn a_range_of_which_one_key_refuses_is_left_as_it_was() {
    let ledger = ledger(0);
    let [a, b] = processes(ledger);
    ledger.acquire(b, &[keys(1015, 1)], &mut ()).unwrap();
    let range = [keys(100, 10), keys(120, 3), keys(1010, 6)];
    let mut notes = Notes::default();
    refused(ledger, Error::AlreadyOwned, || ledger.acquire(a, &range, &mut notes));
    assert_eq!(notes, Notes { reserved: 1, cancelled: 1, ..Notes::default() });
    ledger.release(b, &[keys(1015, 1)], &mut ()).unwrap();
    ledger.acquire(a, &range, &mut notes).unwrap();
    assert_eq!(ledger.owned_by(a).count(), 19);
    audit(ledger);
}

#[test]
fn keys_that_make_no_sense_are_refused() {
    let ledger = ledger(0);
    let [a] = processes(ledger);
    for wrong in [
        &[][..],
        &[keys(100, 0)],
        &[keys(99, 1)],
        &[keys(163, 2)],
        &[keys(164, 1)],
        &[keys(100, 2), keys(101, 1)],
        &[keys(1000, 1), keys(100, 1)],
        &[keys(100, usize::MAX)],
        &[keys(usize::MAX, 1)],
    ] {
        refused(ledger, Error::Invalid, || ledger.acquire(a, wrong, &mut ()));
    }
    assert_eq!(ledger.view(164), Err(Error::Invalid));
}

#[test]
fn nobody_owns_more_than_its_quota() {
    let ledger = ledger(0);
    let few = Quota { owned: 4, ..Quota::NONE };
    let a = ledger.admit(few, Window::default()).unwrap();
    refused(ledger, Error::NoMemory, || ledger.acquire(a, &[keys(100, 5)], &mut ()));
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    refused(ledger, Error::NoMemory, || ledger.acquire(a, &[keys(100, 1)], &mut ()));
    ledger.acquire(ProcessId::KERNEL, &[keys(104, 1)], &mut ()).unwrap();
    refused(ledger, Error::NoMemory, || ledger.transfer(ProcessId::KERNEL, a, &[keys(104, 1)], &mut ()));
    ledger.release(a, &[keys(101, 1)], &mut ()).unwrap();
    ledger.transfer(ProcessId::KERNEL, a, &[keys(104, 1)], &mut ()).unwrap();
    ledger.set_quota(a, Quota { owned: 1, ..Quota::NONE }).unwrap();
    refused(ledger, Error::NoMemory, || ledger.acquire(a, &[keys(110, 1)], &mut ()));
    audit(ledger);
}

#[test]
fn effects_without_room_stop_everything() {
    let ledger = ledger(4);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 2)], &mut ()).unwrap();
    let mut full = Notes { no_room: true, ..Notes::default() };
    refused(ledger, Error::NoMemory, || ledger.acquire(a, &[keys(110, 2)], &mut full));
    refused(ledger, Error::NoMemory, || ledger.release(a, &[keys(100, 2)], &mut full));
    refused(ledger, Error::NoMemory, || ledger.transfer(a, b, &[keys(100, 2)], &mut full));
    refused(ledger, Error::NoMemory, || ledger.lend(a, b, &[keys(100, 2)], SHARED, &mut full));
    assert_eq!(full.cancelled, 0, "nothing was reserved");
}

#[test]
fn a_slot_that_is_used_again_is_another_process() {
    let ledger = ledger(0);
    let [a] = processes(ledger);
    ledger.acquire(a, &[keys(100, 1)], &mut ()).unwrap();
    ledger.die(a, &mut ()).unwrap();
    let [b] = processes(ledger);
    assert_eq!((b.slot(), b.generation()), (a.slot(), a.generation() + 1));
    ledger.acquire(b, &[keys(100, 1)], &mut ()).unwrap();
    refused(ledger, Error::Invalid, || ledger.release(a, &[keys(100, 1)], &mut ()));
    refused(ledger, Error::Invalid, || ledger.die(a, &mut ()));
    refused(ledger, Error::Invalid, || ledger.set_quota(a, Quota::NONE));
    assert_eq!((ledger.life(a), ledger.life(b)), (Life::Vacant, Life::Live));
}

#[test]
fn the_kernel_does_not_die() {
    let ledger = ledger(0);
    refused(ledger, Error::Invalid, || ledger.die(ProcessId::KERNEL, &mut ()));
    refused(ledger, Error::Invalid, || ledger.admit_at(0, Quota::NONE, Window::default()));
    refused(ledger, Error::NoMemory, || ledger.admit_at(1, Quota::NONE, Window::default()));
}

#[test]
fn a_key_that_changes_hands_through_an_allocator_is_nobodys() {
    let ledger = ledger(4);
    let [a, b] = processes(ledger);
    let entry = ledger.table().entry(100).unwrap();
    let claim = entry.claim(|_| Ok::<(), ()>(()), || unreachable!("nobody is at it")).unwrap();
    let word = claim.word().with_owner(IN_TRANSIT);
    claim.commit(word);
    assert_eq!(ledger.view(100).unwrap().owner, None);
    let (key, none) = ([keys(100, 1)], &mut ());
    for actor in [a, ProcessId::KERNEL] {
        assert_eq!(ledger.acquire(actor, &key, none), Err(Error::AlreadyOwned));
        assert_eq!(ledger.release(actor, &key, none), Err(Error::NotOwner));
        assert_eq!(ledger.transfer(actor, b, &key, none), Err(Error::NotOwner));
        assert_eq!(ledger.lend(actor, b, &key, SHARED, none), Err(Error::NotOwner));
    }
    let itself = ProcessId::from_parts(IN_TRANSIT, 0);
    assert_eq!(ledger.release(itself, &key, none), Err(Error::Invalid), "nobody acts by that name");
    assert_eq!(ledger.admit_at(IN_TRANSIT, Quota::NONE, ANYTHING), Err(Error::Invalid));
}

#[test]
fn there_is_no_account_for_keys_in_transit() {
    let accounts = leak(usize::from(IN_TRANSIT) + 1, Account::new);
    let table = || Table::new(&[], &[]).unwrap();
    assert_eq!(Ledger::new(table(), accounts).err(), Some(Error::Invalid));
    assert!(Ledger::new(table(), &accounts[1..]).is_ok());
}

#[test]
fn keys_that_an_allocator_hands_out_count_from_before_to_after() {
    let ledger = ledger(4);
    let process = ledger.admit(Quota { owned: 10, ..Quota::NONE }, ANYTHING).unwrap();
    let owned = || ledger.account_of(process).map(|account| account.owned);
    ledger.acquire(process, &[keys(100, 3)], &mut ()).unwrap();
    ledger.count(process, 7).unwrap();
    assert_eq!(owned(), Some(10));
    assert_eq!(ledger.count(process, 1), Err(Error::NoMemory));
    assert_eq!(ledger.count(ProcessId::from_parts(99, 0), 1), Err(Error::Invalid), "there is no such slot");
    ledger.discount(process, 5);
    assert_eq!(owned(), Some(5));
    // It dies while the allocator still has frames of it in hand, and its slot passes on when these are counted off.
    ledger.die(process, &mut ()).unwrap();
    assert_eq!((ledger.life(process), owned()), (Life::Estate, Some(2)));
    assert_eq!(ledger.count(process, 1), Err(Error::Invalid));
    ledger.discount(process, 2);
    assert_eq!((ledger.life(process), owned()), (Life::Vacant, None));
    audit(ledger);
}

//! The rules, one by one.

use alloc::vec;

use steward_ledger::{Direction, Error, Extent, Instant, Kind, LoanId, ProcessId, Quota, State, Terms, Window};

use crate::check::{Access, Checked};
use crate::model::{Life, Model, Setup};
use crate::view::View;

const KEY: [Extent; 1] = [Extent::one(5)];

/// Three processes that take every loan.
fn three() -> (Model, [ProcessId; 3]) {
    let mut model = Model::new(Setup::new(vec![Extent { start: 0, count: 8 }], 5, 10));
    let window = Window { revocable: true, shortest: Some(0), ..Window::default() };
    let processes = [2, 3, 4].map(|slot| model.birth(slot, window, Quota::NONE).unwrap());
    (model, processes)
}

#[track_caller]
fn refused<T: core::fmt::Debug>(result: Checked<T>, error: Error) {
    assert_eq!(result.map_err(|refusal| refusal.error()).unwrap_err(), error);
}

fn shared() -> Terms {
    Terms::firm(Kind::Shared)
}

fn mutable() -> Terms {
    Terms::firm(Kind::Mut)
}

fn until(kind: Kind, deadline: u64) -> Terms {
    Terms { deadline: Some(Instant::from_nanoseconds(deadline)), ..Terms::firm(kind) }
}

#[test]
fn a_key_has_one_owner_at_a_time() {
    let (mut model, [a, b, _]) = three();
    model.acquire(a, &KEY).unwrap();
    refused(model.acquire(b, &KEY), Error::AlreadyOwned);
    refused(model.release(b, &KEY), Error::NotOwner);
    model.transfer(a, b, &KEY).unwrap();
    refused(model.release(a, &KEY), Error::NotOwner);
    model.release(b, &KEY).unwrap();
    assert_eq!(model.view(5), View::FREE);
}

#[test]
fn a_mutable_loan_excludes_everyone_until_it_is_returned() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    let loan = model.lend(a, b, &KEY, mutable()).unwrap();
    refused(model.lend(a, c, &KEY, shared()), Error::MutBorrowed);
    refused(model.release(a, &KEY), Error::Borrowed);
    refused(model.pin(a, Access::Owned, KEY[0], Direction::DeviceReads), Error::MutBorrowed);
    refused(model.give_back(c, loan), Error::NotBorrowed);
    model.give_back(b, loan).unwrap();
    assert_eq!(model.view(5).state, State::Exclusive);
}

#[test]
fn readers_exclude_writers() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    let one = model.lend(a, b, &KEY, shared()).unwrap();
    model.lend(a, c, &KEY, shared()).unwrap();
    assert_eq!((model.view(5).state, model.view(5).shared), (State::SharedOwned, 2));
    refused(model.lend(a, b, &KEY, mutable()), Error::SharedBorrowed);
    refused(model.relend(b, one, c, &KEY, mutable()), Error::SharedBorrowed);
    refused(model.pin(b, Access::Loan(one), KEY[0], Direction::DeviceWrites), Error::SharedBorrowed);
    refused(model.pin(a, Access::Owned, KEY[0], Direction::DeviceWrites), Error::SharedBorrowed);
    model.relend(b, one, c, &KEY, shared()).unwrap();
    assert_eq!(model.view(5).shared, 3);
    model.give_back(b, one).unwrap();
    assert_eq!(model.view(5).shared, 1);
}

#[test]
fn a_returned_loan_takes_its_subtree_along_and_the_holder_goes_back_level_by_level() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    let outer = model.lend(a, b, &KEY, mutable()).unwrap();
    let inner = model.relend(b, outer, c, &KEY, mutable()).unwrap();
    assert_eq!(model.view(5).holder, Some(inner));
    refused(model.relend(b, outer, a, &KEY, shared()), Error::MutBorrowed);
    model.give_back(c, inner).unwrap();
    assert_eq!(model.view(5).holder, Some(outer));
    let inner = model.relend(b, outer, c, &KEY, mutable()).unwrap();
    model.relend(c, inner, a, &KEY, shared()).unwrap();
    model.give_back(b, outer).unwrap();
    assert_eq!((model.view(5).state, model.loans().count()), (State::Exclusive, 0));
}

#[test]
fn a_pinned_loan_ends_at_once_and_finishes_at_the_last_unpin() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    let outer = model.lend(a, b, &KEY, mutable()).unwrap();
    let inner = model.relend(b, outer, c, &KEY, mutable()).unwrap();
    let pin = model.pin(c, Access::Loan(inner), KEY[0], Direction::DeviceWrites).unwrap();
    model.give_back(b, outer).unwrap();
    refused(model.give_back(b, outer), Error::NotBorrowed);
    refused(model.pin(c, Access::Loan(inner), KEY[0], Direction::DeviceReads), Error::NotBorrowed);
    assert_eq!((model.view(5).holder, model.account(b).unwrap().loans), (Some(inner), 1));
    model.check().unwrap();
    model.unpin(pin);
    assert_eq!((model.view(5).state, model.account(b).unwrap().loans), (State::Exclusive, 0));
}

#[test]
fn a_device_that_writes_excludes_every_other_access() {
    let (mut model, [a, b, _]) = three();
    model.acquire(a, &KEY).unwrap();
    let pin = model.pin(a, Access::Owned, KEY[0], Direction::DeviceWrites).unwrap();
    for terms in [shared(), mutable()] {
        refused(model.lend(a, b, &KEY, terms), Error::MutBorrowed);
    }
    refused(model.pin(a, Access::Owned, KEY[0], Direction::DeviceReads), Error::MutBorrowed);
    refused(model.transfer(a, b, &KEY), Error::Borrowed);
    model.unpin(pin);
    model.transfer(a, b, &KEY).unwrap();
}

#[test]
fn only_the_lender_revokes_and_only_what_was_lent_revocably() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    let outer = model.lend(a, b, &KEY, Terms { revocable: true, ..shared() }).unwrap();
    let inner = model.relend(b, outer, c, &KEY, shared()).unwrap();
    refused(model.revoke(b, inner), Error::NotBorrowed);
    refused(model.revoke(b, outer), Error::NotOwner);
    model.revoke(a, outer).unwrap();
    refused(model.give_back(c, inner), Error::NotBorrowed);
    assert_eq!(model.view(5).state, State::Exclusive);
}

#[test]
fn a_window_is_held_against_what_the_terms_amount_to() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    model.set_window(c, Window::default()).unwrap();
    let outer = model.lend(a, b, &KEY, Terms { revocable: true, ..shared() }).unwrap();
    refused(model.relend(b, outer, c, &KEY, shared()), Error::Invalid);
    let outer = model.lend(a, b, &KEY, until(Kind::Shared, 10)).unwrap();
    refused(model.relend(b, outer, c, &KEY, shared()), Error::Invalid);
    model.lend(a, c, &KEY, shared()).unwrap();
}

#[test]
fn what_is_due_ends_and_a_child_is_due_no_later_than_its_parent() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    let outer = model.lend(a, b, &KEY, until(Kind::Mut, 10)).unwrap();
    refused(model.relend(b, outer, c, &KEY, until(Kind::Shared, 11)), Error::Invalid);
    model.relend(b, outer, c, &KEY, shared()).unwrap();
    model.relend(b, outer, a, &KEY, until(Kind::Shared, 4)).unwrap();
    model.expire(Instant::from_nanoseconds(4));
    assert_eq!((model.view(5).shared, model.view(5).holder), (1, Some(outer)));
    model.expire(Instant::from_nanoseconds(10));
    assert_eq!(model.view(5).state, State::Exclusive);
    refused(model.lend(a, b, &KEY, until(Kind::Mut, 10)), Error::Invalid);
}

#[test]
fn an_estate_lasts_as_long_as_others_use_it_and_so_does_its_slot() {
    let (mut model, [a, b, _]) = three();
    model.acquire(a, &[Extent { start: 5, count: 2 }]).unwrap();
    let loan = model.lend(a, b, &KEY, shared()).unwrap();
    model.die(a).unwrap();
    assert_eq!(model.take_freed(), [6]);
    assert!(model.view(5).estate && model.life(a) == Life::Dying);
    refused(model.die(a), Error::Invalid);
    refused(model.birth(a.slot(), Window::default(), Quota::NONE), Error::NoMemory);
    model.check().unwrap();
    model.give_back(b, loan).unwrap();
    assert_eq!((model.take_freed(), model.view(5)), (vec![5], View::FREE));
    let next = model.birth(a.slot(), Window::default(), Quota::NONE).unwrap();
    assert_eq!(next.generation(), a.generation() + 1);
    refused(model.acquire(a, &KEY), Error::Invalid);
}

#[test]
fn the_dead_return_what_they_have_borrowed() {
    let (mut model, [a, b, c]) = three();
    model.acquire(a, &KEY).unwrap();
    let outer = model.lend(a, b, &KEY, mutable()).unwrap();
    model.relend(b, outer, c, &KEY, mutable()).unwrap();
    model.die(b).unwrap();
    assert_eq!((model.view(5).state, model.life(b)), (State::Exclusive, Life::Vacant));
    refused(model.die(ProcessId::KERNEL), Error::Invalid);
}

#[test]
fn a_range_is_done_whole_or_not_at_all() {
    let (mut model, [a, b, _]) = three();
    model.acquire(b, &[Extent::one(3)]).unwrap();
    let before = model.clone();
    refused(model.acquire(a, &[Extent { start: 0, count: 2 }, Extent { start: 3, count: 1 }]), Error::AlreadyOwned);
    for wrong in [vec![], vec![Extent { start: 0, count: 0 }], vec![Extent::one(1), Extent::one(0)]] {
        refused(model.acquire(a, &wrong), Error::Invalid);
    }
    for wrong in [Extent { start: 7, count: 2 }, Extent { start: 1, count: usize::MAX }, Extent::one(9)] {
        refused(model.acquire(a, &[wrong]), Error::Invalid);
    }
    assert_eq!(model, before);
}

#[test]
fn the_checks_stand_in_their_order() {
    let (mut model, [a, b, c]) = three();
    model.set_quota(a, Quota { owned: 0, borrowed: 0, loans: 0 }).unwrap();
    model.set_window(a, Window { shared: false, ..Window::default() }).unwrap();
    model.die(c).unwrap();
    refused(model.lend(c, a, &[], shared()), Error::Invalid);
    refused(model.transfer(b, a, &KEY), Error::NoMemory);
    refused(model.lend(b, a, &KEY, shared()), Error::Invalid);
    refused(model.lend(b, a, &KEY, mutable()), Error::NoMemory);
    refused(model.lend(b, ProcessId::KERNEL, &KEY, mutable()), Error::NotOwner);
    refused(model.relend(b, LoanId::from_parts(0, 0), c, &KEY, shared()), Error::Invalid);
    refused(model.relend(b, LoanId::from_parts(0, 0), a, &KEY, shared()), Error::NotBorrowed);
}

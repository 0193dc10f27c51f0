//! What claims and accounts do in every order that the memory model allows, under `loom`. Each is also tried with
//! something taken away from it that it needs, which must be found.

mod bucket;

use core::sync::atomic::Ordering;

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU64, fence},
    },
    thread,
};

use crate::{
    Life, Word,
    account::{Standing, begin_dying, count_owned, standing},
    atomic::Cell,
    entry::{claim, may_be_of, settle},
    rules,
};

/// All that the code asks for.
const WHOLE: u8 = 0;
/// Nothing is ordered.
const RELAXED: u8 = 1;
/// There is no order of all SeqCst operations.
const NO_TOTAL_ORDER: u8 = 2;
/// An exchange is a load and a store.
const TORN: u8 = 3;

/// A word as loom knows it. Of SeqCst it models the fences only, so those are put where the operations stand.
struct Modelled<const LACK: u8>(AtomicU64);

impl<const LACK: u8> Modelled<LACK> {
    fn order(order: Ordering) -> Ordering {
        match (LACK, order) {
            (RELAXED, _) => Ordering::Relaxed,
            (_, order) => order,
        }
    }

    fn fence(order: Ordering) {
        if order == Ordering::SeqCst && matches!(LACK, WHOLE | TORN) {
            fence(Ordering::SeqCst);
        }
    }
}

impl<const LACK: u8> Cell for Modelled<LACK> {
    fn load(&self, order: Ordering) -> u64 {
        Self::fence(order);
        self.0.load(match Self::order(order) {
            Ordering::SeqCst => Ordering::Acquire,
            other => other,
        })
    }

    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, Self::order(order));
    }

    fn exchange(&self, old: u64, new: u64, order: Ordering) -> Result<u64, u64> {
        if LACK == TORN {
            let found = self.0.load(Ordering::Acquire);
            if found != old {
                return Err(found);
            }
            self.0.store(new, Ordering::Release);
            return Ok(old);
        }
        let weakest = match Self::order(order) {
            Ordering::SeqCst => Ordering::AcqRel,
            other => other,
        };
        let done = self.0.compare_exchange(old, new, weakest, Ordering::Relaxed);
        Self::fence(order);
        done
    }
}

fn any(_: Word) -> Result<(), ()> {
    Ok(())
}

/// Two claim a key, and each adds one to its note.
fn two_claim_a_key<const LACK: u8>() {
    loom::model(|| {
        let key = Arc::new((Modelled::<LACK>(AtomicU64::new(0)), AtomicU64::new(0)));
        let claim_once = |key: &(Modelled<LACK>, AtomicU64)| {
            let word = claim(&key.0, any, thread::yield_now).unwrap();
            key.1.store(key.1.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            settle(&key.0, word);
        };
        let other = Arc::clone(&key);
        let thread = thread::spawn(move || claim_once(&other));
        claim_once(&key);
        thread.join().unwrap();
        assert_eq!(key.1.load(Ordering::Relaxed), 2, "a change was lost");
    });
}

#[test]
fn a_claim_keeps_others_from_the_key_and_its_note() {
    two_claim_a_key::<WHOLE>();
}

#[test]
#[should_panic(expected = "a change was lost")]
fn a_claim_that_orders_nothing_is_found_out() {
    two_claim_a_key::<RELAXED>();
}

#[test]
#[should_panic]
fn a_claim_that_is_torn_is_found_out() {
    two_claim_a_key::<TORN>();
}

const SLOT: u16 = 5;

fn account<const LACK: u8>() -> Modelled<LACK> {
    Modelled(AtomicU64::new(Standing::new(3, Life::Live, 0).bits()))
}

/// Two ask for the last key that the quota allows.
fn two_are_counted<const LACK: u8>() {
    loom::model(|| {
        let cell = Arc::new(account::<LACK>());
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || count_owned(&*other, 3, 1, 1).is_ok());
        let mine = count_owned(&*cell, 3, 1, 1).is_ok();
        assert!(mine != thread.join().unwrap(), "both were let in");
    });
}

#[test]
fn an_account_lets_in_no_more_than_its_quota() {
    two_are_counted::<WHOLE>();
}

#[test]
#[should_panic(expected = "both were let in")]
fn an_account_whose_exchange_is_torn_is_found_out() {
    two_are_counted::<TORN>();
}

/// A process takes a key while it dies.
fn a_dying_process_acquires<const LACK: u8>() {
    loom::model(|| {
        let parts = Arc::new((account::<LACK>(), Modelled::<LACK>(AtomicU64::new(0))));
        let other = Arc::clone(&parts);
        let thread = thread::spawn(move || {
            let (account, key) = &*other;
            if count_owned(account, 3, 1, 9).is_err() {
                return;
            }
            let word = claim(key, any, thread::yield_now).unwrap();
            let lives = standing(account).is_live(3);
            settle(key, if lives { rules::acquire(word, SLOT).unwrap() } else { word });
        });
        let (account, key) = &*parts;
        begin_dying(account, 3).unwrap();
        if may_be_of(key, SLOT) {
            let word = claim(key, any, thread::yield_now).unwrap();
            settle(key, rules::pass_on(word, SLOT, 0).unwrap_or(word));
        }
        thread.join().unwrap();
        let word = claim(key, any, thread::yield_now).unwrap();
        assert_eq!(word.owner(), 0, "the dead process owns a key");
        settle(key, word);
    });
}

#[test]
fn a_process_that_dies_while_it_acquires_is_left_with_nothing() {
    a_dying_process_acquires::<WHOLE>();
}

#[test]
#[should_panic(expected = "the dead process owns a key")]
fn a_death_without_an_order_of_all_is_found_out() {
    a_dying_process_acquires::<NO_TOTAL_ORDER>();
}

//! Loans that end by themselves.

mod world;

use steward_ledger::{Access, Clock, Direction, Error, Instant, Kind, Operation};
use world::*;

const fn at(nanoseconds: u64) -> Instant {
    Instant::from_nanoseconds(nanoseconds)
}

#[test]
fn a_loan_ends_at_its_deadline_and_not_before() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    ledger.expire(at(1000), &mut ());
    let loan = ledger.lend(a, b, &[keys(100, 4)], until(Kind::Mut, 5000), &mut ()).unwrap();
    refused(ledger, Error::Invalid, || ledger.relend(b, loan, c, &[keys(100, 1)], until(Kind::Mut, 5001), &mut ()));
    let inherits = ledger.relend(b, loan, c, &[keys(100, 1)], MUT, &mut ()).unwrap();
    let earlier = ledger.relend(b, loan, c, &[keys(101, 1)], until(Kind::Mut, 3000), &mut ()).unwrap();
    assert_eq!(ledger.loan(inherits).unwrap().deadline, Some(at(5000)));
    assert_eq!(ledger.next_deadline(), Some(at(3000)));
    audit(ledger);
    assert_eq!(ledger.expire(at(2999), &mut ()), 0);
    assert_eq!(ledger.expire(at(500), &mut ()), 0, "time does not go back");
    assert_eq!(ledger.now(), at(2999));
    assert_eq!(ledger.expire(at(3000), &mut ()), 1);
    assert_eq!((ledger.loan(earlier), ledger.next_deadline()), (None, Some(at(5000))));
    audit(ledger);
    let mut notes = Notes::default();
    assert_eq!(ledger.expire(at(u64::MAX), &mut notes), 1);
    let told: Vec<_> = notes.applied.iter().map(|of| (of.0, of.3.unwrap())).collect();
    let [expire, finish] = [Operation::Expire, Operation::Finish];
    assert_eq!(told, [(expire, inherits), (finish, inherits), (expire, loan), (finish, loan)]);
    audit(ledger);
}

#[test]
fn what_is_given_back_before_does_not_expire_later() {
    let ledger = ledger(2);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    for _ in 0..3 {
        let loan = ledger.lend(a, b, &[keys(100, 4)], until(Kind::Mut, 50), &mut ()).unwrap();
        ledger.give_back(b, loan, &mut ()).unwrap();
    }
    let later = ledger.lend(a, b, &[keys(100, 4)], MUT, &mut ()).unwrap();
    assert_eq!(ledger.expire(at(1000), &mut ()), 0);
    assert!(ledger.loan(later).is_some());
    audit(ledger);
}

#[test]
fn a_pinned_loan_loses_access_at_its_deadline_and_finishes_later() {
    let ledger = ledger(2);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    let loan = ledger.lend(a, b, &[keys(100, 4)], until(Kind::Mut, 50), &mut ()).unwrap();
    let pin = ledger.pin(b, Access::Loan(loan), keys(100, 1), Direction::DeviceWrites, &mut ()).unwrap();
    assert_eq!(ledger.expire(at(50), &mut ()), 1);
    assert_eq!(ledger.expire(at(51), &mut ()), 0);
    refused(ledger, Error::NotBorrowed, || ledger.give_back(b, loan, &mut ()));
    audit(ledger);
    ledger.unpin(pin, &mut ());
    assert_eq!(ledger.loan(loan), None);
    audit(ledger);
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes, and has one thread only")]
fn many_deadlines_of_all_distances_end_each_in_its_tick() {
    let ledger = ledger_of(&[keys(0, 600)], 4, 600);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(0, 600)], &mut ()).unwrap();
    let mut random = 88172645463325252_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut now = 0;
    let mut loans = Vec::new();
    for round in 0..3000 {
        let free = (0..600).find(|&key| ledger.view(key).unwrap().shared == 0);
        if let Some(key) = free {
            let deadline = now + 1 + (next() >> (next() % 60));
            let terms = until(Kind::Shared, deadline);
            loans.push((deadline, ledger.lend(a, b, &[keys(key, 1)], terms, &mut ()).unwrap()));
        }
        if round % 3 == 0 {
            now += next() >> (10 + next() % 50);
            let due = loans.iter().filter(|loan| loan.0 <= now).count();
            assert_eq!(ledger.expire(at(now), &mut ()), due, "at {now}");
            loans.retain(|loan| loan.0 > now);
            assert!(loans.iter().all(|loan| ledger.loan(loan.1).is_some()));
            assert_eq!(ledger.next_deadline(), loans.iter().map(|loan| at(loan.0)).min());
        }
        if round % 7 == 0 && !loans.is_empty() {
            let (_, loan) = loans.swap_remove(next() as usize % loans.len());
            ledger.give_back(b, loan, &mut ()).unwrap();
        }
    }
    audit(ledger);
}

#[test]
fn a_counter_that_jumps_goes_back_or_wraps_never_ends_a_loan_early() {
    const TICK: u64 = 1_000_000;
    let ledger = ledger(2);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 1)], &mut ()).unwrap();
    // 32 bits at 1 GHz wrap after 4.3 s.
    let clock = Clock::new(0xffff_0000, 32, 1_000_000_000, TICK, 100 * TICK);
    let mut counter = 0xffff_0000_u64;
    for jump in [0, 3_000_000_000, u64::MAX - 2_999_999_999, 0x8000_0000, u64::MAX - 99, 0xffff_ffff, 77] {
        let deadline = clock.now().nanoseconds() + 10 * TICK;
        let loan = ledger.lend(a, b, &[keys(100, 1)], until(Kind::Mut, deadline), &mut ()).unwrap();
        let mut passed = 0;
        let mut ticks = 0;
        counter = counter.wrapping_add(jump);
        while ledger.loan(loan).is_some() {
            ledger.expire(clock.advance(counter), &mut ());
            counter = counter.wrapping_add(TICK);
            passed += TICK;
            ticks += 1;
        }
        assert!(passed >= 10 * TICK, "{jump}: ended after {passed}");
        assert!(ticks <= 13, "{jump}: ended after {ticks} ticks");
    }
    audit(ledger);
}

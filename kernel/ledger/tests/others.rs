//! Keys that are in no span: they obey the same rules, and take room only while they have an owner.

mod world;

use steward_ledger::{Access, Bucket, Direction, Error, Extent, Kind, Life, Others, ProcessId, State, View, Word};
use world::{
    MUT, Notes, OTHERS, SHARED, audit, everything, keys, leak, ledger_with_others, processes, refused, revocable, until,
};

/// An I/O port, a vector, an object and a page: no two near each other.
const SCATTERED: [Extent; 4] =
    [keys(OTHERS, 1), keys(0x0100_0000_0000_03f8, 8), keys(0xffff_8000_dead_b000, 1), keys(usize::MAX - 1, 1)];
const FREE: View =
    View { state: State::Free, owner: None, estate: false, shared: 0, reads: 0, writes: false, holder: None };

#[test]
fn any_number_is_a_key_that_obeys_the_same_rules() {
    let ledger = ledger_with_others(8, 4, 4);
    let [a, b, c] = processes(ledger);
    for key in [OTHERS, 12_345, usize::MAX - 1] {
        let key = [Extent::one(key)];
        ledger.acquire(a, &key, &mut ()).unwrap();
        refused(ledger, Error::AlreadyOwned, || ledger.acquire(b, &key, &mut ()));
        refused(ledger, Error::NotOwner, || ledger.release(b, &key, &mut ()));
        let shared = ledger.lend(a, b, &key, SHARED, &mut ()).unwrap();
        refused(ledger, Error::SharedBorrowed, || ledger.lend(a, c, &key, MUT, &mut ()));
        refused(ledger, Error::Borrowed, || ledger.release(a, &key, &mut ()));
        ledger.give_back(b, shared, &mut ()).unwrap();
        let lent = ledger.lend(a, b, &key, revocable(Kind::Mut), &mut ()).unwrap();
        let below = ledger.relend(b, lent, c, &key, MUT, &mut ()).unwrap();
        assert_eq!(ledger.view(key[0].start).unwrap().holder, Some(below));
        refused(ledger, Error::MutBorrowed, || ledger.lend(a, c, &key, SHARED, &mut ()));
        ledger.revoke(a, lent, &mut ()).unwrap();
        ledger.transfer(a, c, &key, &mut ()).unwrap();
        assert_eq!(ledger.view(key[0].start).unwrap().owner, Some(c));
        ledger.release(c, &key, &mut ()).unwrap();
        assert_eq!(ledger.view(key[0].start), Ok(FREE));
        audit(ledger);
    }
}

#[test]
fn keys_below_the_first_of_the_others_do_not_exist_unless_a_span_has_them() {
    let ledger = ledger_with_others(1, 4, 0);
    let [a] = processes(ledger);
    for extent in [keys(OTHERS - 1, 1), keys(OTHERS - 1, 2), keys(0, 1), keys(163, 2), keys(usize::MAX, 1)] {
        refused(ledger, Error::Invalid, || ledger.acquire(a, &[extent], &mut ()));
        assert_eq!(ledger.view(OTHERS - 1), Err(Error::Invalid));
    }
    assert_eq!(ledger.view(OTHERS), Ok(FREE));
}

#[test]
fn no_extent_lies_partly_in_a_span() {
    let ledger = ledger_with_others(1, 4, 0);
    let [a] = processes(ledger);
    for extent in [keys(999, 2), keys(1015, 2), keys(999, 18), keys(999, 40)] {
        refused(ledger, Error::Invalid, || ledger.acquire(a, &[extent], &mut ()));
    }
    ledger.acquire(a, &[keys(998, 2), keys(1000, 16), keys(1016, 2)], &mut ()).unwrap();
    assert_eq!(ledger.account_of(a).unwrap().owned, 20);
    audit(ledger);
}

#[test]
fn one_loan_is_of_both_kinds_of_keys() {
    let ledger = ledger_with_others(8, 4, 16);
    let [a, b] = processes(ledger);
    let both = [[keys(100, 3)].as_slice(), &SCATTERED[..1], &[keys(1004, 2)], &SCATTERED[1..]].concat();
    ledger.acquire(a, &both, &mut ()).unwrap();
    let loan = ledger.lend(a, b, &both, until(Kind::Mut, 10), &mut ()).unwrap();
    assert_eq!(ledger.loan(loan).unwrap().keys, 16);
    assert_eq!(ledger.view(usize::MAX - 1).unwrap().holder, Some(loan));
    let pin = ledger.pin(b, Access::Loan(loan), SCATTERED[1], Direction::DeviceWrites, &mut ()).unwrap();
    audit(ledger);
    assert_eq!(ledger.expire(steward_ledger::Instant::from_nanoseconds(10), &mut ()), 1);
    audit(ledger);
    refused(ledger, Error::Borrowed, || ledger.release(a, &both, &mut ()));
    ledger.unpin(pin, &mut ());
    ledger.release(a, &both, &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn a_range_of_which_one_key_is_refused_leaves_no_key_a_place() {
    let ledger = ledger_with_others(8, 4, 16);
    let [a, b] = processes(ledger);
    ledger.acquire(b, &SCATTERED[3..], &mut ()).unwrap();
    let before = ledger.table().others().unwrap();
    let places = |others: &Others<'_>| (0..4).map(|chain| others.length(chain)).sum::<usize>();
    refused(ledger, Error::AlreadyOwned, || ledger.acquire(a, &SCATTERED, &mut ()));
    assert_eq!(places(before), 1);
}

#[test]
fn what_finds_no_place_is_no_memory_and_changes_nothing() {
    let ledger = ledger_with_others(8, 1, 1);
    let [a, b] = processes(ledger);
    let ten = [keys(2000, 10)];
    ledger.acquire(a, &ten, &mut ()).unwrap();
    refused(ledger, Error::NoMemory, || ledger.acquire(b, &[keys(100, 2), keys(3000, 1)], &mut ()));
    assert_eq!(ledger.account_of(b).unwrap().owned, 0);
    // One leaves, one comes: the places of those that stay are theirs.
    for key in 2000..2010 {
        ledger.release(a, &[Extent::one(key)], &mut ()).unwrap();
        ledger.acquire(b, &[Extent::one(key + 1000)], &mut ()).unwrap();
        audit(ledger);
    }
    ledger.release(b, &[keys(3000, 10)], &mut ()).unwrap();
    ledger.acquire(b, &ten, &mut ()).unwrap();
    audit(ledger);
    ledger.table().others().unwrap().grow(leak(1, Default::default)).unwrap();
    ledger.acquire(b, &[keys(3000, 5)], &mut ()).unwrap();
    audit(ledger);
    refused(ledger, Error::NoMemory, || ledger.acquire(b, &[keys(4000, 1)], &mut ()));
}

#[test]
fn chains_give_back_what_they_no_longer_need() {
    let ledger = ledger_with_others(1, 2, 8);
    let [a] = processes(ledger);
    // Ten buckets. If chains kept theirs, others would soon find none.
    for round in 0..200 {
        let extent = [keys(10_000 + round * 977, 30)];
        ledger.acquire(a, &extent, &mut ()).unwrap();
        audit(ledger);
        ledger.release(a, &extent, &mut ()).unwrap();
    }
    audit(ledger);
}

#[test]
fn keys_have_owners_without_a_ledger_too() {
    let (heads, more) = (leak(1, Bucket::new), leak(1, Bucket::new));
    let others = Others::new(heads, 10, 1).unwrap();
    others.grow(more).unwrap();
    assert_eq!((others.insert(9, 5), others.insert(10, 5)), (Err(Error::Invalid), Ok(())));
    assert_eq!((others.insert(10, 6), others.insert(10, 5)), (Err(Error::AlreadyOwned), Err(Error::AlreadyOwned)));
    assert_eq!(others.get(10).map(Word::owner), Some(5));
    assert_eq!((others.remove(10, 6), others.remove(11, 5)), (Err(Error::NotOwner), Err(Error::NotOwner)));
    // The first bucket has four more places, and there is one behind it.
    (11..20).for_each(|key| others.insert(key, 6).unwrap());
    assert_eq!((others.insert(20, 6), others.length(0)), (Err(Error::NoMemory), 10));
    assert_eq!((others.insert(12, 7), others.insert(19, 7)), (Err(Error::AlreadyOwned), Err(Error::AlreadyOwned)));
    // One of the first bucket, whose place goes to the next, and all of the second.
    assert_eq!((others.remove(12, 6), others.get(12), others.insert(20, 6)), (Ok(()), None, Ok(())));
    for key in [15, 16, 17, 18, 19] {
        assert_eq!((others.remove(key, 7), others.remove(key, 6)), (Err(Error::NotOwner), Ok(())), "{key}");
    }
    assert_eq!((others.spare_buckets(), others.length(0)), (1, 5));
    for (key, owner) in [(10, 5), (11, 6), (13, 6), (14, 6), (20, 6)] {
        assert_eq!((others.remove(key, owner), others.get(key)), (Ok(()), None), "{key}");
    }
    assert_eq!((others.length(0), Others::new(leak(3, Bucket::new), 0, 1).err()), (0, Some(Error::Invalid)));
}

#[test]
fn how_much_room_there_is_can_be_asked_and_is_what_there_is() {
    let ledger = ledger_with_others(1, 1, 2);
    let others = ledger.table().others().unwrap();
    assert_eq!((others.first(), others.chains(), others.buckets(), others.spare_buckets()), (OTHERS, 1, 3, 2));
    let [a] = processes(ledger);
    ledger.acquire(a, &[keys(600, 6)], &mut ()).unwrap();
    assert_eq!((others.buckets(), others.spare_buckets(), others.length(0)), (3, 1, 6));
    ledger.acquire(a, &[keys(700, 9)], &mut ()).unwrap();
    refused(ledger, Error::NoMemory, || ledger.acquire(a, &[keys(800, 1)], &mut ()));
    // The first time was when the ledger was made. One slice of more than 65,536 counts as two.
    let mut times = 1;
    while others.has_room_for(1) {
        assert!(others.has_room_for(65_536) && (times < 63) == others.has_room_for(65_537), "{times}");
        others.grow(leak(1, Bucket::new)).unwrap();
        times += 1;
    }
    assert_eq!((times, others.buckets(), others.spare_buckets()), (64, 66, 63));
    assert_eq!(others.grow(leak(1, Bucket::new)), Err(Error::NoMemory));
    assert_eq!(others.buckets(), 66);
    ledger.acquire(a, &[keys(2000, 63 * 5)], &mut ()).unwrap();
    assert_eq!((others.spare_buckets(), others.length(0)), (0, 66 * 5));
    audit(ledger);
}

#[test]
fn a_death_frees_what_nobody_uses_and_leaves_the_rest_as_an_estate() {
    let ledger = ledger_with_others(8, 4, 16);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &SCATTERED, &mut ()).unwrap();
    ledger.acquire(b, &[keys(7777, 3)], &mut ()).unwrap();
    let loan = ledger.lend(a, b, &SCATTERED[1..2], SHARED, &mut ()).unwrap();
    let mut notes = Notes::default();
    ledger.die(a, &mut notes).unwrap();
    notes.freed.sort_by_key(|extent| extent.start);
    assert_eq!(notes.freed, [SCATTERED[0], SCATTERED[2], SCATTERED[3]]);
    assert_eq!(ledger.life(a), Life::Estate);
    assert!(ledger.view(SCATTERED[1].start).unwrap().estate);
    audit(ledger);
    ledger.give_back(b, loan, &mut notes).unwrap();
    assert_eq!(ledger.life(a), Life::Vacant);
    assert_eq!(notes.freed.iter().map(|extent| extent.count).sum::<usize>(), 11);
    let mut left: Vec<_> = ledger.owned_by(b).collect();
    left.sort_unstable();
    assert_eq!(left, [7777, 7778, 7779]);
    audit(ledger);
}

#[test]
fn a_death_goes_through_the_others_step_by_step() {
    let ledger = ledger_with_others(1, 1024, 0);
    let [a] = processes(ledger);
    ledger.acquire(a, &[keys(100, 64), keys(50_000, 500)], &mut ()).unwrap();
    let mut death = ledger.begin_death(a).unwrap();
    let mut steps = 0;
    while ledger.go_on(&mut death, &mut ()) {
        steps += 1;
        audit_dying(ledger, a);
    }
    assert!(steps >= 4, "{steps} steps");
    assert_eq!(ledger.life(a), Life::Vacant);
    audit(ledger);
}

#[test]
fn a_death_looks_at_256_chains_in_a_step() {
    let ledger = ledger_with_others(1, 2048, 0);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(50_000, 1)], &mut ()).unwrap();
    let loan = ledger.lend(a, b, &[keys(50_000, 1)], SHARED, &mut ()).unwrap();
    let mut death = ledger.begin_death(a).unwrap();
    let mut steps = 0;
    while ledger.go_on(&mut death, &mut ()) {
        steps += 1;
    }
    // What is lent stays, so it goes through all chains, after the two spans.
    assert_eq!(steps, 2 + 2048 / 256);
    ledger.give_back(b, loan, &mut ()).unwrap();
    assert_eq!(ledger.life(a), Life::Vacant);
}

#[test]
fn a_death_takes_no_more_steps_at_once_because_a_chain_is_long() {
    let ledger = ledger_with_others(1, 1, 64);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(50_000, 200)], &mut ()).unwrap();
    ledger.acquire(b, &[keys(60_000, 20)], &mut ()).unwrap();
    let mut death = ledger.begin_death(a).unwrap();
    let mut left = 200;
    while ledger.go_on(&mut death, &mut ()) {
        let now = ledger.account_of(a).map_or(0, |account| account.owned);
        assert!(left - now <= 64, "{} keys in one step", left - now);
        left = now;
        audit_dying(ledger, a);
    }
    assert_eq!((ledger.life(a), ledger.owned_by(b).count()), (Life::Vacant, 20));
    audit(ledger);
}

/// What a dying process has left is counted right at each step.
fn audit_dying(ledger: &steward_ledger::Ledger<'_>, process: ProcessId) {
    let owned = ledger.account_of(process).map_or(0, |account| account.owned);
    assert_eq!(ledger.owned_by(process).count(), owned as usize);
}

#[test]
fn everything_can_be_seen_of_others_too() {
    let ledger = ledger_with_others(1, 4, 16);
    let [a] = processes(ledger);
    let before = everything(ledger);
    ledger.acquire(a, &SCATTERED[1..2], &mut ()).unwrap();
    assert_ne!(everything(ledger), before);
    let mut seen = Vec::new();
    ledger.for_each_other(|key, view| seen.push((key, view.owner)));
    seen.sort_unstable();
    assert_eq!(seen, (0..8).map(|port| (SCATTERED[1].start + port, Some(a))).collect::<Vec<_>>());
}

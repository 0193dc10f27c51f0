//! What an audit finds when words are wrong.

mod world;

use steward_ledger::{
    Access, Account, Difference, Direction, Entry, Extent, Ledger, LoanId, ProcessId, Quota, Span, Table, Window, Word,
};
use world::*;

/// What an audit reports when a key's word is changed; the word is put back.
fn found(ledger: &Ledger<'_>, key: usize, change: impl Fn(Word) -> Word) -> Vec<Difference> {
    let set = |change: &dyn Fn(Word) -> Word| {
        let claim = ledger.table().entry(key).unwrap().claim(|_| Ok::<(), ()>(()), || ()).unwrap();
        let before = claim.word();
        claim.commit(change(before));
        before
    };
    let before = set(&change);
    let mut differences = Vec::new();
    ledger.audit(|difference| differences.push(difference));
    set(&|_| before);
    audit(ledger);
    differences
}

#[test]
fn each_part_of_a_word_that_is_wrong_is_found() {
    let ledger = ledger(8);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 8)], &mut ()).unwrap();
    let shared = ledger.lend(a, b, &[keys(100, 2)], SHARED, &mut ()).unwrap();
    let outer = ledger.lend(a, b, &[keys(102, 2)], MUT, &mut ()).unwrap();
    let inner = ledger.relend(b, outer, c, &[keys(102, 1)], MUT, &mut ()).unwrap();
    let pin = ledger.pin(a, Access::Owned, keys(104, 1), Direction::DeviceReads, &mut ()).unwrap();
    audit(ledger);
    let shares = |word: Word| word.with_shared(2);
    assert_eq!(found(ledger, 101, shares), [Difference::Shared { key: 101, counted: 2, found: 1 }]);
    assert_eq!(found(ledger, 105, shares), [Difference::Shared { key: 105, counted: 2, found: 0 }]);
    let holders = [inner, outer].map(|loan| Difference::Holder { key: 102, loan });
    let mut differences = found(ledger, 102, |word| word.with_lent_mut(false));
    differences.sort_by_key(|difference| *difference != holders[0]);
    assert_eq!(differences, holders);
    let lent = found(ledger, 106, |word| word.with_lent_mut(true));
    assert_eq!(lent, [Difference::NoHolder { key: 106 }]);
    let reads = found(ledger, 104, |word| word.with_reads(0));
    assert_eq!(reads, [Difference::Pins { counted: 0, found: 1 }]);
    let writes = found(ledger, 100, |word| word.with_writes(true));
    assert_eq!(writes, [Difference::Excluded { key: 100 }, Difference::Pins { counted: 2, found: 1 }]);
    let freed = found(ledger, 107, |word| word.with_owner(0));
    assert_eq!(freed, [Difference::Owned { process: a, counted: 8, found: 7 }]);
    let written = found(ledger, 104, |word| word.with_writes(true));
    assert!(written.contains(&Difference::Excluded { key: 104 }), "{written:?}");
    let nobody = found(ledger, 107, |word| word.with_owner(9));
    assert_eq!(nobody[0], Difference::Owner { key: 107, slot: 9 });
    let beyond = found(ledger, 107, |word| word.with_owner(900));
    assert_eq!(beyond[0], Difference::Owner { key: 107, slot: 900 });
    let lost = found(ledger, 100, |word| word.with_owner(0));
    assert!(lost.contains(&Difference::Lender { key: 100, loan: shared }), "{lost:?}");
    assert!(lost.contains(&Difference::Owner { key: 100, slot: 0 }), "{lost:?}");
    ledger.unpin(pin, &mut ());
}

#[test]
fn a_dead_process_that_kept_a_key_is_found() {
    let ledger = ledger(8);
    let [a, b] = processes(ledger);
    ledger.acquire(a, &[keys(100, 2)], &mut ()).unwrap();
    let loan: LoanId = ledger.lend(a, b, &[keys(100, 1)], SHARED, &mut ()).unwrap();
    ledger.die(a, &mut ()).unwrap();
    let kept = found(ledger, 101, |word| word.with_owner(a.slot()));
    assert_eq!(kept, [Difference::Unfreed { key: 101 }, Difference::Owned { process: a, counted: 1, found: 2 }]);
    ledger.give_back(b, loan, &mut ()).unwrap();
    audit(ledger);
}

#[test]
fn a_ledger_is_untouched_until_there_is_a_process_or_a_pin() {
    let world = || {
        let entries: &[Entry] = (0..8).map(|_| Entry::free()).collect::<Vec<_>>().leak();
        let accounts: &[Account] = (0..4).map(|_| Account::new()).collect::<Vec<_>>().leak();
        let spans: &[Span] = vec![Span { keys: Extent { start: 0, count: 8 }, first: 0 }].leak();
        Ledger::new(Table::new(entries, spans).unwrap(), accounts).unwrap()
    };
    let ledger = world();
    ledger.acquire(ProcessId::KERNEL, &[Extent::one(3)], &mut ()).unwrap();
    assert!(ledger.is_untouched());
    let pin = ledger.pin(ProcessId::KERNEL, Access::Owned, Extent::one(3), Direction::DeviceReads, &mut ()).unwrap();
    ledger.unpin(pin, &mut ());
    assert!(!ledger.is_untouched());
    let ledger = world();
    ledger.admit(Quota::NONE, Window::default()).unwrap();
    assert!(!ledger.is_untouched());
}

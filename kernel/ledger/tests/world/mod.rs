//! A ledger to try things on: 64 keys from 100 on, and 16 from 1000 on.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::fmt::Debug;

use steward_ledger::{
    Account, Bucket, Change, Effects, Entry, Error, Extent, Instant, Kind, Ledger, LoanId, LoanSlot, Operation, Others,
    ProcessId, Quota, Span, Table, Terms, Window,
};

pub const KEYS: [Extent; 2] = [Extent { start: 100, count: 64 }, Extent { start: 1000, count: 16 }];
/// The first key that need not be in a span.
pub const OTHERS: usize = 500;
pub const ANYTHING: Window =
    Window { shared: true, mutable: true, most_keys: usize::MAX, revocable: true, shortest: Some(0) };

/// A ledger with room for so many loans. It lives as long as the test program.
pub fn ledger(loans: usize) -> &'static Ledger<'static> {
    ledger_of(&KEYS, 12, loans)
}

/// The same, in which every number from 500 on that is in no span is a key, too: in so many buckets, and as many more as
/// chains need.
pub fn ledger_with_others(loans: usize, buckets: usize, more: usize) -> &'static Ledger<'static> {
    let others = Others::new(leak(buckets, Bucket::new), OTHERS, 7).unwrap();
    others.grow(leak(more, Bucket::new)).unwrap();
    ledger_over(&KEYS, Some(others), 12, loans)
}

pub fn ledger_of(keys: &[Extent], accounts: usize, loans: usize) -> &'static Ledger<'static> {
    ledger_over(keys, None, accounts, loans)
}

/// Without spans: every number is a key, and the chains of two buckets grow and shrink all the time.
pub fn ledger_of_others(accounts: usize, loans: usize) -> &'static Ledger<'static> {
    let others = Others::new(leak(2, Bucket::new), 0, 7).unwrap();
    others.grow(leak(16, Bucket::new)).unwrap();
    ledger_over(&[], Some(others), accounts, loans)
}

fn ledger_over(
    keys: &[Extent],
    others: Option<Others<'static>>,
    accounts: usize,
    loans: usize,
) -> &'static Ledger<'static> {
    let mut first = 0;
    let spans: Vec<_> = keys
        .iter()
        .map(|&keys| {
            first += keys.count;
            Span { keys, first: first - keys.count }
        })
        .collect();
    let table = Table::new(leak(first, Entry::free), spans.leak()).unwrap();
    let table = match others {
        Some(others) => table.with_others(others),
        None => table,
    };
    let ledger = Box::leak(Box::new(Ledger::new(table, leak(accounts, Account::new)).unwrap()));
    ledger.grow(leak(loans, LoanSlot::new)).unwrap();
    ledger
}

pub fn leak<T>(count: usize, make: impl Fn() -> T) -> &'static [T] {
    (0..count).map(|_| make()).collect::<Vec<_>>().leak()
}

/// So many processes that accept anything.
pub fn processes<const N: usize>(ledger: &Ledger<'_>) -> [ProcessId; N] {
    std::array::from_fn(|_| ledger.admit(Quota::NONE, ANYTHING).unwrap())
}

pub const fn keys(start: usize, count: usize) -> Extent {
    Extent { start, count }
}

pub const SHARED: Terms = Terms::firm(Kind::Shared);
pub const MUT: Terms = Terms::firm(Kind::Mut);

pub const fn revocable(kind: Kind) -> Terms {
    Terms { revocable: true, ..Terms::firm(kind) }
}

pub const fn until(kind: Kind, deadline: u64) -> Terms {
    Terms { deadline: Some(Instant::from_nanoseconds(deadline)), ..Terms::firm(kind) }
}

/// All that can be seen of a ledger.
pub fn everything(ledger: &Ledger<'_>) -> impl Debug + PartialEq + use<> {
    let mut loans = Vec::new();
    ledger.for_each_loan(|loan| loans.push((loan, extents(ledger, loan.loan))));
    let mut accounts = Vec::new();
    ledger.for_each_account(|account| accounts.push(account));
    let spans = ledger.table().spans().iter();
    let keys = spans.flat_map(|span| span.keys.start..span.keys.start + span.keys.count);
    let mut others = Vec::new();
    ledger.for_each_other(|key, view| others.push((key, view)));
    others.sort_unstable_by_key(|(key, _)| *key);
    (keys.map(|key| ledger.view(key).unwrap()).collect::<Vec<_>>(), others, loans, accounts, ledger.next_deadline())
}

pub fn extents(ledger: &Ledger<'_>, loan: LoanId) -> Vec<Extent> {
    let mut extents = Vec::new();
    ledger.for_each_extent(loan, |extent| extents.push(extent));
    extents
}

/// Fails if the ledger contradicts itself.
#[track_caller]
pub fn audit(ledger: &Ledger<'_>) {
    let mut differences = Vec::new();
    ledger.audit(|difference| differences.push(difference));
    assert!(differences.is_empty(), "{differences:?}");
}

/// Fails unless the operation is refused with this error, and nothing is changed.
#[track_caller]
pub fn refused<T: Debug + PartialEq>(ledger: &Ledger<'_>, error: Error, operation: impl FnOnce() -> Result<T, Error>) {
    let before = everything(ledger);
    assert_eq!(operation(), Err(error));
    assert_eq!(everything(ledger), before, "nothing is changed");
    audit(ledger);
}

/// What was done, from whom, to whom, and by which loan.
pub type Applied = (Operation, Option<ProcessId>, Option<ProcessId>, Option<LoanId>);

/// Effects that are written down.
#[derive(Debug, Default, PartialEq)]
pub struct Notes {
    pub reserved: usize,
    pub cancelled: usize,
    pub applied: Vec<Applied>,
    pub freed: Vec<Extent>,
    pub no_room: bool,
}

impl Effects for Notes {
    fn reserve(&mut self, _: &Change<'_>) -> Result<(), Error> {
        if self.no_room {
            return Err(Error::NoMemory);
        }
        self.reserved += 1;
        Ok(())
    }

    fn cancel(&mut self, _: &Change<'_>) {
        self.cancelled += 1;
    }

    fn apply(&mut self, change: &Change<'_>) {
        self.applied.push((change.operation, change.from, change.to, change.loan));
    }

    fn freed(&mut self, keys: Extent) {
        self.freed.push(keys);
    }
}

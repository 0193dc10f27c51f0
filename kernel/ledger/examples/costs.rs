//! What a loan costs, beside a bare pair of compare-exchanges: for `cargo xtask bench P7`. Prints lines of what was
//! measured, whose it is, and the median and least of its times in nanoseconds, with tabs between.
//!
//! `loan-*-512` is for each key of 512. `claims` are two claims of one entry, as the frame allocator makes for a pair.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use steward_ledger::{Account, Entry, Extent, Kind, Ledger, LoanSlot, ProcessId, Quota, Span, Table, Terms, Window};

const ROUNDS: usize = 1001;

/// Nanoseconds for each of `count` calls.
fn time(count: u32, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        call();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    let entries: Vec<_> = (0..4096).map(|_| Entry::free()).collect();
    let spans = [Span { keys: Extent { start: 256, count: 4096 }, first: 0 }];
    let accounts: Vec<_> = (0..64).map(|_| Account::new()).collect();
    let slots: Vec<_> = (0..1024).map(|_| LoanSlot::new()).collect();
    let ledger = Ledger::new(Table::new(&entries, &spans).unwrap(), &accounts).unwrap();
    ledger.grow(&slots).unwrap();
    let [a, b]: [ProcessId; 2] = std::array::from_fn(|_| ledger.admit(Quota::NONE, Window::default()).unwrap());
    ledger.acquire(a, &[Extent { start: 256, count: 2048 }], &mut ()).unwrap();
    let word = AtomicU64::new(0);
    let cell = black_box(&word);
    let loan = |count, kind| {
        let keys = [Extent { start: 300, count }];
        let keys = black_box(&keys);
        let loan = ledger.lend(a, b, keys, Terms::firm(kind), &mut ()).unwrap();
        ledger.give_back(b, loan, &mut ()).unwrap();
    };
    let own = || {
        let keys = [Extent::one(3000)];
        let keys = black_box(&keys);
        ledger.acquire(a, keys, &mut ()).unwrap();
        ledger.release(a, keys, &mut ()).unwrap();
    };
    let claims = || {
        let entry = black_box(&entries[3000]);
        for owner in [1, 0] {
            let claim = entry.claim(|_| Ok::<(), ()>(()), || ()).unwrap();
            let word = claim.word().with_owner(owner);
            claim.commit(word);
        }
    };
    let rounds = std::env::args().nth(1).map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let mut figures: [Vec<f64>; 7] = Default::default();
    for _ in 0..rounds {
        figures[0].push(time(5000, || {
            let _ = cell.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed);
            let _ = cell.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Relaxed);
        }));
        figures[1].push(time(1000, || loan(1, Kind::Shared)));
        figures[2].push(time(1000, || loan(1, Kind::Mut)));
        figures[3].push(time(4, || loan(512, Kind::Shared)) / 512.0);
        figures[4].push(time(4, || loan(512, Kind::Mut)) / 512.0);
        figures[5].push(time(1000, own));
        figures[6].push(time(1000, claims));
    }
    let names = ["pair", "loan-shared", "loan-mut", "loan-shared-512", "loan-mut-512", "own", "claims"];
    for (name, figures) in names.into_iter().zip(figures) {
        let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{name}\tsteward\t{}\t{least}", median(figures));
    }
}

//! What a loan costs, beside a bare pair of compare-exchanges: for `cargo xtask bench P7`. Prints lines of what was
//! measured, whose it is, and the median and least of its times in nanoseconds, with tabs between.
//!
//! `loan-*-512` is for each key of 512. `claims` are two claims of one entry, as the frame allocator makes for a pair.
//! `loan-shared-hot-2` is what a loan costs each of two threads at the same key, lender and borrower, `-apart-2` with
//! keys, lenders and borrowers of their own. What goes beyond `loan-shared` they cost each other. Both are missing where
//! two threads do not run at the same time.

use std::{
    hint::black_box,
    ops::Range,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
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

/// The same of two threads that start each round at the same time, of those rounds during at least half of which both
/// ran; there may be none where CPUs are busy. `call` is told which thread it is.
fn time_both(rounds: usize, count: u32, call: impl Fn(usize) + Sync) -> Vec<f64> {
    let arrived = AtomicUsize::new(0);
    let run = |number| {
        let one = |round| {
            arrived.fetch_add(1, Ordering::AcqRel);
            while arrived.load(Ordering::Acquire) < 2 * round {
                std::hint::spin_loop();
            }
            let start = Instant::now();
            (0..count).for_each(|_| call(number));
            start..Instant::now()
        };
        (1..=rounds).map(one).collect::<Vec<_>>()
    };
    let [mine, others] = thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        [run(0), other.join().expect("the other thread measures")]
    });
    let mut figures = Vec::new();
    for pair in mine.into_iter().zip(others).map(<[Range<Instant>; 2]>::from) {
        let [mine, other] = &pair;
        let both = mine.end.min(other.end).saturating_duration_since(mine.start.max(other.start));
        let either = mine.end.max(other.end) - mine.start.min(other.start);
        if both * 2 >= either {
            figures.extend(pair.map(|run| (run.end - run.start).as_secs_f64() * 1e9 / f64::from(count)));
        }
    }
    figures
}

fn lend_and_return(ledger: &Ledger<'_>, [lender, borrower]: [ProcessId; 2], keys: Extent, kind: Kind) {
    let keys = [keys];
    let keys = black_box(&keys);
    let loan = ledger.lend(lender, borrower, keys, Terms::firm(kind), &mut ()).unwrap();
    ledger.give_back(borrower, loan, &mut ()).unwrap();
}

/// Two threads at the same key, which is the first process's, and apart.
fn two_threads(ledger: &Ledger<'_>, processes: [ProcessId; 2], rounds: usize) -> [Vec<f64>; 2] {
    let others = std::array::from_fn(|_| ledger.admit(Quota::NONE, Window::default()).unwrap());
    ledger.acquire(others[0], &[Extent::one(2600)], &mut ()).unwrap();
    let both = [(processes, Extent::one(300)), (others, Extent::one(2600))];
    [([0, 0], rounds.div_ceil(10)), ([0, 1], rounds)].map(|(chosen, rounds)| {
        time_both(rounds, 10_000, |thread| {
            let (processes, keys) = both[chosen[thread]];
            lend_and_return(ledger, processes, keys, Kind::Shared);
        })
    })
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
        lend_and_return(&ledger, [a, b], Extent { start: 300, count }, kind);
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
    let figures = figures.into_iter().chain(two_threads(&ledger, [a, b], rounds));
    let names = [
        "pair",
        "loan-shared",
        "loan-mut",
        "loan-shared-512",
        "loan-mut-512",
        "own",
        "claims",
        "loan-shared-hot-2",
        "loan-shared-apart-2",
    ];
    for (name, figures) in names.into_iter().zip(figures).filter(|(_, figures)| !figures.is_empty()) {
        let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{name}\tsteward\t{}\t{least}", median(figures));
    }
}

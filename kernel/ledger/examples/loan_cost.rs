//! What a loan costs, beside a bare pair of compare-exchanges: run it with `--release`.

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
    match std::env::args().nth(1).as_deref() {
        Some("own") => (0..20_000_000).for_each(|_| own()),
        Some("loan") => {
            (0..std::env::args().nth(2).map_or(20_000_000, |n| n.parse().unwrap())).for_each(|_| loan(1, Kind::Shared))
        }
        _ => {}
    }
    if std::env::args().len() > 2 {
        return;
    }
    let mut figures: [Vec<f64>; 6] = Default::default();
    for _ in 0..ROUNDS {
        figures[0].push(time(5000, || {
            let _ = cell.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed);
            let _ = cell.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Relaxed);
        }));
        figures[1].push(time(1000, || loan(1, Kind::Shared)));
        figures[2].push(time(1000, || loan(1, Kind::Mut)));
        figures[3].push(time(4, || loan(512, Kind::Shared)) / 512.0);
        figures[4].push(time(4, || loan(512, Kind::Mut)) / 512.0);
        figures[5].push(time(1000, own));
    }
    let figures = figures.map(median);
    let names = [
        "pair of compare-exchanges",
        "lend shared + return, 1 key",
        "lend mut + return, 1 key",
        "lend shared + return, per key of 512",
        "lend mut + return, per key of 512",
        "acquire + release, 1 key",
    ];
    for (name, figure) in names.iter().zip(figures) {
        println!("{name:<38} {figure:7.2} ns  {:6.2} pairs", figure / figures[0]);
    }
}

//! What the ledger costs a C program beside a Rust one, in time: for `cargo xtask bench BORDER`. Prints lines of what was
//! measured, from where it is asked, and the median and least of its times in nanoseconds, with tabs between.

use std::{ffi::c_int, time::Instant};

use steward_c::{Host, MOST_PROCESSES, Proc, borrow::borrow_acquire, host::Act, make, register};
use steward_ledger::{
    Account, Bucket, Entry, Error, Extent, Kind, Ledger, LoanSlot, Others, ProcessId, Quota, Table, Terms, Window,
};

// SAFETY: these are the functions of tests/programs/border.c with their types; each returns.
unsafe extern "C" {
    safe fn c_takes(p: *mut Proc, key: usize, times: c_int) -> c_int;
    safe fn c_lends(owner: *mut Proc, borrower: *mut Proc, key: usize, times: c_int) -> c_int;
}

const ROUNDS: usize = 501;
/// Things done in each measurement.
const TIMES: c_int = 512;
const KEY: usize = 0x1234_5000;

struct Computer {
    frames: Ledger<'static>,
    keys: Ledger<'static>,
}

impl Host for Computer {
    fn with_frames(&self, act: Act<'_>) {
        act(&self.frames, &mut ());
    }

    fn with_keys(&self, act: Act<'_>) {
        act(&self.keys, &mut ());
    }

    fn take_frame(&self, _: usize, _: ProcessId) -> Result<(), Error> {
        Err(Error::Invalid)
    }

    fn on_this_cpu(&self, act: &mut dyn FnMut(usize)) {
        act(0);
    }
}

fn many<T>(count: usize, one: impl Fn() -> T) -> &'static [T] {
    (0..count).map(|_| one()).collect::<Vec<_>>().leak()
}

/// A ledger without frames, and with room for other keys.
fn ledger() -> Ledger<'static> {
    let keys = Others::new(many(64, Bucket::new), 0, 7).expect("a power of two");
    let none: &[Entry] = &[];
    let table = Table::new(none, &[]).expect("no spans are in order").with_others(keys);
    let ledger = Ledger::new(table, many(MOST_PROCESSES, Account::new)).expect("all is new");
    ledger.grow(many(64, LoanSlot::new)).expect("the first loans find room");
    ledger
}

/// Nanoseconds for each of so many things, the second time: by then caches have the ledger.
fn time(act: impl Fn()) -> f64 {
    act();
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let computer: &'static Computer = Box::leak(Box::new(Computer { frames: ledger(), keys: ledger() }));
    register(computer);
    let ledger = &computer.keys;
    let [p, q, owner] = [(); 3].map(|()| make(Quota::NONE).expect("there is room for a process"));
    let [a, b, lender] = [(); 3].map(|()| ledger.admit(Quota::NONE, Window::default()).expect("likewise"));
    let [own, lent, lent_too] = [KEY, KEY + 1, KEY + 2].map(Extent::one);
    assert_eq!(borrow_acquire(owner, lent.start), 0);
    ledger.acquire(lender, &[lent_too], &mut ()).expect("nobody has it");
    let terms = Terms::firm(Kind::Shared);
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        let measured = [
            time(|| assert_eq!(c_takes(p, own.start, TIMES), 0)),
            time(|| {
                for _ in 0..TIMES {
                    ledger.acquire(a, &[own], &mut ()).expect("nobody has it");
                    ledger.release(a, &[own], &mut ()).expect("it is its own");
                }
            }),
            time(|| assert_eq!(c_lends(owner, q, lent.start, TIMES), 0)),
            time(|| {
                for _ in 0..TIMES {
                    let loan = ledger.lend(lender, b, &[lent_too], terms, &mut ()).expect("it is free");
                    ledger.give_back(b, loan, &mut ()).expect("it is lent");
                }
            }),
        ];
        figures.iter_mut().zip(measured).for_each(|(figures, measured)| figures.push(measured));
    }
    for (name, mut figures) in ["key\tc", "key\trust", "loan\tc", "loan\trust"].into_iter().zip(figures) {
        figures.sort_by(f64::total_cmp);
        println!("{name}\t{}\t{}", figures[figures.len() / 2], figures[0]);
    }
}

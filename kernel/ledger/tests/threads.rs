//! Many threads at once, with an audit after them.

mod world;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use steward_ledger::{
    Access, Bucket, Change, Direction, Effects, Error, Extent, Instant, Kind, Ledger, LoanId, Operation, Others, Pin,
    ProcessId, Quota, Terms,
};
use world::*;

const ROUNDS: usize = if cfg!(miri) { 60 } else { 20_000 };

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % bound
    }
}

/// Waits politely, and checks that nobody else changes a key that is being changed.
#[derive(Default)]
struct Watch<'w> {
    busy: &'w [AtomicU32],
    freed: usize,
}

impl Effects for Watch<'_> {
    fn apply(&mut self, change: &Change<'_>) {
        let keys = || change.keys.iter().flat_map(|extent| extent.start..extent.start + extent.count);
        for key in keys().filter(|&key| key < self.busy.len()) {
            assert_eq!(self.busy[key].fetch_add(1, SeqCst), 0, "two at key {key}");
        }
        for key in keys().filter(|&key| key < self.busy.len()) {
            self.busy[key].fetch_sub(1, SeqCst);
        }
    }

    fn freed(&mut self, keys: Extent) {
        self.freed += keys.count;
    }

    fn relax(&mut self) {
        thread::yield_now();
    }
}

/// What threads know of, and hand to each other.
struct Shared {
    ledger: &'static Ledger<'static>,
    busy: Vec<AtomicU32>,
    processes: Mutex<Vec<ProcessId>>,
    loans: Mutex<Vec<LoanId>>,
    pins: Mutex<Vec<Pin>>,
    time: AtomicUsize,
    done: [AtomicUsize; 12],
}

impl Shared {
    fn pick<T: Copy>(random: &mut Random, list: &Mutex<Vec<T>>) -> Option<T> {
        let list = list.lock().unwrap();
        (!list.is_empty()).then(|| list[random.below(list.len())])
    }

    fn keys(random: &mut Random, hot: bool) -> Vec<Extent> {
        let start = if hot { 100 } else { 100 + random.below(12) };
        match random.below(4) {
            0 => vec![keys(start, 1 + random.below(4))],
            1 => vec![keys(start, 1), keys(start + 2, 1 + random.below(2))],
            _ => vec![keys(start, 1)],
        }
    }

    fn terms(&self, random: &mut Random) -> Terms {
        let kind = if random.below(2) == 0 { Kind::Shared } else { Kind::Mut };
        let later = self.time.load(SeqCst) as u64 + 1 + random.below(40) as u64;
        let deadline = (random.below(4) == 0).then(|| Instant::from_nanoseconds(later));
        Terms { kind, revocable: random.below(2) == 0, deadline }
    }

    fn pin(&self, random: &mut Random, actor: ProcessId, keys: Extent, effects: &mut Watch<'_>) -> bool {
        let direction = if random.below(2) == 0 { Direction::DeviceReads } else { Direction::DeviceWrites };
        let access = match Self::pick(random, &self.loans) {
            Some(loan) if random.below(2) == 0 => Access::Loan(loan),
            _ => Access::Owned,
        };
        let actor = match access {
            Access::Loan(loan) => self.ledger.loan(loan).map_or(actor, |loan| loan.borrower),
            Access::Owned => actor,
        };
        match self.ledger.pin(actor, access, keys, direction, effects) {
            Ok(pin) => self.pins.lock().unwrap().push(pin),
            Err(_) => return false,
        }
        true
    }

    /// Does something by chance. Whether it was done.
    fn step(&self, random: &mut Random, hot: bool, effects: &mut Watch<'_>) -> Option<usize> {
        let ledger = self.ledger;
        let actor = Self::pick(random, &self.processes)?;
        let other = Self::pick(random, &self.processes)?;
        let keys = Self::keys(random, hot);
        let what = random.below(24);
        let made = |loan: Result<LoanId, Error>| {
            let mut loans = self.loans.lock().unwrap();
            if loans.len() > 40 {
                loans.remove(0);
            }
            loan.map(|loan| loans.push(loan)).is_ok()
        };
        let (number, done) = match what {
            0..6 => (0, ledger.acquire(actor, &keys, effects).is_ok()),
            6 => (1, ledger.release(actor, &keys, effects).is_ok()),
            7 => (2, ledger.transfer(actor, other, &keys, effects).is_ok()),
            8..12 => (3, made(ledger.lend(actor, other, &keys, self.terms(random), effects))),
            12..16 => {
                let loan = Self::pick(random, &self.loans)?;
                let lender = ledger.loan(loan)?.borrower;
                (4, made(ledger.relend(lender, loan, other, &keys, self.terms(random), effects)))
            }
            16..18 => {
                let loan = Self::pick(random, &self.loans)?;
                (5, ledger.give_back(ledger.loan(loan)?.borrower, loan, effects).is_ok())
            }
            18 => {
                let loan = Self::pick(random, &self.loans)?;
                (6, ledger.revoke(ledger.loan(loan)?.lender, loan, effects).is_ok())
            }
            19 => {
                let now = self.time.fetch_add(1, SeqCst) as u64;
                (7, ledger.expire(Instant::from_nanoseconds(now), effects) > 0)
            }
            20 => (8, self.pin(random, actor, keys[0], effects)),
            21 | 22 => {
                let pin = {
                    let mut pins = self.pins.lock().unwrap();
                    let number = random.below(pins.len().max(1));
                    (!pins.is_empty()).then(|| pins.swap_remove(number))?
                };
                ledger.unpin(pin, effects);
                (9, true)
            }
            _ if random.below(4) == 0 => (10, self.replace(actor, effects)),
            _ => {
                let view = ledger.view(keys[0].start).unwrap();
                assert!(!view.writes || view.shared == 0 && view.reads == 0, "{view:?}");
                assert!(view.owner.is_some() || view.shared == 0 && view.holder.is_none(), "{view:?}");
                (11, true)
            }
        };
        done.then_some(number)
    }

    /// A process dies, and another comes.
    fn replace(&self, process: ProcessId, effects: &mut Watch<'_>) -> bool {
        if self.ledger.die(process, effects).is_err() {
            return false;
        }
        let next = self.ledger.admit(Quota { owned: 40, borrowed: 60, loans: 12 }, ANYTHING);
        let mut processes = self.processes.lock().unwrap();
        processes.retain(|&other| other != process);
        processes.extend(next);
        true
    }
}

fn hammer(ledger: &'static Ledger<'static>, threads: usize, hot: bool) {
    let shared = Shared {
        ledger,
        busy: (0..120).map(|_| AtomicU32::new(0)).collect(),
        processes: Mutex::new(processes::<8>(ledger).to_vec()),
        loans: Mutex::default(),
        pins: Mutex::default(),
        time: AtomicUsize::new(1),
        done: Default::default(),
    };
    let shared = &shared;
    for round in 0..4 {
        thread::scope(|scope| {
            for thread in 0..threads {
                scope.spawn(move || {
                    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (round * 64 + thread as u64 + 1));
                    let mut effects = Watch { busy: &shared.busy, freed: 0 };
                    for _ in 0..ROUNDS {
                        if let Some(done) = shared.step(&mut random, hot, &mut effects) {
                            shared.done[done].fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        });
        audit(ledger);
    }
    if !cfg!(miri) {
        assert!(shared.done.iter().all(|done| done.load(SeqCst) > 10), "{:?}", shared.done);
    }
    // Without pins and processes nothing is left.
    let mut effects = Watch { busy: &shared.busy, freed: 0 };
    shared.pins.lock().unwrap().drain(..).for_each(|pin| ledger.unpin(pin, &mut effects));
    let mut all = Vec::new();
    ledger.for_each_account(|account| all.push(account.process));
    all.iter().for_each(|&process| ledger.die(process, &mut effects).unwrap_or_default());
    audit(ledger);
    ledger.for_each_loan(|loan| panic!("{loan:?} is left"));
    for key in 100..120 {
        let owner = ledger.view(key).unwrap().owner;
        assert!(owner.is_none(), "key {key} is left with {owner:?}");
    }
    all.clear();
    ledger.for_each_account(|account| all.push(account.process));
    assert_eq!(all, [ProcessId::KERNEL]);
}

#[test]
fn a_hot_key_under_many_threads_stays_right() {
    hammer(ledger_of(&[keys(100, 20)], 24, 64), 4, true);
}

#[test]
fn ranges_that_overlap_under_many_threads_stay_right() {
    hammer(ledger_of(&[keys(100, 20)], 24, 64), 4, false);
}

#[test]
fn keys_that_share_buckets_stay_right_under_many_threads() {
    hammer(ledger_of_others(24, 64), 4, true);
    hammer(ledger_of_others(24, 64), 4, false);
}

#[test]
fn keys_without_a_ledger_stay_right_under_many_threads() {
    const THREADS: u16 = 3;
    // Of one chain: eight keys that all want, and three more of each thread's own.
    let others = Others::new(leak(1, Bucket::new), 0, 1).unwrap();
    others.grow(leak(4, Bucket::new)).unwrap();
    let had: usize = thread::scope(|scope| {
        let work = |owner: u16| {
            let (others, mut random) = (&others, Random(u64::from(owner) + 77));
            let rounds = 0..if cfg!(miri) { 20 } else { ROUNDS };
            move || {
                let mine = |round: &usize| {
                    let key = random.below(8);
                    let own = 100 * usize::from(owner) + round % 3;
                    others.insert(own, owner).expect("nobody else wants it");
                    let is_mine = others.insert(key, owner).is_ok();
                    assert!(!is_mine || others.get(key).is_some_and(|word| word.owner() == owner), "key {key}");
                    assert_eq!(others.remove(key, owner).is_ok(), is_mine, "key {key}");
                    others.remove(own, owner).expect("nobody else has it");
                    is_mine
                };
                rounds.filter(mine).count()
            }
        };
        let threads: Vec<_> = (1..=THREADS).map(|owner| scope.spawn(work(owner))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(had > 0);
    assert_eq!((others.length(0), others.spare_buckets()), (0, 4));
}

/// Each thread has its own keys and processes. Only free slots for loans are drawn from one stock.
#[test]
fn threads_on_keys_apart_never_meet_and_are_never_refused() {
    const THREADS: usize = 3;
    const KEYS: usize = 4;
    let ledger = ledger_of(&[keys(100, THREADS * KEYS)], 16, THREADS * 4);
    let processes: [[ProcessId; 3]; THREADS] = std::array::from_fn(|_| processes(ledger));
    thread::scope(|scope| {
        for (thread, [a, b, c]) in processes.into_iter().enumerate() {
            scope.spawn(move || {
                let mine = keys(100 + thread * KEYS, KEYS);
                let mut meets = Meets::default();
                for round in 0..if cfg!(miri) { 6 } else { ROUNDS } {
                    apart(ledger, [a, b, c], mine, round, &mut meets);
                }
                // Miri has weak exchanges fail for no reason.
                assert!(meets.0 == 0 || cfg!(miri), "somebody else was at the keys of thread {thread}");
            });
        }
    });
    audit(ledger);
    ledger.for_each_loan(|loan| panic!("{loan:?} is left"));
    for key in 100..100 + THREADS * KEYS {
        assert_eq!(ledger.view(key).unwrap().owner, None, "key {key}");
    }
    ledger.for_each_account(|account| assert_eq!((account.owned, account.borrowed), (0, 0), "{account:?}"));
}

/// How often somebody else was at a key or a tree.
#[derive(Default)]
struct Meets(usize);

impl Effects for Meets {
    fn relax(&mut self) {
        self.0 += 1;
        thread::yield_now();
    }
}

/// All that three processes do with keys of their own, one way or the other. Nothing of it is refused.
fn apart(ledger: &Ledger<'_>, [a, b, c]: [ProcessId; 3], mine: Extent, round: usize, effects: &mut Meets) {
    let kind = if round.is_multiple_of(2) { Kind::Shared } else { Kind::Mut };
    let one = [keys(mine.start + round % mine.count, 1)];
    let part = if round.is_multiple_of(3) { [mine] } else { one };
    ledger.acquire(a, &[mine], effects).unwrap();
    let loan = ledger.lend(a, b, &part, revocable(kind), effects).unwrap();
    assert_eq!(ledger.view(one[0].start).unwrap().owner, Some(a));
    let below = ledger.relend(b, loan, c, &one, revocable(kind), effects).unwrap();
    let pin = ledger.pin(c, Access::Loan(below), one[0], Direction::DeviceReads, effects).unwrap();
    match round % 4 {
        0 => ledger.give_back(b, loan, effects),
        1 => ledger.revoke(a, loan, effects),
        2 => ledger.give_back(c, below, effects),
        _ => ledger.revoke(b, below, effects),
    }
    .unwrap();
    assert_eq!(ledger.release(a, &[mine], effects), Err(Error::Borrowed), "the pin is left");
    ledger.unpin(pin, effects);
    if round % 4 >= 2 {
        ledger.give_back(b, loan, effects).unwrap();
    }
    let loan = ledger.lend(a, c, &one, Terms::firm(kind), effects).unwrap();
    ledger.give_back(c, loan, effects).unwrap();
    ledger.transfer(a, b, &[mine], effects).unwrap();
    ledger.release(b, &[mine], effects).unwrap();
}

#[test]
fn lending_to_a_process_that_is_dying_leaves_nothing_behind() {
    lend_to_the_dying(ledger_of(&[keys(100, 4)], 6, 8));
    lend_to_the_dying(ledger_of_others(6, 8));
}

fn lend_to_the_dying(ledger: &Ledger<'_>) {
    let [a] = processes(ledger);
    ledger.acquire(a, &[keys(100, 4)], &mut ()).unwrap();
    for _ in 0..ROUNDS / 20 {
        let b = ledger.admit_at(3, Quota::NONE, ANYTHING).unwrap();
        let started = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !started.load(SeqCst) {
                    std::hint::spin_loop();
                }
                ledger.die(b, &mut ()).unwrap();
            });
            started.store(true, SeqCst);
            while ledger.lend(a, b, &[keys(101, 2)], SHARED, &mut ()) != Err(Error::Invalid) {
                thread::yield_now();
            }
        });
        audit(ledger);
        assert_eq!(ledger.view(101).unwrap().shared, 0);
    }
}

#[test]
fn acquiring_while_dying_leaves_nothing_owned() {
    acquire_while_dying(ledger_of(&[keys(100, 4)], 6, 0));
    acquire_while_dying(ledger_of_others(6, 0));
}

fn acquire_while_dying(ledger: &Ledger<'_>) {
    for _ in 0..ROUNDS / 20 {
        let b = ledger.admit_at(3, Quota::NONE, ANYTHING).unwrap();
        let started = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !started.load(SeqCst) {
                    std::hint::spin_loop();
                }
                ledger.die(b, &mut ()).unwrap();
            });
            started.store(true, SeqCst);
            for key in (100..104).cycle() {
                if ledger.acquire(b, &[keys(key, 1)], &mut ()) == Err(Error::Invalid) {
                    break;
                }
                ledger.release(b, &[keys(key, 1)], &mut ()).ok();
            }
        });
        audit(ledger);
        assert_eq!(ledger.view(100).unwrap().owner, None);
    }
}

#[test]
fn a_loan_is_ended_once_whoever_ends_it() {
    #[derive(Default)]
    struct Ends(usize);

    impl Effects for Ends {
        fn apply(&mut self, change: &Change<'_>) {
            self.0 += usize::from(change.operation == Operation::Finish);
        }
    }

    let ledger = ledger_of(&[keys(100, 1)], 6, 4);
    let [a, b, c] = processes(ledger);
    ledger.acquire(a, &[keys(100, 1)], &mut ()).unwrap();
    for round in 1..=ROUNDS as u64 / 20 {
        let terms = Terms { revocable: true, ..until(Kind::Mut, round) };
        let loan = ledger.lend(a, b, &[keys(100, 1)], terms, &mut ()).unwrap();
        let below = ledger.relend(b, loan, c, &[keys(100, 1)], revocable(Kind::Mut), &mut ()).unwrap();
        let ends = AtomicUsize::new(0);
        let count = |end: &dyn Fn(&mut Ends)| {
            let mut effects = Ends::default();
            end(&mut effects);
            ends.fetch_add(effects.0, SeqCst);
        };
        thread::scope(|scope| {
            scope.spawn(|| count(&|effects| ledger.give_back(b, loan, effects).unwrap_or_default()));
            scope.spawn(|| count(&|effects| ledger.revoke(a, loan, effects).unwrap_or_default()));
            scope.spawn(|| count(&|effects| _ = ledger.expire(Instant::from_nanoseconds(round), effects)));
            scope.spawn(|| count(&|effects| ledger.revoke(b, below, effects).unwrap_or_default()));
        });
        assert_eq!(ends.into_inner(), 2);
        audit(ledger);
    }
}

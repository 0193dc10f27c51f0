//! Several CPUs at one page, and at pages of their own, for all they are worth.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use steward_frames::{FrameRange, Request, Use};
use steward_harness_guest::{ktest, seed};
use steward_ledger::{Access, Direction, Error, Extent, Instant, Kind, LoanId, Pin, ProcessId, Quota, Terms, Window};
use steward_ledger_model::Random;

use crate::{
    clock, frames,
    ledger::{self, Kernel},
    lock::Lock,
    smp,
};

/// Most loans that a CPU has under way.
const MOST_UNDER_WAY: usize = 6;
/// Loans by deadline last no longer than this: a few ticks.
const LONGEST: u64 = 10_000_000;

fn process() -> ProcessId {
    let anything = Window { revocable: true, shortest: Some(0), ..Window::default() };
    ledger::with(|ledger| ledger.admit(Quota::NONE, anything)).expect("there is room for a process")
}

fn die(process: ProcessId) {
    ledger::die(process).expect("it lives");
}

fn keys(range: FrameRange) -> Extent {
    Extent { start: range.start() as usize, count: range.count() as usize }
}

/// Takes frames and makes them the process's.
fn give(process: ProcessId, frames: u64) -> Extent {
    let run = frames::take(Request::run(frames, Use::Tests)).expect("there are frames");
    let keys = keys(run.range());
    ledger::with(|ledger| ledger.transfer(ProcessId::KERNEL, process, &[keys], &mut Kernel)).expect("both live");
    // From now on the process's death gives them back.
    drop(run);
    keys
}

/// An owner with pages, and others that borrow them.
#[derive(Clone, Copy)]
struct Stage {
    owner: ProcessId,
    borrowers: [ProcessId; 2],
    pages: Extent,
}

impl Stage {
    fn open() -> Self {
        let owner = process();
        Self { owner, borrowers: [process(), process()], pages: give(owner, 1) }
    }

    fn close(self) {
        self.borrowers.into_iter().for_each(die);
        die(self.owner);
    }
}

/// A loan that somebody made, of what, and who has it.
#[derive(Clone, Copy)]
struct Made {
    loan: LoanId,
    lender: ProcessId,
    borrower: ProcessId,
    pages: Extent,
}

/// What one CPU has under way.
struct Worker {
    stage: Stage,
    random: Random,
    loans: Vec<Made>,
    pins: Vec<Pin>,
    /// A process that is no other CPU's, and its pages.
    mortal: (ProcessId, Extent),
    operations: u64,
    done: u64,
}

impl Worker {
    fn new(stage: Stage, seed: u64) -> Self {
        let mortal = process();
        Self {
            stage,
            random: Random::new(seed),
            loans: Vec::with_capacity(MOST_UNDER_WAY),
            pins: Vec::with_capacity(1),
            mortal: (mortal, give(mortal, 3)),
            operations: 0,
            done: 0,
        }
    }

    /// Counts, and makes sure that it was refused for a reason that there can be.
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        self.operations += 1;
        match result {
            Ok(value) => {
                self.done += 1;
                Some(value)
            }
            // Somebody else has the page, or ended the loan, or the record of which there are few.
            Err(Error::MutBorrowed | Error::SharedBorrowed | Error::NotBorrowed | Error::NoMemory | Error::Invalid) => {
                None
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    fn terms(&mut self) -> Terms {
        let kind = if self.random.once_in(3) { Kind::Mut } else { Kind::Shared };
        let after = 1 + self.random.below(LONGEST as usize) as u64;
        let deadline = ledger::now().filter(|_| self.random.once_in(8));
        let deadline = deadline.map(|now| Instant::from_nanoseconds(now.nanoseconds() + after));
        Terms { kind, revocable: self.random.once_in(2), deadline }
    }

    fn step(&mut self) {
        let choice = self.random.below(64);
        match (choice, self.loans.len()) {
            (0, _) => self.rebirth(),
            (1..=3, _) => self.take_and_give_back(),
            (4..=8, _) => self.pin_or_unpin(),
            (9..=12, _) => {
                let page = self.stage.pages.start;
                let view = ledger::with(|ledger| ledger.view(page)).expect("there is that page");
                assert_eq!(view.owner, Some(self.stage.owner));
                assert!(view.holder.is_none() || !view.writes || view.shared == 0, "{view:?}");
                self.operations += 1;
                self.done += 1;
            }
            (13..=24, 1..MOST_UNDER_WAY) => self.relend(),
            (13..=44, 0..MOST_UNDER_WAY) => self.lend(),
            (_, 1..) => self.end_one(),
            _ => self.lend(),
        }
    }

    fn lend(&mut self) {
        let terms = self.terms();
        let (mortal, own) = self.mortal;
        let Stage { owner, borrowers, pages } = self.stage;
        // Mostly the owner's page; now and then one of the mortal's, which becomes its estate.
        let choices = [
            (owner, borrowers[0], pages),
            (owner, borrowers[1], pages),
            (owner, mortal, pages),
            (mortal, borrowers[0], own),
        ];
        let (lender, borrower, pages) = self.random.one_of(&choices).expect("there are some");
        let lent = ledger::with(|ledger| ledger.lend(lender, borrower, &[pages], terms, &mut Kernel));
        if let Some(loan) = self.note(lent) {
            self.loans.push(Made { loan, lender, borrower, pages });
        }
    }

    fn relend(&mut self) {
        let Made { loan, borrower: lender, pages, .. } = self.random.one_of(&self.loans).expect("there is one");
        let terms = self.terms();
        let [first, second] = self.stage.borrowers;
        let borrower = if lender == first { second } else { first };
        let lent = ledger::with(|ledger| ledger.relend(lender, loan, borrower, &[pages], terms, &mut Kernel));
        if let Some(loan) = self.note(lent) {
            self.loans.push(Made { loan, lender, borrower, pages });
        }
    }

    fn end_one(&mut self) {
        let index = self.random.below(self.loans.len());
        let made = self.loans[index];
        let revokes = self.random.once_in(3);
        let ended = ledger::with(|ledger| match revokes {
            true => ledger.revoke(made.lender, made.loan, &mut Kernel),
            false => ledger.give_back(made.borrower, made.loan, &mut Kernel),
        });
        // One that is firm was not revoked, and is tried again.
        if self.note(ended).is_some() || !revokes {
            self.loans.swap_remove(index);
        }
    }

    fn pin_or_unpin(&mut self) {
        if let Some(pin) = self.pins.pop() {
            ledger::with(|ledger| ledger.unpin(pin, &mut Kernel));
            return self.note(Ok(())).unwrap_or(());
        }
        let direction = if self.random.once_in(2) { Direction::DeviceReads } else { Direction::DeviceWrites };
        let (who, access) = match self.random.one_of(&self.loans) {
            Some(made) if self.random.once_in(2) => (made.borrower, Access::Loan(made.loan)),
            _ => (self.stage.owner, Access::Owned),
        };
        let pages = self.stage.pages;
        let pinned = ledger::with(|ledger| ledger.pin(who, access, pages, direction, &mut Kernel));
        let pin = self.note(pinned);
        self.pins.extend(pin);
    }

    /// The mortal dies, whatever it has lent and borrowed, and another one comes.
    fn rebirth(&mut self) {
        die(self.mortal.0);
        self.note(Ok(()));
        let pages = 1 + self.random.below(4) as u64;
        let next = process();
        self.mortal = (next, give(next, pages));
    }

    fn take_and_give_back(&mut self) {
        let frames = 1 + self.random.below(8) as u64;
        let run = frames::take(Request::run(frames, Use::Tests)).expect("there are frames");
        frames::give_back(run).expect("nobody has borrowed them");
        self.note(Ok(()));
    }

    fn end(mut self) -> (u64, u64) {
        for pin in self.pins.drain(..) {
            ledger::with(|ledger| ledger.unpin(pin, &mut Kernel));
        }
        for made in self.loans.drain(..) {
            // Others may have ended it.
            let _ = ledger::with(|ledger| ledger.give_back(made.borrower, made.loan, &mut Kernel));
        }
        die(self.mortal.0);
        (self.operations, self.done)
    }
}

/// What must be as before: free frames, processes, loans.
fn in_use() -> (Option<u64>, usize, usize) {
    // What the heap keeps it keeps for the next who asks.
    let free = frames::memory_use().and_then(|memory| Some(memory.bytes("free")? + memory.bytes(Use::Heap.name())?));
    let (mut processes, mut loans) = (0, 0);
    ledger::with(|ledger| {
        ledger.for_each_account(|_| processes += 1);
        ledger.for_each_loan(|_| loans += 1);
    });
    (free, processes, loans)
}

fn hammer(what: &str, stages: &[Stage], turns: u64) {
    let (operations, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let workers = stages.iter().enumerate().map(|(cpu, &stage)| Some(Worker::new(stage, seed() ^ cpu as u64)));
    let workers: Vec<Lock<Option<Worker>>> = workers.map(Lock::new).collect();
    let start = clock::nanoseconds();
    smp::on_all(|cpu| {
        let mut worker = workers[cpu.as_usize()].lock().take().expect("there is one for each CPU");
        (0..turns).for_each(|_| worker.step());
        let (all, good) = worker.end();
        operations.fetch_add(all, Relaxed);
        done.fetch_add(good, Relaxed);
    });
    let took = (clock::nanoseconds() - start).max(1);
    let (operations, done) = (operations.into_inner(), done.into_inner());
    let rate = operations * 1_000_000 / (took / 1000).max(1);
    log::info!("{what}, {} CPUs: {operations} operations, {done} of them done, {rate} a second", stages.len());
    assert!(done > operations / 4, "most of it was refused");
}

fn all_is_well_afterwards(turns: u64) {
    let cpus = smp::running().count();
    log::info!("seed {:#x}", seed());
    // What the reservations of the CPUs and the vectors take is taken.
    let before = in_use();
    let hot = Stage::open();
    hammer("one hot page", &alloc::vec![hot; cpus], turns);
    hot.close();
    let disjoint: Vec<Stage> = (0..cpus).map(|_| Stage::open()).collect();
    hammer("disjoint pages", &disjoint, turns);
    disjoint.into_iter().for_each(Stage::close);
    ledger::with(|ledger| ledger.audit(|difference| panic!("{difference:?}")));
    assert_eq!(in_use(), before);
    let hints = frames::check();
    assert_eq!(hints.map(|hints| hints.lost), Some(0), "{hints:?}");
}

#[ktest(cpus = 2, timeout = 120_000)]
fn two_cpus_hammer_a_hot_page_and_disjoint_pages_and_all_is_well_afterwards() {
    all_is_well_afterwards(50_000);
}

#[ktest(cpus = 8, timeout = 120_000)]
fn eight_cpus_hammer_a_hot_page_and_disjoint_pages_and_all_is_well_afterwards() {
    all_is_well_afterwards(10_000);
}

//! Each thing that the kernel allocates, missing once.

use alloc::{collections::TryReserveError, vec::Vec};
use core::{
    fmt::Debug,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use steward_frames::{Owned, Request, Run, Use, Zone};
use steward_harness_guest::ktest;
use steward_ledger::{Access, Direction, Error, Extent, Kind, Pin, ProcessId, Quota, Terms, Window};

use crate::{
    boot, frames,
    ledger::{self, Kernel},
    memory::{self, MapError},
    shortage,
    smp::{self, MOST_CPUS},
    stack::Stack,
};

/// What somebody who allocates is told.
#[derive(Debug)]
enum Refusal {
    Heap,
    Memory(MapError),
    Ledger(Error),
    Cpus(&'static str),
}

impl From<TryReserveError> for Refusal {
    fn from(_: TryReserveError) -> Self {
        Self::Heap
    }
}

impl From<MapError> for Refusal {
    fn from(error: MapError) -> Self {
        Self::Memory(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Ledger(error)
    }
}

impl Refusal {
    fn says_that_something_is_used_up(&self) -> bool {
        match self {
            Self::Heap => true,
            Self::Memory(error) => matches!(error, MapError::OutOfFrames(_)),
            Self::Ledger(error) => *error == Error::NoMemory,
            Self::Cpus(reason) => reason.contains("memory") || reason.contains("mapped"),
        }
    }
}

/// What the script has at the moment. There is room for all of it from the start.
struct Things {
    blocks: Vec<Vec<u8>>,
    runs: Vec<Run<Owned>>,
    stacks: Vec<Stack>,
    processes: Vec<ProcessId>,
    pins: Vec<Pin>,
}

impl Things {
    fn new() -> Self {
        let (blocks, runs, stacks) = (Vec::with_capacity(8), Vec::with_capacity(8), Vec::with_capacity(8));
        Self { blocks, runs, stacks, processes: Vec::with_capacity(8), pins: Vec::with_capacity(8) }
    }

    fn block(&mut self, bytes: usize) -> Result<(), Refusal> {
        let mut block = Vec::new();
        block.try_reserve_exact(bytes)?;
        self.blocks.push(block);
        Ok(())
    }

    fn process(&mut self) -> Result<ProcessId, Refusal> {
        let anything = Window { revocable: true, shortest: Some(0), ..Window::default() };
        let process = ledger::admit(Quota::NONE, anything)?;
        self.processes.push(process);
        Ok(process)
    }

    /// Frames that belong to the process.
    fn pages(&mut self, process: ProcessId, frames: u64) -> Result<Extent, Refusal> {
        let run = frames::take(Request::run(frames, Use::Tests))?;
        let keys = Extent { start: run.range().start() as usize, count: frames as usize };
        let given = ledger::with(|ledger| ledger.transfer(ProcessId::KERNEL, process, &[keys], &mut Kernel));
        if given.is_err() {
            self.runs.push(run);
        }
        Ok(given.map(|()| keys)?)
    }

    fn give_back(self) {
        let Self { runs, stacks, processes, pins, .. } = self;
        for pin in pins {
            ledger::with(|ledger| ledger.unpin(pin, &mut Kernel));
        }
        for process in processes {
            ledger::die(process).expect("it lives");
        }
        for stack in stacks.into_iter().rev() {
            stack.give_back().expect("it is as it was made");
        }
        for run in runs {
            frames::give_back(run).expect("nobody has borrowed it");
        }
    }
}

fn use_the_heap(things: &mut Things) -> Result<(), Refusal> {
    things.block(100)?;
    things.block(5000)?;
    // More than it has to spare when it was not asked before.
    things.block(2 << 20)?;
    let block = things.blocks.last_mut().expect("there is one");
    Ok(block.try_reserve_exact(3 << 20)?)
}

fn use_frames_and_stacks(things: &mut Things) -> Result<(), Refusal> {
    for request in [
        Request::one(Use::Tests),
        Request::run(512, Use::Tests).aligned_to(512),
        Request::run(16, Use::Tests).within(Zone::Below4GiB).zeroed(),
    ] {
        things.runs.push(frames::take(request)?);
    }
    for bytes in [4096, 64 << 10, 16 << 10] {
        things.stacks.push(Stack::new(bytes)?);
    }
    let newest = things.stacks.pop().expect("there are three");
    newest.give_back()?;
    things.stacks.push(Stack::new(1 << 19)?);
    Ok(())
}

fn use_the_ledger(things: &mut Things) -> Result<(), Refusal> {
    let (owner, reader, writer) = (things.process()?, things.process()?, things.process()?);
    let (many, one) = (things.pages(owner, 20)?, things.pages(owner, 1)?);
    let (shared, mutable) = (Terms::firm(Kind::Shared), Terms { revocable: true, ..Terms::firm(Kind::Mut) });
    let read = ledger::with(|ledger| ledger.lend(owner, reader, &[many], shared, &mut Kernel))?;
    let relent = ledger::with(|ledger| ledger.relend(reader, read, writer, &[many], shared, &mut Kernel))?;
    let written = ledger::with(|ledger| ledger.lend(owner, writer, &[one], mutable, &mut Kernel))?;
    let access = Access::Loan(relent);
    let pinned = ledger::with(|ledger| ledger.pin(writer, access, many, Direction::DeviceReads, &mut Kernel))?;
    things.pins.push(pinned);
    ledger::grow(40)?;
    ledger::with(|ledger| ledger.revoke(owner, written, &mut Kernel))?;
    // The owner's pages become its estate, and go when the last who uses them is done.
    ledger::die(owner)?;
    things.processes.retain(|&process| process != owner);
    things.pages(reader, 3)?;
    Ok(ledger::with(|ledger| ledger.give_back(writer, relent, &mut Kernel))?)
}

fn use_processors(_: &mut Things) -> Result<(), Refusal> {
    let map = &boot::handover().expect("the kernel was handed a memory map").memory;
    // There is no such CPU: its stacks are made and given back.
    smp::try_to_start(map, &[200], MOST_CPUS - 1, 1_000_000).map_err(Refusal::Cpus)
}

fn use_a_device(_: &mut Things) -> Result<(), Refusal> {
    // There is none, and nobody reads what is not there. The next run has another one, as this is driven for good.
    static NEXT: AtomicU64 = AtomicU64::new(0xfd00_0000);
    const BYTES: u64 = 3 << 20;
    memory::map_device(NEXT.load(Relaxed), BYTES)?;
    NEXT.fetch_add(BYTES, Relaxed);
    Ok(())
}

fn script(things: &mut Things) -> Result<(), Refusal> {
    // The device comes last, because its mapping is for good.
    for act in [use_the_heap, use_frames_and_stacks, use_the_ledger, use_processors, use_a_device] {
        act(things)?;
        // Whoever did without what was missing has passed: what comes next is for runs in which nothing was missing so
        // far. Otherwise this one would take for good what they must miss.
        if shortage::has_struck() {
            break;
        }
    }
    Ok(())
}

/// What heap and page tables have taken and keep, in bytes.
fn kept() -> u64 {
    let memory = frames::memory_use().expect("the account is open");
    [Use::Heap, Use::PageTables].iter().filter_map(|usage| memory.bytes(usage.name())).sum()
}

/// What is neither free nor kept for the next who asks, processes, loans.
fn in_use() -> (u64, usize, usize) {
    let memory = frames::memory_use().expect("the account is open");
    let free = [Some("free"), Some(Use::Ledger.name())].into_iter().flatten().filter_map(|row| memory.bytes(row));
    let (mut processes, mut loans) = (0, 0);
    ledger::with(|ledger| {
        ledger.for_each_account(|_| processes += 1);
        ledger.for_each_loan(|_| loans += 1);
        ledger.audit(|difference| panic!("{difference:?}"));
    });
    (memory.total() - kept() - free.sum::<u64>(), processes, loans)
}

/// Runs it with so many allocations that are met, and one that is not; whether it came to that.
fn run_short(met: u64) -> bool {
    let mut things = Things::new();
    shortage::after(met);
    let outcome = script(&mut things);
    let has_struck = shortage::end().is_none();
    log::debug!("{met} met: {outcome:?}");
    // What was done without is no failure: a CPU that gets no stack, a smaller piece for the heap.
    if let Err(refusal) = outcome {
        assert!(refusal.says_that_something_is_used_up() && has_struck, "after {met}: {refusal:?}");
    }
    things.give_back();
    has_struck
}

#[ktest(cpus = 1, timeout = 60_000)]
fn whatever_allocation_fails_nothing_is_lost_and_nobody_panics() {
    let before = in_use();
    let (mut met, mut runs) = (0, 0);
    loop {
        let kept_before = kept();
        let has_struck = run_short(met);
        assert_eq!(in_use(), before, "after {met} allocations that were met");
        if !has_struck {
            break;
        }
        runs += 1;
        // What heap and page tables keep, the next run does not ask for: all that follows comes one sooner.
        met += u64::from(kept() == kept_before);
    }
    let room = 1 << 20;
    let mut things = Things::new();
    shortage::after(room);
    script(&mut things).expect("nothing is short");
    let allocations = room - shortage::end().expect("it makes less than a million");
    things.give_back();
    assert_eq!(in_use(), before);
    log::info!("{runs} runs, each with one allocation that failed; a run makes {allocations}");
    assert!(runs > 30, "{runs} runs");
}

fn is_used_up<T: Debug>(result: Result<T, Error>) {
    assert_eq!(result.err(), Some(Error::NoMemory));
}

#[ktest(timeout = 60_000)]
fn when_loans_are_used_up_more_frames_make_room_for_more() {
    let mut things = Things::new();
    let owner = things.process().expect("there is room for a process");
    let borrower = things.process().expect("and another");
    let page = things.pages(owner, 1).expect("there are frames");
    let lend = || {
        let terms = Terms::firm(Kind::Shared);
        ledger::with(|ledger| ledger.lend(owner, borrower, &[page], terms, &mut Kernel))
    };
    let mut count = 0;
    let refused = loop {
        match lend() {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((refused, count), (Error::NoMemory, ledger::with(|ledger| ledger.loan_slots())));
    shortage::after(0);
    is_used_up(ledger::grow(10));
    assert_eq!(shortage::end(), None);
    is_used_up(lend());
    ledger::grow(10).expect("there are frames");
    let more = ledger::with(|ledger| ledger.loan_slots()) - count;
    assert!(more >= 10, "{more}");
    for _ in 0..more {
        lend().expect("there is room again");
    }
    is_used_up(lend());
    is_used_up(ledger::grow(usize::MAX / 4096));
    things.give_back();
}

#[ktest(timeout = 60_000)]
fn when_processes_are_used_up_the_next_one_is_refused_until_one_is_gone() {
    let admit = || ledger::admit(Quota::NONE, Window::default());
    let mut all = Vec::new();
    while let Ok(process) = admit() {
        all.push(process);
    }
    is_used_up(admit());
    let die = |process| ledger::die(process).expect("it lives");
    die(all.pop().expect("there are some"));
    all.push(admit().expect("one is gone"));
    all.into_iter().for_each(die);
}

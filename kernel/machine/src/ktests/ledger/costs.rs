//! What each operation costs by the time-stamp counter, in lines that `cargo xtask bench COSTS` reads from the log. In a
//! machine where every instruction advances the counter by one, these are instructions.

use alloc::vec::Vec;
use core::hint::black_box;

use steward_frames::{Owned, Request, Run, Use};
use steward_harness_guest::ktest;
use steward_ledger::{Access, Direction, Effects, Extent, Kind, Ledger, ProcessId, Quota, Terms, Window};

use x86_64::instructions::interrupts::without_interrupts;

use crate::{
    clock, frames,
    ledger::{self, Kernel},
};

/// Each is done so often, and the least counts: what a first time costs is left out, and what the machine was held up.
const ROUNDS: usize = 8;

/// The least that each operation has cost, in the order of their first times.
#[derive(Default)]
struct Costs {
    rows: Vec<(&'static str, u64)>,
    /// What looking at the counter costs by itself.
    look: u64,
}

impl Costs {
    fn new() -> Self {
        let look = (0..ROUNDS).map(|_| elapsed(|| ()).1).min().unwrap_or(0);
        Self { rows: Vec::with_capacity(32), look }
    }

    fn of<R>(&mut self, name: &'static str, act: impl FnOnce() -> R) -> R {
        let (result, cost) = elapsed(act);
        let cost = cost.saturating_sub(self.look);
        match self.rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, least)) => *least = cost.min(*least),
            None => self.rows.push((name, cost)),
        }
        result
    }

    fn tell(&self, pages: u64) {
        for (name, cost) in &self.rows {
            log::info!("cost of {name}, pages {pages}: {cost}");
        }
    }
}

#[inline(always)]
fn elapsed<R>(act: impl FnOnce() -> R) -> (R, u64) {
    let start = clock::ticks();
    let result = act();
    (result, clock::ticks() - start)
}

fn process() -> ProcessId {
    let anything = Window { revocable: true, shortest: Some(0), ..Window::default() };
    ledger::admit(Quota::NONE, anything).expect("there is room for a process")
}

/// Takes and gives back as an owner does: single frames one by one, others as a run.
fn of_frames(costs: &mut Costs, pages: u64) {
    let request = if pages == 1 { Request::one(Use::Tests) } else { Request::run(pages, Use::Tests).aligned_to(pages) };
    for _ in 0..ROUNDS {
        let run = costs.of("take", || frames::take(request)).expect("there are frames");
        costs.of("give back", || frames::give_back(run)).expect("nobody has borrowed them");
    }
}

/// With effects that do nothing: what the ledger itself costs.
fn of_owners(costs: &mut Costs, ledger: &Ledger<'_>, pages: &Run<Owned>, others: [ProcessId; 2]) {
    let keys = [keys(pages)];
    let [first, second] = others;
    let none = &mut NoEffects;
    ledger.transfer(ProcessId::KERNEL, first, &keys, none).expect("the kernel has them");
    for _ in 0..ROUNDS {
        costs.of("transfer", || ledger.transfer(first, second, &keys, none)).expect("the first has them");
        costs.of("release", || ledger.release(second, &keys, none)).expect("the second has them");
        costs.of("acquire", || ledger.acquire(first, &keys, none)).expect("nobody has them");
    }
    ledger.transfer(first, ProcessId::KERNEL, &keys, none).expect("the first has them");
}

fn of_loans(costs: &mut Costs, ledger: &Ledger<'_>, pages: &Run<Owned>, others: [ProcessId; 2]) {
    let keys = [keys(pages)];
    let [first, second] = others;
    let owner = ProcessId::KERNEL;
    let none = &mut NoEffects;
    let revocable = |kind| Terms { revocable: true, ..Terms::firm(kind) };
    for _ in 0..ROUNDS {
        let lent = costs.of("lend shared", || ledger.lend(owner, first, &keys, Terms::firm(Kind::Shared), none));
        costs.of("return shared", || ledger.give_back(first, lent.expect("it is free"), none)).expect("it is lent");
        let lent = costs.of("lend mutable", || ledger.lend(owner, first, &keys, Terms::firm(Kind::Mut), none));
        let lent = lent.expect("it is free");
        let below =
            costs.of("re-lend mutable", || ledger.relend(first, lent, second, &keys, revocable(Kind::Mut), none));
        costs.of("revoke", || ledger.revoke(first, below.expect("it has it"), none)).expect("it is revocable");
        let below =
            costs.of("re-lend shared", || ledger.relend(first, lent, second, &keys, revocable(Kind::Shared), none));
        below.expect("it has it");
        costs.of("return with one below", || ledger.give_back(first, lent, none)).expect("it is lent");
        let access = Access::Owned;
        let pin = costs.of("pin", || ledger.pin(owner, access, keys[0], Direction::DeviceReads, none));
        costs.of("unpin", || ledger.unpin(pin.expect("it is free"), none));
    }
}

/// The death of a process that owns these pages, and has borrowed one of the kernel's.
fn of_deaths(costs: &mut Costs, ledger: &Ledger<'_>, pages: u64) {
    let lent = frames::take(Request::one(Use::Tests)).expect("there are frames");
    for _ in 0..ROUNDS {
        let owned = frames::take(Request::run(pages, Use::Tests)).expect("there are frames");
        let dying = process();
        ledger.transfer(ProcessId::KERNEL, dying, &[keys(&owned)], &mut Kernel).expect("the kernel has them");
        let terms = Terms::firm(Kind::Shared);
        ledger.lend(ProcessId::KERNEL, dying, &[keys(&lent)], terms, &mut Kernel).expect("it is free");
        costs.of("die", || ledger.die(dying, &mut Kernel)).expect("it lives");
    }
    frames::give_back(lent).expect("nobody has borrowed it");
}

/// The heap, by one object and by many of mixed sizes that come and go.
fn of_the_heap(costs: &mut Costs) {
    for _ in 0..ROUNDS {
        let object = costs.of("allocate 64 bytes", || black_box(Vec::<u8>::with_capacity(64)));
        costs.of("free 64 bytes", || drop(object));
        let object = costs.of("allocate 3000 bytes", || black_box(Vec::<u8>::with_capacity(3000)));
        costs.of("free 3000 bytes", || drop(object));
        let object = costs.of("allocate 64 KiB", || black_box(Vec::<u8>::with_capacity(64 << 10)));
        costs.of("free 64 KiB", || drop(object));
        costs.of("1000 allocations of mixed sizes, freed in mixed order", || mixed(1000));
    }
}

/// Allocates so many times, up to 1 KiB and most often less, and holds up to 64 of them.
fn mixed(allocations: u64) {
    const NONE: Vec<u8> = Vec::new();
    let mut held = [NONE; 64];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..allocations {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let bytes = 1 + (state >> 40 & ((16 << ((state >> 33 & 7) % 7)) - 1)) as usize;
        held[(state >> 58) as usize] = black_box(Vec::with_capacity(bytes));
    }
}

struct NoEffects;

impl Effects for NoEffects {}

fn keys(run: &Run<Owned>) -> Extent {
    Extent { start: run.range().start() as usize, count: run.range().count() as usize }
}

#[ktest]
fn each_operation_costs_something_and_says_how_much() {
    let others = [process(), process()];
    for pages in [1, 512] {
        let mut costs = Costs::new();
        let run = frames::take(Request::run(pages, Use::Tests)).expect("there are frames");
        // Without interrupts, so that no tick is counted.
        ledger::with(|ledger| {
            of_frames(&mut costs, pages);
            of_owners(&mut costs, ledger, &run, others);
            of_loans(&mut costs, ledger, &run, others);
            of_deaths(&mut costs, ledger, pages);
        });
        frames::give_back(run).expect("nobody has borrowed it");
        assert!(costs.rows.iter().all(|(_, cost)| *cost > 0), "{:?}", costs.rows);
        costs.tell(pages);
    }
    for process in others {
        ledger::die(process).expect("it lives");
    }
    let mut costs = Costs::new();
    without_interrupts(|| of_the_heap(&mut costs));
    costs.tell(1);
}

//! The heap's caches and runs of frames, by what their users see.

use alloc::{boxed::Box, vec::Vec};
use core::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use spin::Mutex;
use steward_frames::{Owned, Request, Run, Use};
use steward_harness_guest::ktest;
use steward_ledger::{Error, Kind, Quota, State, Terms, Window};
use steward_slab::{FreeError, class_of};

use crate::{
    for_each_cache, frames,
    heap::cpus,
    heap_use,
    layout::PAGE_BYTES,
    ledger::{self, Kernel},
    memory,
    objects::{Cache, Object},
    smp::{self, CpuIndex},
    stack::Stack,
};

/// Objects that live, in the cache of that name.
fn live(name: &str) -> usize {
    let mut live = 0;
    for_each_cache(|row| live += if row.name == name { row.usage.live } else { 0 });
    live
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 >> 32
    }
}

/// A block with a pattern of its own in every word.
struct Block {
    words: Vec<u64>,
    mark: u64,
}

impl Block {
    fn new(random: &mut Random) -> Self {
        let power = random.next() % 9;
        let (length, mark) = (1 + random.next() % (2 << power), random.next());
        Self { words: (0..length).map(|word| mark ^ word).collect(), mark }
    }

    fn is_whole(&self) -> bool {
        self.words.iter().zip(0..).all(|(&word, index)| word == self.mark ^ index)
    }
}

/// Blocks on their way from one CPU to another.
static ON_THE_WAY: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// Allocates so many times, writes to all that it has, and lets other CPUs free every other block.
fn churn(rounds: u64, seed: u64) {
    let mut random = Random(seed);
    let mut held = Vec::with_capacity(64);
    for _ in 0..rounds {
        if held.len() == 64 {
            let block: Block = held.swap_remove(random.next() as usize % 64);
            assert!(block.is_whole());
            let mut on_the_way = ON_THE_WAY.lock();
            if on_the_way.len() < 64 {
                on_the_way.push(block)
            }
        }
        held.push(Block::new(&mut random));
        let received = ON_THE_WAY.lock().pop();
        assert!(received.is_none_or(|block| block.is_whole()));
    }
    assert!(held.iter().all(Block::is_whole));
}

#[ktest(cpus = 2, timeout = 60_000)]
fn mixed_sizes_on_two_cpus_stay_apart_and_leave_no_object() {
    // What the first call of each CPU makes for good.
    smp::on_all(|_| drop(black_box(Box::new(0_u64))));
    let before = heap_use();
    smp::on_all(|cpu| churn(10_000, 0x9e37_79b9 + cpu.as_usize() as u64));
    let during = heap_use();
    *ON_THE_WAY.lock() = Vec::new();
    let after = heap_use();
    assert_eq!((after.allocations, after.allocated_bytes), (before.allocations, before.allocated_bytes));
    let claimed = (before.claimed_bytes / 1024, during.claimed_bytes / 1024, after.claimed_bytes / 1024);
    log::info!("the heap held {} KiB before, {} with blocks on the way, {} after", claimed.0, claimed.1, claimed.2);
    assert!(after.claimed_bytes < before.claimed_bytes + (2 << 20), "{before:?} {after:?}");
}

#[ktest]
fn memory_that_is_freed_goes_back_to_the_machine() {
    let before = heap_use().claimed_bytes;
    let blocks: Vec<Box<[u8; 2000]>> = (0..2000).map(|_| Box::new([7; 2000])).collect();
    let run = black_box(Vec::<u8>::with_capacity(4 << 20));
    assert!(heap_use().claimed_bytes >= before + (8 << 20) - (1 << 18));
    drop(blocks);
    drop(run);
    assert!(heap_use().claimed_bytes <= before + (256 << 10), "{before} {:?}", heap_use());
}

#[ktest]
fn a_request_that_nothing_could_meet_costs_nobody_what_the_heap_keeps() {
    drop(black_box(Vec::<u8>::with_capacity(64 << 10)));
    let before = heap_use();
    let runs = cpus::caches().expect("the heap is there").runs();
    assert!(runs.held >= runs.handed_out + (64 << 10), "a run is kept: {runs:?}");
    for bytes in [1 << 45, isize::MAX as usize] {
        Vec::<u8>::new().try_reserve_exact(bytes).expect_err("no machine has so much");
        frames::take(Request::run(bytes as u64 / PAGE_BYTES, Use::Tests)).expect_err("nor so many frames");
    }
    assert_eq!(heap_use(), before);
}

/// Takes all frames that there are.
fn take_all(taken: &mut Vec<Run<Owned>>) {
    let mut count = 1 << 18;
    while count > 0 {
        match frames::take(Request::run(count, Use::Tests)) {
            Ok(run) => taken.push(run),
            Err(_) => count /= 2,
        }
    }
    assert_eq!(frames::memory_use().and_then(|memory| memory.bytes("free")), Some(0));
}

// More memory takes longer.
#[ktest(memory = 96, timeout = 60_000)]
fn frames_that_the_heap_keeps_are_there_when_all_others_are_taken() {
    let mut blocks: Vec<Vec<u8>> = (0..8).map(|_| Vec::with_capacity(128 << 10)).collect();
    let mut taken = Vec::with_capacity(8192);
    let mut take_all_but_kept = |blocks: Vec<Vec<u8>>| {
        take_all(&mut taken);
        let kept = blocks.len() * (128 << 10);
        drop(blocks);
        let runs = cpus::caches().expect("the heap is there").runs();
        assert!(runs.held >= runs.handed_out + kept, "they are kept: {runs:?}");
    };
    take_all_but_kept(blocks.split_off(4));
    let stack = Stack::new(128 << 10).expect("the heap does without them");
    take_all_but_kept(blocks);
    // It takes page tables, with the lock of those held. Nobody goes there.
    const NOWHERE: u64 = 1 << 39;
    memory::map_identity(NOWHERE).expect("and without these");
    memory::unmap(NOWHERE, 1).expect("it was just mapped");
    taken.into_iter().for_each(|run| frames::give_back(run).expect("nobody has borrowed it"));
    stack.give_back().expect("it is as it was made");
}

#[ktest]
fn a_second_free_and_a_free_of_nothing_are_refused() {
    let block = Box::new([1_u8; 100]);
    let address = &raw const *block as usize;
    let class = class_of(100, 1).expect("it is less than a frame");
    let put = |address| {
        cpus::with(|caches, own| caches.put(own, caches.class(class), address, 100, || ())).expect("the heap is there")
    };
    assert_eq!(put(address + 16), Err(FreeError::NotAnObject));
    assert_eq!(put(&raw const ON_THE_WAY as usize), Err(FreeError::Unknown));
    assert_eq!(put(0), Err(FreeError::Unknown));
    let before = heap_use();
    drop(block);
    assert_eq!(put(address), Err(FreeError::AlreadyFree));
    assert_eq!(heap_use().allocations, before.allocations - 1);
}

/// Something that the kernel has many of.
#[derive(Debug)]
struct Gate {
    number: usize,
    dropped: &'static AtomicUsize,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}

static GATES: Cache<Gate> = Cache::new("gate");

#[ktest]
fn objects_are_counted_by_their_type_and_dropped_once() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    let make = |number| GATES.make(Gate { number, dropped: &DROPPED }).expect("there is memory");
    let mut gates: Vec<Object<Gate>> = (0..300).map(make).collect();
    assert_eq!(live("gate"), 300);
    for gate in &mut gates {
        gate.number *= 2;
    }
    assert!(gates.iter().zip(0..).all(|(gate, number)| gate.number == 2 * number));
    gates.truncate(100);
    assert_eq!((live("gate"), DROPPED.load(Relaxed)), (100, 200));
    drop(gates);
    assert_eq!((live("gate"), DROPPED.load(Relaxed)), (0, 300));
}

static TRACKED_GATES: Cache<Gate> = Cache::tracked("tracked-gate");

#[ktest]
fn a_tracked_object_is_a_key_and_is_not_freed_while_it_is_lent() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    let gate = TRACKED_GATES.make(Gate { number: 7, dropped: &DROPPED }).expect("there is memory");
    let key = gate.key().expect("it is tracked");
    let state = || ledger::with(|ledger| ledger.view(key.start)).expect("it is a number of a key").state;
    assert_eq!(state(), State::Exclusive);
    let part = ledger::admit(Quota::NONE, Window::default()).expect("there is room for a process");
    let loan = gate.lend(part, Terms::firm(Kind::Shared)).expect("it is the kernel's");
    assert_eq!(state(), State::SharedOwned);
    let (gate, error) = gate.free().expect_err("it is lent");
    assert_eq!((error, gate.number, DROPPED.load(Relaxed), live("tracked-gate")), (Error::Borrowed, 7, 0, 1));
    ledger::with(|ledger| ledger.give_back(part, loan, &mut Kernel)).expect("it is lent");
    gate.free().expect("it is not lent any more");
    assert_eq!((state(), DROPPED.load(Relaxed), live("tracked-gate")), (State::Free, 1, 0));
    ledger::die(part).expect("it lives");
    let untracked = GATES.make(Gate { number: 8, dropped: &DROPPED }).expect("there is memory");
    assert_eq!((untracked.key(), untracked.lend(part, Terms::firm(Kind::Mut)).err()), (None, Some(Error::Invalid)));
}

#[ktest]
fn a_death_ends_the_loans_of_objects_and_the_kernel_frees_them() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    let make = |number| TRACKED_GATES.make(Gate { number, dropped: &DROPPED }).expect("there is memory");
    let gates: Vec<Object<Gate>> = (0..200).map(make).collect();
    let part = ledger::admit(Quota::NONE, Window::default()).expect("there is room for a process");
    for gate in gates.iter().take(20) {
        gate.lend(part, Terms::firm(Kind::Mut)).expect("it is the kernel's");
    }
    ledger::die(part).expect("it lives");
    drop(gates);
    assert_eq!((live("tracked-gate"), DROPPED.load(Relaxed)), (0, 200));
}

#[ktest]
fn a_block_grows_in_place_within_its_class() {
    let before = heap_use();
    let mut bytes = Vec::<u8>::with_capacity(65);
    let address = bytes.as_ptr();
    bytes.reserve_exact(80);
    assert_eq!((bytes.as_ptr(), heap_use().allocated_bytes), (address, before.allocated_bytes + 80));
    bytes.extend((0..80).map(|byte| byte as u8));
    bytes.reserve_exact(9000);
    bytes.reserve_exact(11_000);
    assert_eq!(heap_use().allocated_bytes, before.allocated_bytes + 11_080);
    assert!(bytes.iter().zip(0..).all(|(&byte, index)| byte == index) && bytes.len() == 80);
    drop(bytes);
    assert_eq!(heap_use().allocated_bytes, before.allocated_bytes);
}

#[ktest(cpus = 2, timeout = 60_000)]
fn calls_that_allocate_break_into_looks_at_the_heap() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    let allocate = |_: CpuIndex| drop(black_box((0..40).map(|number| Box::new([number; 100])).collect::<Vec<_>>()));
    smp::on_all(|cpu| {
        if cpu == CpuIndex::BOOT {
            while !IS_DONE.load(Relaxed) {
                black_box(heap_use());
            }
        } else {
            (0..500).for_each(|_| smp::on_others(allocate));
            IS_DONE.store(true, Relaxed);
        }
    });
}

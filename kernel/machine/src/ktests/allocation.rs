//! The heap and the frames under it.

use alloc::{boxed::Box, collections::BTreeSet, vec, vec::Vec};
use core::alloc::Layout;

use steward_frames::{Owned, Request, Run, Use, Zone};
use steward_harness_guest::ktest;

use crate::{frames, heap_use, memory};

fn give_back(run: Run<Owned>) {
    frames::give_back(run).expect("the source takes back what it gave");
}

#[ktest]
fn what_is_allocated_is_aligned_and_apart() {
    let mut blocks = Vec::new();
    for power in 0..13 {
        let layout = Layout::from_size_align(24, 1 << power).expect("a power of two is an alignment");
        // SAFETY: the layout has a size, and the block is given back below with the same layout.
        let block = unsafe { alloc::alloc::alloc(layout) };
        assert!(!block.is_null() && (block as usize).is_multiple_of(1 << power), "{block:?} for 2^{power}");
        blocks.push((block, layout));
    }
    let mut starts: Vec<usize> = blocks.iter().map(|(block, _)| *block as usize).collect();
    starts.sort_unstable();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 24), "{starts:x?}");
    for (block, layout) in blocks {
        // SAFETY: it was allocated above with this layout, and is given back once.
        unsafe { alloc::alloc::dealloc(block, layout) };
    }
}

#[ktest]
fn what_is_freed_leaves_the_heap_as_it_was() {
    let before = heap_use();
    for round in 1..200_usize {
        let boxes: Vec<Box<usize>> = (0..round).map(Box::new).collect();
        assert_eq!(boxes.iter().map(|number| **number).sum::<usize>(), round * (round - 1) / 2);
    }
    let after = heap_use();
    assert_eq!((after.allocations, after.allocated_bytes), (before.allocations, before.allocated_bytes));
}

#[ktest]
fn the_heap_grows_when_it_must() {
    let before = heap_use().claimed_bytes;
    // More than the heap has, so that what it has cannot be enough.
    let large = vec![0xa5_u8; before + (1 << 20)];
    assert!(heap_use().claimed_bytes >= before + large.len());
    assert!(large.iter().all(|byte| *byte == 0xa5));
}

#[ktest]
fn asking_for_more_memory_than_there_is_is_an_error() {
    let mut bytes = Vec::<u8>::new();
    bytes.try_reserve_exact(1 << 45).expect_err("no machine has 32 TiB to spare here");
    bytes.try_reserve_exact(100).expect("and the heap still works");
}

#[ktest]
fn no_frame_is_handed_out_twice() {
    let (mut seen, mut runs) = (BTreeSet::new(), Vec::new());
    for frames in [1, 7, 64, 1, 3, 512] {
        let run = frames::take(Request::run(frames, Use::Tests)).expect("there are frames");
        for frame in run.range().iter() {
            assert!(seen.insert(frame.as_u64()), "{} twice", frame.start());
        }
        runs.push(run);
    }
    assert_eq!(seen.len(), 588);
    runs.into_iter().for_each(give_back);
}

#[ktest]
fn frames_are_aligned_and_low_when_asked_for() {
    let request = Request::run(16, Use::Tests).aligned_to(16).within(Zone::Below4GiB);
    let run = frames::take(request).expect("there are frames");
    assert!(run.range().start().is_multiple_of(16));
    assert!(run.range().end_address() <= 1 << 32);
    assert!(run.range().start_address() >= 1 << 20, "the first MiB is left alone");
    give_back(run);
}

#[ktest]
fn frames_taken_show_in_the_account_and_the_total_stays() {
    let account = || frames::memory_use().expect("the account is open");
    let before = account();
    let run = frames::take(Request::run(10, Use::Tests)).expect("there are frames");
    let after = account();
    assert_eq!(after.total(), before.total());
    let tests = |account: &steward_frames::MemoryUse| account.bytes(Use::Tests.name()).expect("tests have a row");
    assert_eq!(tests(&after), tests(&before) + run.range().bytes());
    give_back(run);
    assert_eq!(account(), before);
}

#[ktest]
fn a_frame_really_is_memory() {
    let run = frames::take(Request::run(4, Use::Tests)).expect("there are frames");
    let words = run.range().bytes() as usize / 8;
    let start = memory::direct(run.range().start_address()) as *mut u64;
    // SAFETY: the run is this test's own, and the direct map shows all of it.
    let memory = unsafe { core::slice::from_raw_parts_mut(start, words) };
    for (index, word) in memory.iter_mut().enumerate() {
        *word = !(index as u64);
    }
    let memory = core::hint::black_box(memory);
    assert!(memory.iter().enumerate().all(|(index, word)| *word == !(index as u64)));
    give_back(run);
}

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{FIRST_FRAME, FrameSource, MAX_FREE_RANGES, Owned, Request, Run, TakeError, Use, Zone};

const FOUR_GIB: u64 = 4 * GIB / crate::FRAME_SIZE;

fn small() -> MemoryMap {
    map(&[
        entry(0, 2 * MIB, USABLE),
        entry(2 * MIB, 3 * MIB, KERNEL),
        entry(3 * MIB, 3 * MIB + page(20), USABLE),
        entry(4 * GIB - page(8), 4 * GIB + page(8), USABLE),
    ])
}

#[test]
fn every_usable_frame_above_the_first_mib_is_handed_out_exactly_once() {
    let map = small();
    let mut source = FrameSource::new(&map);
    let mut seen = BTreeSet::new();
    while let Ok(frame) = source.take(Use::Tests, Zone::Any) {
        assert!(frame.number().as_u64() >= FIRST_FRAME);
        assert_eq!(map.kind_of(frame.number()), Some(crate::RegionKind::Usable));
        assert!(seen.insert(frame.number()), "{frame:?} came twice");
    }
    assert_eq!(seen.len() as u64, 256 + 20 + 16);
    assert_eq!(source.free_frames(), 0);
    assert_eq!(source.take(Use::Tests, Zone::Any).unwrap_err(), TakeError::OutOfFrames);
}

#[test]
fn a_request_below_4_gib_is_met_there_alone() {
    let mut source = FrameSource::new(&small());
    let run = source.take_run(Request::run(8, Use::Tests).within(Zone::Below4GiB)).unwrap();
    assert_eq!(run.range().end(), FOUR_GIB);
    let mut count = 0;
    while let Ok(frame) = source.take(Use::Tests, Zone::Below4GiB) {
        assert!(frame.number().as_u64() < FOUR_GIB);
        count += 1;
    }
    assert_eq!(count, 256 + 20);
    assert_eq!(source.free_frames(), 8);
}

#[test]
fn frames_come_from_the_top_so_that_low_memory_lasts() {
    let mut source = FrameSource::new(&small());
    let frame = source.take(Use::Tests, Zone::Any).unwrap();
    assert_eq!(frame.number().as_u64(), FOUR_GIB + 7);
}

#[test]
fn a_senseless_request_is_the_callers_mistake() {
    let mut source = FrameSource::new(&small());
    for request in
        [Request::run(0, Use::Tests), Request::one(Use::Tests).aligned_to(3), Request::one(Use::Tests).aligned_to(0)]
    {
        assert_eq!(source.take_run(request).unwrap_err(), TakeError::BadRequest);
    }
}

#[test]
fn a_run_that_no_stretch_holds_says_whether_there_are_frames_enough() {
    let mut source = FrameSource::new(&small());
    assert_eq!(source.take_run(Request::run(257, Use::Tests)).unwrap_err(), TakeError::TooFragmented);
    assert_eq!(source.take_run(Request::run(1000, Use::Tests)).unwrap_err(), TakeError::OutOfFrames);
    assert_eq!(source.take_run(Request::run(u64::MAX, Use::Tests)).unwrap_err(), TakeError::OutOfFrames);
    let huge_alignment = Request::one(Use::Tests).aligned_to(1 << 63);
    assert_eq!(source.take_run(huge_alignment).unwrap_err(), TakeError::TooFragmented);
}

#[test]
fn frames_that_are_free_here_are_not_taken_back() {
    let (mut source, mut other) = (FrameSource::new(&small()), FrameSource::new(&small()));
    let _first = source.take(Use::Tests, Zone::Any).unwrap();
    let _same = other.take(Use::Tests, Zone::Any).unwrap();
    let second = other.take(Use::Tests, Zone::Any).unwrap();
    let free = source.free_frames();
    let refused = source.give_back(second).unwrap_err();
    assert!(!refused.no_room);
    assert_eq!(source.free_frames(), free);
    other.give_back(refused.run).unwrap();
}

#[test]
fn frames_that_were_not_taken_here_for_that_use_are_not_taken_back() {
    let (mut source, mut other) = (FrameSource::new(&small()), FrameSource::new(&small()));
    let _as_heap = source.take(Use::Heap, Zone::Any).unwrap();
    let as_stack = other.take(Use::Stacks, Zone::Any).unwrap();
    assert!(!source.give_back(as_stack).unwrap_err().no_room);
    assert_eq!(source.memory_use().bytes("heap"), Some(crate::FRAME_SIZE));
}

#[test]
fn a_source_without_room_for_another_stretch_does_not_split_one() {
    let mut source = FrameSource::new(&map(&[entry(MIB, 64 * MIB, USABLE)]));
    let mut runs: Vec<Run<Owned>> = Vec::new();
    while let Ok(frame) = source.take(Use::Tests, Zone::Any) {
        runs.push(frame.into());
    }
    // Three frames around number 4096, then every other frame below, until no more stretches can be told apart.
    for run in runs {
        let number = run.range().start();
        if (4095..=4097).contains(&number) || (number < 4000 && number % 2 == 0) {
            let _ = source.give_back(run);
        }
    }
    assert_eq!(source.free_frames() as usize, 3 + MAX_FREE_RANGES - 1);
    let middle = Request::one(Use::Tests).aligned_to(4096);
    assert_eq!(source.take_run(middle).unwrap_err(), TakeError::TooFragmented);
    // A stretch of one frame that is taken makes room.
    let single = source.take_run(Request::one(Use::Tests).aligned_to(2)).unwrap();
    assert!(single.range().start() < 4000);
    assert_eq!(source.take_run(middle).unwrap().range().start(), 4096);
}

#[test]
fn a_source_that_tracks_all_the_stretches_it_can_keeps_its_word() {
    let mut source = FrameSource::new(&map(&[entry(MIB, 64 * MIB, USABLE)]));
    let mut runs: Vec<Run<Owned>> = Vec::new();
    while let Ok(frame) = source.take(Use::Tests, Zone::Any) {
        runs.push(frame.into());
    }
    let all = runs.len();
    let mut kept: Vec<Run<Owned>> = Vec::new();
    let mut given = 0;
    for (index, run) in runs.into_iter().enumerate() {
        if index % 2 == 1 {
            kept.push(run);
            continue;
        }
        match source.give_back(run) {
            Ok(()) => given += 1,
            Err(error) => {
                assert!(error.no_room);
                kept.push(error.run);
            }
        }
    }
    assert_eq!(given, MAX_FREE_RANGES);
    assert_eq!(source.free_frames() as usize, given);
    // The frames between free ones fill gaps: they make stretches fewer, and all comes back in the end.
    kept.sort_by_key(|run| std::cmp::Reverse(run.range().start()));
    for run in kept {
        source.give_back(run).unwrap();
    }
    assert_eq!(source.free_frames() as usize, all);
    assert!(source.take_run(Request::run(all as u64, Use::Tests)).is_ok());
}

#[test]
fn a_run_comes_apart_into_its_frames() {
    let mut source = FrameSource::new(&small());
    let run = source.take_run(Request::run(4, Use::Stacks).aligned_to(4)).unwrap();
    let range = run.range();
    let frames: Vec<_> = run.into_frames().collect();
    assert!(frames.iter().map(|frame| frame.number()).eq(range.iter()));
    for frame in frames {
        source.give_back(frame).unwrap();
    }
    assert_eq!(source.memory_use().bytes("stacks"), Some(0));
}

#[derive(Clone, Debug)]
enum Step {
    Take { frames: u64, alignment: u32, low: bool },
    GiveBack(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let take =
        (1..12_u64, 0..5_u32, any::<bool>()).prop_map(|(frames, alignment, low)| Step::Take { frames, alignment, low });
    let step = prop_oneof![3 => take, 2 => any::<usize>().prop_map(Step::GiveBack)];
    proptest::collection::vec(step, 1..120)
}

/// Whether a set of free frames has a run that meets the request: the model of `take_run`.
fn has_run(free: &BTreeSet<u64>, frames: u64, alignment: u64, low: bool) -> bool {
    let ceiling = if low { FOUR_GIB } else { u64::MAX };
    free.iter().any(|&start| {
        start % alignment == 0 && start + frames <= ceiling && (start..start + frames).all(|n| free.contains(&n))
    })
}

proptest! {
    #[test]
    fn the_source_agrees_with_a_set_of_frames(steps in steps()) {
        let map = small();
        let mut source = FrameSource::new(&map);
        let usable = map.regions().iter().filter(|region| region.kind == crate::RegionKind::Usable);
        let mut free: BTreeSet<u64> =
            usable.flat_map(|region| region.range.iter()).map(|n| n.as_u64()).filter(|&n| n >= FIRST_FRAME).collect();
        let mut held: Vec<Run<Owned>> = Vec::new();
        for step in steps {
            match step {
                Step::Take { frames, alignment, low } => {
                    let alignment = 1 << alignment;
                    let zone = if low { Zone::Below4GiB } else { Zone::Any };
                    let request = Request::run(frames, Use::Tests).aligned_to(alignment).within(zone);
                    match source.take_run(request) {
                        Ok(run) => {
                            prop_assert_eq!(run.range().count(), frames);
                            prop_assert_eq!(run.range().start() % alignment, 0);
                            prop_assert!(!low || run.range().end() <= FOUR_GIB);
                            for frame in run.range().iter() {
                                prop_assert!(free.remove(&frame.as_u64()), "{} was not free", frame.start());
                            }
                            held.push(run);
                        }
                        Err(error) => {
                            prop_assert!(!has_run(&free, frames, alignment, low), "{:?} of {:?}", error, free);
                        }
                    }
                }
                Step::GiveBack(_) if held.is_empty() => {}
                Step::GiveBack(index) => {
                    let run = held.swap_remove(index % held.len());
                    free.extend(run.range().iter().map(|frame| frame.as_u64()));
                    source.give_back(run).unwrap();
                }
            }
            prop_assert_eq!(source.free_frames(), free.len() as u64);
        }
    }
}

#[test]
fn the_loaders_memory_becomes_free_once_and_joins_what_is_free_beside_it() {
    let map = map(&[
        entry(0, MIB, LOADER),
        entry(MIB, 2 * MIB, USABLE),
        entry(2 * MIB, 3 * MIB, LOADER),
        entry(3 * MIB, 4 * MIB, USABLE),
        entry(4 * MIB, 5 * MIB, KERNEL),
        entry(5 * MIB, 6 * MIB, LOADER),
    ]);
    let mut source = FrameSource::new(&map);
    let total = source.memory_use().total();
    assert_eq!(source.memory_use().bytes("boot-loader"), Some(2 * MIB));
    for _ in 0..2 {
        source.reclaim_from_loader(&map);
        assert_eq!(source.free_frames(), 4 * MIB / crate::FRAME_SIZE);
        assert_eq!((source.memory_use().bytes("boot-loader"), source.memory_use().total()), (Some(0), total));
    }
    let run =
        source.take_run(Request::run(3 * MIB / crate::FRAME_SIZE, Use::Tests)).expect("three MiB have become one");
    assert_eq!(run.range().start(), MIB / crate::FRAME_SIZE);
}

use std::collections::BTreeSet;

use steward_ledger::Error;

use super::*;
use crate::{FIRST_FRAME, FRAME_SIZE, FrameNumber, RegionKind, Request, TakeError, Zone};

const FOUR_GIB: u64 = 4 * GIB / FRAME_SIZE;

#[test]
fn every_usable_frame_above_the_first_mib_is_handed_out_exactly_once() {
    let map = small();
    let frames = allocator(&map, 1);
    let mut cpu = frames.reservation(0).unwrap();
    let mut seen = BTreeSet::new();
    for frame in take_all(&frames, &mut cpu) {
        assert!(frame.number().as_u64() >= FIRST_FRAME);
        assert_eq!(map.kind_of(frame.number()), Some(RegionKind::Usable));
        assert!(seen.insert(frame.number()), "{frame:?} came twice");
    }
    assert_eq!(seen.len(), 256 + 20 + 16);
    assert_eq!(frames.free_frames(), 0);
    assert_eq!(frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests).unwrap_err(), TakeError::OutOfFrames);
    assert_sound(&frames);
}

#[test]
fn frames_come_from_above_4_gib_while_there_are_any() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let first: Vec<_> = (0..8).map(|_| frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests).unwrap()).collect();
    assert!(first.iter().all(|frame| frame.number().as_u64() >= FOUR_GIB));
    assert!(frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests).unwrap().number().as_u64() < FOUR_GIB);
}

#[test]
fn a_request_below_4_gib_is_met_there_alone() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let low = Request::one(Use::Tests).within(Zone::Below4GiB);
    let mut count = 0;
    while let Ok(run) = frames.take_run(&mut cpu, KERNEL_ITSELF, low) {
        assert!(run.range().end() <= FOUR_GIB);
        count += 1;
    }
    assert_eq!((count, frames.free_frames()), (256 + 20 + 8, 8));
}

#[test]
fn a_senseless_request_is_the_callers_mistake() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    for request in
        [Request::run(0, Use::Tests), Request::one(Use::Tests).aligned_to(3), Request::one(Use::Tests).aligned_to(0)]
    {
        assert_eq!(frames.take_run(&mut cpu, KERNEL_ITSELF, request).unwrap_err(), TakeError::BadRequest);
    }
    let nobody = process(0);
    assert_eq!(frames.take(&mut cpu, nobody, Use::Tests).unwrap_err(), TakeError::BadRequest);
    let request = Request::run(2, Use::Tests);
    assert_eq!(frames.take_run(&mut cpu, nobody, request).unwrap_err(), TakeError::BadRequest);
    assert_eq!(frames.take_bulk(&mut cpu, nobody, Use::Tests, 1, drop).unwrap_err().error, TakeError::BadRequest);
}

#[test]
fn a_run_that_no_stretch_holds_says_whether_there_are_frames_enough() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let mut error = |request| frames.take_run(&mut cpu, KERNEL_ITSELF, request).unwrap_err();
    assert_eq!(error(Request::run(257, Use::Tests)), TakeError::TooFragmented);
    assert_eq!(error(Request::run(1000, Use::Tests)), TakeError::OutOfFrames);
    assert_eq!(error(Request::run(u64::MAX, Use::Tests)), TakeError::OutOfFrames);
    assert_eq!(error(Request::one(Use::Tests).aligned_to(1 << 63)), TakeError::TooFragmented);
    assert_eq!(error(Request::run(600, Use::Tests).within(Zone::Below4GiB)), TakeError::OutOfFrames);
    assert_sound(&frames);
}

#[test]
fn a_run_may_reach_across_4_gib() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    for count in [256, 20] {
        let _low = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::run(count, Use::Tests)).unwrap();
    }
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::run(16, Use::Tests)).unwrap();
    assert_eq!(run.range().start(), FOUR_GIB - 8);
}

#[test]
fn each_order_comes_aligned_and_says_so_in_every_entry() {
    let frames = allocator(&plain(64), 2);
    let mut cpu = frames.reservation(0).unwrap();
    let mut runs = Vec::new();
    for order in 0..=9 {
        let request = Request::run(1 << order, Use::Tests).aligned_to(1 << order);
        let run = frames.take_run(&mut cpu, KERNEL_ITSELF, request).unwrap();
        assert_eq!((run.range().start() % (1 << order), run.range().count()), (0, 1 << order));
        assert!(run.range().iter().all(|frame| frames.order_of(frame) == Some(order)));
        runs.push(run);
    }
    for run in runs {
        frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    }
    assert_eq!(frames.free_frames(), 63 * 256);
    assert_sound(&frames);
}

#[test]
fn a_block_of_1_gib_is_found_where_the_map_has_one() {
    let frames = allocator(&map(&[entry(MIB, 2 * GIB, USABLE)]), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let request = Request::run(GIB / FRAME_SIZE, Use::Tests).aligned_to(GIB / FRAME_SIZE);
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, request).unwrap();
    assert_eq!(
        (run.range().start_address(), frames.order_of(FrameNumber::known(run.range().start()))),
        (GIB, Some(10))
    );
    assert_eq!(frames.take_run(&mut cpu, KERNEL_ITSELF, request).unwrap_err(), TakeError::OutOfFrames);
    frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    assert_sound(&frames);
}

#[test]
fn frames_reserved_by_other_cpus_are_within_reach() {
    let frames = allocator(&plain(2), 4);
    let mut cpus: Vec<_> = (0..4).map(|cpu| frames.reservation(cpu).unwrap()).collect();
    // 256 frames: each CPU reserves a word of 64, and there is no other.
    let mut taken: Vec<_> = cpus.iter_mut().map(|cpu| frames.take(cpu, KERNEL_ITSELF, Use::Tests).unwrap()).collect();
    taken.extend(take_all(&frames, &mut cpus[0]));
    assert_eq!((taken.len(), frames.free_frames()), (256, 0));
    assert!(frames.take(&mut cpus[3], KERNEL_ITSELF, Use::Tests).is_err());
    for frame in taken {
        frames.put(&mut cpus[1], KERNEL_ITSELF, frame).unwrap();
    }
    assert_sound(&frames);
}

#[test]
fn a_block_is_found_among_frames_that_cpus_have_reserved() {
    let frames = allocator(&map(&[entry(2 * MIB, 4 * MIB, USABLE)]), 2);
    let mut cpus: Vec<_> = (0..2).map(|cpu| frames.reservation(cpu).unwrap()).collect();
    for cpu in &mut cpus {
        let frame = frames.take(cpu, KERNEL_ITSELF, Use::Tests).unwrap();
        frames.put(cpu, KERNEL_ITSELF, frame).unwrap();
    }
    let large = Request::run(512, Use::Tests).aligned_to(512);
    let run = frames.take_run(&mut cpus[0], KERNEL_ITSELF, large).unwrap();
    assert!(frames.check().stale > 0, "the reservations still name the frames");
    assert_eq!(frames.take(&mut cpus[1], KERNEL_ITSELF, Use::Tests).unwrap_err(), TakeError::OutOfFrames);
    frames.put_run(&mut cpus[1], KERNEL_ITSELF, run).unwrap();
    assert_sound(&frames);
    assert_eq!(take_all(&frames, &mut cpus[0]).len(), 512);
}

#[test]
fn memory_with_every_other_frame_free_has_frames_but_no_runs() {
    let frames = allocator(&plain(16), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let (odd, even): (Vec<_>, Vec<_>) =
        take_all(&frames, &mut cpu).into_iter().partition(|frame| frame.number().as_u64() % 2 == 1);
    frames.put_bulk(&mut cpu, KERNEL_ITSELF, odd, |refused| panic!("{refused}"));
    assert_eq!(frames.free_frames(), 15 * 128);
    let pair = Request::run(2, Use::Tests);
    assert_eq!(frames.take_run(&mut cpu, KERNEL_ITSELF, pair).unwrap_err(), TakeError::TooFragmented);
    let taken = take_all(&frames, &mut cpu);
    assert_eq!(taken.len(), 15 * 128);
    frames.put_bulk(&mut cpu, KERNEL_ITSELF, taken.into_iter().chain(even), |refused| panic!("{refused}"));
    let request = Request::run(512, Use::Tests).aligned_to(512);
    let large = std::iter::from_fn(|| frames.take_run(&mut cpu, KERNEL_ITSELF, request).ok());
    assert_eq!(large.count(), 7);
    assert_sound(&frames);
}

#[test]
fn bulk_hands_over_what_there_is_and_says_how_much_was_missing() {
    let frames = allocator(&plain(2), 2);
    let (mut cpu, mut other) = (frames.reservation(0).unwrap(), frames.reservation(1).unwrap());
    let single = frames.take(&mut other, KERNEL_ITSELF, Use::Tests).unwrap();
    let mut taken = Vec::new();
    let shortage = frames.take_bulk(&mut cpu, KERNEL_ITSELF, Use::Heap, 300, |frame| taken.push(frame)).unwrap_err();
    assert_eq!((shortage.taken, shortage.error), (255, TakeError::OutOfFrames));
    assert_eq!(taken.len(), 255);
    assert_eq!(frames.memory_use().bytes("heap"), Some(255 * FRAME_SIZE));
    frames.put_bulk(&mut other, KERNEL_ITSELF, taken.into_iter().chain([single]), |refused| panic!("{refused}"));
    assert_eq!(frames.free_frames(), 256);
    assert_sound(&frames);
}

#[test]
fn a_particular_frame_is_taken_if_it_is_free_and_comes_back_like_any_other() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let [number, beyond] = [FIRST_FRAME + 3, FOUR_GIB + 1000].map(|number| FrameNumber::new(number).unwrap());
    let frame = frames.take_this(&mut cpu, KERNEL_ITSELF, number, Use::User).unwrap();
    assert_eq!(frame.number(), number);
    assert_eq!(frames.take_this(&mut cpu, KERNEL_ITSELF, number, Use::User).unwrap_err(), Error::AlreadyOwned);
    assert_eq!(frames.take_this(&mut cpu, KERNEL_ITSELF, beyond, Use::User).unwrap_err(), Error::Invalid);
    assert!(take_all(&frames, &mut cpu).iter().all(|other| other.number() != number));
    frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap();
    assert_eq!(frames.free_frames(), 1);
    assert_sound(&frames);
}

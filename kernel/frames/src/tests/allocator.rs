use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use steward_ledger::Error;

use super::machines::EMULATED;
use super::*;
use crate::{
    FIRST_FRAME, FRAME_SIZE, Frame, FrameNumber, FrameRange, Owned, RegionKind, Request, Reservation, Run, TakeError,
    Use, Zone,
};

const FOUR_GIB: u64 = 4 * GIB / FRAME_SIZE;

/// 256 + 20 frames below 4 GiB, 8 below and 8 above the border.
pub(super) fn small() -> MemoryMap {
    map(&[
        entry(0, 2 * MIB, USABLE),
        entry(2 * MIB, 3 * MIB, KERNEL),
        entry(3 * MIB, 3 * MIB + page(20), USABLE),
        entry(4 * GIB - page(8), 4 * GIB + page(8), USABLE),
    ])
}

fn plain(mib: u64) -> MemoryMap {
    map(&[entry(MIB, mib * MIB, USABLE)])
}

fn take_all(frames: &Frames, reservation: &mut Reservation) -> Vec<Frame<Owned>> {
    std::iter::from_fn(|| frames.take(reservation, KERNEL_ITSELF, Use::Tests).ok()).collect()
}

fn assert_sound(frames: &Frames) {
    let hints = frames.check();
    assert_eq!((hints.lost, hints.free), (0, frames.free_frames()), "{hints:?}");
}

/// The entry of a frame, as the ledger sees it.
fn lend(entries: &[Entry], index: usize, shared: u32) {
    let claim = entries[index].claim(|_| Ok::<(), ()>(()), || {}).unwrap();
    let word = claim.word().with_shared(shared);
    claim.commit(word);
}

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
fn a_double_free_is_an_error_and_frees_nothing_twice() {
    let frames = allocator(&plain(4), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let frame = frames.take(&mut cpu, KERNEL_ITSELF, Use::Tests).unwrap();
    let twin = Frame::new(frame.number(), Use::Tests);
    let number = frame.number();
    frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap();
    let refused = frames.put(&mut cpu, KERNEL_ITSELF, twin).unwrap_err();
    assert_eq!((refused.error, refused.frame), (Error::NotOwner, number));
    let twin = Frame::new(number, Use::Tests);
    assert_eq!(frames.put(&mut cpu, process(0), twin).unwrap_err().error, Error::Invalid);
    assert_eq!((frames.free_frames(), frames.memory_use().bytes("tests")), (3 * 256, Some(0)));
    assert_sound(&frames);
}

#[test]
fn frames_of_others_and_frames_that_do_not_exist_are_refused() {
    let frames = allocator(&small(), 1);
    let mut cpu = frames.reservation(0).unwrap();
    let frame = frames.take(&mut cpu, process(7), Use::User).unwrap();
    let refused = frames.put(&mut cpu, process(8), frame).unwrap_err();
    assert_eq!(refused.error, Error::NotOwner);
    frames.put_run(&mut cpu, process(7), refused.run).unwrap();
    // A hole, the first MiB, behind everything, and the kernel's image, which nobody can give away.
    for (number, error) in [
        (0x500, Error::Invalid),
        (1, Error::Invalid),
        (FrameNumber::COUNT - 1, Error::Invalid),
        (2 * MIB / FRAME_SIZE, Error::NotOwner),
    ] {
        let frame = Frame::new(FrameNumber::known(number), Use::Tests);
        assert_eq!(frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap_err().error, error, "{number:#x}");
        let range = FrameRange::new(number, number + 1).unwrap();
        assert_eq!(frames.put_range(&mut cpu, KERNEL_ITSELF, range).unwrap_err().1, error, "{number:#x}");
    }
    assert_sound(&frames);
}

#[test]
fn a_lent_page_that_looks_unlent_is_not_freed() {
    let map = plain(4);
    let needs = Needs::of(&Spans::of(&map), 1);
    let entries: Vec<_> = (0..needs.entries).map(|_| Entry::free()).collect();
    let words: Vec<_> = (0..needs.words).map(|_| AtomicU64::new(0)).collect();
    let slots = [CpuSlot::new()];
    let storage = Storage { entries: &entries, words: &words, slots: &slots };
    let frames = FrameAllocator::take_over(&mut FrameSource::new(&map), &map, storage, Untouched).unwrap();
    let mut cpu = frames.reservation(0).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(8, Use::User).aligned_to(8)).unwrap();
    let third = run.range().start() + 2;
    let index = (third - FIRST_FRAME) as usize;
    lend(&entries, index, 1);
    let refused = frames.put_run(&mut cpu, process(5), run).unwrap_err();
    assert_eq!((refused.error, refused.frame.as_u64()), (Error::Borrowed, third));
    // Half of it was not given back either.
    assert!(
        refused
            .run
            .range()
            .iter()
            .all(|frame| { entries[(frame.as_u64() - FIRST_FRAME) as usize].word().owner() == 5 })
    );
    assert_eq!(frames.memory_use().bytes("user"), Some(8 * FRAME_SIZE));
    assert_eq!(frames.order_of(FrameNumber::known(third)), Some(3), "they are as they were");
    let mut refusals = Vec::new();
    frames.put_bulk(&mut cpu, process(5), refused.run.into_frames(), |refused| refusals.push(refused));
    assert_eq!(refusals.iter().map(|refused| refused.frame.as_u64()).collect::<Vec<_>>(), [third]);
    lend(&entries, index, 0);
    frames.put_run(&mut cpu, process(5), refusals.pop().unwrap().run).unwrap();
    assert_eq!(frames.free_frames(), 3 * 256);
}

#[test]
fn what_was_taken_before_is_tracked_and_can_be_given_back() {
    let map = small();
    let mut source = FrameSource::new(&map);
    let tables: Vec<_> = (0..3).map(|_| source.take(Use::PageTables, Zone::Any).unwrap()).collect();
    let heap = source.take_run(Request::run(5, Use::Heap)).unwrap();
    let before = source.memory_use();
    let frames = allocator_after(&mut source, &map, 2, Untouched);
    assert_eq!(frames.memory_use(), before);
    assert_eq!(source.free_frames(), 0);
    assert!(source.take(Use::Tests, Zone::Any).is_err());
    let mut cpu = frames.reservation(0).unwrap();
    for frame in tables {
        frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap();
    }
    // The heap's by its numbers: what it was taken for is known.
    frames.put_range(&mut cpu, KERNEL_ITSELF, heap.range()).unwrap();
    assert_eq!(frames.free_frames(), 256 + 20 + 16);
    assert_sound(&frames);
}

#[test]
fn early_frames_beyond_what_the_source_can_list_come_back_by_their_tokens() {
    let map = plain(64);
    let mut source = FrameSource::new(&map);
    let runs: Vec<_> = (0..300).map(|n| source.take_run(Request::one(Use::ALL[n % Use::ALL.len()])).unwrap()).collect();
    let frames = allocator_after(&mut source, &map, 1, Untouched);
    let mut cpu = frames.reservation(0).unwrap();
    let by_number = frames.put_range(&mut cpu, KERNEL_ITSELF, runs[299].range());
    assert_eq!(by_number.unwrap_err().1, Error::NotOwner);
    for run in runs {
        frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    }
    let account = frames.memory_use();
    assert!(Use::ALL.iter().all(|usage| account.bytes(usage.name()) == Some(0)), "{account:?}");
    assert_sound(&frames);
}

#[test]
fn the_loaders_memory_becomes_free_once() {
    let map = map(&[
        entry(MIB, 2 * MIB, LOADER),
        entry(2 * MIB, 4 * MIB, USABLE),
        entry(4 * MIB, 5 * MIB, LOADER),
        entry(6 * MIB, 7 * MIB, LOADER),
    ]);
    let frames = allocator(&map, 1);
    let total = frames.memory_use().total();
    assert_eq!(frames.memory_use().bytes("boot-loader"), Some(3 * MIB));
    for _ in 0..2 {
        frames.reclaim_from_loader(&map);
        assert_eq!(frames.free_frames(), 5 * 256);
        assert_eq!((frames.memory_use().bytes("boot-loader"), frames.memory_use().total()), (Some(0), total));
    }
    let mut cpu = frames.reservation(0).unwrap();
    assert!(frames.take_run(&mut cpu, KERNEL_ITSELF, Request::run(1024, Use::Tests)).is_ok());
    assert_sound(&frames);
}

#[test]
fn frames_that_the_ledger_freed_come_back_once() {
    let map = plain(4);
    let needs = Needs::of(&Spans::of(&map), 1);
    let entries: Vec<_> = (0..needs.entries).map(|_| Entry::free()).collect();
    let words: Vec<_> = (0..needs.words).map(|_| AtomicU64::new(0)).collect();
    let slots = [CpuSlot::new()];
    let storage = Storage { entries: &entries, words: &words, slots: &slots };
    let frames = FrameAllocator::take_over(&mut FrameSource::new(&map), &map, storage, Untouched).unwrap();
    let mut cpu = frames.reservation(0).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(100, Use::User)).unwrap();
    let kept = FrameNumber::known(run.range().start() + 99);
    for frame in run.range().iter().filter(|frame| *frame != kept) {
        let claim = entries[(frame.as_u64() - FIRST_FRAME) as usize].claim(|_| Ok::<(), ()>(()), || {}).unwrap();
        let word = claim.word().with_owner(0);
        claim.commit(word);
    }
    for _ in 0..2 {
        frames.put_freed(&mut cpu, run.range());
        assert_eq!(frames.memory_use().bytes("user"), Some(FRAME_SIZE));
        assert_eq!(frames.check().lost, 0);
    }
    frames.put_range(&mut cpu, process(5), FrameRange::new(kept.as_u64(), kept.as_u64() + 1).unwrap()).unwrap();
    assert_eq!(frames.free_frames(), 3 * 256);
}

#[test]
fn a_frame_that_the_ledger_freed_and_an_old_hint_found_is_counted_once() {
    let map = map(&[entry(2 * MIB, 4 * MIB, USABLE)]);
    let needs = Needs::of(&Spans::of(&map), 2);
    let entries: Vec<_> = (0..needs.entries).map(|_| Entry::free()).collect();
    let words: Vec<_> = (0..needs.words).map(|_| AtomicU64::new(0)).collect();
    let slots = [CpuSlot::new(), CpuSlot::new()];
    let storage = Storage { entries: &entries, words: &words, slots: &slots };
    let frames = FrameAllocator::take_over(&mut FrameSource::new(&map), &map, storage, Untouched).unwrap();
    let (mut cpu, mut other) = (frames.reservation(0).unwrap(), frames.reservation(1).unwrap());
    let frame = frames.take(&mut other, KERNEL_ITSELF, Use::Tests).unwrap();
    frames.put(&mut other, KERNEL_ITSELF, frame).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(512, Use::User)).unwrap();
    for entry in &entries {
        let claim = entry.claim(|_| Ok::<(), ()>(()), || {}).unwrap();
        let word = claim.word().with_owner(0);
        claim.commit(word);
    }
    let early = frames.take(&mut other, KERNEL_ITSELF, Use::Heap).unwrap();
    frames.put_freed(&mut cpu, run.range());
    let account = frames.memory_use();
    assert_eq!((account.bytes("user"), account.bytes("heap")), (Some(0), Some(FRAME_SIZE)));
    frames.put(&mut other, KERNEL_ITSELF, early).unwrap();
    assert_eq!((frames.free_frames(), frames.check().lost), (512, 0));
}

#[test]
fn there_is_one_reservation_for_each_cpu() {
    let frames = allocator(&plain(4), 2);
    let mut first = frames.reservation(0).unwrap();
    assert!(frames.reservation(0).is_none() && frames.reservation(2).is_none());
    let frame = frames.take(&mut first, KERNEL_ITSELF, Use::Tests).unwrap();
    frames.end_reservation(first);
    let mut again = frames.reservation(0).unwrap();
    frames.put(&mut again, KERNEL_ITSELF, frame).unwrap();
    assert_eq!(frames.check(), crate::Hints { free: 3 * 256, lost: 0, stale: 0, taken: 0 });
}

#[test]
fn what_is_known_of_frames_takes_no_more_than_four_thousandths_of_memory() {
    for machine in EMULATED {
        let map = map(machine.map);
        for cpus in [1, 8, 64] {
            let needs = Needs::of(&Spans::of(&map), cpus);
            let limit = machine.memory as f64 * 0.004;
            assert!(needs.bytes() as f64 <= limit, "{}: {} of {limit}", machine.name, needs.bytes());
        }
    }
}

#[test]
fn holes_in_the_map_take_no_entries() {
    let holey = map(&[entry(MIB, 2 * MIB, USABLE), entry(600 * GIB, 600 * GIB + MIB, USABLE)]);
    let needs = Needs::of(&Spans::of(&holey), 1);
    assert_eq!(needs.entries, 512);
    assert!(needs.words < 64);
}

#[test]
fn a_map_of_more_stretches_than_there_are_spans_has_its_smallest_holes_tracked() {
    let entries: Vec<_> = (0..200).map(|n| entry((n + 1) * MIB, (n + 1) * MIB + page(256 - n), USABLE)).collect();
    let map = map(&entries);
    let spans = Spans::of(&map);
    assert_eq!(spans.ranges().count(), 64);
    let usable: u64 = (0..200).map(|n| 256 - n).sum();
    let frames = allocator(&map, 1);
    assert_eq!(frames.free_frames(), usable);
    let mut cpu = frames.reservation(0).unwrap();
    let all = take_all(&frames, &mut cpu);
    assert_eq!(all.len() as u64, usable);
    assert!(all.iter().all(|frame| map.kind_of(frame.number()) == Some(RegionKind::Usable)));
}

#[test]
fn too_little_storage_is_refused() {
    let map = plain(4);
    let mut source = FrameSource::new(&map);
    let needs = Needs::of(&Spans::of(&map), 1);
    let entries: Vec<_> = (0..needs.entries).map(|_| Entry::free()).collect();
    let words: Vec<_> = (0..needs.words).map(|_| AtomicU64::new(0)).collect();
    let slots = [CpuSlot::new()];
    for (entries, words, slots) in
        [(&entries[1..], &words[..], &slots[..]), (&entries, &words[1..], &slots), (&entries, &words, &[])]
    {
        let storage = Storage { entries, words, slots };
        assert!(FrameAllocator::take_over(&mut source, &map, storage, Untouched).is_err());
        assert_eq!(source.free_frames(), 3 * 256);
    }
}

#[test]
fn two_threads_that_give_back_the_same_run_do_so_once() {
    let frames = allocator(&plain(4), 2);
    let (mut first, mut second) = (frames.reservation(0).unwrap(), frames.reservation(1).unwrap());
    for _ in 0..500 {
        let run = frames.take_run(&mut first, KERNEL_ITSELF, Request::run(50, Use::Heap)).unwrap();
        let twin = Run::new(run.range(), Use::Heap);
        let results = std::thread::scope(|scope| {
            let other = scope.spawn(|| frames.put_run(&mut second, KERNEL_ITSELF, twin).is_ok());
            (frames.put_run(&mut first, KERNEL_ITSELF, run), other.join().unwrap())
        });
        match results {
            (Ok(()), is_ok) => assert!(!is_ok, "both were taken back"),
            // Each stood in the other's way: the frames are all there.
            (Err(refused), false) => frames.put_run(&mut first, KERNEL_ITSELF, refused.run).unwrap(),
            (Err(_), true) => {}
        }
        assert_eq!(frames.free_frames(), 3 * 256);
    }
    assert_sound(&frames);
}

/// Says what it was asked to do.
#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<(&'static str, u64)>>>);

impl Recorder {
    fn told(&self) -> Vec<&'static str> {
        self.0.borrow_mut().drain(..).map(|(what, _)| what).collect()
    }

    fn note(&self, what: &'static str, frames: FrameRange) {
        self.0.borrow_mut().push((what, frames.count()));
    }
}

/// A recorder where freed frames are left as they are.
struct Plain(Recorder);

impl Contents for Plain {
    const POISONS: bool = false;

    fn zero(&self, frames: FrameRange) {
        self.0.note("zero", frames);
    }

    fn poison(&self, _: FrameRange) {
        unreachable!("it does not poison");
    }

    fn check(&self, _: FrameRange) {
        unreachable!("it does not poison");
    }
}

#[test]
fn a_frame_that_was_zeroed_ahead_is_not_zeroed_again_until_somebody_had_it() {
    let map = map(&[entry(MIB, MIB + page(3), USABLE)]);
    let recorder = Recorder::default();
    let frames = allocator_after(&mut FrameSource::new(&map), &map, 1, Plain(recorder.clone()));
    let mut cpu = frames.reservation(0).unwrap();
    assert_eq!(frames.zero_ahead(&mut cpu, 9), 0, "nothing is reserved yet");
    let first = frames.take(&mut cpu, process(3), Use::User).unwrap();
    assert_eq!(recorder.told(), ["zero"]);
    assert_eq!((frames.zero_ahead(&mut cpu, 9), frames.zero_ahead(&mut cpu, 9)), (2, 0));
    assert_eq!(recorder.told(), ["zero", "zero"]);
    let second = frames.take(&mut cpu, process(4), Use::User).unwrap();
    let third = frames.take(&mut cpu, KERNEL_ITSELF, Use::Heap).unwrap();
    assert!(recorder.told().is_empty());
    frames.put(&mut cpu, process(3), first).unwrap();
    frames.put(&mut cpu, process(4), second).unwrap();
    frames.put(&mut cpu, KERNEL_ITSELF, third).unwrap();
    let run = frames.take_run(&mut cpu, process(5), Request::run(3, Use::User)).unwrap();
    assert_eq!(recorder.told(), ["zero"], "the run as one");
    drop(run);
}

impl Contents for Recorder {
    const POISONS: bool = true;

    fn zero(&self, frames: FrameRange) {
        self.note("zero", frames);
    }

    fn poison(&self, frames: FrameRange) {
        self.note("poison", frames);
    }

    fn check(&self, frames: FrameRange) {
        self.note("check", frames);
    }
}

#[test]
fn a_frame_is_zeroed_for_a_process_and_poisoned_when_it_is_freed() {
    let map = map(&[entry(MIB, MIB + page(1), USABLE)]);
    let recorder = Recorder::default();
    let frames = allocator_after(&mut FrameSource::new(&map), &map, 1, recorder.clone());
    let mut cpu = frames.reservation(0).unwrap();
    let frame = frames.take(&mut cpu, KERNEL_ITSELF, Use::Heap).unwrap();
    assert!(recorder.told().is_empty());
    frames.put(&mut cpu, KERNEL_ITSELF, frame).unwrap();
    assert_eq!(recorder.told(), ["poison"]);
    let frame = frames.take(&mut cpu, process(3), Use::User).unwrap();
    assert_eq!(recorder.told(), ["check", "zero"]);
    frames.put(&mut cpu, process(3), frame).unwrap();
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::one(Use::Heap).zeroed()).unwrap();
    assert_eq!(recorder.told(), ["poison", "check", "zero"]);
    frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    let run = frames.take_run(&mut cpu, KERNEL_ITSELF, Request::one(Use::Heap)).unwrap();
    assert_eq!(recorder.told(), ["poison", "check"]);
    let twin = Run::new(run.range(), Use::Heap);
    frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    recorder.told();
    assert!(frames.put_run(&mut cpu, KERNEL_ITSELF, twin).is_err());
    assert!(recorder.told().is_empty(), "a frame that is refused stays as it is");
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

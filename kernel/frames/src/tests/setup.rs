use super::machines::EMULATED;
use super::*;
use crate::{FIRST_FRAME, RegionKind, Request, Zone};

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
    frames.put_run(&mut cpu, KERNEL_ITSELF, heap).unwrap();
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
    for run in runs {
        frames.put_run(&mut cpu, KERNEL_ITSELF, run).unwrap();
    }
    let account = frames.memory_use();
    assert!(Use::ALL.iter().all(|usage| account.bytes(usage.name()) == Some(0)), "{account:?}");
    assert_sound(&frames);
}

#[test]
fn early_frames_that_the_ledger_frees_are_counted_even_if_the_source_could_not_list_them() {
    let map = plain(4);
    let mut source = FrameSource::new(&map);
    let uses = [Use::Heap, Use::PageTables];
    let runs: Vec<_> = (0..200).map(|n| source.take_run(Request::one(uses[n % 2])).unwrap()).collect();
    let free = source.free_frames();
    let entries: Vec<_> = (0..768).map(|_| Entry::free()).collect();
    let words: Vec<_> = (0..Needs::of(&Spans::of(&map), 1).words).map(|_| AtomicU64::new(0)).collect();
    let storage = Storage { entries: &entries, words: &words, slots: &[CpuSlot::new()] };
    let frames = FrameAllocator::take_over(&mut source, &map, storage, Untouched).unwrap();
    let mut cpu = frames.reservation(0).unwrap();
    assert_eq!((frames.free_frames(), frames.check().taken), (free, 200));
    // The heap has no tokens of its frames, and gives them back by their numbers.
    for run in runs.iter().step_by(2) {
        let claim = entries[(run.range().start() - FIRST_FRAME) as usize].claim(|_| Ok::<(), ()>(()), || {}).unwrap();
        let word = claim.word().with_owner(0);
        claim.commit(word);
        frames.put_freed(&mut cpu, run.range());
    }
    let found = frames.check();
    assert_eq!((frames.free_frames(), found.free, found.lost, found.taken), (free + 100, free + 100, 0, 100));
    assert_eq!(take_all(&frames, &mut cpu).len() as u64, free + 100);
    assert_eq!(frames.free_frames(), 0);
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

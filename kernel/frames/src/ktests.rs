//! Kernel tests: the decisions of this crate once more, on the bare machine and with the kernel's code generation.
//! They use maps of their own; the machine's frames stay where they are.

use core::sync::atomic::AtomicU64;

use steward_harness_guest::ktest;
use steward_ledger::{Entry, ProcessId};

use crate::{
    CpuSlot, FIRST_FRAME, FrameAllocator, FrameNumber, FrameSource, MapError, MemoryMap, Needs, PhysicalAddress,
    RawEntry, RegionKind, Request, Spans, Storage, TakeError, Untouched, Use, Zone,
};

const MIB: u64 = 1 << 20;
const USABLE: u64 = 0;
const RESERVED: u64 = 1;
const KERNEL: u64 = 6;

const fn entry(base: u64, length: u64, kind: u64) -> RawEntry {
    RawEntry { base, length, kind }
}

/// 16 MiB with a kernel in the middle, out of order, and a frame that two kinds claim.
fn entries() -> [RawEntry; 4] {
    [
        entry(4 * MIB, 2 * MIB, KERNEL),
        entry(0, 4 * MIB + 4096, USABLE),
        entry(6 * MIB, 10 * MIB, USABLE),
        entry(16 * MIB, MIB, RESERVED),
    ]
}

fn frame(address: u64) -> Option<FrameNumber> {
    PhysicalAddress::new(address).map(PhysicalAddress::frame)
}

fn source() -> Result<FrameSource, MapError> {
    MemoryMap::from_entries(entries()).map(|(map, _)| FrameSource::new(&map))
}

#[ktest]
fn a_contested_frame_is_not_usable() -> Result<(), MapError> {
    let (map, repairs) = MemoryMap::from_entries(entries())?;
    assert_eq!((repairs.out_of_order, repairs.contested_frames), (1, 1));
    assert_eq!(frame(4 * MIB).and_then(|frame| map.kind_of(frame)), Some(RegionKind::KernelAndModules));
    assert_eq!(map.bytes(RegionKind::Usable), 14 * MIB);
    Ok(())
}

#[ktest]
fn a_map_that_wraps_around_is_cut() -> Result<(), MapError> {
    let wrapping = [entry(MIB, MIB, USABLE), entry(8 * MIB, u64::MAX, USABLE), entry(u64::MAX - 1, 2, RESERVED)];
    let (map, repairs) = MemoryMap::from_entries(wrapping)?;
    assert_eq!(repairs.past_limit, 2);
    assert_eq!(map.regions().len(), 1);
    Ok(())
}

#[ktest]
fn a_map_without_memory_is_refused() {
    assert_eq!(MemoryMap::from_entries([]).err(), Some(MapError::NoUsableMemory));
    assert_eq!(MemoryMap::from_entries([entry(0, MIB, USABLE)]).err(), Some(MapError::NoUsableMemory));
}

#[ktest]
fn physical_addresses_have_52_bits() {
    assert!(PhysicalAddress::new((1 << 52) - 1).is_some());
    assert!(PhysicalAddress::new(1 << 52).is_none());
    assert!(FrameNumber::new(FrameNumber::COUNT).is_none());
}

#[ktest]
fn every_frame_is_handed_out_once_and_none_below_the_first_mib() -> Result<(), MapError> {
    let mut source = source()?;
    let mut before = u64::MAX;
    let mut count = 0;
    while let Ok(frame) = source.take(Use::Tests, Zone::Any) {
        let number = frame.number().as_u64();
        // They come from the top down, so each differs from all before it.
        assert!(number < before && number >= FIRST_FRAME);
        (before, count) = (number, count + 1);
    }
    assert_eq!(count * 4096, 13 * MIB);
    Ok(())
}

#[ktest]
fn runs_are_aligned_and_come_back_whole() -> Result<(), MapError> {
    let mut source = source()?;
    let free = source.free_frames();
    let run = source.take_run(Request::run(512, Use::Tests).aligned_to(512)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((run.range().start() % 512, run.range().count()), (0, 512));
    assert_eq!(source.free_frames(), free - 512);
    assert!(source.give_back(run).is_ok());
    assert_eq!(source.free_frames(), free);
    Ok(())
}

#[ktest]
fn a_request_too_large_takes_nothing() -> Result<(), MapError> {
    let mut source = source()?;
    let free = source.free_frames();
    assert_eq!(source.take_run(Request::run(free, Use::Tests)).err(), Some(TakeError::TooFragmented));
    assert_eq!(source.take_run(Request::run(u64::MAX, Use::Tests)).err(), Some(TakeError::OutOfFrames));
    assert_eq!(source.free_frames(), free);
    Ok(())
}

#[ktest]
fn the_account_sums_to_the_memory_whatever_is_taken() -> Result<(), MapError> {
    let mut source = source()?;
    assert_eq!(source.memory_use().total(), 17 * MIB);
    let taken = source.take_run(Request::run(5, Use::Heap));
    assert!(taken.is_ok());
    assert_eq!(source.memory_use().bytes("heap"), Some(5 * 4096));
    assert_eq!(source.memory_use().total(), 17 * MIB);
    Ok(())
}

/// A machine of 1 MiB above the first, and what an allocator for two CPUs needs there.
struct Tracked {
    map: MemoryMap,
    entries: [Entry; 256],
    words: [AtomicU64; 16],
    slots: [CpuSlot; 2],
}

impl Tracked {
    fn new() -> Result<Self, MapError> {
        let (map, _) = MemoryMap::from_entries([entry(MIB, MIB, USABLE)])?;
        let needs = Needs::of(&Spans::of(&map), 2);
        assert!((needs.entries, needs.slots) == (256, 2) && needs.words <= 16);
        let slots = [const { CpuSlot::new() }; 2];
        Ok(Self { map, entries: [const { Entry::free() }; 256], words: [const { AtomicU64::new(0) }; 16], slots })
    }

    fn allocator(&self) -> FrameAllocator<'_> {
        let storage = Storage { entries: &self.entries, words: &self.words, slots: &self.slots };
        FrameAllocator::take_over(&mut FrameSource::new(&self.map), &self.map, storage, Untouched)
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

#[ktest]
fn a_tracked_frame_has_its_owner_until_it_is_given_back() -> Result<(), MapError> {
    let tracked = Tracked::new()?;
    let frames = tracked.allocator();
    let mut cpu = frames.reservation(0).unwrap_or_else(|| panic!("CPU 0 has a slot"));
    let owner = ProcessId::from_parts(9, 0);
    let frame = frames.take(&mut cpu, owner, Use::Tests).unwrap_or_else(|error| panic!("{error}"));
    let index = (frame.number().as_u64() - FIRST_FRAME) as usize;
    assert_eq!(tracked.entries[index].word().owner(), 9);
    let refused =
        frames.put(&mut cpu, ProcessId::KERNEL, frame).err().unwrap_or_else(|| panic!("it is not the kernel's"));
    assert!(frames.put_run(&mut cpu, owner, refused.run).is_ok());
    assert_eq!((tracked.entries[index].word().owner(), frames.free_frames()), (0, 256));
    Ok(())
}

#[ktest]
fn the_last_frames_are_found_in_another_cpus_reservation() -> Result<(), MapError> {
    let tracked = Tracked::new()?;
    let frames = tracked.allocator();
    let [mut cpu, mut other] = [0, 1].map(|cpu| frames.reservation(cpu).unwrap_or_else(|| panic!("it has a slot")));
    let _one = frames.take(&mut other, ProcessId::KERNEL, Use::Tests);
    let mut count = 0;
    while frames.take(&mut cpu, ProcessId::KERNEL, Use::Tests).is_ok() {
        count += 1;
    }
    assert_eq!((count, frames.free_frames(), frames.check().lost), (255, 0, 0));
    Ok(())
}

/// What the kernel runs, the host can run: a wrong expectation shows without booting.
#[cfg(test)]
#[test]
fn the_kernels_tests_pass_on_the_host() -> Result<(), MapError> {
    a_contested_frame_is_not_usable()?;
    a_map_that_wraps_around_is_cut()?;
    a_map_without_memory_is_refused();
    physical_addresses_have_52_bits();
    every_frame_is_handed_out_once_and_none_below_the_first_mib()?;
    runs_are_aligned_and_come_back_whole()?;
    a_request_too_large_takes_nothing()?;
    the_account_sums_to_the_memory_whatever_is_taken()?;
    a_tracked_frame_has_its_owner_until_it_is_given_back()?;
    the_last_frames_are_found_in_another_cpus_reservation()
}

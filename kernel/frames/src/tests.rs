//! Tests of the crate's parts together; each part's oracle is a slow model in plain Rust.

extern crate std;

mod accounting;
mod allocator;
mod areas;
mod contents;
mod machines;
mod map;
mod model;
mod put;
mod setup;
mod source;
mod threads;

use std::vec::Vec;

use core::sync::atomic::AtomicU64;

use steward_ledger::{Entry, ProcessId};

use crate::{
    Contents, CpuSlot, Frame, FrameAllocator, FrameSource, MemoryMap, Needs, Owned, RawEntry, Reservation, Spans,
    Storage, Untouched, Use,
};

/// A frame's address.
const fn page(number: u64) -> u64 {
    number * crate::FRAME_SIZE
}

const fn entry(base: u64, end: u64, kind: u64) -> RawEntry {
    RawEntry { base, length: end - base, kind }
}

const USABLE: u64 = 0;
const RESERVED: u64 = 1;
const ACPI_RECLAIMABLE: u64 = 2;
const ACPI_NVS: u64 = 3;
const BAD: u64 = 4;
const LOADER: u64 = 5;
const KERNEL: u64 = 6;
const FRAMEBUFFER: u64 = 7;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn map(entries: &[RawEntry]) -> MemoryMap {
    MemoryMap::from_entries(entries.iter().copied()).expect("the map has usable memory").0
}

/// What QEMU 7.2 reports for `-machine q35 -m 8G`, with a kernel and its loader put in.
fn q35_8g() -> Vec<RawEntry> {
    std::vec![
        entry(0, 0x9fc00, USABLE),
        entry(0x9fc00, 0xa0000, RESERVED),
        entry(0xf0000, MIB, RESERVED),
        entry(MIB, 2 * MIB, LOADER),
        entry(2 * MIB, 4 * MIB, KERNEL),
        entry(4 * MIB, 0x7ffe_0000, USABLE),
        entry(0x7ffe_0000, 0x8000_0000, RESERVED),
        entry(0xb000_0000, 0xc000_0000, RESERVED),
        entry(0xfed1_c000, 0xfed2_0000, RESERVED),
        entry(0xfffc_0000, 4 * GIB, RESERVED),
        entry(4 * GIB, 10 * GIB, USABLE),
        entry(0xfd_0000_0000, 0x100_0000_0000, RESERVED),
    ]
}

/// An allocator of a machine with this map, and the source that it took over from. What it needs is never freed.
fn allocator_after<C: Contents>(source: &mut FrameSource, map: &MemoryMap, cpus: usize, contents: C) -> Frames<C> {
    let needs = Needs::of(&Spans::of(map), cpus);
    let storage = Storage {
        entries: (0..needs.entries).map(|_| Entry::free()).collect::<Vec<_>>().leak(),
        words: (0..needs.words).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak(),
        slots: (0..needs.slots).map(|_| CpuSlot::new()).collect::<Vec<_>>().leak(),
    };
    FrameAllocator::take_over(source, map, storage, contents).expect("there is as much as it needs")
}

fn allocator(map: &MemoryMap, cpus: usize) -> Frames {
    allocator_after(&mut FrameSource::new(map), map, cpus, Untouched)
}

type Frames<C = Untouched> = FrameAllocator<'static, C>;

const KERNEL_ITSELF: ProcessId = ProcessId::KERNEL;

fn process(slot: u16) -> ProcessId {
    ProcessId::from_parts(slot, 0)
}

/// 256 + 20 frames below 4 GiB, 8 below and 8 above the border.
fn small() -> MemoryMap {
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

fn take_all(frames: &FrameAllocator<'_>, reservation: &mut Reservation) -> Vec<Frame<Owned>> {
    std::iter::from_fn(|| frames.take(reservation, KERNEL_ITSELF, Use::Tests).ok()).collect()
}

fn assert_sound(frames: &Frames) {
    let hints = frames.check();
    assert_eq!((hints.lost, hints.free), (0, frames.free_frames()), "{hints:?}");
}

//! Our own allocator, tracking and all.

use std::sync::atomic::AtomicU64;

use steward_frames::{
    CpuSlot, FRAME_SIZE, Frame, FrameAllocator, FrameSource, MemoryMap, Needs, Owned, RawEntry, Reservation, Spans,
    Storage, Untouched, Use,
};
use steward_ledger::{Entry, ProcessId};

use super::measure::{CPUS, Named, Pool};

/// A process: what goes to it is more work than what goes to the kernel.
const OWNER: ProcessId = ProcessId::from_parts(2, 0);

/// The allocator of a machine above 4 GiB.
pub fn subject(name: &'static str, count: usize) -> Named<FrameAllocator<'static>> {
    let memory = RawEntry { base: 4 << 30, length: count as u64 * FRAME_SIZE, kind: 0 };
    let (map, _) = MemoryMap::from_entries([memory]).expect("the map has usable memory");
    let needs = Needs::of(&Spans::of(&map), CPUS);
    let storage = Storage {
        entries: (0..needs.entries).map(|_| Entry::free()).collect::<Vec<_>>().leak(),
        words: (0..needs.words).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak(),
        slots: (0..needs.slots).map(|_| CpuSlot::new()).collect::<Vec<_>>().leak(),
    };
    let frames = FrameAllocator::take_over(&mut FrameSource::new(&map), &map, storage, Untouched);
    Named { name, pool: frames.expect("there is as much as it needs"), frames: count }
}

/// Prints what an allocator needs for machines of several sizes, and how much memory they have.
pub fn print_metadata() {
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    let usable = |base, end| RawEntry { base, length: end - base, kind: 0 };
    let machines = [
        ("128 MiB, 1 CPU", 1, 128 * MIB, vec![usable(0, 128 * MIB)]),
        ("128 MiB, 64 CPUs", 64, 128 * MIB, vec![usable(0, 128 * MIB)]),
        ("8 GiB with a hole, 8 CPUs", 8, 8 * GIB, vec![usable(0, 2 * GIB), usable(4 * GIB, 10 * GIB)]),
    ];
    for (what, cpus, memory, entries) in machines {
        let (map, _) = MemoryMap::from_entries(entries).expect("the map has usable memory");
        println!("metadata\t{what}\t{}\t{memory}", Needs::of(&Spans::of(&map), cpus).bytes());
    }
}

impl Pool for FrameAllocator<'static> {
    type Local = Reservation;
    type Page = Frame<Owned>;

    fn local(&self, cpu: usize) -> Reservation {
        self.reservation(cpu).expect("there is a slot for each CPU")
    }

    fn end(&self, local: Reservation) {
        self.end_reservation(local);
    }

    fn take(&self, local: &mut Reservation) -> Frame<Owned> {
        FrameAllocator::take(self, local, OWNER, Use::User).expect("there are frames")
    }

    fn put(&self, local: &mut Reservation, page: Frame<Owned>) {
        FrameAllocator::put(self, local, OWNER, page).expect("it is the owner's");
    }

    fn take_many(&self, local: &mut Reservation, count: usize, pages: &mut Vec<Frame<Owned>>) {
        self.take_bulk(local, OWNER, Use::User, count as u64, |page| pages.push(page)).expect("there are frames");
    }

    fn put_many(&self, local: &mut Reservation, pages: Vec<Frame<Owned>>) {
        self.put_bulk(local, OWNER, pages, |refused| panic!("{refused}"));
    }
}

//! What the kernel has in use that it must give back, for the harness to compare before and after a test.
//!
//! The heap, the page tables and the ledger keep the frames that they took, to use them again; so those count as free. Mappings of
//! device registers are for ever, by their nature, and are not counted.

use steward_frames::{FRAME_SIZE, MemoryUse, Use};
use steward_harness_guest::Balance;

/// What the heap's users have, and where the machine's memory is, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Allocations that live.
    pub heap_allocations: u64,
    /// What they asked for, in bytes.
    pub heap_bytes: u64,
    /// The account of the frames; `None` before there is one.
    pub memory: Option<MemoryUse>,
    /// The processes that live, or left something.
    pub processes: u64,
    /// The loans that have not come to their end.
    pub loans: u64,
    /// Where the ledger contradicts itself.
    pub contradictions: u64,
}

impl InUse {
    /// Records all of it. Needs no memory.
    pub fn record_in(&self, balance: &mut Balance) {
        balance.record("heap allocations", self.heap_allocations);
        balance.record("heap bytes", self.heap_bytes);
        balance.record("processes", self.processes);
        balance.record("loans", self.loans);
        balance.record("contradictions in the ledger", self.contradictions);
        let Some(memory) = &self.memory else { return };
        let frames = |kind: &str| memory.bytes(kind).unwrap_or(0) / FRAME_SIZE;
        for usage in Use::ALL {
            balance.record(row(usage), frames(usage.name()));
        }
        balance.record(FREE, frames("free"));
    }
}

/// The row of frames that are free, and of those that somebody keeps for when they are needed again.
const FREE: &str = "frames free or kept";

const fn row(usage: Use) -> &'static str {
    match usage {
        Use::Heap | Use::PageTables | Use::Ledger => FREE,
        Use::Stacks => "frames of stacks",
        Use::BootData => "frames of boot data",
        Use::Devices => "frames of devices",
        Use::User => "frames of processes",
        Use::Tests => "frames of tests",
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use steward_frames::{FrameSource, MemoryMap, RawEntry, Request, Zone};

    use super::*;

    fn source() -> FrameSource {
        let usable = RawEntry { base: 1 << 20, length: 64 << 20, kind: 0 };
        FrameSource::new(&MemoryMap::from_entries([usable]).expect("one entry is a map").0)
    }

    fn balance(heap: (u64, u64), source: &FrameSource) -> Balance {
        let memory = Some(source.memory_use());
        let mut balance = Balance::new();
        let (heap_allocations, heap_bytes) = heap;
        InUse { heap_allocations, heap_bytes, memory, processes: 1, loans: 0, contradictions: 0 }
            .record_in(&mut balance);
        balance
    }

    fn told(before: &Balance, after: &Balance) -> Option<String> {
        after.difference_from(before).map(|text| text.as_str().into())
    }

    #[test]
    fn live_allocations_and_bytes_are_told_apart() {
        let source = source();
        let before = balance((3, 100), &source);
        assert_eq!(told(&before, &before), None);
        let told = told(&before, &balance((4, 164), &source));
        assert_eq!(told.as_deref(), Some("heap allocations: 3 before, 4 after; heap bytes: 100 before, 164 after"));
    }

    #[test]
    fn frames_that_heap_page_tables_and_ledger_take_for_good_are_no_leak() {
        let mut source = source();
        let before = balance((3, 100), &source);
        let _kept = source.take_run(Request::run(128, Use::Heap)).expect("there are frames");
        let _slots = source.take_run(Request::run(3, Use::Ledger)).expect("there are frames");
        let _table = source.take(Use::PageTables, Zone::Any).expect("there are frames");
        assert_eq!(told(&before, &balance((3, 100), &source)), None);
    }

    #[test]
    fn frames_of_every_other_use_are_missed_until_they_are_given_back() {
        for usage in [Use::Stacks, Use::BootData, Use::Devices, Use::User, Use::Tests] {
            let mut source = source();
            let before = balance((0, 0), &source);
            let run = source.take_run(Request::run(5, usage)).expect("there are frames");
            let words = told(&before, &balance((0, 0), &source)).expect("five frames are missing");
            let rows: Vec<&str> = words.split("; ").collect();
            // They are more in the row of their use, and less in that of the free ones.
            assert_eq!(rows.len(), 2, "{words}");
            assert!(rows.iter().any(|row| row.ends_with(": 0 before, 5 after")), "{words}");
            source.give_back(run).expect("they are the source's own");
            assert_eq!(told(&before, &balance((0, 0), &source)), None);
        }
    }
}

//! Kernel tests: a log in memory of the tests' own, and memory that is no place for one.

use steward_frames::{Owned, Request, Run, Use};
use steward_harness_guest::ktest;
use steward_kept_log::{Found, Lost, create, find};

use super::*;
use crate::frames;

/// The memory of a run of frames that is a log's for as long as this lives.
struct TestRegion {
    frames: Run<Owned>,
    region: Region,
}

impl TestRegion {
    fn new() -> Self {
        let count = BYTES as u64 / PAGE_BYTES;
        let frames = frames::take(Request::run(count, Use::Tests)).expect("there are frames");
        let region = Region { physical: frames.range().start_address() };
        Self { frames, region }
    }

    fn memory(&mut self) -> &mut [u8] {
        let start = memory::direct(self.region.physical) as *mut u8;
        // SAFETY: the frames are the test's own, mapped in the direct map, and borrowed through `self` for as long as the
        // slice lives; a log in them is never used at the same time.
        unsafe { core::slice::from_raw_parts_mut(start, BYTES) }
    }

    fn append(&mut self, text: &str) {
        // SAFETY: the log lives in this function only, which nobody calls while the slice of `memory` lives.
        let mut log = unsafe { self.region.log() }.expect("a log was begun there");
        for bytes in log.append(text.as_bytes()) {
            self.region.flush(&bytes);
        }
    }
}

#[ktest]
fn what_is_appended_to_a_log_is_found_there() {
    let mut test = TestRegion::new();
    create(test.memory(), 7);
    test.append("ok 1 - first\n");
    test.append("ok 2 - second\n");
    let found = find(test.memory(), 7).expect("the log is whole");
    let text = b"ok 1 - first\nok 2 - second\n";
    assert_eq!(found, Found { text, finished: false, truncated: false });
    assert_eq!(find(test.memory(), 8), Err(Lost::OtherRun { id: 7 }));
    frames::give_back(test.frames).expect("the source takes back what it gave");
}

#[ktest]
fn memory_without_a_log_is_not_opened() {
    let mut test = TestRegion::new();
    test.memory().fill(0xa5);
    // SAFETY: as no log is opened, nothing of this memory is kept.
    assert!(unsafe { test.region.log() }.is_none());
    frames::give_back(test.frames).expect("the source takes back what it gave");
}

#[ktest]
fn memory_that_is_not_set_aside_is_no_place_for_a_log() {
    let handover = boot::handover().expect("the kernel was handed something");
    let regions = handover.memory.regions();
    let usable = regions.iter().find(|region| region.kind == RegionKind::Usable).expect("there is memory");
    let of = |physical| Region::of(physical, handover);
    assert_eq!(of(usable.range.start_address()), Err(Unfit::NotKept));
    assert_eq!(of(usable.range.start_address() + 1), Err(Unfit::Misaligned));
    assert_eq!(of(!(PAGE_BYTES - 1)), Err(Unfit::NotKept));
    assert!(of(handover.kernel_physical).is_err(), "the kernel is there");
}

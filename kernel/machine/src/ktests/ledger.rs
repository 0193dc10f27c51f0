//! The ledger where it lives: on several CPUs, over the machine's real frames, with the machine's clock.

mod costs;
mod hammer;
mod model;
mod time;

use steward_frames::{Request, Use};
use steward_harness_guest::ktest;
use steward_ledger::{Error, Extent, ProcessId, Quota, Window};

use crate::{
    frames,
    ledger::{self, Kernel},
};

#[ktest]
fn a_frame_that_a_process_gives_up_or_dies_with_is_free_again() {
    let process = ledger::admit(Quota::NONE, Window::default()).expect("there is room for a process");
    let in_use = || frames::memory_use().and_then(|account| account.bytes("tests"));
    let run = frames::take(Request::run(4, Use::Tests)).expect("there are frames");
    let start = run.range().start() as usize;
    let [kept, given_up] = [0, 2].map(|offset| Extent { start: start + offset, count: 2 });
    // The tokens prove nothing any more.
    drop(run);
    ledger::with(|ledger| {
        ledger.transfer(ProcessId::KERNEL, process, &[kept, given_up], &mut Kernel).expect("all are here");
        assert_eq!(in_use(), Some(4 * 4096));
        ledger.release(process, &[given_up], &mut Kernel).expect("they are its own");
        assert_eq!(in_use(), Some(2 * 4096));
        assert_eq!(ledger.release(process, &[given_up], &mut Kernel), Err(Error::NotOwner));
        ledger.die(process, &mut Kernel).expect("it lives");
    });
    assert_eq!(in_use(), Some(0));
    assert_eq!(frames::check().map(|hints| hints.lost), Some(0));
}

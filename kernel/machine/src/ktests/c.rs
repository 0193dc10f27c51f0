//! C programs in the kernel, which use the ledger by its C interface.

use core::ffi::c_int;

use steward_frames::{FRAME_SIZE, Request, Use};
use steward_harness_guest::ktest;

use crate::{c, frames};

/// Frames that programs take their pages from.
const BANK: u64 = 64;

// SAFETY: these are the programs of kernel/c/tests/programs with their types; each returns, whatever it is given.
unsafe extern "C" {
    /// Pages, segments, fork and exit; 0, or the line of the first check that failed.
    safe fn c_plan9(base: usize, pages: c_int) -> c_int;
    /// Every code of every call.
    safe fn c_codes(base: usize, pages: c_int) -> c_int;
    /// Arguments that make no sense.
    safe fn c_garbage(base: usize, pages: c_int) -> c_int;
    /// Pages exchanged and lent, by the header alone; 0, or the number of the part that went wrong.
    safe fn c_second(base: usize, pages: c_int) -> c_int;
}

/// Runs a program that takes its pages from frames that are free.
fn with_bank(program: extern "C" fn(usize, c_int) -> c_int) {
    c::open();
    let run = frames::take(Request::run(BANK, Use::Tests)).expect("there are frames");
    let base = run.range().start() * FRAME_SIZE;
    frames::give_back(run).expect("nobody has borrowed them");
    assert_eq!(program(base as usize, BANK as c_int), 0, "where it went wrong");
}

#[ktest]
fn a_c_kernels_segments_forks_and_exits_keep_to_the_ledger() {
    with_bank(c_plan9);
}

#[ktest]
fn every_code_is_provoked_from_c() {
    with_bank(c_codes);
}

#[ktest]
fn a_c_caller_that_passes_garbage_gets_codes() {
    with_bank(c_garbage);
}

#[ktest]
fn a_c_program_written_against_the_header_alone_behaves_as_it_says() {
    with_bank(c_second);
}

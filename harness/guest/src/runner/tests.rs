//! The runner against a fake line.
//!
//! The runner's state is one per machine, so these tests take turns.

extern crate std;
use std::{
    collections::VecDeque,
    string::{String, ToString},
    sync::MutexGuard,
    vec::Vec,
};

use core::sync::atomic::AtomicU64;

use steward_harness_wire::Nonce;

use super::*;
use crate::{Report, Test, seed};

#[derive(Default)]
struct FakeLine {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
    ticks: u64,
}

impl Line for FakeLine {
    fn receive(&mut self) -> u8 {
        self.incoming.pop_front().expect("the runner asked for more than the host sent")
    }
    fn send(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
    }
    fn ticks(&mut self) -> u64 {
        self.ticks += 5;
        self.ticks
    }
}

impl FakeLine {
    fn with(commands: &[Command]) -> (MutexGuard<'static, ()>, Self) {
        let turn = running::turn();
        running::finish();
        (turn, Self::asking(commands))
    }

    /// The line of a machine that has just come up.
    fn asking(commands: &[Command]) -> Self {
        SEQUENCE.store(0, Ordering::Relaxed);
        let mut line = Self::default();
        for (sequence, command) in (0..).zip(commands) {
            line.incoming.extend(encode(sequence, command, &mut [0; MAX_FRAME]).unwrap());
        }
        line
    }

    fn said(&self) -> Vec<String> {
        let mut decoder = Decoder::new();
        let frames = self.outgoing.iter().filter_map(|&byte| {
            let frame = decoder.push::<Record<'_>>(byte)?.expect("the runner sends sound frames");
            Some((frame.sequence, std::format!("{:?}", frame.message)))
        });
        let (sequences, said): (Vec<u32>, Vec<String>) = frames.unzip();
        assert!(sequences.iter().copied().eq(0..sequences.len() as u32), "{sequences:?}");
        said
    }
}

fn test(run: fn(&mut FailureText) -> bool, should_panic: bool) -> Descriptor {
    Descriptor::new(Test {
        name: "here::it",
        file: file!(),
        line: line!(),
        run,
        should_panic,
        ignore: false,
        ignore_reason: "",
        timeout_ms: 0,
        cpus: 0,
        memory_mib: 0,
        machine: "",
        cpu: "",
        tier: steward_harness_wire::layout::Tier::Test,
    })
}

const NONCE: Nonce = Nonce(0xabc);

const fn run_then(after: After) -> Command {
    Command::Run { nonce: NONCE, index: 0, seed: 77, after }
}

const RUN: Command = run_then(After::Exit);

const PASSED: Ending = Ending { passed: true, nonce: NONCE, after: After::Exit };
const FAILED: Ending = Ending { passed: false, ..PASSED };

fn nothing_to_audit(_: &mut Balance) {}

/// An audit of a kernel in which every look finds so much more in use than the one before.
fn rising_by(step: u64) -> impl FnMut(&mut Balance) {
    let mut in_use = 12;
    move |balance| {
        balance.record("heap allocations", in_use);
        balance.record("frames", 5);
        in_use += step;
    }
}

#[test]
fn a_passing_test_is_started_and_finished_under_its_nonce() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, false)], nothing_to_audit), PASSED);
    let said = line.said();
    assert_eq!(said.len(), 3);
    assert_eq!(said[0], "Hello { version: 2, tests: 1 }");
    assert_eq!(said[1], "Started { nonce: Nonce(2748), index: 0, name: \"here::it\" }");
    assert_eq!(said[2], "Finished { nonce: Nonce(2748), index: 0, outcome: Passed, ticks: 5 }");
}

#[test]
fn a_failing_test_says_why() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    let failing = test(|failure| Err::<(), _>("no such page").report(failure), false);
    assert_eq!(serve(&mut line, &[failing], nothing_to_audit), FAILED);
    assert!(line.said()[2].contains(r#"Failed("\"no such page\"")"#), "{:?}", line.said());
}

#[test]
fn a_test_that_should_panic_fails_when_it_returns() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, true)], rising_by(1)), FAILED);
    assert!(line.said()[2].contains("should have panicked"), "{:?}", line.said());
}

#[test]
fn the_ending_is_the_one_that_the_host_asked_for() {
    for after in [After::Exit, After::Park] {
        let (_turn, mut line) = FakeLine::with(&[run_then(after)]);
        let ending = serve(&mut line, &[test(|_| true, false)], nothing_to_audit);
        assert_eq!(ending, Ending { after, ..PASSED });
        assert_eq!(ending.word(), 0x10);
        let mut line = FakeLine::asking(&[run_then(after)]);
        let ending = serve(&mut line, &[test(|_| false, false)], nothing_to_audit);
        assert_eq!(ending, Ending { after, ..FAILED });
        assert_eq!(ending.word(), 0x11);
    }
}

#[test]
fn a_runner_told_to_serve_takes_the_next_test() {
    let second = Command::Run { nonce: Nonce(0xdef), index: 1, seed: 0, after: After::Park };
    let (_turn, mut line) = FakeLine::with(&[run_then(After::Serve), second]);
    let tests = [test(|_| false, false), test(|_| true, false)];
    let ending = serve(&mut line, &tests, nothing_to_audit);
    assert_eq!(ending, Ending { passed: true, nonce: Nonce(0xdef), after: After::Park });
    let said = line.said();
    assert_eq!(said.len(), 5);
    assert!(said[2].starts_with("Finished { nonce: Nonce(2748), index: 0, outcome: Failed"), "{said:?}");
    assert!(said[3].starts_with("Started { nonce: Nonce(3567), index: 1"), "{said:?}");
    assert!(said[4].starts_with("Finished { nonce: Nonce(3567), index: 1, outcome: Passed"), "{said:?}");
}

#[test]
fn a_zero_byte_ends_what_stood_on_the_line_before_a_test_starts() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, false)], nothing_to_audit), PASSED);
    let frames: Vec<&[u8]> = line.outgoing.split_inclusive(|&byte| byte == 0).collect();
    let lone: Vec<bool> = frames.iter().map(|frame| *frame == [0]).collect();
    assert_eq!(lone, [true, false, true, false, false], "before hello, and before started");
}

#[test]
fn a_test_that_leaves_more_in_use_than_it_found_has_leaked_with_numbers() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, false)], rising_by(2)), FAILED);
    assert!(line.said()[2].contains(r#"Leaked("heap allocations: 12 before, 14 after")"#), "{:?}", line.said());
}

#[test]
fn a_leak_in_a_failing_test_is_not_what_it_failed_by() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    let failing = test(|failure| Err::<(), _>("no such page").report(failure), false);
    assert_eq!(serve(&mut line, &[failing], rising_by(2)), FAILED);
    assert!(line.said()[2].contains("no such page") && !line.said()[2].contains("heap"), "{:?}", line.said());
}

#[test]
fn equal_balances_pass_and_each_test_is_judged_by_its_own() {
    let (_turn, mut line) = FakeLine::with(&[run_then(After::Serve), RUN]);
    // The third look, which is the second test's first, finds what the first test left.
    let mut looks = [12, 14, 14, 14].into_iter();
    let audit = |balance: &mut Balance| balance.record("frames", looks.next().expect("two looks a test"));
    assert_eq!(serve(&mut line, &[test(|_| true, false)], audit), PASSED);
    assert!(line.said()[2].contains("Leaked") && line.said()[4].contains("outcome: Passed"), "{:?}", line.said());
}

#[test]
fn the_seed_is_seen_inside_the_test_only() {
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    assert_eq!(seed(), 0);
    let looking = test(
        |_| {
            SEEN.store(seed(), Ordering::Relaxed);
            true
        },
        false,
    );
    assert_eq!(serve(&mut line, &[looking], nothing_to_audit), PASSED);
    assert_eq!(SEEN.load(Ordering::Relaxed), 77);
    assert_eq!(seed(), 0);
}

#[test]
fn whatever_goes_down_in_a_run_ends_as_the_host_asked_and_parks_when_told_to_serve() {
    let (_turn, mut line) = FakeLine::with(&[]);
    for (asked, after) in [(After::Exit, After::Exit), (After::Park, After::Park), (After::Serve, After::Park)] {
        for should_panic in [false, true] {
            running::begin(Run { nonce: NONCE, seed: 0, after: asked }, should_panic);
            let panicked = report_panic(&mut line, "no", "a.rs", 1, &[]);
            assert_eq!(panicked, Ending { passed: should_panic, nonce: NONCE, after }, "{asked:?}");
            let faulted = report_fault(&mut line, 14, 2, Registers::default(), &[]);
            assert_eq!(faulted, Ending { passed: false, nonce: NONCE, after }, "{asked:?}");
        }
    }
    assert!(line.said().iter().all(|record| record.contains("nonce: Some(Nonce(2748))")), "{:?}", line.said());
}

#[test]
fn whatever_goes_down_outside_a_run_exits_as_failed_without_a_nonce() {
    let (_turn, mut line) = FakeLine::with(&[run_then(After::Park)]);
    assert_eq!(serve(&mut line, &[test(|_| true, true)], nothing_to_audit).after, After::Park);
    // The run above is over, with all that it wanted.
    let outside = Ending { passed: false, nonce: Nonce(0), after: After::Exit };
    assert_eq!(report_panic(&mut line, "no", "a.rs", 1, &[]), outside);
    assert_eq!(report_fault(&mut line, 14, 2, Registers::default(), &[]), outside);
    assert!(line.said()[3..].iter().all(|record| record.contains("nonce: None")), "{:?}", line.said());
}

#[test]
fn the_largest_panic_still_fits_a_frame() {
    let (_turn, mut line) = FakeLine::with(&[]);
    let long = "é".repeat(5000);
    let deep: Vec<u64> = (0..100).map(|n| u64::MAX - n).collect();
    assert!(!report_panic(&mut line, &long, &long, u32::MAX, &deep).passed);
    assert_eq!(line.said().len(), 1);
}

#[test]
fn a_check_is_answered_and_the_runner_waits_on() {
    let (_turn, mut line) = FakeLine::with(&[Command::Check { nonce: Nonce(1), seed: 9, rounds: 3 }, RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, false)], nothing_to_audit), PASSED);
    let value = Command::check_value(9, 3).to_string();
    assert!(line.said()[1].contains(&value), "{:?}", line.said());
}

#[test]
fn an_unknown_index_and_a_damaged_command_are_passed_over() {
    let unknown = Command::Run { nonce: Nonce(1), index: 1, seed: 0, after: After::Exit };
    let (_turn, mut line) = FakeLine::with(&[unknown, RUN, RUN]);
    // Damage the second command; the third must still be served.
    let second = line.incoming.iter().position(|&byte| byte == 0).unwrap() + 3;
    line.incoming[second] ^= 0x40;
    assert_eq!(serve(&mut line, &[test(|_| true, false)], nothing_to_audit), PASSED);
}

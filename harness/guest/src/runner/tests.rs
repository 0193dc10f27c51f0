//! The runner against a fake line.
//!
//! The runner's state is one per machine, so these tests take turns.

extern crate std;
use std::{
    collections::VecDeque,
    string::{String, ToString},
    sync::{Mutex, MutexGuard},
    vec::Vec,
};

use super::*;
use crate::{Report, Test};

static TURN: Mutex<()> = Mutex::new(());

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
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        SEQUENCE.store(0, Ordering::Relaxed);
        RUNNING.store(false, Ordering::Relaxed);
        let mut line = Self::default();
        for (sequence, command) in (0..).zip(commands) {
            line.incoming.extend(encode(sequence, command, &mut [0; MAX_FRAME]).unwrap());
        }
        (turn, line)
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
    })
}

const RUN: Command = Command::Run { nonce: Nonce(0xabc), index: 0 };

#[test]
fn a_passing_test_is_started_and_finished_under_its_nonce() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, false)]), Ending::Passed);
    let said = line.said();
    assert_eq!(said.len(), 3);
    assert_eq!(said[0], "Hello { version: 1, tests: 1 }");
    assert_eq!(said[1], "Started { nonce: Nonce(2748), index: 0, name: \"here::it\" }");
    assert_eq!(said[2], "Finished { nonce: Nonce(2748), index: 0, outcome: Passed, ticks: 5 }");
}

#[test]
fn a_failing_test_says_why() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    let failing = test(|failure| Err::<(), _>("no such page").report(failure), false);
    assert_eq!(serve(&mut line, &[failing]), Ending::Failed);
    assert!(line.said()[2].contains(r#"Failed("\"no such page\"")"#), "{:?}", line.said());
}

#[test]
fn a_test_that_should_panic_fails_when_it_returns() {
    let (_turn, mut line) = FakeLine::with(&[RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, true)]), Ending::Failed);
}

#[test]
fn an_expected_panic_passes_and_any_other_fails() {
    let (_turn, mut line) = FakeLine::with(&[]);
    RUNNING.store(true, Ordering::Relaxed);
    SHOULD_PANIC.store(true, Ordering::Relaxed);
    assert_eq!(report_panic(&mut line, "yes", "a.rs", 1, &[]), Ending::Passed);
    SHOULD_PANIC.store(false, Ordering::Relaxed);
    assert_eq!(report_panic(&mut line, "no", "a.rs", 1, &[]), Ending::Failed);
}

#[test]
fn the_largest_panic_still_fits_a_frame() {
    let (_turn, mut line) = FakeLine::with(&[]);
    let long = "é".repeat(5000);
    let deep: Vec<u64> = (0..100).map(|n| u64::MAX - n).collect();
    report_panic(&mut line, &long, &long, u32::MAX, &deep);
    assert_eq!(line.said().len(), 1);
}

#[test]
fn a_check_is_answered_and_the_runner_waits_on() {
    let (_turn, mut line) = FakeLine::with(&[Command::Check { nonce: Nonce(1), seed: 9, rounds: 3 }, RUN]);
    assert_eq!(serve(&mut line, &[test(|_| true, false)]), Ending::Passed);
    let value = Command::check_value(9, 3).to_string();
    assert!(line.said()[1].contains(&value), "{:?}", line.said());
}

#[test]
fn an_unknown_index_and_a_damaged_command_are_passed_over() {
    let (_turn, mut line) = FakeLine::with(&[Command::Run { nonce: Nonce(1), index: 1 }, RUN, RUN]);
    // Damage the second command; the third must still be served.
    let second = line.incoming.iter().position(|&byte| byte == 0).unwrap() + 3;
    line.incoming[second] ^= 0x40;
    assert_eq!(serve(&mut line, &[test(|_| true, false)]), Ending::Passed);
}

//! The runner: answers the host's commands, one test a machine.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use steward_harness_wire::{
    Backtrace, Command, Decoder, MAX_FRAME, Nonce, Outcome, Record, Registers, VERSION, encode,
};

use crate::{Descriptor, FailureText};

/// The kernel's side of the record line (COM2 on a PC).
///
/// The runner is the only user of the line; a panic may take it over at any time, and then nobody else
/// uses it again.
pub trait Line {
    /// Waits for the next byte from the host.
    fn receive(&mut self) -> u8;
    /// Sends bytes to the host; returns when they are on their way.
    fn send(&mut self, bytes: &[u8]);
    /// A counter that only goes up, such as the time-stamp counter.
    fn ticks(&mut self) -> u64;
}

/// How a served machine should be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The test passed.
    Passed,
    /// The test failed.
    Failed,
}

/// The run under way, for records that a panic or a fault writes from outside the runner.
/// One machine runs one test at a time, so plain cells do.
static NONCE: AtomicU64 = AtomicU64::new(0);
static RUNNING: AtomicBool = AtomicBool::new(false);
static SHOULD_PANIC: AtomicBool = AtomicBool::new(false);
static SEQUENCE: AtomicU32 = AtomicU32::new(0);

fn send(line: &mut impl Line, record: &Record<'_>) {
    let mut buffer = [0; MAX_FRAME];
    // Every text in a record is cut to fit before it gets here; a record that still does not fit is not sent,
    // and the host sees a machine that ended without one.
    if let Ok(bytes) = encode(SEQUENCE.fetch_add(1, Ordering::Relaxed), record, &mut buffer) {
        line.send(bytes);
    }
}

fn current_nonce() -> Option<Nonce> {
    RUNNING.load(Ordering::Relaxed).then(|| Nonce(NONCE.load(Ordering::Relaxed)))
}

/// Whether a test that the host asked for is running.
#[must_use]
pub fn under_test() -> bool {
    RUNNING.load(Ordering::Relaxed)
}

/// Says hello, then answers commands until the host has asked for a test and the test is over.
///
/// The caller ends the machine as [`Ending`] says; the host compares how it ended with the record.
pub fn serve(line: &mut impl Line, tests: &[Descriptor]) -> Ending {
    // End whatever noise the firmware left on the line.
    line.send(&[0]);
    send(line, &Record::Hello { version: VERSION, tests: u32::try_from(tests.len()).unwrap_or(u32::MAX) });
    let mut decoder = Decoder::new();
    loop {
        let byte = line.receive();
        // A damaged command is dropped: the host, hearing nothing, reports the silence.
        let Some(Ok(frame)) = decoder.push::<Command>(byte) else { continue };
        match frame.message {
            Command::Check { nonce, seed, rounds } => {
                let before = line.ticks();
                let value = Command::check_value(seed, rounds);
                let ticks = line.ticks().wrapping_sub(before);
                send(line, &Record::Checked { nonce, ticks, value });
            }
            Command::Run { nonce, index } => {
                // An index past the end is the host's mistake; it hears no Started and reports that.
                if let Some(test) = usize::try_from(index).ok().and_then(|index| tests.get(index)) {
                    return run(line, nonce, index, test);
                }
            }
        }
    }
}

fn run(line: &mut impl Line, nonce: Nonce, index: u32, test: &Descriptor) -> Ending {
    NONCE.store(nonce.0, Ordering::Relaxed);
    SHOULD_PANIC.store(test.should_panic(), Ordering::Relaxed);
    RUNNING.store(true, Ordering::Relaxed);
    send(line, &Record::Started { nonce, index, name: test.name() });
    let mut failure = FailureText::new();
    let before = line.ticks();
    let passed = test.run(&mut failure);
    let ticks = line.ticks().wrapping_sub(before);
    RUNNING.store(false, Ordering::Relaxed);
    let outcome = match (test.should_panic(), passed) {
        (true, _) => Outcome::Failed("the test should have panicked and returned"),
        (false, true) => Outcome::Passed,
        (false, false) => Outcome::Failed(failure.as_str()),
    };
    send(line, &Record::Finished { nonce, index, outcome, ticks });
    if outcome == Outcome::Passed { Ending::Passed } else { Ending::Failed }
}

/// Reports a panic; the caller then ends the machine as [`Ending`] says.
///
/// `message` and `file` are cut to fit a frame. Callable at any time, also when the runner was in the middle of a
/// record: the zero byte sent first ends that one.
pub fn report_panic(line: &mut impl Line, message: &str, file: &str, line_number: u32, backtrace: &[u64]) -> Ending {
    line.send(&[0]);
    let record = Record::Panicked {
        nonce: current_nonce(),
        message: cut(message, 1024),
        file: cut(file, 256),
        line: line_number,
        backtrace: innermost(backtrace),
    };
    send(line, &record);
    let expected = RUNNING.load(Ordering::Relaxed) && SHOULD_PANIC.load(Ordering::Relaxed);
    if expected { Ending::Passed } else { Ending::Failed }
}

/// Reports a CPU exception that nobody expected; the caller then ends the machine as failed.
pub fn report_fault(line: &mut impl Line, vector: u8, error_code: u64, registers: Registers, backtrace: &[u64]) {
    line.send(&[0]);
    let backtrace = innermost(backtrace);
    send(line, &Record::Faulted { nonce: current_nonce(), vector, error_code, registers, backtrace });
}

fn innermost(backtrace: &[u64]) -> Backtrace {
    backtrace.iter().copied().take(steward_harness_wire::BACKTRACE_DEPTH).collect()
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests;

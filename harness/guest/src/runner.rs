//! The runner: answers the host's commands.

use core::sync::atomic::{AtomicU32, Ordering};

use steward_harness_wire::{
    After, Backtrace, Command, Decoder, MAX_FRAME, Outcome, Record, Registers, VERSION, encode,
};

use crate::{
    Balance, Descriptor, Ending, FailureText,
    running::{self, Run},
};

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

/// Number of the next record.
static SEQUENCE: AtomicU32 = AtomicU32::new(0);

fn send(line: &mut impl Line, record: &Record<'_>) {
    let mut buffer = [0; MAX_FRAME];
    // Every text in a record is cut to fit before it gets here; a record that still does not fit is not sent,
    // and the host sees a machine that ended without one.
    if let Ok(bytes) = encode(SEQUENCE.fetch_add(1, Ordering::Relaxed), record, &mut buffer) {
        line.send(bytes);
    }
}

/// Says hello, then answers commands until the host has asked for a test after which the machine is to end, and that
/// test is over.
///
/// `audit` notes what the kernel has in use; it is called right before and right after each test and must not keep
/// anything itself. A test that passes and leaves another balance than it found has leaked.
///
/// The caller ends the machine as [`Ending`] says; the host compares how it ended with the record.
pub fn serve(line: &mut impl Line, tests: &[Descriptor], mut audit: impl FnMut(&mut Balance)) -> Ending {
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
            Command::Run { nonce, index, seed, after } => {
                // An index past the end is the host's mistake; it hears no Started and reports that.
                let Some(test) = usize::try_from(index).ok().and_then(|index| tests.get(index)) else { continue };
                let passed = run(line, Run { nonce, seed, after }, index, test, &mut audit);
                if after != After::Serve {
                    return Ending { passed, nonce, after };
                }
            }
        }
    }
}

/// Runs a test and reports it; says whether it passed.
fn run(
    line: &mut impl Line,
    command: Run,
    index: u32,
    test: &Descriptor,
    audit: &mut impl FnMut(&mut Balance),
) -> bool {
    let nonce = command.nonce;
    running::begin(command, test.should_panic());
    // End whatever stands half-sent on the line, which a machine that was copied while it spoke may have.
    line.send(&[0]);
    send(line, &Record::Started { nonce, index, name: test.name() });
    let mut failure = FailureText::new();
    let (mut at_first, mut at_last) = (Balance::new(), Balance::new());
    audit(&mut at_first);
    let before = line.ticks();
    let passed = test.run(&mut failure);
    let ticks = line.ticks().wrapping_sub(before);
    audit(&mut at_last);
    running::finish();
    let leak = at_last.difference_from(&at_first);
    let outcome = match (test.should_panic(), passed, &leak) {
        (true, _, _) => Outcome::Failed("the test should have panicked and returned"),
        (false, false, _) => Outcome::Failed(failure.as_str()),
        (false, true, Some(leak)) => Outcome::Leaked(leak.as_str()),
        (false, true, None) => Outcome::Passed,
    };
    send(line, &Record::Finished { nonce, index, outcome, ticks });
    outcome == Outcome::Passed
}

/// Reports a panic; the caller then ends the machine as [`Ending`] says.
///
/// `message` and `file` are cut to fit a frame. Callable at any time, also when the runner was in the middle of a
/// record: the zero byte sent first ends that one.
pub fn report_panic(line: &mut impl Line, message: &str, file: &str, line_number: u32, backtrace: &[u64]) -> Ending {
    line.send(&[0]);
    let record = Record::Panicked {
        nonce: running::nonce(),
        message: cut(message, 1024),
        file: cut(file, 256),
        line: line_number,
        backtrace: innermost(backtrace),
    };
    send(line, &record);
    Ending::of_panic()
}

/// Reports a CPU exception that nobody expected; the caller then ends the machine as [`Ending`] says, which is failed.
pub fn report_fault(
    line: &mut impl Line,
    vector: u8,
    error_code: u64,
    registers: Registers,
    backtrace: &[u64],
) -> Ending {
    line.send(&[0]);
    let (nonce, backtrace) = (running::nonce(), innermost(backtrace));
    send(line, &Record::Faulted { nonce, vector, error_code, registers, backtrace });
    Ending::failure()
}

fn innermost(backtrace: &[u64]) -> Backtrace {
    backtrace.iter().copied().take(steward_harness_wire::BACKTRACE_DEPTH).collect()
}

fn cut(text: &str, most: usize) -> &str {
    // `str::floor_char_boundary` needs a newer compiler than the rest of this crate.
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests;

//! From evidence to a verdict. Everything here is a pure function.
//!
//! A test passes only when independent witnesses agree that it did: the records say so, in order, under the nonce of
//! this very run, about this very test, by a kernel that holds as many tests as its ELF file; and QEMU exits with the
//! status that only the guest's own word for "passed" gives. Whatever else happened has a name of its own.

mod protocol;
mod witness;

use std::fmt;

use steward_harness_wire::{VERSION, word};

use crate::{
    listing::Test,
    machine::Accelerator,
    session::{Ending, Evidence, Exit, Heard, Outcome, Phase, Said},
};
use protocol::violation;
use witness::exception;
pub(crate) use witness::{ending, seconds};
pub use witness::{signal_name, witnesses};

/// QEMU's exit status when the guest wrote its word for "passed" to the debug-exit device.
pub const EXIT_PASSED: i32 = word::exit_status(word::PASSED);
/// The same for "failed".
pub const EXIT_FAILED: i32 = word::exit_status(word::FAILED);
/// The same for the loader's "nothing to start".
pub const EXIT_LOADER: i32 = word::exit_status(word::LOADER);

/// Part of one CPU below which a machine that was not halted did not get enough of the host to be judged.
const STARVED: f64 = 0.25;
/// Part of one CPU below which an emulator that does not answer is blocked, and not only short of CPUs: it is what a
/// start alone takes.
const BLOCKED: f64 = 0.01;

/// How a test went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It did what it should, and every witness agrees.
    Pass,
    /// It came to its end and said that it failed.
    Fail,
    /// It passed, and left the kernel's resources other than they were.
    Leak,
    /// The kernel panicked.
    Panic,
    /// The kernel caught a CPU exception that it did not expect.
    CpuFault,
    /// A CPU faulted, and faulted again while it was handling that, until it gave up (Intel SDM volume 3, section 6.15).
    TripleFault,
    /// The guest asked for a reset.
    Reset,
    /// Time ran out while the machine waited or span.
    Hang {
        /// Whether its first CPU took interrupts.
        interrupts: bool,
    },
    /// The machine ended without saying how the test went.
    Truncated,
    /// The witnesses disagree, or a record was damaged, lost, repeated or not of this run.
    Garbled,
    /// The kernel did not come up.
    BootFailure,
    /// The firmware did not hand over.
    FirmwareFailure,
    /// QEMU did not start, died, or was killed.
    EmulatorFailure,
    /// Time ran out while the host gave the machine hardly any.
    HostStarvation,
}

impl Verdict {
    /// Every verdict there is.
    pub const ALL: [Self; 15] = [
        Self::Pass,
        Self::Fail,
        Self::Leak,
        Self::Panic,
        Self::CpuFault,
        Self::TripleFault,
        Self::Reset,
        Self::Hang { interrupts: true },
        Self::Hang { interrupts: false },
        Self::Truncated,
        Self::Garbled,
        Self::BootFailure,
        Self::FirmwareFailure,
        Self::EmulatorFailure,
        Self::HostStarvation,
    ];

    /// A short name for programs, stable between versions: `pass`, `cpu-fault`, `hang-interrupts-off`, …
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Leak => "leak",
            Self::Panic => "panic",
            Self::CpuFault => "cpu-fault",
            Self::TripleFault => "triple-fault",
            Self::Reset => "reset",
            Self::Hang { interrupts: true } => "hang-interrupts-on",
            Self::Hang { interrupts: false } => "hang-interrupts-off",
            Self::Truncated => "truncated",
            Self::Garbled => "garbled",
            Self::BootFailure => "boot-failure",
            Self::FirmwareFailure => "firmware-failure",
            Self::EmulatorFailure => "emulator-failure",
            Self::HostStarvation => "host-starvation",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hang { interrupts: true } => "hang (interrupts on)",
            Self::Hang { interrupts: false } => "hang (interrupts off)",
            Self::CpuFault => "CPU fault",
            Self::TripleFault => "triple fault",
            Self::BootFailure => "boot failure",
            Self::FirmwareFailure => "firmware failure",
            Self::EmulatorFailure => "emulator failure",
            Self::HostStarvation => "host starvation",
            other => other.id(),
        })
    }
}

/// A verdict and its reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why: one or two sentences.
    pub why: String,
}

pub(crate) fn judgement(verdict: Verdict, why: impl Into<String>) -> Judgement {
    Judgement { verdict, why: why.into() }
}

/// Judges one test. `count` is the number of tests in the kernel's ELF file.
#[must_use]
pub fn judge(test: &Test, count: u32, evidence: &Evidence) -> Judgement {
    let verdict = emulator(evidence).or_else(|| boot(count, evidence)).or_else(|| {
        let nonce = evidence.nonce?;
        violation(test, nonce, evidence).map(|why| judgement(Verdict::Garbled, why))
    });
    verdict.unwrap_or_else(|| run(test, evidence))
}

/// Whether the emulator itself failed.
pub(crate) fn emulator(evidence: &Evidence) -> Option<Judgement> {
    let said = match evidence.messages.last() {
        Some(_) => format!(". It said: {}", evidence.messages.join("; ")),
        None => String::new(),
    };
    let failure = |why: String| Some(judgement(Verdict::EmulatorFailure, format!("{why}{said}")));
    if let Some(state) = &evidence.stopped_in {
        return failure(format!("QEMU gave up on the machine and put it in the state `{state}`"));
    }
    if matches!(evidence.shutdown_reason(), Some("host-signal" | "host-ui")) {
        return failure("QEMU was asked from outside to end, and did".into());
    }
    match evidence.ending {
        Ending::Exited(Exit::Signal(signal)) => {
            failure(format!("QEMU was ended by {}, which the harness did not send", signal_name(signal)))
        }
        // The debug-exit device gives odd numbers, and 1 only for a word that no guest here writes.
        Ending::Exited(Exit::Status(status)) if status == 1 || (status != 0 && status % 2 == 0) => {
            let when = if evidence.heard.is_empty() && evidence.log.is_empty() { "did not start" } else { "failed" };
            failure(format!("QEMU {when}: it exited with status {status}"))
        }
        Ending::Stuck => failure("the machine had ended and QEMU did not, so it was killed".into()),
        Ending::TimedOut(_) if evidence.autopsy.is_none() && evidence.usage.share() >= STARVED => {
            failure("time ran out, and QEMU no longer answered".into())
        }
        Ending::TimedOut(_) if evidence.autopsy.is_none() && evidence.usage.share() < BLOCKED => {
            failure("time ran out, and QEMU did not answer and used no CPU: the host blocks it; try --accel tcg".into())
        }
        _ => None,
    }
}

/// Whether the kernel came up as the kernel that its ELF file promises.
fn boot(count: u32, evidence: &Evidence) -> Option<Judgement> {
    let hello = evidence.heard.iter().find_map(|heard| match heard {
        Heard::Record { sequence, said: Said::Hello { version, tests } } => Some((*sequence, *version, *tests)),
        _ => None,
    });
    let garbled = |why| Some(judgement(Verdict::Garbled, why));
    match hello {
        None => Some(no_hello(evidence)),
        Some((_, version, _)) if version != VERSION => garbled(format!(
            "the kernel speaks version {version} of the record format and the harness version {VERSION}: build both \
             from one source"
        )),
        Some((_, _, tests)) if tests != count => garbled(format!(
            "the kernel counts {tests} tests, and its ELF file holds {count}: one of them has lost some"
        )),
        Some((sequence, ..)) if sequence != evidence.resumes => {
            garbled(format!("the kernel's hello bears sequence number {sequence}: the records before it are lost"))
        }
        Some(_) => None,
    }
}

fn no_hello(evidence: &Evidence) -> Judgement {
    if let Some(lost) = lost_before_kernel(evidence) {
        return lost;
    }
    let why = match (last_words(evidence), evidence.ending) {
        (Some(words), _) => words,
        (None, Ending::TimedOut(_)) => format!("no hello within {}", seconds(evidence.limit)),
        (None, Ending::Exited(Exit::Status(EXIT_LOADER))) => {
            let said = evidence.log.last_lines(1);
            format!(
                "the loader found nothing that it could start: {}",
                if said.is_empty() { "it did not say why" } else { &said }
            )
        }
        (None, _) => match end(evidence) {
            Some((Verdict::TripleFault, _)) => String::from("a triple fault before the kernel said hello"),
            Some((Verdict::Reset, _)) => String::from("the guest asked for a reset before the kernel said hello"),
            _ => format!("the machine ended before the kernel said hello: {}", ending(evidence)),
        },
    };
    let damaged = evidence.heard.iter().filter(|heard| matches!(heard, Heard::Damaged(_))).count();
    let noise = if damaged == 0 { String::new() } else { format!(" (the record line held {damaged} damaged frames)") };
    judgement(Verdict::BootFailure, format!("the kernel did not come up: {why}{noise}"))
}

/// Whether time ran out before the kernel could do anything.
pub(crate) fn lost_before_kernel(evidence: &Evidence) -> Option<Judgement> {
    if !matches!(evidence.ending, Ending::TimedOut(_)) {
        return None;
    }
    if let Some(starved) = starved(evidence) {
        return Some(starved);
    }
    let first = evidence.autopsy.as_ref().and_then(|autopsy| autopsy.cpus.first());
    (evidence.log.is_empty() && first.is_some_and(|cpu| cpu.is_in_firmware())).then(|| {
        let why = format!("after {} the firmware has not handed over", seconds(evidence.limit));
        judgement(Verdict::FirmwareFailure, why)
    })
}

/// What a kernel said that panicked or faulted while it came up.
fn last_words(evidence: &Evidence) -> Option<String> {
    evidence.heard.iter().find_map(|heard| match heard {
        Heard::Record { said: Said::Panicked { message, place, .. }, .. } => Some(panicked(message, place)),
        Heard::Record { said: Said::Faulted { vector, error_code, registers, .. }, .. } => {
            Some(faulted(*vector, *error_code, registers.rip, registers.cr2))
        }
        _ => None,
    })
}

fn panicked(message: &str, place: &str) -> String {
    if place.is_empty() { format!("panicked: {message}") } else { format!("panicked at {place}: {message}") }
}

fn faulted(vector: u8, error_code: u64, rip: u64, cr2: u64) -> String {
    /// The page fault, whose address stands in CR2 (Intel SDM volume 3, section 6.15).
    const PAGE_FAULT: u8 = 14;
    let address = if vector == PAGE_FAULT { format!(" on address {cr2:#x}") } else { String::new() };
    format!("{} at {rip:#018x}{address}, error code {error_code:#x}", exception(vector))
}

/// Judges a test that was asked for and whose records are sound.
fn run(test: &Test, evidence: &Evidence) -> Judgement {
    let last = evidence.heard.iter().rev().find_map(|heard| match heard {
        Heard::Record { said, .. } if said.is_last() => Some(said),
        _ => None,
    });
    match last {
        Some(Said::Finished { outcome: Outcome::Passed, .. }) => {
            confirmed(evidence, "that the test passed", || String::from("passed"))
        }
        Some(Said::Panicked { message, place, .. }) if test.should_panic => {
            let as_it_should = || format!("{}, as it should", panicked(message, place));
            confirmed(evidence, "that the test panicked as it should", as_it_should)
        }
        Some(_) if says_passed(evidence.ending) => contradicted("that the test failed", &ending(evidence)),
        Some(Said::Finished { outcome: Outcome::Failed(why), .. }) => judgement(Verdict::Fail, why.clone()),
        Some(Said::Finished { outcome: Outcome::Leaked(what), .. }) => judgement(Verdict::Leak, what.clone()),
        Some(Said::Panicked { message, place, .. }) => judgement(Verdict::Panic, panicked(message, place)),
        Some(Said::Faulted { vector, error_code, registers, .. }) => {
            judgement(Verdict::CpuFault, faulted(*vector, *error_code, registers.rip, registers.cr2))
        }
        _ => unended(evidence).unwrap_or_else(|| truncated(evidence)),
    }
}

/// Whether the guest's last word, apart from its records, is that the test passed.
fn says_passed(ending: Ending) -> bool {
    ending == Ending::Exited(Exit::Status(EXIT_PASSED)) || ending == Ending::Parked { word: word::PASSED.into() }
}

fn contradicted(says: &str, but: &str) -> Judgement {
    judgement(Verdict::Garbled, format!("the records say {says}, but {but}"))
}

/// A pass, when no witness denies what the records say.
fn confirmed(evidence: &Evidence, says: &str, passed: impl FnOnce() -> String) -> Judgement {
    if let Some(otherwise) = unended(evidence) {
        return otherwise;
    }
    if !says_passed(evidence.ending) && evidence.ending != Ending::Served {
        return contradicted(says, &ending(evidence));
    }
    match evidence.shutdown_reason() {
        // Some versions of QEMU report a write to the debug-exit device as a power-off too.
        None | Some("guest-shutdown") => {}
        Some(reason) => return contradicted(says, &format!("QEMU says that the machine shut down: {reason}")),
    }
    if evidence.cut {
        return contradicted(says, "the start of one more record came after them");
    }
    judgement(Verdict::Pass, passed())
}

/// A test without a last record, or whose machine did not end as that record says: what happened instead.
fn unended(evidence: &Evidence) -> Option<Judgement> {
    if let Ending::TimedOut(phase) = evidence.ending {
        return Some(hung(evidence, phase));
    }
    end(evidence).map(|(verdict, why)| judgement(verdict, why))
}

/// A violent end of the machine.
pub(crate) fn end(evidence: &Evidence) -> Option<(Verdict, String)> {
    if evidence.triple_fault {
        return Some((Verdict::TripleFault, String::from("a CPU could not handle a fault in its fault handler")));
    }
    let reported = evidence.events.iter().any(|event| event.name == "GUEST_PANICKED");
    if reported || evidence.shutdown_reason() == Some("guest-panic") {
        return Some((Verdict::Panic, String::from("the guest reported a panic to QEMU")));
    }
    if !matches!(evidence.shutdown_reason()?, "guest-reset" | "subsystem-reset") {
        return None;
    }
    // Only the translator logs triple faults. Under KVM the last instruction tells: a reset is asked for by `out`.
    match (&evidence.autopsy, evidence.accelerator) {
        (Some(autopsy), Accelerator::Kvm) if !autopsy.was_at_out() => {
            let why =
                "the machine was reset, and not by an instruction that asks for it: a CPU could not handle a fault";
            Some((Verdict::TripleFault, String::from(why)))
        }
        _ => Some((Verdict::Reset, String::from("the guest asked for a reset"))),
    }
}

pub(crate) fn hung(evidence: &Evidence, phase: Phase) -> Judgement {
    if let Some(starved) = starved(evidence) {
        return starved;
    }
    let autopsy = evidence.autopsy.as_ref();
    let interrupts = autopsy.is_some_and(|autopsy| autopsy.interrupts);
    let what = match phase {
        Phase::Boot => "the kernel did not come up",
        Phase::Run => "the test did not end",
        Phase::End => "the test had ended, but the machine did not",
    };
    let state = match autopsy {
        Some(autopsy) if autopsy.all_halted && interrupts => "the machine waits for an interrupt",
        Some(autopsy) if autopsy.all_halted => "the machine is halted for good",
        _ => "the machine runs",
    };
    let why = format!(
        "{what} within {}; {state}, with interrupts {}",
        seconds(evidence.limit),
        if interrupts { "on" } else { "off" }
    );
    judgement(Verdict::Hang { interrupts }, why)
}

/// Whether the host, not the machine, used up the time.
pub(crate) fn starved(evidence: &Evidence) -> Option<Judgement> {
    let halted = evidence.autopsy.as_ref().is_some_and(|autopsy| autopsy.all_halted);
    if halted || evidence.usage.share() >= STARVED {
        return None;
    }
    let why = format!(
        "time ran out after {}, of which the host gave the machine {}: it could not have come to an end. Run fewer \
         jobs, or look what else the host is doing",
        seconds(evidence.limit),
        seconds(evidence.usage.cpu),
    );
    Some(judgement(Verdict::HostStarvation, why))
}

fn truncated(evidence: &Evidence) -> Judgement {
    let started = evidence.heard.iter().any(|heard| matches!(heard, Heard::Record { said: Said::Started { .. }, .. }));
    let how_far = match (started, evidence.cut) {
        (_, true) => "in the middle of a record",
        (true, false) => "after the test had started and before it said how it went",
        (false, false) => "before the test started",
    };
    judgement(Verdict::Truncated, format!("the machine ended {how_far}: {}", ending(evidence)))
}

#[cfg(test)]
mod tests;

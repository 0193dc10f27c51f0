//! What each witness saw, in words.

use std::time::Duration;

use crate::session::{Ending, Evidence, Exit, Heard, Outcome, Phase, Said};

use steward_harness_wire::word;

use super::{EXIT_FAILED, EXIT_LOADER, EXIT_PASSED};

/// One line for each witness of a session.
#[must_use]
pub fn witnesses(evidence: &Evidence) -> Vec<String> {
    let records: Vec<String> = evidence.heard.iter().map(record).collect();
    let mut lines = Vec::new();
    if evidence.serves {
        lines.push(if records.is_empty() {
            String::from("records: none")
        } else {
            format!("records: {}{}", records.join(", "), if evidence.cut { ", and the start of one more" } else { "" })
        });
    }
    lines.push(format!("QEMU: {}", ending(evidence)));
    let events = evidence.events.iter().map(|event| match &event.reason {
        Some(reason) => format!("{} ({reason})", event.name),
        None => event.name.clone(),
    });
    let events: Vec<String> = events.filter(|event| event != "RESUME" && event != "STOP").collect();
    if !events.is_empty() {
        lines.push(format!("QEMU's events: {}", events.join(", ")));
    }
    if evidence.triple_fault {
        lines.push(String::from("QEMU's log: a triple fault"));
    }
    if !evidence.messages.is_empty() {
        lines.push(format!("QEMU's messages: {}", evidence.messages.join("; ")));
    }
    lines.push(times(evidence));
    lines
}

fn times(evidence: &Evidence) -> String {
    let (one, none) = if evidence.serves { ("hello", "no hello, ") } else { ("fork point", "") };
    let boot = evidence.boot.map_or_else(|| String::from(none), |boot| format!("{one} after {}, ", seconds(boot)));
    let used = match evidence.ending {
        Ending::TimedOut(_) => format!(", {:.0} % of a CPU until time ran out", evidence.usage.share() * 100.0),
        _ => String::new(),
    };
    format!("time: {boot}{} in all{used}", seconds(evidence.elapsed))
}

fn record(heard: &Heard) -> String {
    match heard {
        Heard::Damaged(error) => error.to_string(),
        Heard::Record { said, .. } => match said {
            Said::Hello { tests, .. } => format!("hello ({tests} tests)"),
            Said::Started { .. } => String::from("started"),
            Said::Finished { outcome: Outcome::Passed, .. } => String::from("finished (passed)"),
            Said::Finished { outcome: Outcome::Failed(_), .. } => String::from("finished (failed)"),
            Said::Finished { outcome: Outcome::Leaked(_), .. } => String::from("finished (leaked)"),
            Said::Panicked { .. } => String::from("panicked"),
            Said::Faulted { vector, .. } => format!("faulted ({})", exception(*vector)),
            Said::Checked { .. } => String::from("checked"),
        },
    }
}

/// How the session ended.
pub fn ending(evidence: &Evidence) -> String {
    let off = evidence.shutdown_reason() == Some("guest-shutdown");
    match evidence.ending {
        // What a kernel means by its status that does not serve the harness is its own business.
        Ending::Exited(Exit::Status(status)) if !(evidence.serves || status == 0 && off) => {
            format!("exited with status {status}")
        }
        Ending::Exited(Exit::Status(EXIT_PASSED)) => {
            format!("exited with status {EXIT_PASSED}, the guest's word for passed")
        }
        Ending::Parked { word } if word == u64::from(word::PASSED) => {
            String::from("the kernel parked with its word for passed")
        }
        Ending::Parked { word } if word == u64::from(word::FAILED) => {
            String::from("the kernel parked with its word for failed")
        }
        Ending::Parked { word } => format!("the kernel parked with the word {word:#x}, which means nothing"),
        Ending::Served => String::from("the machine serves on"),
        Ending::Stopped => String::from("the machine stands still"),
        Ending::Stale => String::from("the machine did not take its order: it was still at its life before"),
        Ending::Exited(Exit::Status(EXIT_FAILED)) => {
            format!("exited with status {EXIT_FAILED}, the guest's word for failed")
        }
        Ending::Exited(Exit::Status(EXIT_LOADER)) => {
            format!("exited with status {EXIT_LOADER}, the loader's word for failed")
        }
        Ending::Exited(Exit::Status(0)) if off => String::from("the guest powered the machine off"),
        Ending::Exited(Exit::Status(status)) => format!("exited with status {status}"),
        Ending::Exited(Exit::Signal(signal)) => format!("ended by {}", signal_name(signal)),
        Ending::TimedOut(Phase::Boot) if !evidence.serves => {
            String::from("ended by the harness: no fork point in time")
        }
        Ending::TimedOut(Phase::Boot) => String::from("ended by the harness: no hello in time"),
        Ending::TimedOut(Phase::Run) => String::from("ended by the harness: the test did not end in time"),
        Ending::TimedOut(Phase::End) => String::from("ended by the harness: the machine outlived the test"),
        Ending::Decided => String::from("ended by the harness: there was nothing left to wait for"),
        Ending::Refused => String::from("ended by the harness: it cannot work with this kernel"),
        Ending::Stuck => String::from("killed by the harness: it did not end when asked to"),
    }
}

/// A signal's number and, for those that end an emulator, its name (signal(7)).
#[must_use]
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}

/// Mnemonic and name of an exception (Intel SDM volume 3, table 6-1).
pub fn exception(vector: u8) -> String {
    const NAMES: [&str; 32] = {
        let mut names = [""; 32];
        names[0] = "#DE divide error";
        names[1] = "#DB debug";
        names[2] = "NMI";
        names[3] = "#BP breakpoint";
        names[4] = "#OF overflow";
        names[5] = "#BR bound range exceeded";
        names[6] = "#UD invalid opcode";
        names[7] = "#NM device not available";
        names[8] = "#DF double fault";
        names[10] = "#TS invalid TSS";
        names[11] = "#NP segment not present";
        names[12] = "#SS stack-segment fault";
        names[13] = "#GP general protection";
        names[14] = "#PF page fault";
        names[16] = "#MF x87 floating-point error";
        names[17] = "#AC alignment check";
        names[18] = "#MC machine check";
        names[19] = "#XM SIMD floating-point exception";
        names[20] = "#VE virtualization exception";
        names[21] = "#CP control protection exception";
        names
    };
    match NAMES.get(usize::from(vector)).copied().unwrap_or_default() {
        "" => format!("exception {vector}"),
        name => String::from(name),
    }
}

/// A duration in seconds, to the millisecond.
pub fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

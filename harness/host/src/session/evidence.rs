//! What is known about how a machine ended. Only facts: what they mean is the verdict's business.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use steward_harness_wire::Nonce;

use super::record_line::Heard;
use crate::{autopsy::Autopsy, bounded::BoundedLog, machine::Accelerator, qmp};

/// How QEMU's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

/// What the harness was waiting for when time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The kernel's hello, or its fork point.
    Boot,
    /// The test's end.
    Run,
    /// The machine's end, after the test's.
    End,
}

/// How the session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// QEMU ended without the harness's doing, or after the machine had powered itself off.
    Exited(Exit),
    /// The kernel parked, with this word and the nonce of the run.
    Parked {
        /// What stood in RAX: one of [`word`](steward_harness_wire::word), or a lie.
        word: u64,
    },
    /// The kernel waits for its next test, as it was told to.
    Served,
    /// The machine came to an end by a reset, a fault or a panic, and stands still as it was then.
    Stopped,
    /// The machine had another life before, and did not take this run's order.
    Stale,
    /// Time ran out, and the harness stopped the machine.
    TimedOut(Phase),
    /// Everything that was waited for has come, and the harness ended the machine.
    Decided,
    /// The kernel's hello said that the two cannot work together.
    Refused,
    /// The machine had ended and QEMU would not: it was killed.
    Stuck,
}

impl Ending {
    /// Whether QEMU still runs, and the machine in it stands still.
    #[must_use]
    pub const fn stands_still(self) -> bool {
        matches!(self, Self::Parked { .. } | Self::Stopped | Self::TimedOut(_))
    }
}

/// How the machine used the time that the last phase took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time on the wall.
    pub elapsed: Duration,
    /// CPU time of all of QEMU's threads.
    pub cpu: Duration,
}

impl Usage {
    /// Which part of one CPU the machine got, from 0 to the number of its threads.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { self.cpu.as_secs_f64() / self.elapsed.as_secs_f64() }
    }
}

/// Everything that a session saw.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What executed the machine.
    pub accelerator: Accelerator,
    /// The kernel was to say hello on the record line; else it knows nothing of the harness.
    pub serves: bool,
    /// The nonce of the run that was asked for; `None` when it did not come to that.
    pub nonce: Option<Nonce>,
    /// Frames on the record line, in order.
    pub heard: Vec<Heard>,
    /// Sequence number of the last record before the test's first: that of the hello.
    pub resumes: u32,
    /// The record line ended inside a frame.
    pub cut: bool,
    /// COM1.
    pub log: BoundedLog,
    /// QEMU's events, in order.
    pub events: Vec<qmp::Event>,
    /// A state that QEMU put the machine in by itself, such as `internal-error`.
    pub stopped_in: Option<String>,
    /// QEMU's log told of a triple fault.
    pub triple_fault: bool,
    /// QEMU's own messages.
    pub messages: Vec<String>,
    /// How it ended.
    pub ending: Ending,
    /// The last phase, when time ran out in it.
    pub usage: Usage,
    /// The time that ran out; zero when none did.
    pub limit: Duration,
    /// From QEMU's start, or from the order to run a test in a machine that was there, to its end.
    pub elapsed: Duration,
    /// From QEMU's start to the kernel's hello, or to its fork point.
    pub boot: Option<Duration>,
    /// The machine as it stood at its end; `None` when it ended in good order or QEMU did not answer.
    pub autopsy: Option<Autopsy>,
}

impl Evidence {
    /// The reason of the event by which the machine shut down, if it did.
    #[must_use]
    pub fn shutdown_reason(&self) -> Option<&str> {
        self.events.iter().find(|event| event.name == "SHUTDOWN").map(|event| event.reason.as_deref().unwrap_or(""))
    }
}

#[cfg(test)]
impl Evidence {
    /// A session in which this nonce was given out, these records came, numbered from 0, and QEMU ended so.
    pub(crate) fn of(nonce: Nonce, said: Vec<super::Said>, ending: Ending) -> Self {
        let heard = (0..).zip(said).map(|(sequence, said)| Heard::Record { sequence, said }).collect();
        Self {
            accelerator: Accelerator::Tcg,
            serves: true,
            nonce: Some(nonce),
            heard,
            resumes: 0,
            cut: false,
            log: BoundedLog::new(1000),
            events: Vec::new(),
            stopped_in: None,
            triple_fault: false,
            messages: Vec::new(),
            ending,
            usage: Usage::default(),
            limit: Duration::from_secs(10),
            elapsed: Duration::from_millis(113),
            boot: Some(Duration::from_millis(80)),
            autopsy: None,
        }
    }
}

//! A machine at its ready point: its kernel has said hello and waits for a test, or has printed a certain text.

use std::time::Duration;

use super::{Heard, RecordLine, Said, Watch};
use crate::{bounded::BoundedLog, fork::ReadyPoint, machine::Backing, vm::Vm};

/// How a machine came to its ready point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It was booted.
    Boot,
    /// It is a clone of a machine that was saved at its ready point.
    Clone,
    /// It ran another test before, and was put back to its ready point.
    Reset,
    /// It ran other tests before, and is as they left it.
    Shared,
}

impl Origin {
    /// A short name for programs, stable between versions.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Clone => "clone",
            Self::Reset => "reset",
            Self::Shared => "shared",
        }
    }
}

/// What was heard of a machine up to its ready point.
#[derive(Clone, Debug, Default)]
pub struct Prelude {
    /// Frames on the record line, the hello among them.
    pub heard: Vec<Heard>,
    /// COM1.
    pub log: BoundedLog,
    /// The record line as it stands.
    pub line: RecordLine,
    /// How long it took.
    pub boot: Duration,
    /// Sequence number of the last record.
    pub resumes: u32,
}

/// A machine at its ready point.
#[derive(Debug)]
pub struct Stand {
    pub(crate) vm: Vm,
    /// How it came there.
    pub origin: Origin,
    /// Whether it runs; else it has to be let run.
    pub(crate) running: bool,
    /// Its ready point, when it was kept.
    ready_point: Option<ReadyPoint>,
    prelude: Prelude,
}

impl Stand {
    pub(crate) fn booted(vm: Vm, prelude: Prelude) -> Self {
        Self { vm, origin: Origin::Boot, running: true, ready_point: None, prelude }
    }

    /// A machine that stands still at its ready point, which was reached in another process.
    pub(crate) fn cloned(vm: Vm, prelude: Prelude, ready_point: Option<ReadyPoint>) -> Self {
        Self { vm, origin: Origin::Clone, running: false, ready_point, prelude }
    }

    /// Whether it can be put back to its ready point.
    #[must_use]
    pub fn is_resettable(&self) -> bool {
        self.ready_point.is_some()
    }

    /// What the machine's memory is.
    #[must_use]
    pub fn backing(&self) -> Backing {
        match (&self.ready_point, self.origin) {
            (Some(_), _) => Backing::Kept,
            (None, Origin::Clone) => Backing::Copied,
            (None, _) => Backing::Own,
        }
    }

    /// Puts it back to its ready point, where it stands still. It must stand still now.
    ///
    /// # Errors
    /// What QEMU or the system says; of what becomes of the machine then, nothing is known.
    pub fn reset(&mut self) -> Result<(), String> {
        let ready_point = self.ready_point.as_ref().ok_or("the machine has not kept its ready point")?;
        ready_point.restore(&mut self.vm)?;
        self.origin = Origin::Reset;
        self.running = false;
        // What stood half-read was of the life before.
        self.prelude.line = RecordLine::default();
        Ok(())
    }

    /// Whether its memory is, to the byte, what it was at the ready point that it has kept. For tests of the harness.
    #[must_use]
    pub fn memory_is_untouched(&self) -> bool {
        self.ready_point.as_ref().is_some_and(ReadyPoint::memory_is_untouched)
    }

    /// Sends bytes to COM1 and COM2, as if somebody typed there. A test's machine is sent nothing but its order.
    pub fn send(&mut self, com1: &[u8], com2: &[u8]) {
        self.vm.send_com1(com1);
        self.vm.send_com2(com2);
    }

    /// What was heard of it up to its ready point.
    pub(crate) fn prelude(&self) -> Prelude {
        self.prelude.clone()
    }

    /// How long it took to its ready point, when it was booted.
    pub(crate) fn boot(&self) -> Duration {
        self.prelude.boot
    }

    /// Takes from a session what the next one in the same machine has to know.
    pub(super) fn take_back(&mut self, watch: &Watch<'_>) {
        self.running = watch.ending().is_none_or(|ending| !ending.stands_still());
    }

    /// The machine ran a test, and waits for the next one as that left it.
    pub(crate) fn shared(mut self, last: u32, hello: Said) -> Self {
        self.origin = Origin::Shared;
        self.prelude = Prelude {
            heard: vec![Heard::Record { sequence: last, said: hello }],
            log: BoundedLog::new(super::LOG_BYTES),
            line: RecordLine::default(),
            boot: self.prelude.boot,
            resumes: last,
        };
        self
    }
}

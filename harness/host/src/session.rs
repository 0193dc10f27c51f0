//! One test in one machine: boot it, ask for the test, and collect what every witness saw.

mod evidence;
mod record_line;

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use steward_harness_wire::{After, Command, MAX_FRAME, Nonce, VERSION, encode};

use crate::{
    Emulator, Error,
    autopsy::Autopsy,
    bounded::BoundedLog,
    image::Image,
    machine::Configuration,
    process::Interrupts,
    qmp,
    vm::{Event, Vm, Wait},
};

pub use evidence::{Ending, Evidence, Exit, Phase, Usage};
pub use record_line::{Heard, Outcome, RecordLine, Said};

/// Bytes of COM1 that are kept from its start, and as many from its end.
const LOG_BYTES: usize = 128 << 10;
/// Frames that are kept; a kernel that sends more has gone mad.
const MOST_FRAMES: usize = 1000;
/// How long QEMU may take to end once it was asked to.
const QUIT_LIMIT: Duration = Duration::from_secs(5);
/// How long QEMU may take to state the machine's state.
const STATUS_LIMIT: Duration = Duration::from_secs(2);

/// How long a machine may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From QEMU's start to the kernel's hello.
    pub boot: Duration,
    /// From the request for a test to its last record.
    pub test: Duration,
    /// From that record to the machine's end.
    pub end: Duration,
}

impl Default for Limits {
    /// Limits for a machine of ordinary speed: 20 s, 10 s and 5 s.
    fn default() -> Self {
        Self { boot: Duration::from_secs(20), test: Duration::from_secs(10), end: Duration::from_secs(5) }
    }
}

impl Limits {
    /// The limits for a machine that is so many times slower. A faster one gets no less.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |limit: Duration| limit.mul_f64(factor.clamp(1.0, 100.0));
        Self { boot: scale(self.boot), test: scale(self.test), end: scale(self.end) }
    }
}

/// A nonce that nobody can have guessed.
#[must_use]
pub fn fresh_nonce() -> Nonce {
    // The standard library seeds each of these from the system's random numbers, and apart from each other.
    Nonce(RandomState::new().hash_one(0))
}

/// What is needed to run one test.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    /// The QEMU to use.
    pub emulator: &'a Emulator,
    /// What to boot.
    pub image: &'a Image,
    /// In what machine. Its kernel must serve the harness.
    pub configuration: &'a Configuration,
    /// How long it may take.
    pub limits: Limits,
    /// How many tests the kernel's ELF file holds.
    pub count: u32,
    /// Who may stop it.
    pub interrupts: &'a Interrupts,
}

impl Session<'_> {
    /// Boots the machine, runs the test of this index in it, and waits for the machine's end.
    ///
    /// Nothing of the machine is left when this returns. Whatever the machine does is evidence, not an error.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the harness was asked to stop, [`Error::Emulator`] or [`Error::Io`] when QEMU cannot
    /// be executed at all.
    pub fn run(&self, index: u32) -> Result<Evidence, Error> {
        self.run_tapped(index, &|_| ())
    }

    /// As [`Session::run`]; `tap` hears what comes over COM1, as it comes.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_tapped(&self, index: u32, tap: &dyn Fn(&[u8])) -> Result<Evidence, Error> {
        let mut vm = Vm::start(self.emulator, self.configuration, self.image, self.interrupts)?;
        let mut watch = Watch::new(self, tap);
        let ending = watch.until_end(&mut vm, index)?;
        Ok(watch.into_evidence(&vm, ending))
    }
}

/// A session under way.
struct Watch<'a> {
    session: &'a Session<'a>,
    tap: &'a dyn Fn(&[u8]),
    started: Instant,
    phase: Phase,
    phase_started: Instant,
    /// CPU time of QEMU at the phase's start.
    cpu_before: Duration,
    line: RecordLine,
    heard: Vec<Heard>,
    log: BoundedLog,
    events: Vec<qmp::Event>,
    nonce: Option<Nonce>,
    boot: Option<Duration>,
    usage: Usage,
    stopped_in: Option<String>,
    autopsy: Option<Autopsy>,
    /// The limit that was exceeded; zero when none was.
    exceeded: Duration,
    /// The harness has ended the machine, or asked QEMU to end: what happens now is its own doing.
    quitting: bool,
    refused: bool,
}

impl<'a> Watch<'a> {
    fn new(session: &'a Session<'a>, tap: &'a dyn Fn(&[u8])) -> Self {
        let now = Instant::now();
        Self {
            session,
            tap,
            started: now,
            phase: Phase::Boot,
            phase_started: now,
            cpu_before: Duration::ZERO,
            line: RecordLine::default(),
            heard: Vec::new(),
            log: BoundedLog::new(LOG_BYTES),
            events: Vec::new(),
            nonce: None,
            boot: None,
            usage: Usage::default(),
            stopped_in: None,
            autopsy: None,
            exceeded: Duration::ZERO,
            quitting: false,
            refused: false,
        }
    }

    fn limit(&self) -> Duration {
        let Limits { boot, test, end } = self.session.limits;
        match self.phase {
            _ if self.quitting => QUIT_LIMIT,
            Phase::Boot => boot,
            Phase::Run => test,
            Phase::End => end,
        }
    }

    fn until_end(&mut self, vm: &mut Vm, index: u32) -> Result<Ending, Error> {
        let mut timed_out = None;
        loop {
            match vm.wait(self.phase_started + self.limit()) {
                Wait::Event(event) => self.take(vm, event, index),
                Wait::TimeOut if self.quitting || timed_out.is_some() => vm.kill(),
                Wait::TimeOut => {
                    timed_out = Some(self.phase);
                    self.exceeded = self.limit();
                    self.examine_hung(vm);
                    self.quitting = true;
                    vm.kill();
                }
                Wait::Ended(status) => {
                    let exit = Exit::from(status);
                    return Ok(match timed_out {
                        Some(phase) => Ending::TimedOut(phase),
                        None if self.refused => Ending::Refused,
                        None if vm.was_killed() => Ending::Stuck,
                        None => Ending::Exited(exit),
                    });
                }
                Wait::Interrupted => {
                    return Err(Error::Interrupted(vm.interrupted_by()));
                }
                Wait::Other => {}
            }
        }
    }

    fn take(&mut self, vm: &mut Vm, event: Event, index: u32) {
        match event {
            Event::Com1(bytes) => {
                self.log.push(&bytes);
                (self.tap)(&bytes);
            }
            Event::Com2(bytes) => {
                for heard in self.line.push(&bytes) {
                    self.take_record(vm, heard, index);
                }
            }
            Event::Machine(event) => self.take_machine_event(vm, event),
        }
    }

    fn take_record(&mut self, vm: &mut Vm, heard: Heard, index: u32) {
        match (&heard, self.phase) {
            (Heard::Record { said: Said::Hello { version, tests }, .. }, Phase::Boot) => {
                self.boot = Some(self.started.elapsed());
                if (*version, *tests) == (VERSION, self.session.count) {
                    self.ask(vm, index);
                } else {
                    self.refused = true;
                    self.quit(vm);
                }
            }
            (Heard::Record { said, .. }, Phase::Run) if said.is_last() => self.enter(vm, Phase::End),
            _ => {}
        }
        if self.heard.len() < MOST_FRAMES {
            self.heard.push(heard);
        }
    }

    fn ask(&mut self, vm: &mut Vm, index: u32) {
        let nonce = fresh_nonce();
        self.nonce = Some(nonce);
        let mut buffer = [0; MAX_FRAME];
        // A command is a few dozen bytes: it always fits.
        if let Ok(frame) = encode(0, &Command::Run { nonce, index, seed: 0, after: After::Exit }, &mut buffer) {
            vm.send_com2(frame);
        }
        self.enter(vm, Phase::Run);
    }

    fn enter(&mut self, vm: &Vm, phase: Phase) {
        self.phase = phase;
        self.phase_started = Instant::now();
        self.cpu_before = vm.cpu_time().unwrap_or(self.cpu_before);
    }

    fn quit(&mut self, vm: &mut Vm) {
        self.quitting = true;
        self.phase_started = Instant::now();
        vm.quit();
    }

    fn take_machine_event(&mut self, vm: &mut Vm, event: qmp::Event) {
        // What happens after the harness has asked QEMU to end is no evidence.
        if self.quitting {
            return;
        }
        let name = event.name.clone();
        let reason = event.reason.clone().unwrap_or_default();
        if self.events.len() < MOST_FRAMES {
            self.events.push(event);
        }
        match (name.as_str(), reason.as_str()) {
            // QEMU was asked from outside to end, and ends by itself.
            ("SHUTDOWN", "host-signal" | "host-ui") => {}
            ("SHUTDOWN", reason) => {
                // The machine is stopped and stands as it was. A power-off leaves nothing to explain.
                if reason != "guest-shutdown" {
                    self.autopsy = Autopsy::of_stopped(vm).ok();
                }
                self.quit(vm);
            }
            ("GUEST_PANICKED", _) => {
                self.autopsy = Autopsy::of_stopped(vm).ok();
                self.quit(vm);
            }
            // It follows a shut-down; by itself it means that QEMU gave up on the machine.
            ("STOP", _) => {
                let answer = vm.ask("query-status", None, STATUS_LIMIT);
                let state = answer.map_or_else(|error| error, |answer| answer["status"].as_str().unwrap_or("").into());
                if !matches!(state.as_str(), "shutdown" | "guest-panicked" | "running") {
                    self.stopped_in = Some(state);
                    self.autopsy = Autopsy::of_stopped(vm).ok();
                    self.quit(vm);
                }
            }
            _ => {}
        }
    }

    fn examine_hung(&mut self, vm: &mut Vm) {
        let cpu = vm.cpu_time().unwrap_or_default().saturating_sub(self.cpu_before);
        self.usage = Usage { elapsed: self.phase_started.elapsed(), cpu };
        self.autopsy = Autopsy::of_running(vm).ok();
    }

    fn into_evidence(self, vm: &Vm, ending: Ending) -> Evidence {
        Evidence {
            accelerator: self.session.configuration.accelerator,
            nonce: self.nonce,
            cut: self.line.is_inside_frame(),
            heard: self.heard,
            log: self.log,
            events: self.events,
            stopped_in: self.stopped_in,
            triple_fault: vm.saw_triple_fault(),
            messages: vm.emulator_messages().to_vec(),
            ending,
            usage: self.usage,
            limit: self.exceeded,
            elapsed: self.started.elapsed(),
            boot: self.boot,
            autopsy: self.autopsy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nonces_are_alike() {
        let nonces: std::collections::HashSet<Nonce> = (0..1000).map(|_| fresh_nonce()).collect();
        assert_eq!(nonces.len(), 1000);
    }

    #[test]
    fn limits_grow_with_a_slow_machine_and_never_shrink() {
        let limits = Limits::default();
        assert_eq!(limits.scaled(0.01), limits);
        assert_eq!(limits.scaled(2.5).test, Duration::from_secs(25));
        assert_eq!(limits.scaled(f64::INFINITY).test, Duration::from_secs(1000));
    }
}

//! What every session sees of its machine, whatever else it listens for: the log, QEMU's events, time, and the end.

use std::time::{Duration, Instant};

use super::{Ending, Evidence, Exit, LOG_BYTES, Phase, Session, Usage};
use crate::{
    Error,
    autopsy::Autopsy,
    bounded::BoundedLog,
    qmp,
    vm::{Event, Vm, Wait},
};

/// Events that are kept; a machine that makes more has gone mad.
const MOST_EVENTS: usize = 1000;
/// How long QEMU may take to end once it was asked to.
const QUIT_LIMIT: Duration = Duration::from_secs(5);
/// How long QEMU may take to state the machine's state.
const STATUS_LIMIT: Duration = Duration::from_secs(2);

/// One thing that came, or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Bytes from COM1, which stand in the log already.
    Com1(Vec<u8>),
    /// Bytes from COM2.
    Com2(Vec<u8>),
    /// The phase's limit has passed, and whoever watches has to say what that means.
    Late,
    /// Nothing that it has to look at.
    Nothing,
}

/// A machine that is watched.
pub struct Observer<'a> {
    tap: &'a dyn Fn(&[u8]),
    pub started: Instant,
    pub phase: Phase,
    pub phase_started: Instant,
    /// CPU time of QEMU at the phase's start.
    cpu_before: Duration,
    pub log: BoundedLog,
    events: Vec<qmp::Event>,
    usage: Usage,
    stopped_in: Option<String>,
    pub autopsy: Option<Autopsy>,
    /// The limit that was exceeded; zero when none was.
    exceeded: Duration,
    /// The harness has stopped the machine to look at it.
    pub looking: bool,
    /// QEMU was asked to end: what happens now is the harness's own doing.
    quitting: bool,
    /// Set once the machine has come to its end.
    pub ending: Option<Ending>,
}

impl<'a> Observer<'a> {
    /// Of a machine that was just started. `tap` hears what comes over COM1.
    pub fn new(tap: &'a dyn Fn(&[u8])) -> Self {
        let now = Instant::now();
        Self {
            tap,
            started: now,
            phase: Phase::Boot,
            phase_started: now,
            cpu_before: Duration::ZERO,
            log: BoundedLog::new(LOG_BYTES),
            events: Vec::new(),
            usage: Usage::default(),
            stopped_in: None,
            autopsy: None,
            exceeded: Duration::ZERO,
            looking: false,
            quitting: false,
            ending: None,
        }
    }

    pub fn enter(&mut self, vm: &Vm, phase: Phase) {
        self.phase = phase;
        self.phase_started = Instant::now();
        self.cpu_before = vm.cpu_time().unwrap_or(self.cpu_before);
    }

    /// Whether QEMU was asked to end.
    pub fn is_quitting(&self) -> bool {
        self.quitting
    }

    /// How long the phase may take, when that is `limit` while the machine lives.
    pub fn limit(&self, limit: Duration) -> Duration {
        if self.quitting { QUIT_LIMIT } else { limit }
    }

    /// Takes one thing that comes before `deadline`, in a phase that may take `limit`.
    pub fn step(&mut self, vm: &mut Vm, deadline: Instant, limit: Duration) -> Result<Seen, Error> {
        if self.ending.is_some() {
            return Ok(Seen::Nothing);
        }
        match vm.wait(deadline) {
            Wait::Event(event) => return Ok(self.take(vm, event)),
            Wait::TimeOut if Instant::now() < self.phase_started + self.limit(limit) => {}
            Wait::TimeOut if self.quitting => vm.kill(),
            Wait::TimeOut => return Ok(Seen::Late),
            Wait::Ended(_) if vm.was_killed() => self.ending = Some(Ending::Stuck),
            Wait::Ended(status) => self.ending = Some(Ending::Exited(Exit::from(status))),
            Wait::Interrupted => return Err(Error::Interrupted(vm.interrupted_by())),
            Wait::Other => {}
        }
        Ok(Seen::Nothing)
    }

    /// What a machine that stands still had sent before; `None` when that is all.
    pub fn leftover(&mut self, vm: &mut Vm) -> Option<Seen> {
        if !self.ending.is_some_and(Ending::stands_still) {
            return None;
        }
        let event = vm.ready()?;
        Some(self.take(vm, event))
    }

    fn take(&mut self, vm: &mut Vm, event: Event) -> Seen {
        match event {
            Event::Com1(bytes) => {
                self.log.push(&bytes);
                (self.tap)(&bytes);
                return Seen::Com1(bytes);
            }
            Event::Com2(bytes) => return Seen::Com2(bytes),
            Event::Machine(event) => self.take_machine_event(vm, event),
        }
        Seen::Nothing
    }

    /// Time has run out: the machine is stopped and looked at.
    pub fn time_out(&mut self, vm: &mut Vm, limit: Duration) {
        self.exceeded = limit;
        let cpu = vm.cpu_time().unwrap_or_default().saturating_sub(self.cpu_before);
        self.usage = Usage { elapsed: self.phase_started.elapsed(), cpu };
        self.autopsy = Autopsy::of_running(vm).ok();
        self.ending = Some(Ending::TimedOut(self.phase));
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
        if self.events.len() < MOST_EVENTS {
            self.events.push(event);
        }
        match (name.as_str(), reason.as_str()) {
            // QEMU was asked from outside to end, and ends by itself.
            ("SHUTDOWN", "host-signal" | "host-ui") => {}
            // A power-off leaves nothing to explain, and QEMU's exit status may say more.
            ("SHUTDOWN", "guest-shutdown") => self.quit(vm),
            ("SHUTDOWN" | "GUEST_PANICKED", _) => self.stop(vm),
            // It follows a shut-down or the harness's own order; by itself it means that QEMU gave up on the machine.
            ("STOP", _) if self.looking => {}
            ("STOP", _) => {
                // Without an answer, QEMU's end or the limit will tell.
                let Ok(answer) = vm.ask("query-status", None, STATUS_LIMIT) else { return };
                let state = String::from(answer["status"].as_str().unwrap_or(""));
                if !matches!(state.as_str(), "shutdown" | "guest-panicked" | "paused" | "running") {
                    self.stopped_in = Some(state);
                    self.stop(vm);
                }
            }
            _ => {}
        }
    }

    /// The machine stands still, as it was when it came to its end.
    fn stop(&mut self, vm: &mut Vm) {
        self.autopsy = Autopsy::of_stopped(vm).ok();
        self.ending.get_or_insert(Ending::Stopped);
    }

    /// What was seen, with nothing heard on the record line.
    pub fn into_evidence(self, session: &Session<'_>, vm: &Vm, ending: Ending, boot: Option<Duration>) -> Evidence {
        Evidence {
            accelerator: session.configuration.accelerator,
            serves: session.ready.is_hello(),
            nonce: None,
            resumes: 0,
            cut: false,
            heard: Vec::new(),
            log: self.log,
            events: self.events,
            stopped_in: self.stopped_in,
            triple_fault: vm.saw_triple_fault(),
            messages: vm.emulator_messages().to_vec(),
            ending,
            usage: self.usage,
            limit: self.exceeded,
            elapsed: self.started.elapsed(),
            boot,
            autopsy: self.autopsy,
        }
    }
}

//! One test in one machine: boot it, ask for the test, and collect what every witness saw.

mod evidence;
mod record_line;
mod stand;

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use steward_harness_wire::{After, Command, MAX_FRAME, Nonce, VERSION, encode, word};

use crate::{
    Emulator, Error,
    autopsy::{self, Autopsy},
    bounded::BoundedLog,
    image::Image,
    machine::Configuration,
    process::Interrupts,
    qmp,
    vm::{Event, Vm, Wait},
};

pub use evidence::{Ending, Evidence, Exit, Phase, Usage};
pub use record_line::{Heard, Outcome, RecordLine, Said};
pub(crate) use stand::Prelude;
pub use stand::{Origin, Stand};

/// Bytes of COM1 that are kept from its start, and as many from its end.
pub(crate) const LOG_BYTES: usize = 128 << 10;
/// Frames that are kept; a kernel that sends more has gone mad.
const MOST_FRAMES: usize = 1000;
/// How long QEMU may take to end once it was asked to.
const QUIT_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait before looking whether a machine is parked: at first, which is about what a kernel needs to come
/// there from its last record, and at most.
const SHORTEST_LOOK: Duration = Duration::from_micros(400);
const LONGEST_LOOK: Duration = Duration::from_millis(50);
/// How long QEMU may take to state the machine's state.
const STATUS_LIMIT: Duration = Duration::from_secs(2);

/// How long a machine may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From QEMU's start to the kernel's hello.
    pub boot: Duration,
    /// From the request for a test to its start, in a machine that has had another life: when it takes longer, the
    /// machine is lost.
    pub start: Duration,
    /// From the request for a test to its last record.
    pub test: Duration,
    /// From that record to the machine's end.
    pub end: Duration,
}

impl Default for Limits {
    /// Limits for a machine of ordinary speed: 20 s, 2 s, 10 s and 5 s.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { boot: seconds(20), start: seconds(2), test: seconds(10), end: seconds(5) }
    }
}

impl Limits {
    /// The limits for a machine that is so many times slower. A faster one gets no less.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |limit: Duration| limit.mul_f64(factor.clamp(1.0, 100.0));
        Self { boot: scale(self.boot), start: scale(self.start), test: scale(self.test), end: scale(self.end) }
    }
}

/// A nonce that nobody can have guessed.
#[must_use]
pub fn fresh_nonce() -> Nonce {
    // The standard library seeds each of these from the system's random numbers, and apart from each other.
    Nonce(RandomState::new().hash_one(0))
}

/// A test to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its index in the kernel's ELF file.
    pub index: u32,
    /// What it may choose by.
    pub seed: u64,
    /// What the kernel shall do when it is over.
    pub after: After,
}

/// What is needed to run tests in machines of one kind.
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
    /// Boots a machine, runs one test in it, and ends it.
    ///
    /// Nothing of the machine is left when this returns. Whatever the machine does is evidence, not an error.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the harness was asked to stop, [`Error::Emulator`] or [`Error::Io`] when QEMU cannot
    /// be executed at all.
    pub fn run(&self, request: Request) -> Result<Evidence, Error> {
        match self.boot(&|_| ())? {
            Ok(mut stand) => self.run_on(&mut stand, request, &|_| ()),
            Err(evidence) => Ok(*evidence),
        }
    }

    /// Boots a machine up to its ready point; the inner error is the evidence of one that did not come so far. `tap`
    /// hears what comes over COM1, as it comes.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn boot(&self, tap: &dyn Fn(&[u8])) -> Result<Result<Stand, Box<Evidence>>, Error> {
        let vm = Vm::start(self.emulator, self.configuration, self.image, self.interrupts)?;
        self.await_hello(vm, tap)
    }

    /// As [`Session::boot`], for a machine that was just let run.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn await_hello(&self, mut vm: Vm, tap: &dyn Fn(&[u8])) -> Result<Result<Stand, Box<Evidence>>, Error> {
        let mut watch = Watch::new(self, tap);
        Ok(match watch.until_hello(&mut vm)? {
            None => Ok(watch.into_stand(vm)),
            Some(ending) => Err(Box::new(watch.into_evidence(&vm, ending))),
        })
    }

    /// Runs one test in a machine at its ready point. What becomes of the machine then is said by
    /// [`Evidence::ending`]; it stands or runs until `stand` is dropped.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_on(&self, stand: &mut Stand, request: Request, tap: &dyn Fn(&[u8])) -> Result<Evidence, Error> {
        let mut watch = Watch::resumed(self, tap, stand);
        watch.ask(&mut stand.vm, request);
        if !std::mem::replace(&mut stand.running, true) {
            stand.vm.resume();
        }
        let ending = watch.until_end(&mut stand.vm)?;
        stand.take_back(&watch);
        Ok(watch.into_evidence(&stand.vm, ending))
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
    after: After,
    boot: Option<Duration>,
    /// Sequence number of the last record before the test's first.
    resumes: u32,
    /// The machine has had another life: what it says before it has started this run's test is of that.
    discarding: bool,
    usage: Usage,
    stopped_in: Option<String>,
    autopsy: Option<Autopsy>,
    /// The limit that was exceeded; zero when none was.
    exceeded: Duration,
    /// The harness has stopped the machine to look at it.
    looking: bool,
    /// QEMU was asked to end: what happens now is the harness's own doing.
    quitting: bool,
    /// Set once the machine has come to its end.
    ending: Option<Ending>,
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
            after: After::Exit,
            boot: None,
            resumes: 0,
            discarding: false,
            usage: Usage::default(),
            stopped_in: None,
            autopsy: None,
            exceeded: Duration::ZERO,
            looking: false,
            quitting: false,
            ending: None,
        }
    }

    /// A session that goes on from a machine's ready point.
    fn resumed(session: &'a Session<'a>, tap: &'a dyn Fn(&[u8]), stand: &mut Stand) -> Self {
        let Prelude { heard, log, line, boot, resumes } = stand.prelude();
        let discarding = matches!(stand.origin, Origin::Reset | Origin::Shared);
        Self { heard, log, line, boot: Some(boot), resumes, discarding, ..Self::new(session, tap) }
    }

    fn into_stand(self, vm: Vm) -> Stand {
        let Self { heard, log, line, boot, .. } = self;
        Stand::booted(vm, Prelude { heard, log, line, boot: boot.unwrap_or_default(), resumes: 0 })
    }

    fn limit(&self) -> Duration {
        let Limits { boot, start, test, end } = self.session.limits;
        match self.phase {
            _ if self.quitting => QUIT_LIMIT,
            Phase::Boot => boot,
            // A machine that has had another life takes its order at once, or never.
            Phase::Run if self.discarding => start,
            Phase::Run => test,
            Phase::End => end,
        }
    }

    /// Waits for the kernel's hello; `Some` when the machine came to an end instead.
    fn until_hello(&mut self, vm: &mut Vm) -> Result<Option<Ending>, Error> {
        while self.boot.is_none() && self.ending.is_none() {
            self.step(vm, self.phase_started + self.limit())?;
        }
        self.settle(vm);
        Ok(self.ending)
    }

    fn until_end(&mut self, vm: &mut Vm) -> Result<Ending, Error> {
        let mut pause = SHORTEST_LOOK;
        let ending = loop {
            if let Some(ending) = self.ending {
                break ending;
            }
            let deadline = self.phase_started + self.limit();
            if self.phase != Phase::End || self.after == After::Exit || self.quitting {
                self.step(vm, deadline)?;
                continue;
            }
            let next_look = deadline.min(Instant::now() + pause);
            // A look makes events of its own, which must not put the next one off, nor the limit.
            while self.ending.is_none() && Instant::now() < next_look {
                self.step(vm, next_look)?;
            }
            if self.ending.is_none() {
                self.look_whether_parked(vm);
            }
            if self.ending.is_none() && Instant::now() >= deadline {
                self.time_out(vm);
            }
            pause = (pause * 2).min(LONGEST_LOOK);
        };
        self.settle(vm);
        // What a machine did that never took this run's order says nothing about the test, and its end neither; but who
        // kills its emulator is told.
        let lost = self.discarding && !matches!(ending, Ending::Exited(Exit::Signal(_)) | Ending::Stuck);
        Ok(if lost { Ending::Stale } else { ending })
    }

    fn time_out(&mut self, vm: &mut Vm) {
        // A kernel that went down and could not even say so has parked without a record.
        if self.phase == Phase::Run && self.after != After::Exit {
            self.look_whether_parked(vm);
            if self.ending.is_some() {
                return;
            }
        }
        self.exceeded = self.limit();
        self.examine_hung(vm);
        self.ending = Some(Ending::TimedOut(self.phase));
    }

    /// Takes one thing that comes before `deadline`.
    fn step(&mut self, vm: &mut Vm, deadline: Instant) -> Result<(), Error> {
        if self.ending.is_some() {
            return Ok(());
        }
        match vm.wait(deadline) {
            Wait::Event(event) => self.take(vm, event),
            Wait::TimeOut if Instant::now() < self.phase_started + self.limit() => {}
            Wait::TimeOut if self.quitting => vm.kill(),
            Wait::TimeOut => self.time_out(vm),
            Wait::Ended(_) if vm.was_killed() => self.ending = Some(Ending::Stuck),
            Wait::Ended(status) => self.ending = Some(Ending::Exited(Exit::from(status))),
            Wait::Interrupted => return Err(Error::Interrupted(vm.interrupted_by())),
            Wait::Other => {}
        }
        Ok(())
    }

    /// Takes what a machine that stands still had sent before.
    fn settle(&mut self, vm: &mut Vm) {
        while self.ending.is_some_and(Ending::stands_still)
            && let Some(event) = vm.ready()
        {
            self.take(vm, event);
        }
    }

    fn take(&mut self, vm: &mut Vm, event: Event) {
        match event {
            Event::Com1(bytes) => {
                self.log.push(&bytes);
                (self.tap)(&bytes);
            }
            Event::Com2(bytes) => {
                for heard in self.line.push(&bytes) {
                    self.take_record(vm, heard);
                }
            }
            Event::Machine(event) => self.take_machine_event(vm, event),
        }
    }

    fn take_record(&mut self, vm: &Vm, heard: Heard) {
        if self.discarding && !self.starts_this_run(&heard) {
            return;
        }
        match (&heard, self.phase) {
            (Heard::Record { said: Said::Hello { version, tests }, .. }, Phase::Boot) if self.boot.is_none() => {
                self.boot = Some(self.started.elapsed());
                if (*version, *tests) != (VERSION, self.session.count) {
                    self.ending = Some(Ending::Refused);
                }
            }
            (Heard::Record { said, .. }, Phase::Run) if said.is_last() => {
                self.enter(vm, Phase::End);
                if self.after == After::Serve && matches!(said, Said::Finished { .. }) {
                    self.ending = Some(Ending::Served);
                }
            }
            _ => {}
        }
        if self.heard.len() < MOST_FRAMES {
            self.heard.push(heard);
        }
    }

    /// Whether this is the first word of this run from a machine that has had another life.
    fn starts_this_run(&mut self, heard: &Heard) -> bool {
        let Heard::Record { sequence, said: Said::Started { nonce, .. } } = heard else { return false };
        if Some(*nonce) != self.nonce {
            // It obeyed an order that was meant for the life before. In a shared machine this run's comes next.
            if self.resumes == 0 {
                self.ending = Some(Ending::Stale);
            }
            return false;
        }
        self.discarding = false;
        if self.resumes != 0
            && let Some(Heard::Record { sequence: hello, .. }) = self.heard.first_mut()
        {
            self.resumes = sequence.saturating_sub(1);
            *hello = self.resumes;
        }
        true
    }

    fn ask(&mut self, vm: &mut Vm, request: Request) {
        let Request { index, seed, after } = request;
        let nonce = fresh_nonce();
        self.nonce = Some(nonce);
        self.after = after;
        // Ends what a life before may have left half-sent.
        vm.send_com2(&[0]);
        let mut buffer = [0; MAX_FRAME];
        // A command is a few dozen bytes: it always fits.
        if let Ok(frame) = encode(0, &Command::Run { nonce, index, seed, after }, &mut buffer) {
            vm.send_com2(frame);
        }
        self.enter(vm, Phase::Run);
    }

    fn enter(&mut self, vm: &Vm, phase: Phase) {
        self.phase = phase;
        self.phase_started = Instant::now();
        self.cpu_before = vm.cpu_time().unwrap_or(self.cpu_before);
    }

    /// Stops the machine and looks for a CPU that waits as a parked one does; lets it run again when there is none.
    fn look_whether_parked(&mut self, vm: &mut Vm) {
        let Some(nonce) = self.nonce else { return };
        self.looking = true;
        // When QEMU does not answer, it has ended or the limit of this phase will tell.
        let Ok(cpus) = autopsy::registers_of_stopped(vm) else { return };
        let Some(word) = cpus.iter().find_map(|cpu| cpu.parked_word(nonce)) else {
            self.looking = false;
            return vm.resume();
        };
        self.ending = Some(Ending::Parked { word });
        if word != u64::from(word::PASSED) {
            self.autopsy = Autopsy::of_stopped(vm).ok();
        }
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

    fn examine_hung(&mut self, vm: &mut Vm) {
        let cpu = vm.cpu_time().unwrap_or_default().saturating_sub(self.cpu_before);
        self.usage = Usage { elapsed: self.phase_started.elapsed(), cpu };
        self.autopsy = Autopsy::of_running(vm).ok();
    }

    fn into_evidence(self, vm: &Vm, ending: Ending) -> Evidence {
        Evidence {
            accelerator: self.session.configuration.accelerator,
            nonce: self.nonce,
            resumes: self.resumes,
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

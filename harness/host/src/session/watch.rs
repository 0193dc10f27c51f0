//! A session under way: what comes from the machine, in order, until it has come to its end.

use std::time::{Duration, Instant};

use steward_harness_wire::{After, Command, MAX_FRAME, Nonce, VERSION, encode, word};

use super::{
    Ending, Evidence, Exit, Heard, LOG_BYTES, Limits, Origin, Phase, Prelude, RecordLine, Request, Said, Session,
    Stand, Usage, fresh_nonce,
};
use crate::{
    Error,
    autopsy::{self, Autopsy},
    bounded::BoundedLog,
    qmp,
    vm::{Event, Vm, Wait},
};

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

/// A session under way.
pub struct Watch<'a> {
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
    pub ending: Option<Ending>,
}

impl<'a> Watch<'a> {
    pub fn new(session: &'a Session<'a>, tap: &'a dyn Fn(&[u8])) -> Self {
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
    pub fn resumed(session: &'a Session<'a>, tap: &'a dyn Fn(&[u8]), stand: &mut Stand) -> Self {
        let Prelude { heard, log, line, boot, resumes } = stand.prelude();
        let discarding = matches!(stand.origin, Origin::Reset | Origin::Shared);
        Self { heard, log, line, boot: Some(boot), resumes, discarding, ..Self::new(session, tap) }
    }

    pub fn into_stand(self, vm: Vm) -> Stand {
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
    pub fn until_hello(&mut self, vm: &mut Vm) -> Result<Option<Ending>, Error> {
        while self.boot.is_none() && self.ending.is_none() {
            self.step(vm, self.phase_started + self.limit())?;
        }
        self.settle(vm);
        Ok(self.ending)
    }

    pub fn until_end(&mut self, vm: &mut Vm) -> Result<Ending, Error> {
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

    pub fn ask(&mut self, vm: &mut Vm, request: Request) {
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

    pub fn into_evidence(self, vm: &Vm, ending: Ending) -> Evidence {
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

//! A session under way: what comes from the machine, in order, until it has come to its end.

use std::time::{Duration, Instant};

use steward_harness_wire::{After, Command, MAX_FRAME, Nonce, VERSION, encode, word};

use super::{
    Ending, Evidence, Exit, Heard, Limits, Origin, Phase, Prelude, Ready, RecordLine, Request, Said, Session, Stand,
    fresh_nonce,
    observer::{Observer, Seen},
};
use crate::{
    Error,
    autopsy::{self, Autopsy},
    vm::Vm,
};

/// Frames that are kept; a kernel that sends more has gone mad.
const MOST_FRAMES: usize = 1000;
/// How long to wait before looking whether a machine is parked: at first, which is about what a kernel needs to come
/// there from its last record, and at most.
const SHORTEST_LOOK: Duration = Duration::from_micros(400);
const LONGEST_LOOK: Duration = Duration::from_millis(50);

/// A session under way.
pub struct Watch<'a> {
    session: &'a Session<'a>,
    observer: Observer<'a>,
    line: RecordLine,
    heard: Vec<Heard>,
    nonce: Option<Nonce>,
    after: After,
    boot: Option<Duration>,
    /// Sequence number of the last record before the test's first.
    resumes: u32,
    /// The machine has had another life: what it says before it has started this run's test is of that.
    discarding: bool,
}

impl<'a> Watch<'a> {
    pub fn new(session: &'a Session<'a>, tap: &'a dyn Fn(&[u8])) -> Self {
        Self {
            session,
            observer: Observer::new(tap),
            line: RecordLine::default(),
            heard: Vec::new(),
            nonce: None,
            after: After::Exit,
            boot: None,
            resumes: 0,
            discarding: false,
        }
    }

    /// A session that goes on from a machine's ready point.
    pub fn resumed(session: &'a Session<'a>, tap: &'a dyn Fn(&[u8]), stand: &mut Stand) -> Self {
        let Prelude { heard, log, line, boot, resumes } = stand.prelude();
        let discarding = matches!(stand.origin, Origin::Reset | Origin::Shared);
        let mut observer = Observer::new(tap);
        observer.log = log;
        Self { observer, heard, line, boot: Some(boot), resumes, discarding, ..Self::new(session, tap) }
    }

    pub fn into_stand(self, vm: Vm) -> Stand {
        let Self { observer, heard, line, boot, .. } = self;
        Stand::booted(vm, Prelude { heard, log: observer.log, line, boot: boot.unwrap_or_default(), resumes: 0 })
    }

    /// How the session ended, once it has.
    pub fn ending(&self) -> Option<Ending> {
        self.observer.ending
    }

    fn limit(&self) -> Duration {
        let Limits { boot, start, test, end } = self.session.limits;
        self.observer.limit(match self.observer.phase {
            Phase::Boot => boot,
            // A machine that has had another life takes its order at once, or never.
            Phase::Run if self.discarding => start,
            Phase::Run => test,
            Phase::End => end,
        })
    }

    /// Waits for the kernel's hello; `Some` when the machine came to an end instead.
    pub fn until_hello(&mut self, vm: &mut Vm) -> Result<Option<Ending>, Error> {
        while self.boot.is_none() && self.ending().is_none() {
            self.step(vm, self.observer.phase_started + self.limit())?;
        }
        self.settle(vm);
        Ok(self.ending())
    }

    pub fn until_end(&mut self, vm: &mut Vm) -> Result<Ending, Error> {
        let mut pause = SHORTEST_LOOK;
        let ending = loop {
            if let Some(ending) = self.ending() {
                break ending;
            }
            let deadline = self.observer.phase_started + self.limit();
            if self.observer.phase != Phase::End || self.after == After::Exit || self.observer.is_quitting() {
                self.step(vm, deadline)?;
                continue;
            }
            let next_look = deadline.min(Instant::now() + pause);
            // A look makes events of its own, which must not put the next one off, nor the limit.
            while self.ending().is_none() && Instant::now() < next_look {
                self.step(vm, next_look)?;
            }
            if self.ending().is_none() {
                self.look_whether_parked(vm);
            }
            if self.ending().is_none() && Instant::now() >= deadline {
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
        if self.observer.phase == Phase::Run && self.after != After::Exit {
            self.look_whether_parked(vm);
            if self.ending().is_some() {
                return;
            }
        }
        let limit = self.limit();
        self.observer.time_out(vm, limit);
    }

    /// Takes one thing that comes before `deadline`.
    fn step(&mut self, vm: &mut Vm, deadline: Instant) -> Result<(), Error> {
        let limit = self.limit();
        match self.observer.step(vm, deadline, limit)? {
            Seen::Late => self.time_out(vm),
            seen => self.take(vm, seen),
        }
        Ok(())
    }

    /// Takes what a machine that stands still had sent before.
    fn settle(&mut self, vm: &mut Vm) {
        while let Some(seen) = self.observer.leftover(vm) {
            self.take(vm, seen);
        }
    }

    fn take(&mut self, vm: &mut Vm, seen: Seen) {
        if let Seen::Com2(bytes) = seen {
            for heard in self.line.push(&bytes) {
                self.take_record(vm, heard);
            }
        }
    }

    fn take_record(&mut self, vm: &Vm, heard: Heard) {
        if self.discarding && !self.starts_this_run(&heard) {
            return;
        }
        match (&heard, self.observer.phase) {
            (Heard::Record { said: Said::Hello { version, tests }, .. }, Phase::Boot) if self.boot.is_none() => {
                self.boot = Some(self.observer.started.elapsed());
                if (Ready::Hello { tests: *tests }, *version) != (self.session.ready, VERSION) {
                    self.observer.ending = Some(Ending::Refused);
                }
            }
            (Heard::Record { said, .. }, Phase::Run) if said.is_last() => {
                self.observer.enter(vm, Phase::End);
                if self.after == After::Serve && matches!(said, Said::Finished { .. }) {
                    self.observer.ending = Some(Ending::Served);
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
                self.observer.ending = Some(Ending::Stale);
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
        self.observer.enter(vm, Phase::Run);
    }

    /// Stops the machine and looks for a CPU that waits as a parked one does; lets it run again when there is none.
    fn look_whether_parked(&mut self, vm: &mut Vm) {
        let Some(nonce) = self.nonce else { return };
        self.observer.looking = true;
        // When QEMU does not answer, it has ended or the limit of this phase will tell.
        let Ok(cpus) = autopsy::registers_of_stopped(vm) else { return };
        let Some(word) = cpus.iter().find_map(|cpu| cpu.parked_word(nonce)) else {
            self.observer.looking = false;
            return vm.resume();
        };
        self.observer.ending = Some(Ending::Parked { word });
        if word != u64::from(word::PASSED) {
            self.observer.autopsy = Autopsy::of_stopped(vm).ok();
        }
    }

    pub fn into_evidence(self, vm: &Vm, ending: Ending) -> Evidence {
        Evidence {
            nonce: self.nonce,
            resumes: self.resumes,
            cut: self.line.is_inside_frame(),
            heard: self.heard,
            ..self.observer.into_evidence(self.session, vm, ending, self.boot)
        }
    }
}

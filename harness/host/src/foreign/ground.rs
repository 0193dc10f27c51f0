//! One run of a kernel, or one line of a script: its machine, what is typed, its verdict.

use std::{
    sync::{Mutex, PoisonError, mpsc::Sender},
    time::{Duration, Instant},
};

use rustix::thread::sched_getcpu;
use steward_ktap::Status;

use super::{
    Expectation, Foreign,
    decide::{Decider, Findings, Typed},
    diagnosis::diagnosis,
    judge::{judge, no_fork_point},
    results::{Case, is_failure},
    watch::{Listener, watch},
};
use crate::{
    Error,
    fork::Pool,
    listing::{Subject, Test},
    machine::{Configuration, Shape},
    process::{self, Interrupts},
    session::{Ending, Evidence, Limits, Prelude, Ready, Session, Stand, fresh_nonce},
    suite::{
        Isolation, Origin,
        dispatch::{self, Job, News, Part},
        lane::{self, Lanes, Outcome, Place, crowding, seed_of},
    },
    verdict::{Judgement, Verdict, starved},
    vm::Vm,
};

/// What all lines of a run share.
pub struct Ground<'a> {
    foreign: &'a Foreign<'a>,
    interrupts: &'a Interrupts,
    /// Somebody wants to hear what machines write to COM1.
    output: bool,
    pool: Pool,
    lanes: Lanes,
    /// Machines that ran until their time was up and did not come to the fork point, since one did.
    lost: Mutex<Lost>,
}

/// How many machines may wait in vain for the fork point, before no more are tried.
const MOST_LOST: usize = 2;

/// Machines that did not come to the fork point.
#[derive(Debug, Default)]
struct Lost {
    count: usize,
    last: Option<Box<Evidence>>,
}

impl<'a> Ground<'a> {
    pub fn new(foreign: &'a Foreign<'a>, interrupts: &'a Interrupts, output: bool) -> Self {
        Self {
            foreign,
            interrupts,
            output,
            pool: Pool::new(foreign.cache.clone(), foreign.slots()),
            lanes: Lanes::new(foreign.slots()),
            lost: Mutex::default(),
        }
    }

    fn limits(&self, test: &Test, shape: &Shape, slots: u32) -> Limits {
        let own =
            self.foreign.line(test).and_then(|line| line.timeout).map(|seconds| Duration::from_secs(seconds.into()));
        let Limits { boot, test, .. } = self.foreign.limits;
        let boot = boot.max(self.foreign.image.boot.limit());
        let limits = Limits { boot, test: own.unwrap_or(test), ..self.foreign.limits };
        limits.scaled(self.foreign.chosen.slowness * crowding(shape.cpus, slots))
    }

    fn attempt<'t>(&self, test: &'t Test, place: (u32, u32), news: &Sender<News<'t>>) -> Result<Outcome, Error> {
        let (lane, slots) = place;
        let tap = |bytes: &[u8]| {
            if self.output {
                drop(news.send(News::Output(test, bytes.into())));
            }
        };
        let Foreign { shape, chosen, command_line, script, .. } = self.foreign;
        let serving = Configuration::serving(shape.clone(), chosen.accelerator, slots);
        let configuration = Configuration { command_line: command_line.clone(), ..serving };
        let fork_at = script.as_ref().map(|script| script.fork_at.as_str());
        let session = Session {
            emulator: self.foreign.emulator,
            image: self.foreign.image,
            configuration: &configuration,
            limits: self.limits(test, shape, slots),
            ready: Ready::Text(fork_at.unwrap_or_default()),
            interrupts: self.interrupts,
        };
        let line = self.foreign.line(test);
        let expect = self.foreign.expected(line);
        let typed = line.zip(fork_at).map(|(line, prompt)| Typed {
            line: line.text.clone(),
            prompt: prompt.into(),
            nonce: fresh_nonce().0,
        });
        let mut stand = match fork_at {
            None => started(&session)?,
            Some(text) => match self.forked(&session, &tap, news)? {
                Ok(stand) => stand,
                Err(evidence) => return Ok(unborn(text, &expect, *evidence)),
            },
        };
        let cpu = self.lanes.cpu(lane, slots).or_else(|| (stand.origin == Origin::Clone).then(|| lane_cpu(slots))?);
        if let Some(cpu) = cpu {
            stand.vm.keep_on(cpu);
        }
        let decider = Decider::new(&expect, typed.as_ref());
        let asks = expect.iter().any(|expect| matches!(expect, Expectation::Status(_)));
        let forked = stand.origin == Origin::Clone;
        let begun = || {
            if forked {
                self.pool.restock(&session)
            }
        };
        let (evidence, findings) =
            watch(&session, &mut stand, decider, typed.as_ref(), asks, &Listener { begun: &begun, tap: &tap })?;
        let judgement = judge(&expect, typed.is_some(), &findings, &evidence);
        let origin = Some(stand.origin);
        let parts = parts(test, typed.is_some(), findings, &judgement, &evidence);
        // It ends once its verdict is out.
        Ok(Outcome { judgement, evidence: Some(evidence), origin, stand: Some(stand), parts })
    }

    /// A machine at its fork point, or the evidence of one that did not come so far.
    fn forked<'t>(
        &self,
        session: &Session<'_>,
        tap: &dyn Fn(&[u8]),
        news: &Sender<News<'t>>,
    ) -> Result<lane::Obtained, Error> {
        if self.foreign.policy.isolation == Isolation::Boot {
            return session.boot(tap);
        }
        match self.lanes.forked(&self.pool, session, "line", news)? {
            Some(ready) => Ok(ready),
            None => self.booted(session, tap, news),
        }
    }

    /// A machine of a line's own, because none could be forked; or the evidence of the last one that did not come to the
    /// fork point, if that was enough of them.
    fn booted<'t>(
        &self,
        session: &Session<'_>,
        tap: &dyn Fn(&[u8]),
        news: &Sender<News<'t>>,
    ) -> Result<lane::Obtained, Error> {
        let lost = || self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if let Lost { count: MOST_LOST.., last: Some(evidence) } = &*lost() {
            return Ok(Err(evidence.clone()));
        }
        let booted = session.boot(tap)?;
        let mut lost = lost();
        match &booted {
            Ok(_) => *lost = Lost::default(),
            // One that got too little time might have come there.
            Err(evidence) if matches!(evidence.ending, Ending::TimedOut(_)) && starved(evidence).is_none() => {
                *lost = Lost { count: lost.count + 1, last: Some(evidence.clone()) };
                if lost.count == MOST_LOST {
                    let note = "no machine came to the fork point in its time: none is booted for the other lines";
                    drop(news.send(News::Note(note.into())));
                }
            }
            Err(_) => {}
        }
        Ok(booted)
    }
}

impl dispatch::Ground for Ground<'_> {
    fn expect(&self, _test: &Test) {
        if self.foreign.script.is_some() {
            self.pool.expect(&self.foreign.shape);
        }
    }

    fn width(&self, _test: &Test) -> u32 {
        self.foreign.shape.cpus
    }

    fn may_have_parts(&self, test: &Test) -> bool {
        self.foreign.expected(self.foreign.line(test)).contains(&Expectation::Ktap)
    }

    fn run<'t>(&self, job: Job<'t>, lane: u32, slots: u32, news: &Sender<News<'t>>) {
        let started = Instant::now();
        let seed = seed_of(self.foreign.policy.seed, &job.test.name, job.round);
        let shape = self.foreign.shape.clone();
        if self.foreign.script.is_some() {
            self.pool.dispatched(&shape);
        }
        let place = Place { started, lane, slots, shape, seed };
        self.lanes.run(job, place, news, || self.attempt(job.test, (lane, slots), news), |_, _| None);
    }
}

/// Where a clone is kept that has fewer lanes beside it than the host has CPUs: it lives too short to be moved, and the
/// next one is started meanwhile.
fn lane_cpu(slots: u32) -> Option<usize> {
    (slots == 1 && process::cpus().len() > 1).then(sched_getcpu)
}

/// A machine at its first instruction.
fn started(session: &Session<'_>) -> Result<Stand, Error> {
    let vm = Vm::start(session.emulator, session.configuration, session.image, session.interrupts)?;
    Ok(Stand::booted(vm, Prelude::default()))
}

/// A machine that did not come to its fork point. That may be all that is expected of it.
fn unborn(text: &str, expect: &[Expectation], evidence: Evidence) -> Outcome {
    let Judgement { verdict, why } = no_fork_point(text, &evidence);
    let judgement = match expect {
        [only @ Expectation::Verdict(id)] if *id == verdict.id() => {
            Judgement { verdict: Verdict::Pass, why: format!("`{only}` came to hold: {why}") }
        }
        _ => Judgement { verdict, why },
    };
    Outcome { judgement, evidence: Some(evidence), origin: Some(Origin::Boot), stand: None, parts: None }
}

/// The tests of whose results the log tells, when they say as much as the verdict on the whole.
fn parts(
    test: &Test,
    typed: bool,
    findings: Findings,
    judgement: &Judgement,
    evidence: &Evidence,
) -> Option<Vec<Part>> {
    let cases = findings.tests?.cases;
    let failed = |case: &Case| is_failure(case.status);
    let crashed = |case: &Case| case.status == Status::TestCrashed;
    let mut parts: Vec<Part> = cases.iter().map(|case| part(test, typed, case, judgement, evidence)).collect();
    let explained = match judgement.verdict {
        Verdict::Pass => !cases.iter().any(failed),
        Verdict::Fail => cases.iter().any(failed),
        _ => cases.iter().any(crashed),
    };
    if !explained {
        let whole = Some(judgement.clone());
        parts.push(Part {
            test: test.clone(),
            judgement: whole,
            elapsed: evidence.elapsed,
            evidence: Some(evidence.clone()),
        });
    }
    (!cases.is_empty()).then_some(parts)
}

fn part(test: &Test, typed: bool, case: &Case, whole: &Judgement, evidence: &Evidence) -> Part {
    let case_name = if case.name.is_empty() { "unnamed" } else { &case.name };
    let name = if typed { format!("{} › {case_name}", test.name) } else { case_name.into() };
    let why = |otherwise: &str| case.reason.clone().unwrap_or_else(|| otherwise.into());
    let (judgement, ignored) = match case.status {
        Status::Success => (Some(Judgement { verdict: Verdict::Pass, why: why("passed") }), None),
        Status::Skipped => (None, Some(case.reason.clone().unwrap_or_default())),
        Status::TestCrashed if !matches!(whole.verdict, Verdict::Pass | Verdict::Fail) => (Some(whole.clone()), None),
        Status::TestCrashed => (Some(Judgement { verdict: Verdict::Truncated, why: why("it did not end") }), None),
        _ => {
            let said = diagnosis(&case.log.text(), &case.name);
            let why = why(said.as_deref().unwrap_or("its result says that it failed"));
            (Some(Judgement { verdict: Verdict::Fail, why }), None)
        }
    };
    let mut seen = is_failure(case.status).then(|| evidence.clone());
    // How the log ends says nothing about a test before that; a crash is the end.
    if let Some(seen) = seen.as_mut().filter(|_| case.status != Status::TestCrashed) {
        seen.log = case.log.clone();
    }
    let subject = Subject::Ktap { line: typed.then(|| test.name.clone()) };
    Part { test: Test { name, ignored, subject, ..test.clone() }, judgement, elapsed: case.elapsed, evidence: seen }
}

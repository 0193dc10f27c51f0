//! One test of a run: its machine, its session, its verdict, and what becomes of the machine.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::Sender,
    },
    time::Instant,
};

use steward_harness_wire::After;

use super::{
    Isolation, Origin, Report, Suite,
    dispatch::{self, Job, News},
    lane::{self, Lanes, Outcome, Place, crowding, seed_of},
};
use crate::{
    Error,
    artifact::{self, About},
    fork::Pool,
    listing::Test,
    machine::{Configuration, Shape},
    process::Interrupts,
    session::{Ending, Evidence, Heard, Limits, Ready, Request, Said, Session, Stand},
    verdict::{Verdict, judge},
};

/// How often a machine that obeys an order of its life before is tried again.
const STALE_LIVES: u32 = 3;

/// What all tests of a run share.
pub struct Ground<'a> {
    suite: &'a Suite<'a>,
    interrupts: &'a Interrupts,
    /// Somebody wants to hear what machines write to COM1.
    output: bool,
    pool: Pool,
    lanes: Lanes,
    /// How many machines were kept.
    kept: AtomicUsize,
}

impl<'a> Ground<'a> {
    pub fn new(suite: &'a Suite<'a>, interrupts: &'a Interrupts, output: bool) -> Self {
        Self {
            suite,
            interrupts,
            output,
            lanes: Lanes::new(suite.slots()),
            pool: Pool::new(suite.cache.clone(), suite.slots()),
            kept: AtomicUsize::new(0),
        }
    }

    fn configuration(&self, shape: &Shape, slots: u32) -> Configuration {
        let mut configuration = Configuration::serving(shape.clone(), self.suite.chosen.accelerator, slots);
        if !self.suite.command_line.is_empty() {
            configuration.command_line = format!("{} {}", configuration.command_line, self.suite.command_line);
        }
        configuration
    }

    fn limits(&self, test: &Test, configuration: &Configuration) -> Limits {
        let Limits { boot, test: ordinary, .. } = self.suite.limits;
        let boot = boot.max(self.suite.image.boot.limit());
        let limits = Limits { boot, test: test.timeout.unwrap_or(ordinary), ..self.suite.limits };
        limits.scaled(self.suite.chosen.slowness * crowding(configuration.shape.cpus, configuration.slots))
    }

    fn attempt<'t>(
        &self,
        test: &'t Test,
        seed: u64,
        configuration: &Configuration,
        cpu: Option<usize>,
        news: &Sender<News<'t>>,
    ) -> Result<Outcome, Error> {
        let tap = |bytes: &[u8]| {
            if self.output {
                drop(news.send(News::Output(test, bytes.into())));
            }
        };
        let session = Session {
            emulator: self.suite.emulator,
            image: self.suite.image,
            configuration,
            limits: self.limits(test, configuration),
            ready: Ready::Hello { tests: self.suite.count },
            interrupts: self.interrupts,
        };
        let after = if self.suite.policy.isolation == Isolation::None { After::Serve } else { After::Park };
        let request = Request { index: test.index, seed, after };
        for life in 0.. {
            let mut stand = match self.machine(&session, &tap, news)? {
                Ok(stand) => stand,
                Err(evidence) => return Ok(self.judged(test, *evidence, None)),
            };
            if let Some(cpu) = cpu {
                stand.vm.keep_on(cpu);
            }
            let evidence = session.run_on(&mut stand, request, &tap)?;
            if evidence.ending == Ending::Stale && life < STALE_LIVES {
                continue;
            }
            return Ok(self.judged(test, evidence, Some(stand)));
        }
        unreachable!("the last life returns")
    }

    /// A machine at its ready point, or the evidence of one that did not come so far.
    fn machine<'t>(
        &self,
        session: &Session<'_>,
        tap: &dyn Fn(&[u8]),
        news: &Sender<News<'t>>,
    ) -> Result<lane::Obtained, Error> {
        let had = match self.suite.policy.isolation {
            Isolation::Boot => None,
            Isolation::None => self.pool.shared(&session.configuration.shape).map(Ok),
            Isolation::Test => self.lanes.forked(&self.pool, session, "test", news)?,
        };
        had.map_or_else(|| session.boot(tap), Ok)
    }

    /// Judges a test, and gives its machine back when another test can use it.
    fn judged(&self, test: &Test, evidence: Evidence, stand: Option<Stand>) -> Outcome {
        let judgement = judge(test, self.suite.count, &evidence);
        let origin = Some(stand.as_ref().map_or(Origin::Boot, |stand| stand.origin));
        let shape = test.needs.over(&self.suite.shape);
        let passed = judgement.verdict == Verdict::Pass;
        let mut kept = None;
        match (stand, evidence.ending) {
            (Some(stand), Ending::Parked { .. }) if passed && stand.is_resettable() => {
                self.pool.give_back(&shape, stand)
            }
            (Some(stand), Ending::Served) => {
                if let Some((last, hello)) = last_and_hello(&evidence) {
                    self.pool.give_back(&shape, stand.shared(last, hello));
                }
            }
            (stand, _) => {
                self.pool.used_up(&shape);
                kept = stand.filter(|_| !passed);
            }
        }
        Outcome { judgement, evidence: Some(evidence), origin, stand: kept, parts: None }
    }

    /// Keeps the machine of a test that failed, when it still stands there and machines are to be kept.
    fn keep<'t>(
        &self,
        report: &Report<'t>,
        mut stand: Stand,
        configuration: &Configuration,
        news: &Sender<News<'t>>,
    ) -> Option<String> {
        let directory = self.suite.policy.artifacts.as_ref()?;
        let stands_still = report.evidence.as_ref().is_some_and(|evidence| evidence.ending.stands_still());
        if !stands_still || self.kept.fetch_add(1, Ordering::Relaxed) >= artifact::MOST_KEPT {
            return None;
        }
        let configuration = &Configuration { backing: stand.backing(), ..configuration.clone() };
        let about = About { report, emulator: self.suite.emulator, configuration, image: self.suite.image };
        let kept = artifact::capture(&mut stand.vm, directory).and_then(|capture| capture.keep(&about));
        match kept {
            Ok(artifact) => Some(artifact.id),
            Err(error) => {
                let note = format!("the machine of {} could not be kept: {error}", report.test.name);
                drop(news.send(News::Note(note)));
                None
            }
        }
    }
}

impl dispatch::Ground for Ground<'_> {
    fn expect(&self, test: &Test) {
        self.pool.expect(&test.needs.over(&self.suite.shape));
    }

    fn width(&self, test: &Test) -> u32 {
        test.needs.over(&self.suite.shape).cpus
    }

    fn run<'t>(&self, job: Job<'t>, lane: u32, slots: u32, news: &Sender<News<'t>>) {
        let started = Instant::now();
        let Job { test, round, .. } = job;
        let shape = test.needs.over(&self.suite.shape);
        let seed = seed_of(self.suite.policy.seed, &test.name, round);
        self.pool.dispatched(&shape);
        let configuration = self.configuration(&shape, slots);
        let cpu = self.lanes.cpu(lane, slots);
        self.lanes.run(
            job,
            Place { started, lane, slots, shape, seed },
            news,
            || self.attempt(test, seed, &configuration, cpu, news),
            |report, stand| self.keep(report, stand, &configuration, news),
        );
    }
}

/// Sequence number of the last record, and the hello that the machine once said.
fn last_and_hello(evidence: &Evidence) -> Option<(u32, Said)> {
    let mut records = evidence.heard.iter().filter_map(|heard| match heard {
        Heard::Record { sequence, said } => Some((*sequence, said)),
        Heard::Damaged(_) => None,
    });
    let (first, hello) = records.next()?;
    Some((records.next_back().map_or(first, |(sequence, _)| sequence), hello.clone()))
}

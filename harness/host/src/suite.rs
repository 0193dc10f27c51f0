//! Many tests, each in a machine of its own, as many at a time as the host has CPUs for.

mod events;
mod policy;
mod slots;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::mpsc::{Sender, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Emulator, Error,
    accel::Chosen,
    filter::Selection,
    image::Image,
    listing::Test,
    machine::{Configuration, Shape},
    process::Interrupts,
    session::{Evidence, Limits, Session},
    verdict::{Judgement, Verdict, judge},
};
pub use events::{Origin, Plan, Report, Sink, Summary};
pub use policy::{Isolation, Policy};
use slots::Queue;

/// What a run of tests needs.
#[derive(Clone, Debug)]
pub struct Suite<'a> {
    /// The QEMU to use.
    pub emulator: &'a Emulator,
    /// What to boot.
    pub image: &'a Image,
    /// How many tests the image's ELF file holds, meant or not: [`Listing::count`](crate::listing::Listing::count).
    pub count: u32,
    /// The machine of a test that asks for nothing.
    pub shape: Shape,
    /// What executes the machines.
    pub chosen: &'a Chosen,
    /// How many host CPUs the run may use, at least 1. A test takes as many as its machine has CPUs, at most all.
    pub jobs: u32,
    /// How long machines may take, on a host of ordinary speed. A test's own limit replaces `test`.
    pub limits: Limits,
    /// Words for the kernel's command line, beside those that make it serve the harness.
    pub command_line: String,
    /// How the run treats its tests.
    pub policy: Policy,
    /// Where snapshots are kept: [`cache_directory`](crate::image::cache_directory).
    pub cache: PathBuf,
}

/// The host's CPUs, as far as this process may use them.
#[must_use]
pub fn host_cpus() -> u32 {
    thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

enum News<'a> {
    Output(&'a Test, Vec<u8>),
    Finished(Box<Report<'a>>),
    /// The test was cut short by an interrupt; so many slots are free.
    Abandoned(u32),
}

impl Suite<'_> {
    /// Runs the selected tests and tells `sink` of each as it goes. Tests that need many CPUs go first.
    ///
    /// Nothing of any machine is left when this returns. When `interrupts` is set, no further test is dispatched and
    /// the machines that run are killed.
    ///
    /// # Errors
    /// [`Error::Io`] when `sink` fails. What becomes of a test is never an error.
    pub fn run(
        &self,
        selection: &Selection<'_>,
        sink: &mut dyn Sink,
        interrupts: &Interrupts,
    ) -> Result<Summary, Error> {
        let started = Instant::now();
        let mut summary = Summary {
            total: selection.run.len(),
            ignored: selection.ignored.len(),
            filtered_out: selection.filtered_out,
            ..Summary::default()
        };
        let told = self.begin(selection, sink).and_then(|()| self.dispatch(selection, sink, interrupts, &mut summary));
        summary.elapsed = started.elapsed();
        summary.interrupted = interrupts.signal();
        told.and_then(|()| sink.ended(&summary)).map_err(Error::io("reporting on the tests"))?;
        Ok(summary)
    }

    fn begin(&self, selection: &Selection<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        sink.began(&Plan {
            tests: selection.run.len(),
            ignored: selection.ignored.len(),
            filtered_out: selection.filtered_out,
            jobs: self.jobs,
            machine: format!("{}, {}", self.shape, self.chosen.accelerator),
            isolation: self.policy.isolation,
            seed: self.policy.seed,
        })?;
        selection.ignored.iter().try_for_each(|test| sink.ignored(test))
    }

    fn dispatch(
        &self,
        selection: &Selection<'_>,
        sink: &mut dyn Sink,
        interrupts: &Interrupts,
        summary: &mut Summary,
    ) -> io::Result<()> {
        let needs = |test: &&Test| test.needs.over(&self.shape).cpus;
        let mut queue = Queue::new(selection.run.iter().map(|test| (*test, needs(test))), self.jobs);
        let output = sink.wants_output();
        thread::scope(|scope| {
            let (news, incoming) = channel();
            // A sink that fails is not told of anything more, but the machines that run are waited for.
            let mut told = Ok(());
            loop {
                while told.is_ok() && interrupts.signal().is_none() {
                    let Some((test, slots)) = queue.take() else { break };
                    told = sink.started(test);
                    let news = news.clone();
                    scope.spawn(move || self.one(test, slots, interrupts, output, &news));
                }
                if queue.is_idle() {
                    return told;
                }
                match incoming.recv().map_err(io::Error::other)? {
                    News::Output(test, bytes) if told.is_ok() => told = sink.output(test, &bytes),
                    News::Output(..) => {}
                    News::Abandoned(slots) => queue.give_back(slots),
                    News::Finished(report) => {
                        queue.give_back(queue.slots_for(report.shape.cpus));
                        *if report.passed() { &mut summary.passed } else { &mut summary.failed } += 1;
                        if told.is_ok() {
                            told = sink.finished(&report);
                        }
                    }
                }
            }
        })
    }

    /// Runs one test and sends the news of it.
    fn one<'t>(&self, test: &'t Test, slots: u32, interrupts: &Interrupts, output: bool, news: &Sender<News<'t>>) {
        let started = Instant::now();
        let shape = test.needs.over(&self.shape);
        // The run waits for news of every test, so there must be some even when the harness itself breaks down here.
        // What it was at work on is dropped then, and its machine with it.
        let attempt = || self.attempt(test, &shape, slots, interrupts, output, news);
        let (judgement, evidence) = match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(Ok(evidence)) => (judge(test, self.count, &evidence), Some(evidence)),
            Ok(Err(Error::Interrupted(_))) => return drop(news.send(News::Abandoned(slots))),
            Ok(Err(error)) => (Judgement { verdict: Verdict::EmulatorFailure, why: error.to_string() }, None),
            Err(_) => {
                let why = "the harness itself panicked, as standard error says: report that".into();
                (Judgement { verdict: Verdict::EmulatorFailure, why }, None)
            }
        };
        let report = Report {
            test,
            shape,
            judgement,
            evidence,
            elapsed: started.elapsed(),
            started: Duration::ZERO,
            lane: 0,
            origin: Some(Origin::Boot),
            round: 1,
            attempt: 1,
            seed: self.policy.seed,
            artifact: None,
        };
        drop(news.send(News::Finished(Box::new(report))));
    }

    fn attempt<'t>(
        &self,
        test: &'t Test,
        shape: &Shape,
        slots: u32,
        interrupts: &Interrupts,
        output: bool,
        news: &Sender<News<'t>>,
    ) -> Result<Evidence, Error> {
        let mut configuration = Configuration::serving(shape.clone(), self.chosen.accelerator, slots);
        if !self.command_line.is_empty() {
            configuration.command_line = format!("{} {}", configuration.command_line, self.command_line);
        }
        let limits = Limits { test: test.timeout.unwrap_or(self.limits.test), ..self.limits };
        // Nobody listens only when the run has failed otherwise; so below.
        let tap = |bytes: &[u8]| {
            if output {
                drop(news.send(News::Output(test, bytes.into())));
            }
        };
        let session = Session {
            emulator: self.emulator,
            image: self.image,
            configuration: &configuration,
            limits: limits.scaled(self.chosen.slowness * crowding(shape.cpus, slots)),
            count: self.count,
            interrupts,
        };
        session.run_tapped(test.index, &tap)
    }
}

/// How many times longer a machine may take whose CPUs share fewer host CPUs.
fn crowding(cpus: u32, slots: u32) -> f64 {
    f64::from(cpus) / f64::from(slots.max(1))
}

#[cfg(test)]
mod tests;

//! What a run was, kept until its end for everything that can be written only then.

use std::{
    io,
    rc::Rc,
    time::{Duration, SystemTime},
};

use super::{
    Again,
    case::{Attempt, Case, Pending, group},
};
use crate::{
    listing::{Subject, Test},
    suite::{Plan, Report, Sink, Summary},
    symbols::Symbols,
    verdict::signal_name,
};

/// A run, or one after the other over several shapes, as far as it has come.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it began.
    pub began: SystemTime,
    /// The runs; none before the beginning.
    pub runs: Vec<Run>,
    /// Tests that were judged, in the order of their ends, one for each round.
    pub cases: Vec<Case>,
    /// Tests that are marked `ignore`.
    pub ignored: Vec<Ignored>,
    /// What was noted about the run as a whole.
    pub notes: Vec<String>,
    /// Names of tests that run at this moment.
    pub running: Vec<String>,
    /// How all runs went together; as it stood at the beginning until the end.
    pub summary: Summary,
    /// What repeats it.
    pub again: Again,
    /// More that reports shall state, as name and value.
    pub facts: Vec<(String, String)>,
}

/// A run in machines of one shape.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was to be run.
    pub plan: Plan,
    /// How it went; as it stood at the beginning until the end.
    pub summary: Summary,
}

/// A test that was not run because it is marked `ignore`.
#[derive(Clone, Debug)]
pub struct Ignored {
    /// Its full name.
    pub name: String,
    /// What it is.
    pub subject: Subject,
    /// The name of the shape that it did not run in, in a run over several.
    pub shape: Option<String>,
    /// Its source file; empty when there is none.
    pub file: String,
    /// The line there.
    pub line: u32,
    /// Why, if that was said.
    pub reason: Option<String>,
}

impl Record {
    /// Tests that did not pass, in the order of their ends.
    pub fn failures(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| !case.passed())
    }

    /// Tests that passed after they had failed.
    pub fn flaky(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.flaky())
    }

    /// What was to be run in machines of this shape.
    #[must_use]
    pub fn plan(&self, shape: Option<&str>) -> Option<&Plan> {
        self.runs.iter().map(|run| &run.plan).find(|plan| plan.shape.as_deref() == shape)
    }

    /// What was to be run, if it is not of several shapes.
    #[must_use]
    pub fn only_plan(&self) -> Option<&Plan> {
        if let [Run { plan, .. }] = &self.runs[..] { Some(plan) } else { None }
    }

    /// The kernel's name, as a stated fact; `kernel` if none is stated.
    #[must_use]
    pub fn kernel(&self) -> &str {
        self.facts.iter().find(|(name, _)| name == "kernel").map_or("kernel", |(_, kernel)| kernel)
    }

    /// Why not every test ran, in words, if that is so.
    #[must_use]
    pub fn cut_short(&self) -> Option<String> {
        let Summary { total, passed, failed, interrupted, .. } = self.summary;
        let far = format!("{} of {total} tests ran", passed + failed);
        match interrupted {
            Some(signal) => Some(format!("the run was interrupted by {}: {far}", signal_name(signal))),
            None if passed + failed < total => Some(format!("the run was cut short: {far}")),
            None => None,
        }
    }

    /// What else is to be said of an attempt at a case, as name and value: [`Case::facts`].
    #[must_use]
    pub fn facts_of(&self, case: &Case, shown: &Attempt) -> Vec<(&'static str, String)> {
        case.facts(shown, &self.again)
    }
}

impl Ignored {
    /// What it belongs to: [`Case::group`].
    #[must_use]
    pub fn group(&self) -> &str {
        group(&self.subject, &self.name)
    }
}

/// Writes one report, when a run has ended.
pub trait Writer {
    /// Writes it.
    ///
    /// # Errors
    /// What the system says, with the name of what could not be written.
    fn write(&mut self, record: &Record) -> io::Result<()>;
}

/// Keeps the record of a run, and hands it to the writers at the end.
pub struct Recorder {
    record: Record,
    pending: Pending,
    writers: Vec<Box<dyn Writer>>,
    symbols: Rc<Symbols>,
    several: bool,
    /// From the first run's start to the start of the one that runs.
    before: Duration,
}

impl Recorder {
    /// A recorder for these writers. `command` is what repeats a run, `facts` are names and values to state,
    /// `symbols` are those of the kernel under test.
    pub fn new(
        writers: Vec<Box<dyn Writer>>,
        command: String,
        facts: Vec<(String, String)>,
        symbols: impl Into<Rc<Symbols>>,
    ) -> Self {
        let record = Record {
            began: SystemTime::now(),
            runs: Vec::new(),
            cases: Vec::new(),
            ignored: Vec::new(),
            notes: Vec::new(),
            running: Vec::new(),
            summary: Summary::default(),
            again: Again { command, ..Again::default() },
            facts,
        };
        let (pending, symbols) = (Pending::default(), symbols.into());
        Self { record, pending, writers, symbols, several: false, before: Duration::ZERO }
    }

    /// With options that repeat how the machines booted, each after a space.
    #[must_use]
    pub fn with_options(mut self, options: &str) -> Self {
        options.clone_into(&mut self.record.again.options);
        self
    }

    /// For several runs: the reports are written not at the end of each, but when it is told that no further run begins.
    #[must_use]
    pub const fn for_several(mut self, several: bool) -> Self {
        self.several = several;
        self
    }

    /// What is known so far.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    fn stopped(&mut self, report: &Report<'_>) {
        if let Some(place) = self.record.running.iter().position(|name| *name == report.test.name) {
            self.record.running.remove(place);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let Self { writers, record, .. } = self;
        writers.iter_mut().map(|writer| writer.write(record)).fold(Ok(()), io::Result::and)
    }
}

impl Sink for Recorder {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        let now = SystemTime::now();
        if self.record.runs.is_empty() {
            self.record.began = now;
        }
        self.before = now.duration_since(self.record.began).unwrap_or_default();
        self.record.again.seed = plan.seed;
        self.record.summary.total += plan.tests;
        let summary = Summary { total: plan.tests, ..Summary::default() };
        self.record.runs.push(Run { plan: plan.clone(), summary });
        self.pending.began(plan);
        Ok(())
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.record.running.push(test.name.clone());
        Ok(())
    }

    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.record.notes.push(text.into());
        Ok(())
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.stopped(report);
        self.pending.retrying(report, &self.symbols, self.before);
        Ok(())
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.stopped(report);
        self.record.cases.push(self.pending.finished(report, &self.symbols, self.before));
        Ok(())
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        let reason = test.ignored.clone().filter(|reason| !reason.is_empty());
        let Test { name, subject, file, line, .. } = test.clone();
        let shape = self.record.runs.last().and_then(|run| run.plan.shape.clone());
        self.record.ignored.push(Ignored { name, subject, shape, file, line, reason });
        Ok(())
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        // They failed, and the run was cut short before they could be tried again.
        self.record.cases.append(&mut self.pending.take());
        if let Some(run) = self.record.runs.last_mut() {
            run.summary = summary.clone();
        }
        // What has no beginning is told only of its end.
        let of_runs = self.record.runs.iter().map(|run| &run.summary);
        self.record.summary = if self.record.runs.is_empty() { summary.clone() } else { together(of_runs) };
        if self.several { Ok(()) } else { self.write() }
    }

    fn closed(&mut self) -> io::Result<()> {
        if self.several { self.write() } else { Ok(()) }
    }
}

/// How several runs went together.
fn together<'s>(summaries: impl Iterator<Item = &'s Summary>) -> Summary {
    summaries.fold(Summary::default(), |all, each| Summary {
        total: all.total + each.total,
        passed: all.passed + each.passed,
        flaky: all.flaky + each.flaky,
        failed: all.failed + each.failed,
        ignored: all.ignored + each.ignored,
        filtered_out: all.filtered_out + each.filtered_out,
        elapsed: all.elapsed + each.elapsed,
        interrupted: all.interrupted.or(each.interrupted),
    })
}

//! What a run was, kept until its end for everything that can be written only then.

use std::{io, rc::Rc, time::SystemTime};

use super::case::{Attempt, Case, Pending};
use crate::{
    listing::Test,
    suite::{Plan, Report, Sink, Summary},
    symbols::Symbols,
    verdict::signal_name,
};

/// A run, as far as it has come.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it began.
    pub began: SystemTime,
    /// What was to be run; `None` before the beginning.
    pub plan: Option<Plan>,
    /// Tests that were judged, in the order of their ends, one for each round.
    pub cases: Vec<Case>,
    /// Tests that are marked `ignore`.
    pub ignored: Vec<Ignored>,
    /// What was noted about the run as a whole.
    pub notes: Vec<String>,
    /// Names of tests that run at this moment.
    pub running: Vec<String>,
    /// How it all went; as it stood at the beginning until the end.
    pub summary: Summary,
    /// What repeats a run, as people type it.
    pub command: String,
    /// Options for that, each after a space: how the machines booted.
    pub options: String,
    /// More that reports shall state, as name and value.
    pub facts: Vec<(String, String)>,
}

/// A test that was not run because it is marked `ignore`.
#[derive(Clone, Debug)]
pub struct Ignored {
    /// Its full path.
    pub name: String,
    /// Its source file.
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

    /// What the seeds are made of.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.plan.as_ref().map_or(0, |plan| plan.seed)
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
        case.facts(shown, self.seed(), &self.command, &self.options)
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
            plan: None,
            cases: Vec::new(),
            ignored: Vec::new(),
            notes: Vec::new(),
            running: Vec::new(),
            summary: Summary::default(),
            command,
            options: String::new(),
            facts,
        };
        Self { record, pending: Pending::default(), writers, symbols: symbols.into() }
    }

    /// With options that repeat how the machines booted, each after a space.
    #[must_use]
    pub fn with_options(mut self, options: &str) -> Self {
        options.clone_into(&mut self.record.options);
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
}

impl Sink for Recorder {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        self.record.began = SystemTime::now();
        self.record.summary.total = plan.tests;
        self.record.plan = Some(plan.clone());
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
        self.pending.retrying(report, &self.symbols);
        Ok(())
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.stopped(report);
        self.record.cases.push(self.pending.finished(report, &self.symbols));
        Ok(())
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        let reason = test.ignored.clone().filter(|reason| !reason.is_empty());
        let Test { name, file, line, .. } = test;
        self.record.ignored.push(Ignored { name: name.clone(), file: file.clone(), line: *line, reason });
        Ok(())
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.record.summary = summary.clone();
        // They failed, and the run was cut short before they could be tried again.
        self.record.cases.append(&mut self.pending.take());
        let Self { writers, record, .. } = self;
        writers.iter_mut().map(|writer| writer.write(record)).fold(Ok(()), io::Result::and)
    }
}

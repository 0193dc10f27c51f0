//! What a run tells, with what only the command knows of it.

use std::io;

use steward_harness::{
    listing::Test,
    suite::{Plan, Report, Sink, Summary},
};

use super::task::{Goal, Task};

/// Passes everything on, and remembers what a table of shapes needs.
pub struct Told<'s, S> {
    sink: &'s mut S,
    task: &'s Task,
    filtered_out: usize,
    /// The first test that failed: its name, and how.
    failure: Option<(String, String)>,
    /// What the last test came to that passed.
    passed: Option<String>,
}

impl<'s, S: Sink> Told<'s, S> {
    /// Tells `sink` of this task.
    pub fn new(sink: &'s mut S, task: &'s Task) -> Self {
        let filtered_out = if let Goal::Lines { filtered_out, .. } = task.goal { filtered_out } else { 0 };
        Self { sink, task, filtered_out, failure: None, passed: None }
    }

    /// What was seen, in words, for a run that went so.
    pub fn seen(self, summary: &Summary) -> String {
        let Summary { total, passed, failed, interrupted, .. } = summary;
        match (self.failure, self.passed) {
            _ if interrupted.is_some() => "interrupted".into(),
            (Some((_, how)), _) if *total == 1 => how,
            (None, Some(how)) if *total == 1 && !how.is_empty() => how,
            (Some((name, how)), _) => format!("{failed} of {total} failed, first {name}: {how}"),
            (None, _) => format!("{passed} passed"),
        }
    }
}

impl<S: Sink> Sink for Told<'_, S> {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        let filtered_out = plan.filtered_out + self.filtered_out;
        let shape = self.task.shape.clone();
        self.sink.began(&Plan { filtered_out, shape, expect: self.task.expected(), ..plan.clone() })
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.sink.started(test)
    }

    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.sink.noted(text)
    }

    fn output(&mut self, test: &Test, bytes: &[u8]) -> io::Result<()> {
        self.sink.output(test, bytes)
    }

    fn wants_output(&self) -> bool {
        self.sink.wants_output()
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.sink.retrying(report)
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let why = report.judgement.why.lines().next().unwrap_or_default();
        if report.passed() {
            self.passed = Some(why.into());
        } else if self.failure.is_none() {
            self.failure = Some((report.test.name.clone(), format!("{}: {why}", report.judgement.verdict)));
        }
        self.sink.finished(report)
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        self.sink.ignored(test)
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.sink.ended(&Summary { filtered_out: summary.filtered_out + self.filtered_out, ..summary.clone() })
    }
}

//! What stands between a run and those who are told of it.

use std::{env, io};

use steward_harness::{
    listing::Test,
    suite::{Plan, Report, Sink, Summary},
};

/// Passes everything on. Remembers what machine was kept for the first failure.
pub struct Front<S> {
    sink: S,
    crate_name: Option<String>,
    kept: Option<String>,
}

impl<S: Sink> Front<S> {
    /// Tells `sink` everything. Tests of the crate `own_crate` are named without it, as libtest would name them.
    pub fn new(sink: S, own_crate: Option<String>) -> Self {
        Self { sink, crate_name: own_crate, kept: None }
    }

    /// What `--replay` takes to open the machine of the first test that failed, if it was kept.
    pub fn kept(self) -> Option<String> {
        self.kept
    }

    fn renamed(&self, test: &Test) -> Test {
        let own = self.crate_name.as_deref() == Some(test.crate_name());
        Test { name: if own { test.path_in_crate() } else { &test.name }.into(), ..test.clone() }
    }
}

impl<S: Sink> Sink for Front<S> {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        self.sink.began(plan)
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.sink.started(&self.renamed(test))
    }

    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.sink.noted(text)
    }

    fn output(&mut self, test: &Test, bytes: &[u8]) -> io::Result<()> {
        self.sink.output(&self.renamed(test), bytes)
    }

    fn wants_output(&self) -> bool {
        self.sink.wants_output()
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.sink.retrying(&Report { test: &self.renamed(report.test), ..report.clone() })
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        if !report.passed() && self.kept.is_none() {
            self.kept.clone_from(&report.artifact);
        }
        // nextest looks for such a line, and makes it the failure's message in its JUnit.
        if !report.passed() && env::var_os("NEXTEST").is_some() {
            let why = report.judgement.why.lines().next().unwrap_or_default();
            let why: String = why.chars().filter(|character| !character.is_control()).collect();
            eprintln!("Error: {}: {why}", report.judgement.verdict);
        }
        self.sink.finished(&Report { test: &self.renamed(report.test), ..report.clone() })
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        self.sink.ignored(&self.renamed(test))
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.sink.ended(summary)
    }
}

//! The vocabulary of results for programs: one JSON object a line, each kind of which has a constructor here.

use std::{fmt, time::Duration};

use serde_json::{Map, Value};

use super::details;
use crate::{
    listing::{Subject, Test},
    suite::{Origin, Plan, Report, Summary},
    symbols::Symbols,
};

/// The JSON Schema (draft 2020-12) that every line validates against.
pub const SCHEMA: &str = include_str!("results.schema.json");

/// A line of results for programs. [`SCHEMA`] says what each kind of line holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Line(Map<String, Value>);

impl fmt::Display for Line {
    /// The JSON object, without an end of line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Map's own serialization cannot fail: its keys are strings.
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl Line {
    /// What it says under this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn new(kind: &str) -> Self {
        Self(Map::new()).with("type", kind)
    }

    fn event(kind: &str, event: &str) -> Self {
        Self::new(kind).with("event", event)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A line about a test: what every one of them states.
    fn test(event: &str, name: &str, kind: &str) -> Self {
        Self::event("test", event).with("name", name).with("kind", kind)
    }

    /// A run begins.
    #[must_use]
    pub fn began(plan: &Plan) -> Self {
        let Plan { shape, expect, tests, open, ignored, machine, isolation, seed, .. } = plan;
        Self::event("suite", "started")
            .with_some("shape", shape.as_deref())
            .with_some("expect", (!expect.is_empty()).then(|| expect.clone()))
            .with("test_count", tests + ignored)
            .with_some("open", open.then_some(true))
            .with("machine", machine.as_str())
            .with("isolation", isolation.to_string())
            .with_some("seed", seed.map(number))
    }

    /// A run has ended; `shape` is that of its plan.
    #[must_use]
    pub fn ended(shape: Option<&str>, summary: &Summary) -> Self {
        Self::event("suite", if summary.success() { "ok" } else { "failed" })
            .with_some("shape", shape)
            .with("passed", summary.passed)
            .with("flaky", summary.flaky)
            .with("failed", summary.failed)
            .with("ignored", summary.ignored)
            .with("measured", 0)
            .with("filtered_out", summary.filtered_out)
            .with("exec_time", summary.elapsed.as_secs_f64())
            .with_some("interrupted", summary.interrupted)
    }

    /// A test was dispatched.
    #[must_use]
    pub fn started(shape: Option<&str>, test: &Test) -> Self {
        Self::test("started", &test.name, test.subject.id()).with_some("shape", shape)
    }

    /// A test was not run.
    #[must_use]
    pub fn ignored(shape: Option<&str>, test: &Test) -> Self {
        let reason = test.ignored.as_deref().filter(|reason| !reason.is_empty());
        Self::test("ignored", &test.name, test.subject.id()).with_some("shape", shape).with_some("message", reason)
    }

    /// A test was judged, for the last time in its round; `symbols` are those of the kernel under test.
    #[must_use]
    pub fn finished(shape: Option<&str>, report: &Report<'_>, symbols: &Symbols) -> Self {
        Self::judged("test", shape, report, symbols)
    }

    /// An attempt at a test failed, and the test will be tried again.
    #[must_use]
    pub fn retrying(shape: Option<&str>, report: &Report<'_>, symbols: &Symbols) -> Self {
        Self::judged("attempt", shape, report, symbols)
    }

    fn judged(kind: &str, shape: Option<&str>, report: &Report<'_>, symbols: &Symbols) -> Self {
        let Test { name, subject, file, line, .. } = report.test;
        let known = |duration: Duration| duration.as_secs_f64();
        let output = || format!("{}\n{}", report.judgement.why, details(report, symbols).text());
        Self::event(kind, if report.passed() { "ok" } else { "failed" })
            .with("name", name.as_str())
            .with("kind", subject.id())
            .with_some("shape", shape)
            .with_some("file", Some(file.as_str()).filter(|file| !file.is_empty()))
            .with_some("line", Some(*line).filter(|_| !file.is_empty()))
            .with("exec_time", known(report.elapsed))
            .with("duration", known(report.elapsed))
            .with("started", known(report.started))
            .with("lane", report.lane)
            .with("verdict", report.judgement.verdict.id())
            .with("why", report.judgement.why.as_str())
            .with("flaky", report.flaky())
            .with_some("seed", (*subject == Subject::Ktest).then(|| number(report.seed)))
            .with("round", report.round)
            .with("attempt", report.attempt)
            .with_some("origin", report.origin.filter(|_| subject.has_a_machine()).map(Origin::id))
            .with_some("artifact", report.artifact.as_deref())
            .with_some("stdout", (!report.passed()).then(output))
    }

    /// A test of this machine passed.
    #[must_use]
    pub fn host_passed(name: &str) -> Self {
        Self::test("ok", name, Subject::Host.id())
    }

    /// A test of this machine failed, and printed this.
    #[must_use]
    pub fn host_failed(name: &str, output: &str) -> Self {
        Self::test("failed", name, Subject::Host.id()).with("stdout", output)
    }

    /// A test of this machine was not run; `reason` is empty when it says none.
    #[must_use]
    pub fn host_ignored(name: &str, reason: &str) -> Self {
        Self::test("ignored", name, Subject::Host.id()).with_some("message", Some(reason).filter(|why| !why.is_empty()))
    }

    /// Something failed that is no test that ran, and counts as one that failed.
    #[must_use]
    pub fn problem(name: &str, why: &str) -> Self {
        Self::test("failed", name, "problem").with("why", why)
    }

    /// A test would run: one of this machine (`host`) or of the kernel (`kernel`).
    #[must_use]
    pub fn listed(name: &str, kind: &str) -> Self {
        Self::test("listed", name, kind)
    }

    /// Something about the run as a whole that its reader should know.
    #[must_use]
    pub fn note(text: &str) -> Self {
        Self::new("note").with("text", text)
    }

    /// The last line of a program's results.
    #[must_use]
    pub fn total(passed: usize, failed: usize, skipped: usize) -> Self {
        Self::new("total").with("passed", passed).with("failed", failed).with("skipped", skipped)
    }
}

/// A number of 64 bits as text: JSON's readers round large ones.
fn number(number: u64) -> String {
    format!("{number:#x}")
}

#[cfg(test)]
mod tests;

//! A JUnit file, as nextest writes it and GitLab, Jenkins and GitHub's actions read it.

use std::{collections::BTreeMap, io, path::Path};

use chrono::{DateTime, FixedOffset, Utc};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::{Attempt, Case, Ignored, Record, Writer, file::Target};
use crate::{
    Error,
    listing::Subject,
    suite::{Origin, Plan},
};

/// Writes a run as JUnit XML, when it has ended.
///
/// A suite is a crate, one that a log names, or a kernel; in a run over several shapes, that in one of them. A test that
/// failed has a `failure` with the verdict as its type, and a `rerunFailure` for each further attempt; one that is flaky
/// has a `flakyFailure` for each attempt that failed. A run that was cut short has what ran, and a test `interrupted` with
/// an `error` that says so.
#[derive(Debug)]
pub struct JUnit(Target);

impl JUnit {
    /// Will write to this file.
    ///
    /// # Errors
    /// [`Error::Request`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self(Target::check(path)?))
    }
}

impl Writer for JUnit {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.0.write(junit(record).map_err(io::Error::other)?.as_bytes())
    }
}

/// The text of the file.
pub(super) fn junit(record: &Record) -> Result<String, quick_junit::SerializeError> {
    let mut suites: BTreeMap<Key<'_>, Vec<TestCase>> = BTreeMap::new();
    for case in &record.cases {
        let key = Key { shape: case.shape.as_deref(), group: group(record, case.group()) };
        suites.entry(key).or_default().push(test_case(record, case, &key.name()));
    }
    for ignored in &record.ignored {
        let key = Key { shape: ignored.shape.as_deref(), group: group(record, ignored.group()) };
        suites.entry(key).or_default().push(skipped(ignored, &key.name()));
    }
    let mut report = Report::new("steward");
    report.set_timestamp(timestamp(record)).set_time(record.summary.elapsed);
    for (key, cases) in suites {
        report.add_test_suite(suite(record, &key.name(), record.plan(key.shape), cases));
    }
    if let Some(case) = cut_short(record) {
        report.add_test_suite(suite(record, "run", record.only_plan(), vec![case]));
    }
    report.to_string()
}

/// What tells a suite from others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'r> {
    shape: Option<&'r str>,
    group: &'r str,
}

impl Key<'_> {
    /// A name for the suite, which programs that read it also tell tests of one name apart by.
    fn name(&self) -> String {
        self.shape.map_or_else(|| self.group.into(), |shape| format!("{shape}/{}", self.group))
    }
}

/// The group of a test; that of tests that belong to none is the kernel.
fn group<'r>(record: &'r Record, group: &'r str) -> &'r str {
    if group.is_empty() { record.kernel() } else { group }
}

fn suite(record: &Record, name: &str, plan: Option<&Plan>, cases: Vec<TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(name);
    let time = cases.iter().filter_map(|case| case.time).sum();
    suite.set_timestamp(timestamp(record)).set_time(time).add_test_cases(cases);
    let uname = rustix::system::uname();
    suite.extra.insert("hostname".into(), uname.nodename().to_string_lossy().as_ref().into());
    if let Some(plan) = plan {
        let seed = plan.seed.map(|seed| ("seed", format!("{seed:#x}")));
        let shape = plan.shape.as_ref().map(|name| ("shape", name.clone()));
        let expect = (!plan.expect.is_empty()).then(|| ("expect", plan.expect.join(", ")));
        let machine = [("isolation", plan.isolation.to_string()), ("machine", plan.machine.clone())];
        let facts = seed.into_iter().chain(shape).chain(machine).chain(expect);
        suite.add_properties(facts.map(|(name, value)| (name.to_owned(), value)));
    }
    suite.add_properties(record.facts.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    suite
}

fn test_case(record: &Record, case: &Case, suite: &str) -> TestCase {
    let (first, rest) = case.attempts.split_first().expect("a case has an attempt");
    let last = case.last();
    let mut status = if case.passed() {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(first.verdict.id()).set_message(text(&first.headline())).set_description(text(&first.why));
        status
    };
    // The attempts beside the one that the test case itself tells of: all that failed before a pass, or that followed.
    let others = if case.passed() { &case.attempts[..case.attempts.len() - 1] } else { rest };
    status.add_reruns(others.iter().map(rerun));
    let told = if case.passed() { last } else { first };
    let mut test = TestCase::new(name(&case.title()), status);
    test.set_classname(suite).set_time(told.elapsed).set_timestamp(at(record, told));
    place(&mut test, &case.file, case.line);
    if let Some(seed) = case.seed {
        test.add_property(("seed", &*format!("{seed:#x}")));
    }
    if let Some(origin) = told.origin.map(Origin::id) {
        test.add_property(("origin", origin));
    }
    if !case.passed() {
        let facts: String =
            record.facts_of(case, first).iter().map(|(name, value)| format!("  {name}: {value}\n")).collect();
        test.set_system_out(text(&format!("{facts}{}", first.details.text())));
    }
    test
}

fn rerun(attempt: &Attempt) -> TestRerun {
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    rerun
        .set_type(attempt.verdict.id())
        .set_message(text(&attempt.headline()))
        .set_description(text(&attempt.why))
        .set_time(attempt.elapsed)
        .set_system_out(text(&attempt.details.text()));
    rerun
}

fn skipped(ignored: &Ignored, suite: &str) -> TestCase {
    let marked = if ignored.subject == Subject::Ktest { "marked `ignore`" } else { "skipped" };
    let mut status = TestCaseStatus::skipped();
    status.set_message(ignored.reason.as_deref().unwrap_or(marked));
    let mut test = TestCase::new(name(&ignored.name), status);
    test.set_classname(suite);
    place(&mut test, &ignored.file, ignored.line);
    test
}

/// A name, which is one line. XML has no control characters, and those that are only left out would join what they part.
fn name(name: &str) -> String {
    name.replace(char::is_control, " ")
}

/// A text: what writes XML here would leave out tabs as well.
fn text(text: &str) -> String {
    text.replace('\t', "    ")
}

/// Where a test stands, as GitLab and pytest's readers take it.
fn place(test: &mut TestCase, file: &str, line: u32) {
    if file.is_empty() {
        return;
    }
    test.extra.insert("file".into(), file.into());
    test.extra.insert("line".into(), line.to_string().into());
}

/// Says that not all tests ran, if that is so.
fn cut_short(record: &Record) -> Option<TestCase> {
    let why = record.cut_short()?;
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type(if record.summary.interrupted.is_some() { "interrupted" } else { "cut-short" }).set_message(&*why);
    let mut test = TestCase::new("interrupted", status);
    test.set_classname("run");
    if !record.running.is_empty() {
        test.set_system_out(format!("tests that ran at that moment:\n  {}\n", record.running.join("\n  ")));
    }
    Some(test)
}

fn timestamp(record: &Record) -> DateTime<FixedOffset> {
    DateTime::<Utc>::from(record.began).into()
}

fn at(record: &Record, attempt: &Attempt) -> DateTime<FixedOffset> {
    DateTime::<Utc>::from(record.began + attempt.started).into()
}

#[cfg(test)]
mod tests;

//! The tests of which a log tells, as cases.

use std::{borrow::Cow, mem, time::Duration};

use steward_ktap::{Event, Parser, Status, Summary};

use crate::BoundedLog;

/// Most cases that are kept.
const MOST_CASES: usize = 100_000;
/// Of what was printed about a test, so many bytes from the start and from the end are kept.
const LOG: usize = 4096;
/// What the first line of results holds, TAP's and KTAP's.
const HEADER: &[u8] = b"TAP version ";

/// A test of which a log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name, after those of the tests that it is part of, with dots between.
    pub name: String,
    /// How it went.
    pub status: Status,
    /// Why, when the log says so.
    pub reason: Option<String>,
    /// From the result before it; from the first word of results, for the first.
    pub elapsed: Duration,
    /// What was printed since the result before it, if it failed.
    pub log: BoundedLog,
}

/// The results in a log, as it comes.
#[derive(Debug, Default)]
pub struct Results {
    parser: Option<Parser>,
    told: Told,
    summary: Option<Summary>,
}

#[derive(Debug, Default)]
struct Told {
    cases: Vec<Case>,
    /// Of each test that is open: where its cases begin, and its name, if that is known.
    open: Vec<(usize, Option<String>)>,
    /// When the last case ended.
    last: Duration,
    /// What was printed since.
    log: BoundedLog,
    problems: Vec<String>,
}

/// What the results come to.
#[derive(Debug, PartialEq, Eq)]
pub struct Findings {
    /// How they went.
    pub summary: Summary,
    /// The tests.
    pub cases: Vec<Case>,
    /// What is wrong with the log itself: the first few things.
    pub problems: Vec<String>,
}

/// Most problems that are kept.
const MOST_PROBLEMS: usize = 10;

impl Results {
    pub fn new() -> Self {
        let told = Told { log: BoundedLog::new(LOG), ..Told::default() };
        Self { parser: Some(Parser::new()), told, summary: None }
    }

    /// Takes a line without its end, which came so long after the start.
    pub fn push(&mut self, line: &[u8], now: Duration) {
        let Some(parser) = &mut self.parser else { return };
        let told = &mut self.told;
        if told.cases.is_empty() && line.windows(HEADER.len()).any(|part| part == HEADER) {
            // What came before was the boot.
            (told.last, told.log) = (now, BoundedLog::new(LOG));
        }
        told.log.push(line);
        told.log.push(b"\n");
        parser.push(line, &mut |event| told.take(event, now));
        parser.push(b"\n", &mut |event| told.take(event, now));
        if parser.is_complete() {
            self.finish(now);
        }
    }

    /// Whether nothing more is expected.
    pub fn is_complete(&self) -> bool {
        self.summary.is_some()
    }

    /// Why complete results are not those of tests that all passed; `None` when they are.
    pub fn why_not(&self) -> Option<String> {
        self.summary.and_then(|summary| why_not(summary, &self.told.cases, &self.told.problems))
    }

    fn finish(&mut self, now: Duration) {
        if let Some(parser) = self.parser.take() {
            let told = &mut self.told;
            self.summary = Some(parser.finish(&mut |event| told.take(event, now)));
        }
    }

    pub fn findings(mut self, now: Duration) -> Findings {
        self.finish(now);
        let nothing = Summary { status: Status::FailureToParse, counts: Default::default() };
        while let Some((start, name)) = self.told.open.pop() {
            self.told.prefix(start, name.as_deref().unwrap_or_default());
        }
        let Told { cases, problems, .. } = self.told;
        Findings { summary: self.summary.unwrap_or(nothing), cases, problems }
    }
}

impl Findings {
    /// Why these are not the results of tests that all passed; `None` when they are.
    pub fn why_not(&self) -> Option<String> {
        why_not(self.summary, &self.cases, &self.problems)
    }
}

/// Most tests that are named.
const MOST_NAMED: usize = 5;

fn why_not(summary: Summary, cases: &[Case], problems: &[String]) -> Option<String> {
    let what = match summary.status {
        Status::Success | Status::Skipped => return None,
        Status::NoTests => String::from("there are no tests in the results"),
        Status::FailureToParse => String::from("there are no results of tests"),
        Status::Failure | Status::TestCrashed => {
            let failed: Vec<_> = cases.iter().filter(|case| is_failure(case.status)).collect();
            let named: Vec<_> = failed.iter().take(MOST_NAMED).map(|case| case.name.as_str()).collect();
            let more = if failed.len() > MOST_NAMED { ", …" } else { "" };
            match failed.len() {
                0 => String::from("the results as a whole are those of a failure"),
                count => format!("{count} of {} tests failed: {}{more}", cases.len(), named.join(", ")),
            }
        }
    };
    let problems = if problems.is_empty() { String::new() } else { format!(" ({})", problems.join("; ")) };
    Some(what + &problems)
}

impl Told {
    fn take(&mut self, event: Event<'_>, now: Duration) {
        match event {
            Event::Open { depth, name } => {
                self.open.truncate(depth);
                self.open.push((self.cases.len(), name.map(Cow::into_owned)));
            }
            Event::Test(test) => {
                let start = if test.has_subtests { self.close(test.depth, &test.name) } else { self.cases.len() };
                // A test with tests of its own stands for itself only when it failed and none of them did.
                let explained = self.cases[start..].iter().any(|case| is_failure(case.status));
                if (test.has_subtests && (explained || !is_failure(test.status))) || self.cases.len() >= MOST_CASES {
                    return;
                }
                let elapsed = now.saturating_sub(self.last);
                self.last = now;
                let log = mem::replace(&mut self.log, BoundedLog::new(LOG));
                let log = if is_failure(test.status) { log } else { BoundedLog::default() };
                let reason = test.reason.map(Cow::into_owned);
                self.cases.push(Case { name: test.name.into_owned(), status: test.status, reason, elapsed, log });
            }
            Event::Problem { line, what } if self.problems.len() < MOST_PROBLEMS => {
                self.problems.push(format!("line {line}: {what}"));
            }
            _ => {}
        }
    }

    /// The tests of this one have all been told; gives where they begin.
    fn close(&mut self, depth: usize, name: &str) -> usize {
        let mut start = self.cases.len();
        while self.open.len() > depth
            && let Some((first, known)) = self.open.pop()
        {
            let inner = known.unwrap_or_default();
            self.prefix(first, if self.open.len() == depth { name } else { &inner });
            start = first;
        }
        start
    }

    fn prefix(&mut self, start: usize, name: &str) {
        if !name.is_empty() {
            self.cases[start..].iter_mut().for_each(|case| case.name = format!("{name}.{}", case.name));
        }
    }
}

/// Whether a test that ended so did not do what it should.
pub fn is_failure(status: Status) -> bool {
    !matches!(status, Status::Success | Status::Skipped)
}

#[cfg(test)]
mod tests {
    use steward_ktap::Test;

    use super::*;

    fn open(told: &mut Told, depth: usize, name: Option<&'static str>) {
        told.take(Event::Open { depth, name: name.map(Cow::from) }, Duration::ZERO);
    }

    fn test(told: &mut Told, depth: usize, name: &'static str, status: Status, has_subtests: bool, at: u64) {
        let test = Test { depth, name: name.into(), status, reason: None, has_subtests };
        told.take(Event::Test(test), Duration::from_millis(at));
    }

    fn names(told: &Told) -> Vec<&str> {
        told.cases.iter().map(|case| case.name.as_str()).collect()
    }

    #[test]
    fn cases_bear_the_names_of_what_they_are_part_of_known_before_or_after() {
        let mut told = Told::default();
        open(&mut told, 0, None);
        test(&mut told, 1, "a", Status::Success, false, 5);
        open(&mut told, 1, Some("inner"));
        test(&mut told, 2, "b", Status::Skipped, false, 7);
        test(&mut told, 1, "inner", Status::Success, true, 7);
        test(&mut told, 0, "suite", Status::Success, true, 8);
        test(&mut told, 0, "alone", Status::Failure, false, 20);
        assert_eq!(names(&told), ["suite.a", "suite.inner.b", "alone"]);
        let times: Vec<_> = told.cases.iter().map(|case| case.elapsed.as_millis()).collect();
        assert_eq!(times, [5, 2, 13]);
    }

    #[test]
    fn the_first_test_begins_with_the_results_and_a_failed_one_has_its_own_part_of_the_log() {
        let mut results = Results::new();
        let log = ["Linux version", "KTAP version 1", "1..3", "# a: hm", "ok 1 a", "# b: no", "not ok 2 b", "ok 3 c"];
        for (line, at) in log.iter().zip((0..).step_by(10)) {
            results.push(line.as_bytes(), Duration::from_millis(at));
        }
        let cases = results.findings(Duration::from_millis(90)).cases;
        let times: Vec<_> = cases.iter().map(|case| case.elapsed.as_millis()).collect();
        assert_eq!(times, [30, 20, 10]);
        let logs: Vec<_> = cases.iter().map(|case| case.log.text()).collect();
        assert_eq!(logs, ["", "# b: no\nnot ok 2 b\n", ""]);
    }

    #[test]
    fn a_suite_that_failed_by_itself_is_a_case() {
        let mut told = Told::default();
        open(&mut told, 0, Some("suite"));
        test(&mut told, 1, "a", Status::Success, false, 1);
        test(&mut told, 0, "suite", Status::Failure, true, 2);
        open(&mut told, 0, Some("other"));
        test(&mut told, 1, "b", Status::Failure, false, 3);
        test(&mut told, 0, "other", Status::Failure, true, 4);
        assert_eq!(names(&told), ["suite.a", "suite", "other.b"]);
    }
}

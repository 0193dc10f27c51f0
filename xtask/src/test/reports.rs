//! Files and pages that a run's results go to, beside what it prints.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use steward_harness::listing::{self, Needs, Subject};
use steward_harness::machine::Shape;
use steward_harness::options::Options;
use steward_harness::report::{GitHub, Html, JUnit, Recorder, Writer, in_github_actions};
use steward_harness::suite::{Report, Sink, Summary};
use steward_harness::symbols::Symbols;
use steward_harness::verdict::{Judgement, Verdict};

use super::libtest::{Test, Totals};

/// What people type to run tests again.
pub const COMMAND: &str = "cargo xtask test";

/// Reports that are written when a run has ended.
#[derive(Default)]
pub struct Reports {
    /// JUnit, which has the host tests too.
    results: Vec<Box<dyn Writer>>,
    /// Those that tell of machines, and have nothing to tell of host tests.
    machines: Vec<Box<dyn Writer>>,
    host: Vec<Test>,
    /// What repeats how the machines boot.
    way: String,
}

impl Reports {
    /// Those that the options ask for, and GitHub's in its jobs. `way` is what repeats how the machines boot: options, each after a
    /// space.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub fn open(options: &Options, way: String) -> Result<Self> {
        let mut reports = Self { way, ..Self::default() };
        ensure!(options.junit.is_none() || options.junit != options.html, "--junit and --html name the same file");
        if let Some(path) = &options.junit {
            reports.results.push(Box::new(JUnit::create(path)?));
        }
        if let Some(path) = &options.html {
            reports.machines.push(Box::new(Html::create(path)?));
        }
        if in_github_actions() {
            reports.machines.push(Box::new(GitHub::from_environment()?));
        }
        Ok(reports)
    }

    /// Adds tests of this machine.
    pub fn add(&mut self, tests: Vec<Test>) {
        self.host.extend(tests);
    }

    /// Listeners for a run of kernel tests, which write the reports at its end.
    ///
    /// # Errors
    /// Never, so far: they write nothing before the end.
    pub fn recorders(&mut self, symbols: &Rc<Symbols>, facts: &[(String, String)]) -> io::Result<Vec<Recorder>> {
        let way = self.way.clone();
        let recorder = |writers: Vec<Box<dyn Writer>>| {
            let recorder = |writers| Recorder::new(writers, COMMAND.into(), facts.to_vec(), Rc::clone(symbols));
            (!writers.is_empty()).then(|| recorder(writers).with_options(&way))
        };
        let mut results = recorder(std::mem::take(&mut self.results));
        if let Some(recorder) = &mut results {
            std::mem::take(&mut self.host).iter().try_for_each(|test| record(recorder, test))?;
        }
        Ok(results.into_iter().chain(recorder(std::mem::take(&mut self.machines))).collect())
    }

    /// Writes what no run of kernel tests has written.
    ///
    /// # Errors
    /// When a report cannot be written.
    pub fn finish(&mut self, totals: Totals) -> io::Result<()> {
        let Totals { passed, failed, skipped } = totals;
        let summary = Summary { total: passed + failed, passed, failed, ignored: skipped, ..Summary::default() };
        let symbols = Rc::new(Symbols::of(Path::new("")));
        self.recorders(&symbols, &[])?.iter_mut().try_for_each(|recorder| recorder.ended(&summary))
    }
}

/// Tells of a test of this machine, of which less is known than of a kernel's.
fn record(recorder: &mut Recorder, test: &Test) -> io::Result<()> {
    let ignored = (test.event == "ignored").then(|| test.reason.clone());
    let listed = listing::Test {
        index: 0,
        name: test.name.clone(),
        file: String::new(),
        line: 0,
        should_panic: false,
        ignored,
        tier: listing::Tier::Test,
        timeout: None,
        needs: Needs::default(),
        subject: Subject::Host,
    };
    if listed.ignored.is_some() {
        return recorder.ignored(&listed);
    }
    let verdict = if test.event == "ok" { Verdict::Pass } else { Verdict::Fail };
    recorder.finished(&Report {
        test: &listed,
        shape: Shape::default(),
        judgement: Judgement { verdict, why: test.output.clone() },
        evidence: None,
        elapsed: Duration::ZERO,
        started: Duration::ZERO,
        lane: 0,
        origin: None,
        round: 1,
        attempt: 1,
        seed: 0,
        artifact: None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        filters: Vec<String>,
        #[command(flatten)]
        options: Options,
    }

    fn options(words: &[&str]) -> Options {
        let line = Line::parse_from([&["test"], words].concat());
        assert!(line.filters.is_empty());
        line.options
    }

    #[test]
    fn host_tests_stand_in_the_junit_file_though_no_kernel_test_ran() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.xml");
        let mut reports = Reports::open(&options(&["--junit", path.to_str().unwrap()]), String::new()).unwrap();
        let passed = Test { event: "ok", ..Test::failed("a::passes", String::new()) };
        let ignored = Test { event: "ignored", reason: "tier verify".into(), ..passed.clone() };
        let ignored = Test { name: "a::verify_all".into(), ..ignored };
        reports.add(vec![passed, ignored, Test::failed("a::fails", "left is not right".into())]);
        assert!(!path.exists());
        reports.finish(Totals { passed: 1, failed: 1, skipped: 1 }).unwrap();
        let text = fs::read_to_string(path).unwrap();
        for part in ["passes", "fails", "left is not right", "verify_all", "tier verify"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_refused_when_it_is_opened() {
        let options = options(&["--junit", "/proc/self/results.xml"]);
        let error = Reports::open(&options, String::new()).err().unwrap().to_string();
        assert!(error.contains("/proc/self/results.xml"), "{error}");
    }

    #[test]
    fn one_file_cannot_be_two_reports() {
        assert!(Reports::open(&options(&["--junit", "out", "--html", "out"]), String::new()).is_err());
    }
}

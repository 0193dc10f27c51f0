//! The tests of this machine: `cargo test` over the default members, its output passed through and counted.

use std::io::{BufRead, BufReader, Write};
use std::ops::AddAssign;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use steward_harness::process::{Interrupts, Process};

use crate::style;
use crate::workspace::Workspace;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Passed.
    pub passed: usize,
    /// Failed; a test program that did not come to its end counts as one.
    pub failed: usize,
    /// Not run, because they are marked so.
    pub skipped: usize,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// How the host tests are run.
pub struct Run<'a> {
    /// Substrings of names; none selects all.
    pub filters: &'a [String],
    /// How many tests run at once.
    pub jobs: Option<u32>,
    /// Print one JSON object a test instead of libtest's text.
    pub json: bool,
    /// Signals that ask to stop.
    pub interrupts: &'a Interrupts,
}

/// Runs the tests.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(workspace: &Workspace, run: &Run<'_>) -> Result<Totals> {
    let mut command = cargo_test(workspace);
    command.arg("--no-fail-fast").arg("--").args(run.filters);
    if let Some(jobs) = run.jobs {
        command.arg(format!("--test-threads={jobs}"));
    }
    if style::coloured() && !run.json {
        command.arg("--color=always");
    }
    let mut counter = Counter::default();
    let succeeded = lines(command, run.interrupts, |line| {
        let test = counter.line(&style::plain(line));
        match (run.json, test) {
            (false, _) => println!("{line}"),
            (true, Some(test)) => println!("{}", json!({"type": "test", "name": test.name, "event": test.event})),
            (true, None) => {}
        }
    })?;
    let mut totals = counter.totals;
    if !succeeded && totals.failed == 0 {
        // It did not compile, a test program died before it could give its result, or it was interrupted.
        eprintln!("error: `cargo test` did not come to its end; see above");
        totals.failed = 1;
    }
    Ok(totals)
}

/// Names of the host tests that the filters select.
///
/// # Errors
/// When the tests do not build.
pub fn list(workspace: &Workspace, filters: &[String], interrupts: &Interrupts) -> Result<Vec<String>> {
    let mut command = cargo_test(workspace);
    command.args(["--quiet", "--", "--list", "--format=terse"]).args(filters);
    let mut names = Vec::new();
    let succeeded = lines(command, interrupts, |line| {
        names.extend(line.strip_suffix(": test").map(str::to_owned));
    })?;
    anyhow::ensure!(succeeded, "the host tests do not build; see above");
    Ok(names)
}

fn cargo_test(workspace: &Workspace) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(workspace.root()).arg("test");
    command
}

/// Hands each line of the command's output to `each`. `true` when the command succeeded. When a signal asks to stop,
/// the command and all it has started are killed.
fn lines(mut command: Command, interrupts: &Interrupts, mut each: impl FnMut(&str)) -> Result<bool> {
    std::io::stdout().flush()?;
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer);
    let mut process = Process::spawn(command).context("cannot run cargo")?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        match receiver.recv_timeout(ATTENTION) {
            Ok(line) => each(String::from_utf8_lossy(&line).trim_end_matches('\r')),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if interrupts.signal().is_some() {
            process.kill()?;
            return Ok(false);
        }
    }
    loop {
        if let Some(status) = process.wait_at_most(ATTENTION)? {
            return Ok(status.success());
        }
        if interrupts.signal().is_some() {
            process.kill()?;
        }
    }
}

/// How soon a signal is noticed.
const ATTENTION: Duration = Duration::from_millis(100);

/// One test as libtest reports it.
#[derive(Debug, PartialEq, Eq)]
struct Test {
    name: String,
    /// `ok`, `failed` or `ignored`.
    event: &'static str,
}

/// Adds up what the test programs say.
#[derive(Default)]
struct Counter {
    totals: Totals,
}

impl Counter {
    /// Takes a line without colours; gives the test that it reports, if it does.
    fn line(&mut self, line: &str) -> Option<Test> {
        if let Some(result) = line.strip_prefix("test result: ") {
            let number = |what: &str| -> usize {
                let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
                part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
            };
            self.totals.passed += number("passed");
            self.totals.failed += number("failed");
            self.totals.skipped += number("ignored");
            return None;
        }
        let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        let event = match outcome.split([',', ' ']).next()? {
            "ok" => "ok",
            "FAILED" => "failed",
            "ignored" => "ignored",
            _ => return None,
        };
        Some(Test { name: name.to_owned(), event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_programs_add_up() {
        let mut counter = Counter::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.13s",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s",
        ] {
            counter.line(line);
        }
        assert_eq!(counter.totals, Totals { passed: 17, failed: 2, skipped: 1 });
    }

    #[test]
    fn tests_are_read_with_their_outcome() {
        let mut counter = Counter::default();
        let mut event = |line| counter.line(line).map(|test| (test.name, test.event));
        assert_eq!(event("test a::b ... ok"), Some(("a::b".into(), "ok")));
        assert_eq!(event("test a::c - should panic ... FAILED"), Some(("a::c - should panic".into(), "failed")));
        assert_eq!(event("test a::d ... ignored, slow"), Some(("a::d".into(), "ignored")));
        assert_eq!(event("test a::e has been running for over 60 seconds"), None);
        assert_eq!(event("something else ... ok"), None);
    }

    fn shell(script: &str, interrupts: &Interrupts) -> (bool, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut seen = Vec::new();
        let succeeded = lines(command, interrupts, |line| seen.push(line.to_owned())).unwrap();
        (succeeded, seen)
    }

    #[test]
    fn lines_arrive_and_the_outcome_of_the_command_is_told() {
        let interrupts = Interrupts::none().unwrap();
        assert_eq!(shell("echo a; printf b", &interrupts), (true, vec!["a".into(), "b".into()]));
        assert_eq!(shell("echo a; exit 3", &interrupts), (false, vec!["a".into()]));
    }

    #[test]
    fn a_signal_ends_the_command() {
        let interrupts = Interrupts::none().unwrap();
        interrupts.trigger(15);
        let start = std::time::Instant::now();
        assert!(!shell("sleep 60", &interrupts).0);
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

//! The tests of this machine: `cargo test` over the default members, its output passed through and counted.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use steward_harness::process::{Interrupts, Process};

use super::libtest::{Counter, News, Totals};
use super::scratch::Scratch;
use super::tied;
use crate::out::say;
use crate::style;
use crate::workspace::Workspace;

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
/// When cargo cannot be started, or there is no room for temporary files.
pub fn run(workspace: &Workspace, run: &Run<'_>) -> Result<Totals> {
    let scratch = Scratch::new(&workspace.cache()).context("making a directory for temporary files")?;
    let mut command = cargo_test(workspace);
    command.env("TMPDIR", scratch.path());
    // Test programs boot machines; they must die with us, also when we are killed without warning.
    command.args(["--no-fail-fast", "--config", &tied::configuration(), "--"]).args(run.filters);
    if let Some(jobs) = run.jobs {
        command.arg(format!("--test-threads={jobs}"));
    }
    if style::coloured() && !run.json {
        command.arg("--color=always");
    }
    let mut counter = Counter::default();
    let succeeded = lines(command, run.interrupts, |line| {
        let news = counter.line(&style::plain(line));
        match (run.json, news.is_some()) {
            (false, _) => say!("{line}"),
            // Standard output is for JSON; what a program says besides must not be lost.
            (true, false) if !line.is_empty() => eprintln!("{line}"),
            (true, _) => {}
        }
        tell(news.unwrap_or_default(), run.json);
    })?;
    if run.interrupts.signal().is_some() {
        // What was cut short is no test's failure; the exit code tells of the signal.
        eprintln!("interrupted");
        return Ok(counter.totals);
    }
    tell(counter.end(succeeded, !run.filters.is_empty()), run.json);
    Ok(counter.totals)
}

/// What a line of libtest's text does not already tell a person is told here; programs are told everything.
fn tell(news: Vec<News>, json: bool) {
    for news in news {
        match (json, news) {
            (true, news) => say!("{}", event(&news)),
            (false, News::Test(_)) => {}
            (false, News::Problem(problem)) => eprintln!("error: `cargo test`: {problem}"),
        }
    }
}

fn event(news: &News) -> Value {
    match news {
        News::Test(test) => {
            let mut event = json!({"type": "test", "event": test.event, "name": test.name});
            if test.event == "failed" {
                event["stdout"] = test.output.as_str().into();
            }
            event
        }
        News::Problem(why) => json!({"type": "test", "event": "failed", "name": "cargo test", "why": why}),
    }
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

#[cfg(test)]
mod tests {
    use super::super::libtest::Test;
    use super::*;

    #[test]
    fn every_failure_has_an_event_that_says_why() {
        let test = Test { name: "a".into(), event: "failed", output: "words\n".into() };
        assert_eq!(event(&News::Test(test))["stdout"], "words\n");
        let problem = event(&News::Problem("it died".into()));
        assert_eq!((&problem["event"], &problem["why"]), (&json!("failed"), &json!("it died")));
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

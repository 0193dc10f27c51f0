//! Kernel tests by cargo-nextest, which starts the harness for each of them.

use std::process::{Command, Stdio};

use anyhow::Result;
use steward_harness::listing::Tier;
use steward_harness::process::Interrupts;

use crate::out::say;
use crate::test::budget::Budget;
use crate::test::cargo::{From, cargo, lines};
use crate::test::libtest::Totals;
use crate::workspace::{BARE_METAL, KERNEL, Workspace};

/// Runs the tests, where cargo-nextest is installed.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(workspace: &Workspace, budget: &Budget, interrupts: &Interrupts) -> Result<Totals> {
    if !is_installed() {
        say!("note: left out, for cargo-nextest is not installed; `cargo install cargo-nextest --locked` installs it");
        return Ok(Totals::default());
    }
    let command = |run: &[&str]| {
        let mut command = cargo(workspace, "nextest");
        command.args(["run", "--package", KERNEL, "--target", BARE_METAL, "--color", "never"]).args(run);
        // What a caller, such as nextest itself, has said of other tests is not for these.
        command.env_remove("NEXTEST_PROFILE").env("STEWARD_TIER", Tier::Verify.name());
        command
    };
    // Compiled before the time runs.
    let mut summary = None;
    let mut hear = |line: &str| {
        say!("{line}");
        summary = totals(line).or(summary);
    };
    let mut succeeded = lines(command(&["--no-run"]), From::Stderr, interrupts, &mut hear)?;
    if succeeded {
        let arguments = ["--no-fail-fast", "--status-level", "fail", "--final-status-level", "fail"];
        succeeded = budget.spend(|| lines(command(&arguments), From::Stderr, interrupts, &mut hear))?;
    }
    Ok(judge(summary, succeeded, interrupts.signal().is_some()))
}

fn is_installed() -> bool {
    let mut command = Command::new("cargo");
    command.args(["nextest", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What counts. nextest's own opinion does, too: it fails runs in which every test has passed, such as one without tests.
fn judge(summary: Option<Totals>, succeeded: bool, interrupted: bool) -> Totals {
    let mut totals = summary.unwrap_or_default();
    if !interrupted && totals.failed == 0 && (!succeeded || totals.passed == 0) {
        eprintln!("error: cargo-nextest has failed; its messages say why");
        totals.failed = 1;
    }
    totals
}

/// `Summary [   3.456s] 42 tests run: 40 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
fn totals(line: &str) -> Option<Totals> {
    let rest = line.trim_start().strip_prefix("Summary [")?.split_once(']')?.1;
    let (ran, outcomes) = rest.split_once(" run: ")?;
    // `42 tests`, or `40/42 tests` in a run that was cut short.
    let ran: usize = ran.split_whitespace().next()?.split('/').next()?.parse().ok()?;
    let number = |what: &str| -> usize {
        let part = outcomes.split(", ").find(|part| part.split_whitespace().nth(1) == Some(what));
        part.and_then(|part| part.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    let passed = number("passed");
    Some(Totals { passed, failed: ran.saturating_sub(passed), skipped: number("skipped") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read_and_what_did_not_pass_has_failed() {
        let read = |line: &str| totals(line).map(|totals| (totals.passed, totals.failed, totals.skipped));
        assert_eq!(read("     Summary [   3.456s] 40 tests run: 40 passed, 2 skipped"), Some((40, 0, 2)));
        assert_eq!(read("Summary [ 1.0s] 1 test run: 1 passed (1 leaky), 0 skipped"), Some((1, 0, 0)));
        let line = "Summary [ 9s] 42 tests run: 39 passed (1 slow), 1 failed, 1 timed out, 1 exec failed, 0 skipped";
        assert_eq!(read(line), Some((39, 3, 0)));
        assert_eq!(read("Summary [ 9s] 40/42 tests run: 39 passed, 1 failed, 2 skipped"), Some((39, 1, 2)));
        assert_eq!(read("        PASS [   0.1s] steward-kernel::a b"), None);
    }

    #[test]
    fn a_run_that_failed_or_ran_nothing_is_a_failure_whatever_it_counted() {
        let passed = Some(Totals { passed: 4, ..Totals::default() });
        assert_eq!(judge(passed, true, false).failed, 0);
        assert_eq!(judge(passed, false, false).failed, 1);
        assert_eq!(judge(None, true, false).failed, 1);
        assert_eq!(judge(None, false, true).failed, 0);
        assert_eq!(judge(Some(Totals { failed: 2, ..Totals::default() }), false, false).failed, 2);
    }
}

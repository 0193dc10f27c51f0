//! The ledger's threads under Miri, which looks at every access to memory, lets weak exchanges fail for no reason and loads
//! see old values.

use std::process::{Command, Stdio};

use anyhow::Result;
use steward_harness::process::Interrupts;

use crate::out::say;
use crate::test::budget::Budget;
use crate::test::cargo::{From, lines};
use crate::test::libtest::{Counter, News, Totals};
use crate::workspace::Workspace;

/// Miri comes with nightly compilers only.
const TOOLCHAIN: &str = "nightly-2026-10-15";
const TESTS: [&str; 4] = ["--package", "steward-ledger", "--test", "threads"];

/// Runs the tests. Miri is installed where it is not.
///
/// # Errors
/// When rustup or cargo cannot be started.
pub fn run(workspace: &Workspace, budget: &Budget, interrupts: &Interrupts) -> Result<Totals> {
    if !is_installed() {
        say!("note: installing Miri, of {TOOLCHAIN}");
        let mut install = Command::new("rustup");
        install.args(["toolchain", "install", TOOLCHAIN, "--profile", "minimal"]);
        install.args(["--component", "miri", "--component", "rust-src"]);
        if !lines(install, From::Stderr, interrupts, |line| say!("{line}"))? {
            eprintln!("error: Miri is not installed; `rustup toolchain install {TOOLCHAIN} --component miri` says why");
            return Ok(Totals { failed: 1, ..Totals::default() });
        }
    }
    let command = |run: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(["run", TOOLCHAIN, "cargo", "miri", "test"]).args(TESTS).args(run).current_dir(workspace.root());
        // A directory of its own, as it is another compiler's.
        command.env("CARGO_TARGET_DIR", workspace.target().join("miri")).env_remove("CARGO").env_remove("RUSTC");
        // The ledgers of these tests live as long as the program.
        command.env("MIRIFLAGS", "-Zmiri-ignore-leaks");
        command
    };
    let mut counter = Counter::default();
    // Compiled before the time runs.
    let mut succeeded = lines(command(&["--no-run"]), From::Stderr, interrupts, |line| say!("{line}"))?;
    if succeeded {
        let mut hear = |line: &str| {
            say!("{line}");
            counter.line(line);
        };
        succeeded = budget.spend(|| lines(command(&[]), From::Stdout, interrupts, &mut hear))?;
    }
    if interrupts.signal().is_none() {
        for problem in counter.end(succeeded, false) {
            if let News::Problem(problem) = problem {
                eprintln!("error: Miri: {problem}");
            }
        }
    }
    Ok(counter.totals)
}

fn is_installed() -> bool {
    let mut command = Command::new("rustup");
    command.args(["run", TOOLCHAIN, "cargo", "miri", "--version"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

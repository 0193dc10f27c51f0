//! Threads of the ledger, the frames and the slabs under Miri, which looks at every access to memory, lets weak exchanges fail
//! for no reason and loads see old values.

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
/// What is needed of it, as rustup names it; behind some names stands the computer's.
const COMPONENTS: [&str; 2] = ["miri", "rust-src"];
/// The tests: what cargo is told to build, and what of it is run.
const TESTS: [(&[&str], &[&str]); 3] = [
    (&["--package", "steward-ledger", "--test", "threads"], &[]),
    (&["--package", "steward-frames", "--lib"], &["--", "tests::threads"]),
    (&["--package", "steward-slab", "--test", "threads"], &[]),
];

/// Runs the tests. Miri is installed where it is not.
///
/// # Errors
/// When rustup or cargo cannot be started.
pub fn run(workspace: &Workspace, budget: &Budget, interrupts: &Interrupts) -> Result<Totals> {
    if !is_installed() {
        say!("note: installing Miri, of {TOOLCHAIN}");
        let mut install = Command::new("rustup");
        install.args(["toolchain", "install", TOOLCHAIN, "--profile", "minimal"]);
        install.args(COMPONENTS.map(|component| ["--component", component]).as_flattened());
        if !lines(install, From::Stderr, interrupts, |line| say!("{line}"))? {
            let components = COMPONENTS.join(" --component ");
            eprintln!(
                "error: Miri is not installed; `rustup toolchain install {TOOLCHAIN} --component {components}` says why"
            );
            return Ok(Totals { failed: 1, ..Totals::default() });
        }
    }
    let mut totals = Totals::default();
    for (target, filter) in TESTS {
        if interrupts.signal().is_none() {
            totals += run_tests(workspace, budget, interrupts, target, filter)?;
        }
    }
    Ok(totals)
}

fn run_tests(
    workspace: &Workspace,
    budget: &Budget,
    interrupts: &Interrupts,
    target: &[&str],
    filter: &[&str],
) -> Result<Totals> {
    let command = |run: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(["run", TOOLCHAIN, "cargo", "miri", "test"]).args(target).args(run).current_dir(workspace.root());
        // A directory of its own, as it is another compiler's.
        command.env("CARGO_TARGET_DIR", workspace.target().join("miri")).env_remove("CARGO").env_remove("RUSTC");
        // What these tests make lives as long as the program.
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
        succeeded = budget.spend(|| lines(command(filter), From::Stdout, interrupts, &mut hear))?;
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
    command.args(["component", "list", "--installed", "--toolchain", TOOLCHAIN]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command.output().is_ok_and(|output| output.status.success() && names_all(&String::from_utf8_lossy(&output.stdout)))
}

/// Whether a list of components has all that are needed.
fn names_all(list: &str) -> bool {
    let is = |line: &str, name| line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    COMPONENTS.iter().all(|name| list.lines().any(|line| is(line, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn miri_without_the_library_s_source_is_not_enough() {
        let list = |last: &str| format!("cargo-x86_64-unknown-linux-gnu\nmiri-x86_64-unknown-linux-gnu\n{last}");
        assert!(names_all(&list("rust-src\n")));
        for last in ["", "rust-srcs\n", "rust-std-x86_64-unknown-linux-gnu\n"] {
            assert!(!names_all(&list(last)), "{last}");
        }
        assert!(!names_all("rust-src\n"));
    }
}

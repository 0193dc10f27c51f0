//! The tests of the kernel: listed from its ELF file, compared with the sources, run one machine each.

use std::io::stdout;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use steward_harness::Emulator;
use steward_harness::accel::{self, Request};
use steward_harness::filter::Filter;
use steward_harness::listing::Listing;
use steward_harness::machine::Shape;
use steward_harness::process::Interrupts;
use steward_harness::report::{JsonLines, Style, Terminal};
use steward_harness::session::Limits;
use steward_harness::sources::{self, Differences};
use steward_harness::suite::{Policy, Sink, Suite, Summary, host_cpus};
use steward_harness::symbols::Symbols;

use super::libtest::Totals;
use crate::images::{self, Build};
use crate::out::say;
use crate::style;
use crate::workspace::{FIXTURES, GUEST, Workspace};

/// How the kernel's tests are run.
pub struct Run<'a> {
    /// Substrings of names; none selects all.
    pub filters: &'a [String],
    /// How many machines run at once.
    pub jobs: Option<u32>,
    /// Print one JSON object a line.
    pub json: bool,
    /// Signals that ask to stop.
    pub interrupts: &'a Interrupts,
}

const BUILD: Build = Build { release: false, tests: true };

/// Builds the kernel and runs its tests. A difference between sources and ELF file counts as a failed test each.
///
/// # Errors
/// When the kernel does not build, has no tests at all, or the machines cannot be started.
pub fn run(workspace: &Workspace, run: &Run<'_>) -> Result<Totals> {
    let image = images::image(workspace, BUILD, run.interrupts)?;
    let listing = Listing::read(&image.elf)?;
    let differences = compare(workspace, &listing)?;
    if !differences.is_empty() {
        eprintln!("error: {differences}");
    }
    ensure!(!listing.tests.is_empty(), "the kernel has no tests: {differences}");
    let emulator = Emulator::find()?;
    let chosen = accel::choose(Request::Auto, &emulator, &image, &workspace.cache(), run.interrupts)?;
    if let Some(note) = &chosen.note {
        eprintln!("note: {note}");
    }
    let suite = Suite {
        emulator: &emulator,
        image: &image,
        count: u32::try_from(listing.tests.len())?,
        shape: Shape::default(),
        chosen: &chosen,
        jobs: run.jobs.unwrap_or_else(host_cpus),
        limits: Limits::default(),
        command_line: String::new(),
        policy: Policy::default(),
        cache: workspace.cache(),
    };
    let symbols = Symbols::of(&image.elf);
    let mut sink: Box<dyn Sink> = if run.json {
        Box::new(JsonLines::new(stdout(), symbols))
    } else {
        Box::new(Terminal::new(stdout(), Style { colour: style::coloured(), output: false }, symbols))
    };
    let summary = suite.run(&filter(run.filters).select(&listing), &mut *sink, run.interrupts)?;
    if run.json {
        failures(&differences).iter().for_each(|event| say!("{event}"));
    } else if !differences.is_empty() {
        // It was said before the tests ran, and may have scrolled away.
        eprintln!("error: {differences}");
    }
    Ok(totals(&summary, &differences))
}

/// An event for each test that only the sources or only the ELF file has.
fn failures(differences: &Differences) -> Vec<Value> {
    let failed = |name: &str, why: String| json!({"type": "test", "event": "failed", "name": name, "why": why});
    let vanished = differences.vanished.iter().map(|test| {
        let sources::SourceTest { file, path, line } = test;
        failed(path, format!("is at {file}:{line}, and not in the kernel; is its crate linked into it?"))
    });
    let unknown = differences.unknown.iter();
    vanished
        .chain(unknown.map(|(name, file)| failed(name, format!("is in the kernel, and not in its source {file}"))))
        .collect()
}

/// Adds up. In a run that was not cut short, every test that has not passed has failed, whatever became of it; in one that
/// was, only those that ran are counted, and the exit code says the rest.
fn totals(summary: &Summary, differences: &Differences) -> Totals {
    let failed = if summary.interrupted.is_some() { summary.failed } else { summary.total - summary.passed };
    Totals {
        passed: summary.passed,
        failed: failed + differences.vanished.len() + differences.unknown.len(),
        skipped: summary.ignored,
    }
}

/// Names of the kernel's tests that the filters select.
///
/// # Errors
/// When the kernel does not build.
pub fn list(workspace: &Workspace, filters: &[String], interrupts: &Interrupts) -> Result<Vec<String>> {
    let listing = Listing::read(&images::kernel(workspace, BUILD, interrupts)?)?;
    let selection = filter(filters).select(&listing);
    Ok(selection.run.iter().map(|test| test.name.clone()).collect())
}

fn filter(patterns: &[String]) -> Filter {
    Filter { patterns: patterns.to_vec(), ..Filter::default() }
}

/// Compares the tests in the ELF file with those in the sources of every package that can have some, whether the kernel
/// is made of it or not: tests of a package that the kernel has lost must not be lost with it.
fn compare(workspace: &Workspace, listing: &Listing) -> Result<Differences> {
    Ok(sources::compare(&sources::find(workspace.root(), &roots(workspace))?, listing))
}

fn roots(workspace: &Workspace) -> Vec<PathBuf> {
    let mut packages = workspace.dependents(GUEST);
    // Those are kernels of their own, whose tests the harness's tests run.
    packages.retain(|package| package.name.as_str() != FIXTURES);
    packages.iter().map(|package| PathBuf::from(workspace.directory(package)).join("src")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_that_did_not_pass_has_failed() {
        let summary = Summary { total: 10, passed: 7, failed: 1, ignored: 2, ..Summary::default() };
        let totals = totals(&summary, &Differences::default());
        assert_eq!((totals.passed, totals.failed, totals.skipped), (7, 3, 2));
    }

    #[test]
    fn a_test_that_vanished_from_the_kernel_has_failed() {
        let differences = Differences {
            vanished: vec![sources::SourceTest { file: "a.rs".into(), path: "t".into(), line: 1 }],
            ..Differences::default()
        };
        let summary = Summary { total: 1, passed: 1, ..Summary::default() };
        assert_eq!(totals(&summary, &differences).failed, 1);
        let [event] = failures(&differences).try_into().unwrap();
        assert_eq!((&event["name"], &event["event"]), (&json!("t"), &json!("failed")));
        assert!(event["why"].as_str().unwrap().contains("a.rs:1"), "{event}");
    }

    #[test]
    fn every_package_that_can_have_kernel_tests_is_searched_and_fixtures_are_not() {
        let roots = roots(&Workspace::load().unwrap());
        for package in ["kernel/src", "kernel/core/src", "kernel/frames/src", "kernel/machine/src"] {
            assert!(roots.contains(&package.into()), "{package}: {roots:?}");
        }
        assert!(!roots.contains(&"harness/fixtures/src".into()), "{roots:?}");
    }

    #[test]
    fn sources_of_everything_in_the_kernel_are_compared() {
        let workspace = Workspace::load().unwrap();
        let differences = compare(&workspace, &Listing::default()).unwrap();
        let files: Vec<_> = differences.vanished.iter().map(|test| test.file.as_str()).collect();
        assert!(files.iter().any(|file| file.starts_with("kernel/machine/src/")), "{files:?}");
        assert_eq!(differences.in_sources, files.len());
    }
}

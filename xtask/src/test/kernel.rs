//! The tests of the kernel: listed from its ELF file, compared with the sources, run in machines.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Result, ensure};
use steward_harness::Emulator;
use steward_harness::accel::{self, Chosen, Request};
use steward_harness::filter::{Filter, Selection};
use steward_harness::image::Image;
use steward_harness::listing::Listing;
use steward_harness::machine::{Configuration, Shape};
use steward_harness::process::Interrupts;
use steward_harness::report::Line;
use steward_harness::session::Limits;
use steward_harness::sources::{self, Differences};
use steward_harness::suite::{Policy, Report, Sink, Suite, Summary, host_cpus};

use super::budget::Budget;
use super::libtest::Totals;
use crate::images::{self, Build, Serial};
use crate::out::say;
use crate::way::Way;
use crate::workspace::{FIXTURES, GUEST, Workspace};

/// The kernel whose tests are run.
const fn build(serial: Serial) -> Build {
    Build { release: false, tests: true, serial }
}

/// The kernel with its tests, and what runs it.
pub struct Kernel {
    /// What the machines boot.
    pub image: Image,
    /// How, for people.
    pub way: String,
    /// Its tests; there is at least one.
    pub listing: Listing,
    /// Tests that only the sources or only the ELF file has.
    pub differences: Differences,
    /// QEMU.
    pub emulator: Emulator,
    /// What executes the machines.
    pub chosen: Chosen,
}

/// A run of kernel tests.
pub struct Run<'a> {
    /// The machine of a test that asks for nothing.
    pub shape: Shape,
    /// How the tests are treated.
    pub policy: Policy,
    /// How many CPUs of this machine the run may use; `None` for all.
    pub jobs: Option<u32>,
    /// Where the time goes to.
    pub budget: &'a Budget,
    /// Signals that ask to stop.
    pub interrupts: &'a Interrupts,
}

impl Kernel {
    /// Builds the kernel and what starts it, and finds what runs it. Differences between sources and ELF file are told.
    ///
    /// # Errors
    /// When the kernel does not build or has no tests at all, or when machines cannot be started.
    pub fn build(
        workspace: &Workspace,
        way: &Way,
        serial: Serial,
        accel: Request,
        interrupts: &Interrupts,
    ) -> Result<Self> {
        let ready = way.prepare(workspace, interrupts)?;
        let direct = images::image(workspace, build(serial), interrupts)?;
        let listing = Listing::read(&direct.elf)?;
        let differences = compare(workspace, &listing)?;
        if !differences.is_empty() {
            eprintln!("error: {differences}");
        }
        ensure!(!listing.tests.is_empty(), "the kernel has no tests: {differences}");
        let emulator = Emulator::find()?;
        // By a direct boot, which is quick; the answer holds for any.
        let chosen = accel::choose(accel, &emulator, &direct, &workspace.cache(), interrupts)?;
        if let Some(note) = &chosen.note {
            eprintln!("note: {note}");
        }
        let serving = Configuration::serving(Shape::default(), chosen.accelerator, 1);
        let image = ready.image(&direct, &serving.command_line, workspace)?;
        Ok(Self { image, way: way.to_string(), listing, differences, emulator, chosen })
    }

    /// Runs the selected tests.
    ///
    /// # Errors
    /// When the results cannot be told.
    pub fn run(
        &self,
        workspace: &Workspace,
        selection: &Selection<'_>,
        run: &Run<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Summary> {
        let suite = Suite {
            emulator: &self.emulator,
            image: &self.image,
            count: self.listing.count(),
            shape: run.shape.clone(),
            chosen: &self.chosen,
            jobs: run.jobs.unwrap_or_else(host_cpus),
            limits: Limits::default(),
            command_line: String::new(),
            policy: run.policy.clone(),
            cache: workspace.cache(),
        };
        Ok(run.budget.spend(|| suite.run(selection, sink, run.interrupts))?)
    }

    /// Names and values that reports state.
    #[must_use]
    pub fn facts(&self) -> Vec<(String, String)> {
        vec![("QEMU".into(), self.emulator.version().to_string()), ("boot".into(), self.way.clone())]
    }

    /// Tells again of the differences between sources and ELF file: the first time may have scrolled away. Each counts as
    /// a failed test.
    pub fn tell_differences(&self, json: bool) -> usize {
        if json {
            failures(&self.differences).iter().for_each(|event| say!("{event}"));
        } else if !self.differences.is_empty() {
            eprintln!("error: {}", self.differences);
        }
        self.differences.vanished.len() + self.differences.unknown.len()
    }
}

/// An event for each test that only the sources or only the ELF file has.
fn failures(differences: &Differences) -> Vec<Line> {
    let failed = |name: &str, why: String| Line::problem(name, &why);
    let vanished = differences.vanished.iter().map(|test| {
        let sources::SourceTest { file, path, line } = test;
        failed(path, format!("is at {file}:{line}, and not in the kernel; is its crate linked into it?"))
    });
    let unknown = differences.unknown.iter();
    vanished
        .chain(unknown.map(|(name, file)| failed(name, format!("is in the kernel, and not in its source {file}"))))
        .collect()
}

/// Adds up. In a run that nothing cut short, every test that has not passed has failed, whatever became of it. In one that
/// a signal or its first failure has ended, only those that ran are counted; the exit code says the rest.
#[must_use]
pub fn totals(summary: &Summary, policy: &Policy) -> Totals {
    let cut_short = summary.interrupted.is_some() || (policy.until_fail && summary.failed > 0);
    let failed = if cut_short { summary.failed } else { summary.total - summary.passed };
    Totals { passed: summary.passed, failed, skipped: summary.ignored }
}

/// Names of the kernel's tests that the filter selects.
///
/// # Errors
/// When the kernel does not build.
pub fn list(workspace: &Workspace, filter: &Filter, interrupts: &Interrupts) -> Result<Vec<String>> {
    let listing = Listing::read(&images::kernel(workspace, build(Serial::default()), interrupts)?)?;
    Ok(filter.select(&listing).run.iter().map(|test| test.name.clone()).collect())
}

/// Remembers the first machine that was kept.
#[derive(Clone, Default)]
pub struct FirstKept(Rc<RefCell<Option<String>>>);

impl FirstKept {
    /// Its name, if any was kept.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.0.borrow().clone()
    }
}

impl Sink for FirstKept {
    fn noted(&mut self, _: &str) -> io::Result<()> {
        // It is beside sinks that tell it.
        Ok(())
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let mut first = self.0.borrow_mut();
        if first.is_none() && !report.passed() {
            first.clone_from(&report.artifact);
        }
        Ok(())
    }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn every_test_that_did_not_pass_has_failed() {
        let summary = Summary { total: 10, passed: 7, failed: 1, ignored: 2, ..Summary::default() };
        let totals = totals(&summary, &Policy::default());
        assert_eq!((totals.passed, totals.failed, totals.skipped), (7, 3, 2));
    }

    #[test]
    fn tests_that_the_first_failure_kept_from_running_have_not_failed() {
        let policy = Policy { until_fail: true, ..Policy::default() };
        let cut_short = Summary { total: 10, passed: 7, failed: 1, ..Summary::default() };
        assert_eq!(totals(&cut_short, &policy).failed, 1);
        // Nothing failed, so nothing may be missing.
        let lost = Summary { total: 10, passed: 7, ..Summary::default() };
        assert_eq!(totals(&lost, &policy).failed, 3);
    }

    #[test]
    fn a_test_that_vanished_from_the_kernel_has_failed() {
        let differences = Differences {
            vanished: vec![sources::SourceTest { file: "a.rs".into(), path: "t".into(), line: 1 }],
            ..Differences::default()
        };
        let [event] = failures(&differences).try_into().unwrap();
        assert_eq!((event.get("name"), event.get("event")), (Some(&json!("t")), Some(&json!("failed"))));
        assert!(event.get("why").unwrap().as_str().unwrap().contains("a.rs:1"), "{event}");
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

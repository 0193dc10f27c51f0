//! Runs one small test many times, and tells how long each took.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use steward_harness::Emulator;
use steward_harness::accel::Chosen;
use steward_harness::filter::{Filter, Selection};
use steward_harness::image::Image;
use steward_harness::listing::Listing;
use steward_harness::machine::{Accelerator, Shape};
use steward_harness::process::Interrupts;
use steward_harness::session::Limits;
use steward_harness::suite::{Isolation, Origin, Policy, Report, Sink, Suite};

use crate::bench::Context;

/// The test: it computes for some microseconds and needs nothing special.
pub const TEST: &str = "steward_core::ktests::error_codes_are_told_in_words";
/// A boot by UEFI takes seconds where nothing else does.
const LIMITS: Limits = Limits {
    boot: Duration::from_secs(60),
    start: Duration::from_secs(2),
    test: Duration::from_secs(10),
    end: Duration::from_secs(5),
};

/// What all runs have in common.
pub struct Stage<'a> {
    emulator: &'a Emulator,
    interrupts: &'a Interrupts,
    cache: PathBuf,
    listing: Listing,
}

/// A run of the test.
pub struct Run<'a> {
    pub image: &'a Image,
    pub shape: Shape,
    pub isolation: Isolation,
    /// How many machines may run at once.
    pub jobs: u32,
    /// How often the test is run.
    pub times: u32,
}

/// One test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// From the run's begin to dispatch, in ms.
    pub started: f64,
    /// From dispatch to verdict, in ms.
    pub time: f64,
    /// How its machine came about.
    pub origin: Origin,
}

/// How a run went.
pub struct Ran {
    /// Every test, in the order of their ends.
    pub samples: Vec<Sample>,
    /// From the run's begin, with nothing running, to its end, with nothing left; in ms.
    pub whole: f64,
}

impl<'a> Stage<'a> {
    /// A stage for this kernel.
    ///
    /// # Errors
    /// When its tests cannot be listed.
    pub fn new(context: &'a Context, image: &Image) -> Result<Self> {
        Ok(Self {
            emulator: &context.emulator,
            interrupts: &context.interrupts,
            cache: context.workspace.cache(),
            listing: Listing::read(&image.elf)?,
        })
    }

    /// Runs the test.
    ///
    /// # Errors
    /// When the kernel does not have it, when it does not pass, or when a signal asks to stop.
    pub fn run(&self, run: &Run<'_>) -> Result<Ran> {
        let selection = select(&self.listing)?;
        let chosen = Chosen::unchecked(Accelerator::Tcg);
        let suite = Suite {
            emulator: self.emulator,
            image: run.image,
            count: self.listing.count(),
            shape: run.shape.clone(),
            chosen: &chosen,
            jobs: run.jobs,
            limits: LIMITS,
            command_line: String::new(),
            policy: Policy { isolation: run.isolation, repeat: run.times, ..Policy::default() },
            cache: self.cache.clone(),
        };
        let mut samples = Samples::default();
        let summary = suite.run(&selection, &mut samples, self.interrupts)?;
        if let Some(signal) = summary.interrupted {
            return Err(steward_harness::Error::Interrupted(signal).into());
        }
        Ok(Ran { samples: samples.0, whole: milliseconds(summary.elapsed) })
    }
}

fn select(listing: &Listing) -> Result<Selection<'_>> {
    let filter = Filter { patterns: vec![TEST.to_owned()], exact: true, ..Filter::default() };
    let selection = filter.select(listing);
    (selection.run.len() == 1).then_some(selection).with_context(|| format!("the kernel has no test {TEST}"))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[derive(Default)]
struct Samples(Vec<Sample>);

impl Sink for Samples {
    /// A test that does not pass ends the run: its time is not what is asked for.
    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let Some(origin) = report.origin.filter(|_| report.passed()) else {
            let judgement = &report.judgement;
            let text = format!("{} on {}: {:?}: {}", report.test.name, report.shape, judgement.verdict, judgement.why);
            return Err(io::Error::other(text));
        };
        self.0.push(Sample { started: milliseconds(report.started), time: milliseconds(report.elapsed), origin });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use steward_harness::sources;

    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn the_test_that_is_measured_exists() {
        let workspace = Workspace::load().unwrap();
        let tests = sources::find(workspace.root(), &["kernel/core/src".into()]).unwrap();
        assert!(tests.iter().any(|test| TEST.ends_with(&test.path)), "{TEST} is not in {tests:?}");
    }

    #[test]
    fn a_kernel_without_the_test_is_an_error_that_names_it() {
        let error = select(&Listing::default()).unwrap_err().to_string();
        assert!(error.contains(TEST), "{error}");
    }
}

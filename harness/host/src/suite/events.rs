//! What a run of tests tells those who listen.

use std::{io, time::Duration};

use super::Isolation;
use crate::{
    listing::Test,
    machine::Shape,
    session::{Evidence, Origin},
    verdict::{Judgement, Verdict},
};

/// Hears of every test as it goes. An error stops the run: nobody is left to hear.
#[expect(
    unused_variables,
    reason = "the parameters of methods that do nothing by default keep their names for the reader"
)]
pub trait Sink {
    /// The run begins.
    ///
    /// # Errors
    /// When the news cannot be passed on; so for all methods.
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        Ok(())
    }

    /// A test was dispatched.
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn started(&mut self, test: &Test) -> io::Result<()> {
        Ok(())
    }

    /// Something about the run as a whole that its reader should know.
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn noted(&mut self, text: &str) -> io::Result<()> {
        eprintln!("note: {text}");
        Ok(())
    }

    /// A running test's machine wrote to COM1. Called only when [`Sink::wants_output`].
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn output(&mut self, test: &Test, bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// Whether [`Sink::output`] shall be called.
    fn wants_output(&self) -> bool {
        false
    }

    /// An attempt at a test failed, and the test will be tried again.
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        Ok(())
    }

    /// A test was judged, for the last time in its round.
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn finished(&mut self, report: &Report<'_>) -> io::Result<()>;

    /// A test is marked `ignore` and was not run.
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        Ok(())
    }

    /// The run is over, or was interrupted.
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        Ok(())
    }

    /// No further run begins. Called only by programs that have several runs, or may have: see
    /// [`Outputs::several`](crate::report::Outputs::several).
    ///
    /// # Errors
    /// As [`Sink::began`].
    fn closed(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is about to be run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The name of the shape, in a run over several.
    pub shape: Option<String>,
    /// What the kernel, or each line that states nothing else, must come to, in words; empty where tests say it themselves.
    pub expect: Vec<String>,
    /// How many tests will run, each as often as it is repeated.
    pub tests: usize,
    /// Whether that is only the least: how many tests a log tells of is known at its end.
    pub open: bool,
    /// How many are marked `ignore`.
    pub ignored: usize,
    /// How many are not meant.
    pub filtered_out: usize,
    /// How many host CPUs the run may use.
    pub jobs: u32,
    /// The machine of a test that asks for nothing, in words.
    pub machine: String,
    /// How the tests are kept apart.
    pub isolation: Isolation,
    /// What the tests' seeds are made of, if they have some.
    pub seed: Option<u64>,
}

/// One judged attempt at a test.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The test.
    pub test: &'a Test,
    /// The machine that it had.
    pub shape: Shape,
    /// How it went.
    pub judgement: Judgement,
    /// What was seen; `None` when QEMU could not be executed.
    pub evidence: Option<Evidence>,
    /// From dispatch to verdict.
    pub elapsed: Duration,
    /// From the run's start to dispatch.
    pub started: Duration,
    /// Which of the machines that run at the same time it was, from 0: no two reports of one lane overlap.
    pub lane: u32,
    /// How its machine came to its ready point; `None` when there was no machine.
    pub origin: Option<Origin>,
    /// Which repetition of the test it was, from 1.
    pub round: u32,
    /// Which attempt in this round it was, from 1.
    pub attempt: u32,
    /// The seed that the test was given; without meaning for all but [`Subject::Ktest`](crate::listing::Subject::Ktest).
    pub seed: u64,
    /// Under what name the machine was kept for `--replay`, if it was.
    pub artifact: Option<String>,
}

impl Report<'_> {
    /// Whether the test passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.judgement.verdict == Verdict::Pass
    }

    /// Whether the test passed, and had failed before in the same round.
    #[must_use]
    pub fn flaky(&self) -> bool {
        self.passed() && self.attempt > 1
    }
}

/// How a run went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tests that should run.
    pub total: usize,
    /// Tests that passed.
    pub passed: usize,
    /// Of those that passed, tests that had failed before in the same round.
    pub flaky: usize,
    /// Tests that got any other verdict.
    pub failed: usize,
    /// Tests marked `ignore`, not run.
    pub ignored: usize,
    /// Tests that were not meant.
    pub filtered_out: usize,
    /// How long it all took.
    pub elapsed: Duration,
    /// The signal that cut the run short, if one did.
    pub interrupted: Option<i32>,
}

impl Summary {
    /// Counts a test that was judged for the last time in its round.
    pub(super) fn count(&mut self, report: &Report<'_>) {
        *if report.passed() { &mut self.passed } else { &mut self.failed } += 1;
        self.flaky += usize::from(report.flaky());
    }

    /// Whether every test that should run did, and passed.
    #[must_use]
    pub fn success(&self) -> bool {
        self.interrupted.is_none() && self.passed == self.total
    }
}

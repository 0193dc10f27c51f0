//! Reads test results from kernels' logs.
#![forbid(unsafe_code)]

use std::borrow::Cow;

use serde::Serialize;

/// How a test, or a whole log, went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It passed.
    Success,
    /// It failed.
    Failure,
    /// The machine went down while it ran.
    TestCrashed,
    /// It was skipped.
    Skipped,
    /// There are no tests.
    NoTests,
    /// There is nothing that could be read as results of tests.
    FailureToParse,
}

/// How many tests went how. Only tests without subtests count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the statuses")]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub crashed: u64,
    pub skipped: u64,
    /// What is wrong with the log itself.
    pub errors: u64,
}

/// What a log came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are their types")]
pub struct Summary {
    pub status: Status,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What the parser tells of, in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Tests one level deeper follow, up to the [`Event::Test`] of this depth that closes them.
    Open {
        /// Of the test that they belong to: 0 is outermost.
        depth: usize,
        /// Its name, if that is known before its end.
        name: Option<Cow<'a, str>>,
    },
    /// A test has ended.
    Test(Test<'a>),
    /// Something is wrong with the log itself, in this line (from 1).
    Problem {
        /// The line.
        line: u64,
        /// What, in words.
        what: Cow<'a, str>,
    },
}

/// A test that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test<'a> {
    /// 0 is outermost.
    pub depth: usize,
    /// Its name, without escapes; empty when it has none.
    pub name: Cow<'a, str>,
    /// How it went.
    pub status: Status,
    /// Why it was skipped, timed out or failed, when the log says so.
    pub reason: Option<Cow<'a, str>>,
    /// It has tests of its own, which were told before.
    pub has_subtests: bool,
}

/// Reads a log as it comes.
#[derive(Debug, Default)]
pub struct Parser {
    _private: (),
}

impl Parser {
    /// A parser at the beginning of a log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the log, cut anywhere.
    pub fn push(&mut self, _bytes: &[u8], _tell: &mut impl FnMut(Event<'_>)) {}

    /// The outermost plan is fulfilled: nothing more is expected.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        false
    }

    /// Nothing more comes.
    pub fn finish(self, _tell: &mut impl FnMut(Event<'_>)) -> Summary {
        Summary { status: Status::FailureToParse, counts: Counts::default() }
    }
}

/// What in this line, if anything, says that the kernel is going down: `Kernel panic - not syncing: …`, `BUG: …`.
#[must_use]
pub fn crash(_line: &[u8]) -> Option<&str> {
    None
}

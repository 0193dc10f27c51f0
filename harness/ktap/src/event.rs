//! What the parser tells of.

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
    /// The machine went down while it ran, or its result is missing for another reason.
    TestCrashed,
    /// It was skipped.
    Skipped,
    /// There are no tests.
    NoTests,
    /// There is nothing that could be read as results of tests.
    FailureToParse,
}

impl Status {
    /// It is neither a failure nor a lack of tests.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Success | Self::Skipped)
    }

    /// As in JSON: `TEST_CRASHED`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::TestCrashed => "TEST_CRASHED",
            Self::Skipped => "SKIPPED",
            Self::NoTests => "NO_TESTS",
            Self::FailureToParse => "FAILURE_TO_PARSE",
        }
    }
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

impl Counts {
    /// All tests.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.passed, self.failed, self.crashed, self.skipped].into_iter().fold(0, u64::saturating_add)
    }

    /// What tests of these numbers come to: the worst of them, and skipped only when all are.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            _ if self.total() == 0 => Status::NoTests,
            _ if self.crashed > 0 => Status::TestCrashed,
            _ if self.failed > 0 => Status::Failure,
            _ if self.passed > 0 => Status::Success,
            _ => Status::Skipped,
        }
    }

    /// One more test that went so.
    pub(crate) fn add(&mut self, status: Status) {
        match status {
            Status::Success => self.passed += 1,
            Status::Failure => self.failed += 1,
            Status::TestCrashed => self.crashed = self.crashed.saturating_add(1),
            Status::Skipped => self.skipped += 1,
            Status::NoTests | Status::FailureToParse => {}
        }
    }

    /// The tests below one more test.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.crashed = self.crashed.saturating_add(other.crashed);
        self.skipped += other.skipped;
        self.errors = self.errors.saturating_add(other.errors);
    }
}

/// What a log came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are their types")]
pub struct Summary {
    pub status: Status,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What a [`Event::Problem`] says of a planned test without a result.
pub const MISSING: &str = "a planned result is missing";

/// What the parser tells of, in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Tests one level deeper follow, up to the [`Event::Test`] of this depth that closes them. It is told just before
    /// the first of them, so that each is followed by one such test, whose `has_subtests` is true.
    Open {
        /// Of the test that they belong to: 0 is outermost.
        depth: usize,
        /// Its name, if that is known before its end.
        name: Option<Cow<'a, str>>,
    },
    /// A test has ended.
    Test(Test<'a>),
    /// Something is wrong with the log itself, in this line (from 1). That a planned result is [`MISSING`] is told just
    /// before the test that has none.
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
    /// Its name, without escapes; empty when it has none. A test that crashed and of which nothing else is known has its
    /// number for a name.
    pub name: Cow<'a, str>,
    /// How it went.
    pub status: Status,
    /// Why it was skipped, timed out or failed, when the log says so.
    pub reason: Option<Cow<'a, str>>,
    /// It has tests of its own, which were told before.
    pub has_subtests: bool,
}

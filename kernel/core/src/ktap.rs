//! The suite in one boot, told as KTAP version 1 (Linux kernel documentation, "The Kernel Test Anything Protocol
//! (KTAP), version 1").
//!
//! ```text
//! KTAP version 1
//! 1..3
//! ok 1 - steward_core::ktests::words_keep_their_quotes
//! not ok 2 - steward_machine::tests::the_timer_ticks # 0 ticks in 10 ms
//! ok 3 - steward_machine::tests::four_cpus_are_listed # SKIP needs a machine of its own
//! # Totals: pass:1 fail:1 skip:1
//! ```
//!
//! A test that was not supposed to panic and does leaves locks held and work half done: nothing that runs after it
//! in the same boot can be trusted. So its line is the last: `Bail out!` follows, with its name, and the suite has
//! failed.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use steward_harness_guest::Descriptor;

use crate::platform::TestEnd;

/// How a suite went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tests that passed.
    pub passed: usize,
    /// Names of the tests that failed or panicked.
    pub failed: Vec<&'static str>,
    /// Tests that did not run, and why is in their lines.
    pub skipped: usize,
    /// Tests after the one that ended the suite early.
    pub not_reached: usize,
}

impl Summary {
    /// Whether some test passed, none failed, and the suite came to its end.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.passed > 0 && self.failed.is_empty() && self.not_reached == 0
    }
}

/// Runs the tests whose name contains one of the filter's words, or all if it has none, in order.
///
/// A test that is ignored, or too costly for every change, runs only if a word of the filter is its whole name. One that
/// needs a machine of some shape is skipped, because this boot's machine is whatever it is.
///
/// # Errors
/// When the output does not take a text.
pub fn run(
    tests: &[Descriptor],
    filter: &[&str],
    run_one: &mut dyn FnMut(&Descriptor) -> TestEnd,
    out: &mut dyn Write,
) -> Result<Summary, fmt::Error> {
    let is_wanted = |test: &&Descriptor| filter.is_empty() || filter.iter().any(|word| test.name().contains(word));
    let count = tests.iter().filter(is_wanted).count();
    let mut summary = Summary { not_reached: count, ..Summary::default() };
    writeln!(out, "KTAP version 1")?;
    if count == 0 {
        writeln!(out, "1..0 # SKIP no test has such a name")?;
        return Ok(summary);
    }
    writeln!(out, "1..{count}")?;
    for (number, test) in (1..).zip(tests.iter().filter(is_wanted)) {
        let end = skip_reason(test, filter).map_or_else(|| run_one(test), TestEnd::Skipped);
        let verdict = Verdict::of(test, &end);
        summary.not_reached -= 1;
        verdict.count(test.name(), &mut summary);
        verdict.print(number, test.name(), out)?;
        if matches!(verdict, Verdict::Broken(_)) {
            writeln!(out, "Bail out! {} panicked; run the tests after it in a fresh boot", test.name())?;
            break;
        }
    }
    let Summary { passed, ref failed, skipped, .. } = summary;
    writeln!(out, "# Totals: pass:{passed} fail:{} skip:{skipped}", failed.len())?;
    Ok(summary)
}

fn skip_reason(test: &Descriptor, filter: &[&str]) -> Option<&'static str> {
    if test.needs_special_machine() {
        Some("needs a machine of its own")
    } else if filter.contains(&test.name()) {
        None
    } else if test.is_ignored() {
        Some("ignored; runs when its whole name is given")
    } else if test.is_costly() {
        Some("costly; runs when its whole name is given")
    } else {
        None
    }
}

enum Verdict<'e> {
    Passed,
    Failed(&'e str),
    Leaked(&'e str),
    /// It panicked and should not have.
    Broken(&'e str),
    Skipped(&'e str),
}

impl<'e> Verdict<'e> {
    fn of(test: &Descriptor, end: &'e TestEnd) -> Self {
        match end {
            TestEnd::Skipped(reason) => Self::Skipped(reason),
            TestEnd::Failed(text) => Self::Failed(text.as_str()),
            TestEnd::Passed | TestEnd::Leaked(_) if test.should_panic() => {
                Self::Failed("the test should have panicked and returned")
            }
            TestEnd::Passed => Self::Passed,
            TestEnd::Leaked(text) => Self::Leaked(text.as_str()),
            TestEnd::Panicked(_) if test.should_panic() => Self::Passed,
            TestEnd::Panicked(text) => Self::Broken(text.as_str()),
        }
    }

    fn count(&self, name: &'static str, summary: &mut Summary) {
        match self {
            Self::Passed => summary.passed += 1,
            Self::Failed(_) | Self::Leaked(_) | Self::Broken(_) => summary.failed.push(name),
            Self::Skipped(_) => summary.skipped += 1,
        }
    }

    fn print(&self, number: usize, name: &str, out: &mut dyn Write) -> fmt::Result {
        let (result, separator, text) = match self {
            Self::Passed => ("ok", "", ""),
            Self::Failed(text) => ("not ok", " # ", *text),
            Self::Leaked(text) => ("not ok", " # leak: ", *text),
            Self::Broken(text) => ("not ok", " # panicked: ", *text),
            Self::Skipped(text) => ("ok", " # SKIP ", *text),
        };
        write!(out, "{result} {number} - {name}{separator}")?;
        // A text with line ends in it could pass for the result of another test.
        for (index, part) in text.split(char::is_control).filter(|part| !part.is_empty()).enumerate() {
            out.write_str(if index == 0 { "" } else { " " })?;
            out.write_str(part)?;
        }
        writeln!(out)
    }
}

#[cfg(test)]
mod tests;

//! The end of a run: what it used, what it counted, and the exit code.

use std::process::ExitCode;

use steward_harness::process::Interrupts;
use steward_harness::report::Line;

use super::budget::Budget;
use super::libtest::Totals;
use crate::out::say;
use crate::run::interrupted;

/// Tells what the run used and what it counted, and gives its exit code. `nothing` says why a run that counted nothing is
/// no success; a part of the tests may be empty.
pub fn end(totals: Totals, budget: &Budget, json: bool, nothing: Option<String>, interrupts: &Interrupts) -> ExitCode {
    let signal = interrupts.signal();
    let Outcome { totals, too_long, nothing } = judge(totals, budget.exceeded(), nothing, signal.is_some());
    // The totals come last, also where standard error is merged into standard output.
    too_long.iter().chain(&nothing).for_each(|why| eprintln!("error: {why}"));
    if json {
        if let Some(why) = &too_long {
            say!("{}", Line::problem("budget", why));
        }
        let Totals { passed, failed, skipped } = totals;
        say!("{}", Line::total(passed, failed, skipped));
    } else {
        say!("{}\n{}", budget.line(), last_line(totals));
    }
    match (signal, totals.failed) {
        (Some(signal), _) => interrupted(signal),
        (None, 0) if nothing.is_none() => ExitCode::SUCCESS,
        (None, _) => ExitCode::FAILURE,
    }
}

/// What is made of a run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    totals: Totals,
    /// Why it took too long; counted as a failure.
    too_long: Option<String>,
    /// Why it is no success that nothing was counted.
    nothing: Option<String>,
}

/// A run that was cut short tells by its exit code what became of it, and nothing else is held against it.
fn judge(mut totals: Totals, too_long: Option<String>, nothing: Option<String>, cut_short: bool) -> Outcome {
    let too_long = too_long.filter(|_| !cut_short);
    totals.failed += usize::from(too_long.is_some());
    let nothing = nothing.filter(|_| totals.sum() == 0 && !cut_short);
    Outcome { totals, too_long, nothing }
}

/// `12 passed, 0 failed`.
#[must_use]
pub fn last_line(totals: Totals) -> String {
    let Totals { passed, failed, skipped } = totals;
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{passed} passed, {failed} failed{skipped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_names_skipped_tests_only_when_there_are_some() {
        assert_eq!(last_line(Totals { passed: 12, failed: 0, skipped: 0 }), "12 passed, 0 failed");
        assert_eq!(last_line(Totals { passed: 1, failed: 2, skipped: 3 }), "1 passed, 2 failed, 3 skipped");
    }

    fn judged(totals: Totals, too_long: bool, cut_short: bool) -> (usize, bool, bool) {
        let outcome = judge(totals, too_long.then(|| "slow".into()), Some("nothing ran".into()), cut_short);
        (outcome.totals.failed, outcome.too_long.is_some(), outcome.nothing.is_some())
    }

    #[test]
    fn a_run_that_took_too_long_has_one_failure_more() {
        let totals = Totals { passed: 9, failed: 2, skipped: 0 };
        assert_eq!(judged(totals, true, false), (3, true, false));
        assert_eq!(judged(totals, false, false), (2, false, false));
    }

    #[test]
    fn only_a_run_that_counted_nothing_is_told_why_that_is_no_success() {
        assert_eq!(judged(Totals::default(), false, false), (0, false, true));
        assert_eq!(judged(Totals { skipped: 1, ..Totals::default() }, false, false), (0, false, false));
        let part = judge(Totals::default(), None, None, false);
        assert_eq!(part.nothing, None);
    }

    #[test]
    fn nothing_is_held_against_a_run_that_was_cut_short() {
        assert_eq!(judged(Totals::default(), true, true), (0, false, false));
    }
}

//! Tiers of tests, and how long the tests of each may run.

use std::cell::Cell;
use std::time::{Duration, Instant};

use steward_harness::listing::Tier;

/// How long the tests of a run may take, and how long they have taken.
///
/// Only running tests counts. How long compiling takes says nothing about them, and depends on what was compiled before.
pub struct Budget {
    tier: Tier,
    limit: Option<Duration>,
    /// How much more than the limit is not yet a failure.
    grace: Duration,
    used: Cell<Duration>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Budget {
    /// The budget of a whole tier. A soak lasts as long as it is asked to: see [`Budget::asked`].
    #[must_use]
    pub fn of(tier: Tier) -> Self {
        let limit = match tier {
            Tier::Test => Some(10 * MINUTE),
            Tier::Verify => Some(30 * MINUTE),
            Tier::Soak => None,
        };
        Self { limit, ..Self::without_limit(tier) }
    }

    /// Measures, and limits nothing.
    #[must_use]
    pub fn without_limit(tier: Tier) -> Self {
        Self { tier, limit: None, grace: Duration::ZERO, used: Cell::default() }
    }

    /// A soak of so many minutes. The round that runs when they are over is finished; one that takes ten minutes more than
    /// that has failed.
    #[must_use]
    pub fn asked(minutes: u32) -> Self {
        Self { limit: Some(minutes * MINUTE), grace: 10 * MINUTE, ..Self::without_limit(Tier::Soak) }
    }

    /// Whether there is time left.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.limit.is_none_or(|limit| self.used.get() < limit)
    }

    /// The tier.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Runs tests; the time that takes is used up. Not to be nested.
    pub fn spend<T>(&self, tests: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = tests();
        self.used.set(self.used.get() + start.elapsed());
        result
    }

    /// `tier test: 3 min 51 s of 10 min`.
    #[must_use]
    pub fn line(&self) -> String {
        let limit = self.limit.map_or_else(String::new, |limit| format!(" of {}", minutes(limit)));
        format!("tier {}: {}{limit}", self.tier, minutes(self.used.get()))
    }

    /// Why the run has failed, when it took too long.
    #[must_use]
    pub fn exceeded(&self) -> Option<String> {
        let limit = self.limit.filter(|limit| self.used.get() > *limit + self.grace)?;
        let (tier, used) = (self.tier, minutes(self.used.get()));
        Some(format!(
            "the tests of tier {tier} ran for {used}, and may take {}; that counts as a failure",
            minutes(limit)
        ))
    }
}

/// A duration in minutes and seconds: `3 min 51 s`, `10 min`, `4 s`.
#[must_use]
pub fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// How many cases a property test generates, unless the environment says something else.
///
/// There are about twenty property tests: `test` generates some 100,000 cases in all, `verify` 1,000,000.
#[must_use]
pub fn cases(tier: Tier) -> u32 {
    match tier {
        Tier::Test => 5_000,
        Tier::Verify => 36_000,
        // Per round.
        Tier::Soak => 20_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(seconds: u64) -> Budget {
        let budget = Budget::of(Tier::Test);
        budget.used.set(Duration::from_secs(seconds));
        budget
    }

    #[test]
    fn durations_are_told_in_minutes_and_seconds() {
        let told = [0, 59, 60, 231, 600].map(|seconds| minutes(Duration::from_secs(seconds)));
        assert_eq!(told, ["0 s", "59 s", "1 min", "3 min 51 s", "10 min"]);
    }

    #[test]
    fn the_budget_is_told_with_what_was_used() {
        assert_eq!(used(231).line(), "tier test: 3 min 51 s of 10 min");
        assert_eq!(Budget::of(Tier::Verify).line(), "tier verify: 0 s of 30 min");
        assert_eq!(Budget::of(Tier::Soak).line(), "tier soak: 0 s");
    }

    #[test]
    fn only_more_than_the_budget_is_too_much() {
        assert_eq!(used(600).exceeded(), None);
        let why = used(601).exceeded().unwrap();
        assert!(why.contains("10 min 1 s") && why.contains("may take 10 min;"), "{why}");
        let unlimited = Budget::without_limit(Tier::Test);
        unlimited.used.set(Duration::from_secs(100_000));
        assert_eq!(unlimited.exceeded(), None);
    }

    #[test]
    fn a_soak_may_finish_its_last_round() {
        let soak = Budget::asked(1);
        assert!(soak.lasts() && soak.line() == "tier soak: 0 s of 1 min");
        soak.used.set(11 * MINUTE);
        assert_eq!((soak.lasts(), soak.exceeded()), (false, None));
        soak.used.set(12 * MINUTE);
        assert!(soak.exceeded().is_some());
    }

    #[test]
    fn what_tests_take_adds_up() {
        let budget = Budget::of(Tier::Test);
        budget.spend(|| std::thread::sleep(Duration::from_millis(30)));
        budget.spend(|| std::thread::sleep(Duration::from_millis(30)));
        assert!((Duration::from_millis(60)..MINUTE).contains(&budget.used.get()));
    }
}

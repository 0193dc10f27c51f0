//! What a comparison has come across.

use alloc::collections::BTreeMap;
use core::fmt;

use crate::check::Refusal;

/// What has happened, and how often.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// By operation, and the rule that refused it; `"done"` when none did.
    pub outcomes: BTreeMap<(&'static str, &'static str), u64>,
    /// Ranges of which the first keys were right, and a later one was not; by operation.
    pub partial: BTreeMap<&'static str, u64>,
    /// Operations on ranges of several extents that were done.
    pub scattered: u64,
    /// Loans that ended while they or some below them were pinned.
    pub waited: u64,
    /// Keys that a dead owner kept because they were in use.
    pub estates: u64,
    /// Births into a slot that had a process before.
    pub rebirths: u64,
    /// The deepest loan.
    pub deepest: u32,
}

impl Statistics {
    pub(crate) fn count(&mut self, operation: &'static str, refusal: Option<Refusal>) {
        let rule = refusal.map_or("done", |refusal| refusal.rule);
        *self.outcomes.entry((operation, rule)).or_default() += 1;
        if refusal.is_some_and(|refusal| refusal.behind > 0) {
            *self.partial.entry(operation).or_default() += 1;
        }
    }

    /// How often that operation had that outcome.
    #[must_use]
    pub fn of(&self, operation: &str, rule: &str) -> u64 {
        let same = self.outcomes.iter().filter(|((o, r), _)| *o == operation && *r == rule);
        same.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((operation, rule), count) in &self.outcomes {
            writeln!(f, "{operation:<10} {rule:<32} {count:>9}")?;
        }
        for (operation, count) in &self.partial {
            writeln!(f, "{operation:<10} {:<32} {count:>9}", "(refused behind right keys)")?;
        }
        let Self { scattered, waited, estates, rebirths, deepest, .. } = self;
        write!(f, "{scattered} scattered ranges, {waited} loans waited for pins, {estates} estates, ")?;
        write!(f, "{rebirths} rebirths, loans up to {deepest} deep")
    }
}

//! Which tests of a listing are meant, by libtest's rules.

mod partition;

use crate::listing::{Listing, Test, Tier};

pub use partition::Partition;
pub(crate) use partition::fnv_1a;

/// What becomes of tests that are marked `ignore` or whose tier is above the run's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ignored {
    /// They are reported and not run.
    #[default]
    Skip,
    /// Only they run.
    Only,
    /// They run like all others.
    Include,
}

/// A choice of tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A test is meant when its name matches any of these, or when there are none.
    pub patterns: Vec<String>,
    /// A test whose name matches any of these is not meant.
    pub skip: Vec<String>,
    /// A name matches when it is the pattern, with or without the crate's name before it, not when it holds it.
    pub exact: bool,
    /// Only tests of this crate are meant.
    pub crate_name: Option<String>,
    /// Tests marked `ignore`, and those of a tier above `tier`.
    pub ignored: Ignored,
    /// The highest tier whose tests run without being asked for.
    pub tier: Tier,
    /// Only tests of this part are meant.
    pub partition: Option<Partition>,
}

/// A listing, sorted by a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection<'l> {
    /// To be run.
    pub run: Vec<&'l Test>,
    /// Meant, but marked `ignore` or of a higher tier; [`Test::ignored`] says why.
    pub ignored: Vec<&'l Test>,
    /// How many are not meant.
    pub filtered_out: usize,
}

impl Filter {
    /// Sorts a listing. No test is lost: the three parts add up to it.
    #[must_use]
    pub fn select<'l>(&self, listing: &'l Listing) -> Selection<'l> {
        let mut selection = Selection::default();
        for test in &listing.tests {
            match (self.means(test), self.ignored, test.is_ignored_in(self.tier)) {
                (false, ..) | (true, Ignored::Only, false) => selection.filtered_out += 1,
                (true, Ignored::Skip, true) => selection.ignored.push(test),
                _ => selection.run.push(test),
            }
        }
        selection
    }

    fn means(&self, test: &Test) -> bool {
        let matches = |pattern: &String| match self.exact {
            // Without the crate is how libtest and editors name a test, with it how the harness does.
            true => [test.name.as_str(), test.path_in_crate()].contains(&pattern.as_str()),
            false => test.name.contains(pattern.as_str()),
        };
        (self.patterns.is_empty() || self.patterns.iter().any(matches))
            && !self.skip.iter().any(matches)
            && self.crate_name.as_ref().is_none_or(|name| name == test.crate_name())
            && self.partition.is_none_or(|partition| partition.holds(&test.name))
    }
}

#[cfg(test)]
mod tests {
    use steward_harness_wire::layout;

    use super::*;
    use crate::test_elf::{Builder, Descriptor};

    fn listing() -> Listing {
        let builder = Builder::default().tests(12).test(Builder::ignored("demo::slow::t1", "takes an hour"));
        Listing::parse(&builder.build()).unwrap()
    }

    fn count(filter: &Filter) -> (usize, usize, usize) {
        let listing = listing();
        let selection = filter.select(&listing);
        (selection.run.len(), selection.ignored.len(), selection.filtered_out)
    }

    fn patterns(patterns: &[&str]) -> Filter {
        Filter { patterns: patterns.iter().map(|&text| text.into()).collect(), ..Filter::default() }
    }

    #[test]
    fn without_patterns_all_run_but_the_ignored() {
        assert_eq!(count(&Filter::default()), (12, 1, 0));
    }

    #[test]
    fn a_pattern_matches_anywhere_in_a_name() {
        assert_eq!(count(&patterns(&["t1"])), (3, 1, 9));
        assert_eq!(count(&patterns(&["t2", "t3"])), (2, 0, 11));
    }

    #[test]
    fn an_exact_pattern_is_the_whole_name_with_or_without_its_crate() {
        let exact = |names: &[&str]| count(&Filter { exact: true, ..patterns(names) });
        assert_eq!(exact(&["demo::tests::t1"]), (1, 0, 12));
        assert_eq!(exact(&["tests::t1"]), (1, 0, 12));
        assert_eq!(exact(&["tests::t1", "demo::tests::t2", "demo::tests::t2"]), (2, 0, 11));
        assert_eq!(exact(&["t1"]), (0, 0, 13));
        assert_eq!(exact(&["emo::tests::t1"]), (0, 0, 13));
    }

    #[test]
    fn only_tests_of_the_named_crate_are_meant() {
        let of = |name: &str| count(&Filter { crate_name: Some(name.into()), ..patterns(&["t1"]) });
        assert_eq!(of("demo"), (3, 1, 9));
        assert_eq!(of("dem"), (0, 0, 13));
    }

    #[test]
    fn tests_of_a_higher_tier_are_ignored_until_their_tier_or_they_are_asked_for() {
        let tiered = |name: &str, tier| Descriptor { name: name.into(), tier, ..Descriptor::default() };
        let builder = Builder::default().tests(1).test(Builder::ignored("a::marked", ""));
        let builder =
            builder.test(tiered("a::verify", layout::Tier::Verify)).test(tiered("a::soak", layout::Tier::Soak));
        let listing = builder.listing();
        let counts = |tier, ignored| {
            let filter = Filter { tier, ignored, ..Filter::default() };
            let selection = filter.select(&listing);
            (selection.run.len(), selection.ignored.len(), selection.filtered_out)
        };
        assert_eq!(counts(Tier::Test, Ignored::Skip), (1, 3, 0));
        assert_eq!(counts(Tier::Verify, Ignored::Skip), (2, 2, 0));
        assert_eq!(counts(Tier::Soak, Ignored::Skip), (3, 1, 0));
        assert_eq!(counts(Tier::Verify, Ignored::Only), (2, 0, 2));
        assert_eq!(counts(Tier::Test, Ignored::Include), (4, 0, 0));
    }

    #[test]
    fn the_parts_of_a_partition_add_up_to_the_listing() {
        let run = |text: &str| {
            let (run, ignored, _) = count(&Filter { partition: Some(text.parse().unwrap()), ..Filter::default() });
            run + ignored
        };
        assert_eq!(run("hash:1/3") + run("hash:2/3") + run("hash:3/3"), 13);
    }

    #[test]
    fn skipped_tests_are_filtered_out_and_exactness_holds_for_them_too() {
        assert_eq!(count(&Filter { skip: vec!["t1".into()], ..Filter::default() }), (9, 0, 4));
        let exact = Filter { skip: vec!["demo::tests::t1".into()], exact: true, ..Filter::default() };
        assert_eq!(count(&exact), (11, 1, 1));
    }

    #[test]
    fn ignored_tests_run_alone_or_with_the_others_when_asked_for() {
        assert_eq!(count(&Filter { ignored: Ignored::Only, ..Filter::default() }), (1, 0, 12));
        assert_eq!(count(&Filter { ignored: Ignored::Include, ..Filter::default() }), (13, 0, 0));
    }
}

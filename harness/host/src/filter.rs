//! Which tests of a listing are meant, by libtest's rules.

use crate::listing::{Listing, Test};

/// What becomes of tests marked `ignore`.
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
    /// A name matches when it is the pattern, not when it holds it.
    pub exact: bool,
    /// Tests marked `ignore`.
    pub ignored: Ignored,
}

/// A listing, sorted by a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection<'l> {
    /// To be run.
    pub run: Vec<&'l Test>,
    /// Meant, but marked `ignore`.
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
            match (self.means(&test.name), self.ignored, &test.ignored) {
                (false, ..) | (true, Ignored::Only, None) => selection.filtered_out += 1,
                (true, Ignored::Skip, Some(_)) => selection.ignored.push(test),
                _ => selection.run.push(test),
            }
        }
        selection
    }

    fn means(&self, name: &str) -> bool {
        let matches = |pattern: &String| if self.exact { name == pattern } else { name.contains(pattern.as_str()) };
        (self.patterns.is_empty() || self.patterns.iter().any(matches)) && !self.skip.iter().any(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_elf::Builder;

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
    fn an_exact_pattern_is_the_whole_name() {
        assert_eq!(count(&Filter { exact: true, ..patterns(&["demo::tests::t1"]) }), (1, 0, 12));
        assert_eq!(count(&Filter { exact: true, ..patterns(&["t1"]) }), (0, 0, 13));
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

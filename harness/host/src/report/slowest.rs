//! Which tests took conspicuously long.

use std::{cmp::Reverse, time::Duration};

/// At most so many are named.
const MOST: usize = 5;
/// Fewer tests than this have no usual time.
const FEWEST: usize = 5;
/// A test that took less is never conspicuous.
const LEAST: Duration = Duration::from_millis(50);
/// Nor one that took at most so many times the median.
const TIMES: u32 = 3;

/// The conspicuously slow ones of these, the slowest first.
#[must_use]
pub fn slowest<T>(mut tests: Vec<(T, Duration)>) -> Vec<(T, Duration)> {
    tests.sort_by_key(|(_, time)| Reverse(*time));
    if tests.len() < FEWEST {
        return Vec::new();
    }
    let least = LEAST.max(tests[tests.len() / 2].1 * TIMES);
    tests.truncate(MOST);
    tests.retain(|(_, time)| *time > least);
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(times: &[u64]) -> Vec<usize> {
        let tests = times.iter().map(|&time| Duration::from_millis(time)).enumerate().collect();
        slowest(tests).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn only_tests_far_above_the_median_are_slow_the_slowest_first() {
        assert_eq!(names(&[20, 70, 20, 900, 20, 30]), [3, 1]);
        assert_eq!(names(&[100, 110, 120, 130, 140, 150]), [0; 0]);
    }

    #[test]
    fn a_run_that_is_fast_throughout_or_small_has_no_slow_tests() {
        assert_eq!(names(&[1, 1, 1, 1, 1, 49]), [0; 0]);
        assert_eq!(names(&[1, 1, 1, 900]), [0; 0]);
        assert_eq!(names(&[]), [0; 0]);
    }

    #[test]
    fn at_most_five_are_named() {
        let times: Vec<u64> = (0..40).map(|place| if place < 10 { 1000 + place } else { 10 }).collect();
        assert_eq!(names(&times), [9, 8, 7, 6, 5]);
    }
}

//! What test programs print, as `cargo test` passes it on: which tests ended how, and how many.

use std::mem::take;
use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Passed.
    pub passed: usize,
    /// Failed; a test program that did not come to its end counts as one.
    pub failed: usize,
    /// Not run, because they are marked so.
    pub skipped: usize,
}

impl Totals {
    /// How many tests there were.
    #[must_use]
    pub fn sum(self) -> usize {
        self.passed + self.failed + self.skipped
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// One test as libtest reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its name, with what libtest adds to it (`- should panic`).
    pub name: String,
    /// `ok`, `failed` or `ignored`.
    pub event: &'static str,
    /// What a failed test printed.
    pub output: String,
    /// Why an ignored test is ignored; empty when it does not say.
    pub reason: String,
}

impl Test {
    /// Something that failed, with what it said.
    #[must_use]
    pub fn failed(name: &str, output: String) -> Self {
        Self { name: name.into(), event: "failed", output, reason: String::new() }
    }

    /// Why nobody would ever run this test, if that is so.
    ///
    /// A test of a higher tier is marked `#[ignore = "tier verify"]` and named `verify_…` (or both with `soak`): the mark
    /// keeps it from every other run, and the name selects it when its tier is run. Examples in documentation cannot give
    /// a reason.
    #[must_use]
    pub fn never_runs(&self) -> Option<String> {
        let Self { name, event, reason, .. } = self;
        let function = name.split(" - ").next().unwrap_or(name).rsplit("::").next().unwrap_or(name);
        let tier = ["verify", "soak"].into_iter().find(|tier| reason.strip_prefix("tier ") == Some(*tier));
        let selected = tier.is_some_and(|tier| function.strip_prefix(tier).is_some_and(|rest| rest.starts_with('_')));
        let example = name.contains(" - (line ") || name.contains(" (line ");
        (*event == "ignored" && !selected && !example).then(|| {
            format!(
                "{name} is ignored for good: a test of a higher tier is marked `#[ignore = \"tier verify\"]` and its name \
                 starts with `verify_`, or both with `soak`"
            )
        })
    }
}

/// What a line, or the end of the output, makes known.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// A test has ended.
    Test(Test),
    /// Something that is no test has failed, and counts as one.
    Problem(String),
}

/// Adds up what the test programs say.
#[derive(Default)]
pub struct Counter {
    /// What they have said so far.
    pub totals: Totals,
    /// How many tests the program that now speaks wants to run.
    announced: Option<usize>,
    /// What the lines of single tests of that program add up to.
    seen: Totals,
    /// Its failed tests: what they printed follows when all have run.
    held: Vec<Test>,
    /// Which of them the lines belong to.
    block: Option<usize>,
    /// How many programs came to their end.
    ended: usize,
}

impl Counter {
    /// Takes a line without colours; gives what it makes known, or `None` when it is none of libtest's.
    pub fn line(&mut self, line: &str) -> Option<Vec<News>> {
        if let Some(block) = self.block_that_starts(line) {
            self.block = Some(block);
            return Some(Vec::new());
        }
        if let Some(block) = self.block {
            if line == "failures:" {
                self.block = None;
            } else {
                self.held[block].output.push_str(line);
                self.held[block].output.push('\n');
            }
            return Some(Vec::new());
        }
        if let Some(count) = announcement(line) {
            let news = self.end_without_result();
            self.announced = Some(count);
            return Some(news);
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            return self.result(result);
        }
        let test = test(line)?;
        match test.event {
            "ok" => self.seen.passed += 1,
            "failed" => self.seen.failed += 1,
            _ => self.seen.skipped += 1,
        }
        if test.event == "failed" {
            self.held.push(test);
            return Some(Vec::new());
        }
        let problem = test.never_runs();
        self.totals.failed += usize::from(problem.is_some());
        Some([News::Test(test)].into_iter().chain(problem.map(News::Problem)).collect())
    }

    /// The output is at its end; `succeeded` is what `cargo test` said by its exit code, and `filtered` whether only
    /// some tests were asked for.
    pub fn end(&mut self, succeeded: bool, filtered: bool) -> Vec<News> {
        let mut news = self.end_without_result();
        let problem = if !succeeded && self.totals.failed == 0 {
            // It did not compile, or it was interrupted.
            "it did not come to its end; its messages say why"
        } else if succeeded && self.ended == 0 {
            "it succeeded, but printed no result of a test program that could be read"
        } else if succeeded && !filtered && self.totals.passed == 0 {
            "it succeeded, but ran no test"
        } else {
            return news;
        };
        self.totals.failed += 1;
        news.push(News::Problem(problem.to_owned()));
        news
    }

    /// `test result: …`. Only a program that announced so many tests is believed, and only once.
    fn result(&mut self, result: &str) -> Option<Vec<News>> {
        let number = |what: &str| -> usize {
            let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
            part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        let totals = Totals { passed: number("passed"), failed: number("failed"), skipped: number("ignored") };
        self.announced.take_if(|count| *count == totals.sum() + number("measured"))?;
        self.totals += totals;
        self.seen = Totals::default();
        self.ended += 1;
        Some(take(&mut self.held).into_iter().map(News::Test).collect())
    }

    /// The program that spoke is gone. When it had not given its result, its single tests count, and one failure more.
    fn end_without_result(&mut self) -> Vec<News> {
        self.block = None;
        let seen = take(&mut self.seen);
        let mut news: Vec<_> = take(&mut self.held).into_iter().map(News::Test).collect();
        if let Some(count) = self.announced.take() {
            self.totals += seen;
            self.totals.failed += 1;
            let ran = seen.sum();
            news.push(News::Problem(format!("a test program ended without a result, {ran} of {count} tests ran")));
        }
        news
    }

    /// The held test whose output starts with this line: `---- name stdout ----`.
    fn block_that_starts(&self, line: &str) -> Option<usize> {
        let name = line.strip_prefix("---- ")?.strip_suffix(" stdout ----")?;
        let is_it =
            |test: &Test| test.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" - "));
        self.held.iter().position(is_it)
    }
}

/// `running N tests`.
fn announcement(line: &str) -> Option<usize> {
    let (count, noun) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(noun, "test" | "tests").then(|| count.parse().ok())?
}

/// `test NAME ... OUTCOME`.
fn test(line: &str) -> Option<Test> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let event = match outcome.split([',', ' ']).next()? {
        "ok" => "ok",
        "FAILED" => "failed",
        "ignored" => "ignored",
        _ => return None,
    };
    let reason = outcome.strip_prefix("ignored, ").unwrap_or_default().to_owned();
    Some(Test { name: name.to_owned(), event, output: String::new(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the lines and the end of the output; gives the totals, the names of ended tests, and the problems.
    fn count(text: &str, succeeded: bool, filtered: bool) -> (Totals, Vec<String>, Vec<String>) {
        let mut counter = Counter::default();
        let mut news: Vec<News> = text.lines().filter_map(|line| counter.line(line)).flatten().collect();
        news.extend(counter.end(succeeded, filtered));
        let (mut tests, mut problems) = (Vec::new(), Vec::new());
        for news in news {
            match news {
                News::Test(test) => tests.push(format!("{} {} {}", test.name, test.event, test.output.trim())),
                News::Problem(problem) => problems.push(problem),
            }
        }
        (counter.totals, tests, problems)
    }

    const OK: &str = "running 2 tests\ntest a ... ok\ntest a::soak_b ... ignored, tier soak\n\
        test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.13s\n";

    #[test]
    fn results_of_several_programs_add_up() {
        let (totals, tests, problems) = count(&OK.repeat(3), true, false);
        assert_eq!(totals, Totals { passed: 3, failed: 0, skipped: 3 });
        assert_eq!((tests.len(), problems.len()), (6, 0));
    }

    #[test]
    fn a_failed_test_comes_with_what_it_printed_and_nothing_of_that_is_believed() {
        let text = "running 2 tests\ntest a - should panic ... FAILED\ntest b ... ok\n\nfailures:\n\n\
            ---- a stdout ----\nwords\ntest result: ok. 2 passed; 0 failed;\nrunning 1 test\ntest c ... ok\n\n\
            failures:\n    a\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let (totals, tests, problems) = count(text, false, false);
        assert_eq!(totals, Totals { passed: 1, failed: 1, skipped: 0 });
        assert_eq!(tests[0], "b ok ");
        assert!(tests[1].starts_with("a - should panic failed words\n"), "{tests:?}");
        assert_eq!((tests.len(), problems.len()), (2, 0));
    }

    #[test]
    fn a_result_that_nobody_announced_is_not_believed() {
        let mut counter = Counter::default();
        assert_eq!(counter.line("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured"), None);
        counter.line("running 1 test");
        assert_eq!(counter.line("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured"), None);
        assert_eq!(counter.totals, Totals::default());
    }

    #[test]
    fn a_program_that_dies_counts_as_one_failure_and_keeps_what_its_tests_said() {
        let (totals, tests, problems) = count(&format!("running 3 tests\ntest x ... ok\n{OK}"), false, false);
        assert_eq!(totals, Totals { passed: 2, failed: 1, skipped: 1 });
        assert_eq!(tests.len(), 3);
        assert_eq!(problems, ["a test program ended without a result, 1 of 3 tests ran"]);
    }

    #[test]
    fn a_success_without_results_or_without_tests_is_a_failure() {
        let none = "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out\n";
        assert_eq!(count("", true, true).0.failed, 1);
        assert_eq!(count("hello\n", true, false).0.failed, 1);
        assert_eq!(count(none, true, false).0.failed, 1);
        assert_eq!(count(none, true, true).0, Totals::default());
        assert_eq!(count("", false, true).0.failed, 1);
    }

    #[test]
    fn an_ignored_test_that_no_tier_runs_is_a_failure() {
        let ignored = |line: &str| test(line).unwrap().never_runs().is_some();
        assert!(!ignored("test a::verify_b ... ignored, tier verify"));
        assert!(!ignored("test soak_b - should panic ... ignored, tier soak"));
        assert!(!ignored("test a::b ... ok"));
        assert!(!ignored("test src/lib.rs - a::b (line 17) ... ignored"));
        for line in
            ["test a::b ... ignored, tier verify", "test verify_b ... ignored", "test verify_b ... ignored, slow"]
        {
            assert!(ignored(line), "{line}");
        }
        let text = "running 1 test\ntest b ... ignored, slow\n\
            test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out\n";
        let (totals, _, problems) = count(text, true, true);
        assert_eq!(totals, Totals { passed: 0, failed: 1, skipped: 1 });
        assert!(problems[0].contains("tier verify"), "{problems:?}");
    }

    #[test]
    fn other_lines_are_left_to_others() {
        let mut counter = Counter::default();
        for line in ["test a::e has been running for over 60 seconds", "something else ... ok", "running late", ""] {
            assert_eq!(counter.line(line), None, "{line}");
        }
    }
}

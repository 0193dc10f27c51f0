//! What a log says about its run: the last `# Totals` line of its KTAP, and the tests that failed.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict<'t> {
    /// It came to its end, some test passed and none failed.
    pub passed: bool,
    /// The last line of totals.
    pub totals: Option<Cow<'t, str>>,
    /// Lines of tests that failed.
    pub failed: Vec<Cow<'t, str>>,
}

/// Reads a log. `finished` says whether the run came to its end.
#[must_use]
pub fn verdict(text: &[u8], finished: bool) -> Verdict<'_> {
    let mut verdict = Verdict { passed: false, totals: None, failed: Vec::new() };
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.starts_with(b"not ok ") || line.starts_with(b"Bail out!") {
            verdict.failed.push(String::from_utf8_lossy(line));
        } else if line.starts_with(b"# Totals: ") {
            verdict.totals = Some(String::from_utf8_lossy(line));
        }
    }
    let count = |totals: &str, word: &str| {
        let value = totals.split_ascii_whitespace().find_map(|part| part.strip_prefix(word));
        value.and_then(|value| value.parse::<u64>().ok())
    };
    let good = |totals: &str| count(totals, "pass:").is_some_and(|pass| pass > 0) && count(totals, "fail:") == Some(0);
    verdict.passed = finished && verdict.failed.is_empty() && verdict.totals.as_deref().is_some_and(good);
    verdict
}

#[cfg(test)]
mod tests {
    use super::verdict;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const GOOD: &[u8] =
        b"KTAP version 1\r\n1..2\r\nok 1 - a\r\nok 2 - b # SKIP no\r\n# Totals: pass:1 fail:0 skip:1\r\n";

    #[test]
    fn a_finished_run_without_failures_has_passed() {
        let seen = verdict(GOOD, true);
        assert!(seen.passed && seen.failed.is_empty());
        assert_eq!(seen.totals.as_deref(), Some("# Totals: pass:1 fail:0 skip:1"));
    }

    #[test]
    fn a_run_that_was_cut_short_has_not_passed() {
        assert!(!verdict(GOOD, false).passed);
        assert!(!verdict(b"KTAP version 1\n1..2\nok 1 - a\n", true).passed);
        assert!(!verdict(b"", true).passed);
    }

    #[test]
    fn failed_tests_are_named() {
        let text = b"ok 1 - a\nnot ok 2 - b # why\nBail out! b panicked\n# Totals: pass:1 fail:1 skip:0\n";
        let seen = verdict(text, true);
        assert!(!seen.passed);
        assert_eq!(seen.failed, ["not ok 2 - b # why", "Bail out! b panicked"]);
    }

    #[test]
    fn a_run_in_which_nothing_passed_has_not_passed() {
        assert!(!verdict(b"# Totals: pass:0 fail:0 skip:3\n", true).passed);
        assert!(!verdict(b"# Totals: pass:x fail:0\n", true).passed);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text: Vec<u8>, finished: bool) {
            let _ = verdict(&text, finished);
        }
    }
}

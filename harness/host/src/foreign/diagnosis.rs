//! What a log says about a test before it says that it failed.

/// Most lines of a diagnosis.
const MOST_LINES: usize = 4;

/// The first diagnosis in the lines before a test's result: the line that begins with `#`, and those after it that belong to it.
///
/// ```text
///     # a_test: EXPECTATION FAILED at lib/list-test.c:17
///     Expected 0 == len, but
///         len == 1234
///     not ok 1 a_test
/// ```
#[must_use]
pub fn diagnosis(log: &str, name: &str) -> Option<String> {
    let name = name.rsplit('.').next().unwrap_or(name);
    let mut lines = log.lines().map(str::trim).skip_while(|line| remark(line, name).is_none());
    let first = remark(lines.next()?, name)?;
    let more = lines.take_while(|line| !line.is_empty() && !line.starts_with('#') && !is_result(line));
    Some([first].into_iter().chain(more.take(MOST_LINES - 1)).collect::<Vec<_>>().join("\n"))
}

/// What stands behind `#`, without the test's own name. Totals and names of suites are no diagnosis.
fn remark<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let text = line.strip_prefix('#')?.trim_start();
    let text = text.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')).unwrap_or(text).trim();
    let known = ["Subtest", "Totals", "module", "pass"];
    let is_known = text.split_once(':').is_some_and(|(word, _)| known.contains(&word)) || text.contains(": pass:");
    (!text.is_empty() && !is_known).then_some(text)
}

fn is_result(line: &str) -> bool {
    line.starts_with("ok ") || line.starts_with("not ok ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_remark_and_what_belongs_to_it_is_the_diagnosis() {
        let log = "    # Subtest: list\n    1..2\n    # add: EXPECTATION FAILED at lib/list-test.c:17\n    Expected 0 == len, but\n        \
            len == 1234\n    # add: EXPECTATION FAILED at lib/list-test.c:18\n    not ok 1 add\n";
        let found = diagnosis(log, "list.add").unwrap();
        assert_eq!(found, "EXPECTATION FAILED at lib/list-test.c:17\nExpected 0 == len, but\nlen == 1234");
    }

    #[test]
    fn what_is_no_remark_about_the_test_is_no_diagnosis() {
        for log in
            ["", "not ok 1 a", "# Totals: pass:1 fail:2", "# list: pass:1 fail:2 skip:0 total:3", "#\n", "BUG: no"]
        {
            assert_eq!(diagnosis(log, "a"), None, "{log}");
        }
        assert_eq!(diagnosis("# [FAIL] it\nnot ok 1 a", "a").as_deref(), Some("[FAIL] it"));
    }
}

use alloc::{string::String, vec, vec::Vec};

use steward_harness_guest::{FailureText, Test, wire::layout::Tier};

use super::*;

#[derive(Clone, Copy, Default)]
struct Shape {
    should_panic: bool,
    ignore: bool,
    cpus: u32,
    tier: Tier,
}

const PLAIN: Shape = Shape { should_panic: false, ignore: false, cpus: 0, tier: Tier::Test };
const SHOULD_PANIC: Shape = Shape { should_panic: true, ..PLAIN };

fn test(name: &'static str, shape: Shape) -> Descriptor {
    Descriptor::new(Test {
        name,
        file: "a.rs",
        line: 1,
        run: |_| true,
        should_panic: shape.should_panic,
        ignore: shape.ignore,
        ignore_reason: "",
        timeout_ms: 0,
        cpus: shape.cpus,
        memory_mib: 0,
        machine: "",
        cpu: "",
        tier: shape.tier,
    })
}

fn text(words: &str) -> FailureText {
    let mut text = FailureText::new();
    text.write_str(words).expect("a failure's text takes everything");
    text
}

/// Runs the tests, each ending as its name says; gives the output and which ran.
fn suite(tests: &[Descriptor], filter: &[&str]) -> (Summary, String, Vec<&'static str>) {
    let (mut out, mut ran) = (String::new(), Vec::new());
    let mut run_one = |test: &Descriptor| {
        ran.push(test.name());
        match test.name().rsplit("::").next() {
            Some("passes") => TestEnd::Passed,
            Some("fails") => TestEnd::Failed(text("two\nlines\r\nok 9 - forged")),
            Some("leaks") => TestEnd::Leaked(text("heap allocations: 1 before, 2 after")),
            Some("panics") => TestEnd::Panicked(text("index out of bounds")),
            _ => TestEnd::Skipped("no second serial line"),
        }
    };
    let summary = run(tests, filter, &mut run_one, &mut out).expect("a String takes everything");
    (summary, out, ran)
}

#[test]
fn each_end_has_its_line() {
    let names = ["a::passes", "a::fails", "a::cannot", "a::leaks"];
    let (summary, out, _) = suite(&names.map(|name| test(name, PLAIN)), &[]);
    let expected = "KTAP version 1\n\
                    1..4\n\
                    ok 1 - a::passes\n\
                    not ok 2 - a::fails # two lines ok 9 - forged\n\
                    ok 3 - a::cannot # SKIP no second serial line\n\
                    not ok 4 - a::leaks # leak: heap allocations: 1 before, 2 after\n\
                    # Totals: pass:1 fail:2 skip:1\n";
    assert_eq!(out, expected);
    assert_eq!(summary, Summary { passed: 1, failed: vec!["a::fails", "a::leaks"], skipped: 1, not_reached: 0 });
    assert!(!summary.is_success());
}

#[test]
fn a_test_that_should_panic_passes_when_it_does_and_only_then() {
    let tests = [test("a::panics", SHOULD_PANIC), test("a::passes", SHOULD_PANIC), test("a::fails", SHOULD_PANIC)];
    let (summary, out, _) = suite(&tests, &[]);
    assert!(out.contains("ok 1 - a::panics\n"), "{out}");
    assert!(out.contains("not ok 2 - a::passes # the test should have panicked and returned\n"), "{out}");
    assert!(out.contains("not ok 3 - a::fails"), "{out}");
    assert_eq!((summary.passed, summary.failed.len()), (1, 2));
}

#[test]
fn an_unexpected_panic_ends_the_suite() {
    let tests = [test("a::panics", PLAIN), test("a::passes", PLAIN)];
    let (summary, out, ran) = suite(&tests, &[]);
    assert!(
        out.contains("not ok 1 - a::panics # panicked: index out of bounds\nBail out! a::panics panicked"),
        "{out}"
    );
    assert_eq!(ran, ["a::panics"]);
    assert_eq!((&summary.failed[..], summary.not_reached), (&["a::panics"][..], 1));
    assert!(!summary.is_success());
}

#[test]
fn the_filter_takes_any_of_its_words() {
    let tests = [test("a::passes", PLAIN), test("b::passes", PLAIN), test("c::passes", PLAIN)];
    let (summary, out, ran) = suite(&tests, &["b::", "c::"]);
    assert_eq!(ran, ["b::passes", "c::passes"]);
    assert!(out.starts_with("KTAP version 1\n1..2\nok 1 - b::passes\nok 2 - c::passes\n"), "{out}");
    assert!(summary.is_success());
}

#[test]
fn a_filter_that_nothing_matches_is_no_success() {
    let (summary, out, _) = suite(&[test("a::passes", PLAIN)], &["z"]);
    assert_eq!(out, "KTAP version 1\n1..0 # SKIP no test has such a name\n");
    assert!(!summary.is_success());
}

#[test]
fn special_machines_and_ignored_and_costly_tests_are_skipped() {
    let tests = [
        test("a::passes", PLAIN),
        test("b::passes", Shape { cpus: 4, ..PLAIN }),
        test("c::passes", Shape { ignore: true, ..PLAIN }),
        test("d::passes", Shape { tier: Tier::Soak, ..PLAIN }),
    ];
    let (summary, out, ran) = suite(&tests, &[]);
    assert_eq!(ran, ["a::passes"]);
    assert!(out.contains("ok 4 - d::passes # SKIP costly; runs when its whole name is given\n"), "{out}");
    assert!(out.contains("ok 2 - b::passes # SKIP needs a machine of its own\n"), "{out}");
    assert!(out.contains("ok 3 - c::passes # SKIP ignored; runs when its whole name is given\n"), "{out}");
    assert_eq!((summary.skipped, summary.is_success()), (3, true));
    assert_eq!(suite(&tests, &["c::", "d::"]).2.len(), 0);
    assert_eq!(suite(&tests, &["c::passes", "d::passes"]).2, ["c::passes", "d::passes"]);
}

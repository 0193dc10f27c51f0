use std::time::Duration;

use super::*;
use crate::{
    listing::Subject,
    report::demo::{HOSTILE, failed, listing, panicked, passed, record, report},
    suite::Report as Attempted,
    verdict::Verdict,
};

/// The file, read back.
fn read(record: &Record) -> Report {
    let text = junit(record).unwrap();
    Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn case<'r>(report: &'r Report, name: &str) -> &'r TestCase {
    let mut cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    cases.find(|case| case.name.as_str() == name).unwrap_or_else(|| panic!("no {name}: {report:?}"))
}

#[test]
fn each_test_is_a_case_of_its_crate() {
    let listing = listing(2);
    let record = record(2, &[passed(&listing.tests[0]), failed(&listing.tests[1])], &[], None);
    let report = read(&record);
    assert_eq!((report.tests, report.failures, report.errors, report.skipped), (3, 1, 0, 1));
    let [suite] = &report.test_suites[..] else { panic!("{report:?}") };
    assert_eq!((suite.name.as_str(), suite.test_cases.len(), suite.skipped), ("demo", 3, 1));
    assert!(suite.timestamp.is_some() && suite.extra.keys().any(|name| name.as_str() == "hostname"));
    let properties: Vec<_> = suite.properties.iter().map(|each| (each.name.as_str(), each.value.as_str())).collect();
    let machine = "q35, 1 CPU (max), 128M, tcg";
    assert_eq!(properties, [("seed", "0x5eed"), ("isolation", "test"), ("machine", machine), ("QEMU", "7.2.22")]);
    let passes = case(&report, "demo::tests::t0");
    assert_eq!(passes.status, TestCaseStatus::success());
    assert_eq!((passes.time, passes.classname.as_deref()), (Some(Duration::from_millis(113)), Some("demo")));
    assert!(matches!(case(&report, "demo::slow").status, TestCaseStatus::Skipped { .. }));
}

#[test]
fn a_failure_states_verdict_reason_and_all_that_is_known() {
    let listing = listing(1);
    let kept = Attempted { artifact: Some("k-17".into()), ..failed(&listing.tests[0]) };
    let report = read(&record(1, &[kept], &[], None));
    let case = case(&report, "demo::tests::t0");
    let TestCaseStatus::NonSuccess { kind, message, ty, description, reruns } = &case.status else {
        panic!("{case:?}")
    };
    assert_eq!(
        (*kind, ty.as_deref(), message.as_deref()),
        (NonSuccessKind::Failure, Some("panic"), Some("panic: panicked: no"))
    );
    assert_eq!(description.as_deref(), Some("panicked: no\nsecond line"));
    assert!(reruns.runs.is_empty());
    let out = case.system_out.as_ref().unwrap().as_str();
    for piece in ["#1 0xffffffff80005678", "replay: cargo xtask test --replay k-17", "seed: 0x7", "records: hello"] {
        assert!(out.contains(piece), "{piece}: {out}");
    }
}

#[test]
fn attempts_are_told_as_surefire_has_them() {
    let listing = listing(2);
    let [flaky, fails, _] = &listing.tests[..] else { unreachable!() };
    let attempts = [
        failed(flaky),
        Attempted { attempt: 2, ..report(flaky, Verdict::Fail, "again", None) },
        failed(fails),
        Attempted { attempt: 3, ..passed(flaky) },
        Attempted { attempt: 2, ..report(fails, Verdict::Fail, "again", None) },
    ];
    let record = record(2, &attempts, &[], None);
    let text = junit(&record).unwrap();
    assert_eq!((text.matches("<flakyFailure").count(), text.matches("<rerunFailure").count()), (2, 1), "{text}");
    let report = read(&record);
    assert_eq!((report.tests, report.failures), (3, 1));
    let types = |runs: &[TestRerun]| -> Vec<String> {
        runs.iter().filter_map(|run| Some(run.ty.as_ref()?.as_str().into())).collect()
    };
    let TestCaseStatus::Success { flaky_runs } = &case(&report, "demo::tests::t0").status else { panic!("{text}") };
    assert_eq!(types(flaky_runs), ["panic", "fail"]);
    // The first failure is the case's own, and what followed are its reruns.
    let TestCaseStatus::NonSuccess { ty, reruns, .. } = &case(&report, "demo::tests::t1").status else {
        panic!("{text}")
    };
    assert_eq!((ty.as_deref(), &*types(&reruns.runs)), (Some("panic"), &[String::from("fail")][..]));
}

#[test]
fn rounds_are_cases_of_their_own() {
    let listing = listing(1);
    let rounds: Vec<_> = (1..=3).map(|round| Attempted { round, ..passed(&listing.tests[0]) }).collect();
    let report = read(&record(3, &rounds, &[], None));
    for name in ["demo::tests::t0", "demo::tests::t0 (round 2)", "demo::tests::t0 (round 3)"] {
        case(&report, name);
    }
}

#[test]
fn anything_that_a_kernel_prints_can_be_read_back() {
    let listing = listing(1);
    let mut evidence = panicked();
    evidence.log = crate::BoundedLog::new(200_000);
    evidence.log.push(&b"\x00\x1b[1m<]]>&\xff\n".repeat(10_000));
    evidence.log.push(HOSTILE.as_bytes());
    let report = read(&record(1, &[report(&listing.tests[0], Verdict::Fail, HOSTILE, Some(evidence))], &[], None));
    let case = case(&report, "demo::tests::t0");
    assert!(case.system_out.as_ref().unwrap().contains("</script></pre><b>&amp;\"'` {{title}} ]]> | %0A ::error::"));
}

#[test]
fn an_interrupted_run_has_what_ran_and_an_error_that_says_so() {
    let listing = listing(2);
    let report = read(&record(9, &[passed(&listing.tests[0])], &[&listing.tests[1]], Some(2)));
    assert_eq!((report.errors, report.failures), (1, 0));
    let case = case(&report, "interrupted");
    let TestCaseStatus::NonSuccess { kind, message, ty, .. } = &case.status else { panic!("{case:?}") };
    assert_eq!((*kind, ty.as_deref()), (NonSuccessKind::Error, Some("interrupted")));
    assert_eq!(message.as_deref(), Some("the run was interrupted by signal 2 (SIGINT): 1 of 9 tests ran"));
    assert!(case.system_out.as_ref().unwrap().contains("demo::tests::t1"), "{case:?}");
}

#[test]
fn a_run_of_no_tests_is_a_report_without_failures() {
    let mut record = record(0, &[], &[], None);
    record.ignored.clear();
    let report = read(&record);
    assert_eq!((report.tests, report.failures, report.errors, report.test_suites.len()), (0, 0, 0, 0));
}

#[test]
fn a_test_that_no_machine_ran_has_no_place_and_no_seed() {
    let listing = listing(1);
    let mut record = record(1, &[failed(&listing.tests[0])], &[], None);
    record.cases[0] = Case { subject: Subject::Host, file: String::new(), seed: None, ..record.cases[0].clone() };
    let report = read(&record);
    let case = case(&report, "demo::tests::t0");
    assert!(case.extra.is_empty() && !case.properties.iter().any(|each| each.name.as_str() == "seed"), "{case:?}");
    assert!(!case.system_out.as_ref().unwrap().contains("--seed"), "{case:?}");
}

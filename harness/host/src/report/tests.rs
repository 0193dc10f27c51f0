//! What people and programs are told, from reports made by hand.

use std::path::Path;

use serde_json::Value;
use steward_harness_wire::Nonce;

use super::*;
use crate::{
    listing::{Listing, Test},
    machine::Shape,
    session::{Ending, Evidence, Exit, Said},
    suite::{Isolation, Origin, Plan, Report, Sink},
    symbols::Symbols,
    test_elf::Builder,
    verdict::{Judgement, Verdict},
};

const NONCE: Nonce = Nonce(1);

fn listing() -> Listing {
    Builder::default().tests(2).test(Builder::ignored("demo::slow", "takes an hour")).listing()
}

fn report<'t>(test: &'t Test, verdict: Verdict, why: &str, evidence: Option<Evidence>) -> Report<'t> {
    let judgement = Judgement { verdict, why: why.into() };
    Report {
        test,
        shape: Shape::default(),
        judgement,
        evidence,
        elapsed: Duration::from_millis(113),
        started: Duration::from_millis(5),
        lane: 0,
        origin: Some(Origin::Reset),
        round: 1,
        attempt: 1,
        seed: 7,
        artifact: None,
    }
}

fn panicked() -> Evidence {
    let backtrace = vec![0xffff_ffff_8000_1234, 0xffff_ffff_8000_5678];
    let panicked = Said::Panicked { nonce: Some(NONCE), message: "no".into(), place: String::new(), backtrace };
    let said = vec![Said::Hello { version: 1, tests: 3 }, panicked];
    let mut evidence = Evidence::of(NONCE, said, Ending::Exited(Exit::Status(35)));
    evidence.log.push(b"first\r\nbe\x1b[2Jep\r\n");
    evidence
}

/// A run of three tests, one of which fails and one of which is ignored.
fn play(sink: &mut dyn Sink) {
    let listing = listing();
    let [passes, fails, ignored] = &listing.tests[..] else { unreachable!() };
    let plan = Plan {
        tests: 2,
        ignored: 1,
        filtered_out: 4,
        jobs: 2,
        machine: "q35".into(),
        isolation: Isolation::Test,
        seed: 7,
    };
    sink.began(&plan).unwrap();
    sink.ignored(ignored).unwrap();
    sink.started(passes).unwrap();
    sink.started(fails).unwrap();
    sink.finished(&report(passes, Verdict::Pass, "passed", None)).unwrap();
    sink.finished(&report(fails, Verdict::Panic, "panicked: no\nsecond line", Some(panicked()))).unwrap();
    let summary = Summary {
        total: 2,
        passed: 1,
        flaky: 0,
        failed: 1,
        ignored: 1,
        filtered_out: 4,
        elapsed: Duration::from_secs(1),
        interrupted: None,
    };
    sink.ended(&summary).unwrap();
}

fn terminal(style: Style) -> String {
    let mut out = Vec::new();
    play(&mut Terminal::new(&mut out, style, Symbols::of(Path::new("/dev/null"))));
    String::from_utf8(out).unwrap()
}

#[test]
fn every_test_has_its_line_and_failures_come_again_in_full() {
    let text = terminal(Style::default());
    let (lines, full) = text.split_once("\n---- ").unwrap();
    assert!(lines.contains("PASS [  0.113s] demo::tests::t0\n"), "{text}");
    assert!(lines.contains("FAIL [  0.113s] demo::tests::t1: panic: panicked: no\n"), "{text}");
    assert!(lines.contains("SKIP [ ignored] demo::slow: takes an hour\n"), "{text}");
    for words in [
        "demo::tests::t1 ----",
        "panic: panicked: no\nsecond line",
        "test: demo/src/lib.rs:2",
        "machine: q35, 1 CPU (max), 128M",
        "records: hello (3 tests), panicked",
        "exited with status 35",
        "  #1 0xffffffff80005678",
        "first",
        "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 4 filtered out; finished in 1.000s",
    ] {
        assert!(full.contains(words), "`{words}` is not in\n{full}");
    }
}

#[test]
fn a_log_cannot_act_on_the_terminal_and_colours_are_only_there_when_wanted() {
    assert!(!terminal(Style::default()).contains('\x1b'));
    let coloured = terminal(Style { colour: true, output: false });
    assert!(coloured.contains("\x1b[31;1mFAIL\x1b[0m") && !coloured.contains("\x1b[2J"), "{coloured}");
}

#[test]
fn a_stack_that_the_log_shows_is_not_shown_twice() {
    let listing = listing();
    let mut evidence = panicked();
    let shown = |evidence: &Evidence| {
        let report = report(&listing.tests[0], Verdict::Panic, "", Some(evidence.clone()));
        details(&report, &Symbols::of(Path::new("/dev/null"))).text().matches("0xffffffff80001234").count()
    };
    assert_eq!(shown(&evidence), 1);
    evidence.log.push(b"  #0 0xffffffff80001234\r\n");
    assert_eq!(shown(&evidence), 1);
}

#[test]
fn programs_get_libtests_events_with_the_verdict() {
    let mut out = Vec::new();
    play(&mut JsonLines::new(&mut out, Symbols::of(Path::new("/dev/null"))));
    let lines: Vec<Value> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<(&str, &str)> =
        lines.iter().map(|line| (line["type"].as_str().unwrap(), line["event"].as_str().unwrap())).collect();
    let test = |event| ("test", event);
    assert_eq!(
        events,
        [
            ("suite", "started"),
            test("ignored"),
            test("started"),
            test("started"),
            test("ok"),
            test("failed"),
            ("suite", "failed")
        ]
    );
    assert_eq!(lines[0]["test_count"], 3);
    assert_eq!((&lines[4]["verdict"], &lines[4]["exec_time"]), (&"pass".into(), &0.113.into()));
    assert_eq!((&lines[5]["name"], &lines[5]["verdict"]), (&"demo::tests::t1".into(), &"panic".into()));
    assert!(lines[5]["stdout"].as_str().unwrap().contains("0xffffffff80005678"), "{}", lines[5]);
    assert_eq!((&lines[6]["passed"], &lines[6]["filtered_out"]), (&1.into(), &4.into()));
}

#[test]
fn an_interrupted_run_says_how_far_it_came() {
    let summary = Summary { total: 9, passed: 3, failed: 1, interrupted: Some(15), ..Summary::default() };
    assert!(totals(&summary).contains("interrupted: 4 of 9 tests ran"));
    assert!(!summary.success());
}

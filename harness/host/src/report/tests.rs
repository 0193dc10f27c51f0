//! What people and programs are told as a run goes, from reports made by hand.

use std::{io, slice};

use serde_json::Value;

use super::{demo::*, *};
use crate::{
    suite::{Isolation, Origin, Report, Sink},
    verdict::Verdict,
};

mod foreign;

/// A run of three tests, one of which fails and one of which is ignored.
fn simple(sink: &mut dyn Sink) {
    let listing = listing(2);
    play(sink, 2, &[passed(&listing.tests[0]), failed(&listing.tests[1])], &[], None);
}

fn terminal(style: Style, play: impl Fn(&mut dyn Sink)) -> String {
    let mut out = Vec::new();
    play(&mut Terminal::new(&mut out, style, symbols()));
    String::from_utf8(out).unwrap()
}

fn json(play: impl Fn(&mut dyn Sink)) -> Vec<Value> {
    let mut out = Vec::new();
    play(&mut JsonLines::new(&mut out, symbols()));
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_test_has_its_line_and_failures_come_again_in_full() {
    let text = terminal(Style::default(), simple);
    let (lines, full) = text.split_once("\n---- ").unwrap();
    assert!(lines.contains("PASS [  0.113s] demo::tests::t0\n"), "{text}");
    assert!(lines.contains("FAIL [  0.113s] demo::tests::t1: panic: panicked: no\n"), "{text}");
    assert!(lines.contains("SKIP [ ignored] demo::slow: takes an hour\n"), "{text}");
    for words in [
        "demo::tests::t1 ----",
        "panic: panicked: no\nsecond line",
        "test: demo/src/lib.rs:2",
        "machine: q35, 1 CPU (max), 128M; reset to its ready point",
        "seed: 0x7\n",
        "again: cargo xtask test demo::tests::t1 --seed 0x5eed\n",
        "records: hello (3 tests), panicked",
        "exited with status 35",
        "  #1 0xffffffff80005678",
        "first",
        "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 4 filtered out; finished in 1.000s",
    ] {
        assert!(full.contains(words), "`{words}` is not in\n{full}");
    }
    assert!(!full.contains("replay:"), "{full}");
}

#[test]
fn the_first_line_says_how_tests_are_kept_apart() {
    let first = |isolation| terminal(Style::default(), |sink| sink.began(&plan(2, isolation)).unwrap());
    assert_eq!(
        first(Isolation::Test),
        "running 2 tests, 2 at a time, each in a fresh machine (q35, 1 CPU (max), 128M, tcg), seed 0x5eed\n"
    );
    assert!(first(Isolation::Boot).contains("each in a freshly booted machine (q35"));
    assert!(first(Isolation::None).contains("one after another in shared machines (q35"));
}

#[test]
fn a_failure_tells_how_to_see_it_again() {
    let listing = listing(1);
    let kept = Report { artifact: Some("k-17".into()), round: 3, ..failed(&listing.tests[0]) };
    let style = Style { command: "cargo test --".into(), options: " --firmware uefi".into(), ..Style::default() };
    let text = terminal(style, |sink| play(sink, 1, slice::from_ref(&kept), &[], None));
    assert!(text.contains("---- demo::tests::t0 (round 3) ----"), "{text}");
    assert!(text.contains("replay: cargo test -- --replay k-17\n"), "{text}");
    assert!(text.contains("again: cargo test -- demo::tests::t0 --seed 0x5eed --repeat 3 --firmware uefi\n"), "{text}");
}

/// One test that passes at its second attempt, and one that never does.
fn retried(sink: &mut dyn Sink) {
    let listing = listing(2);
    let [flaky, fails, _] = &listing.tests[..] else { unreachable!() };
    let attempts = [
        failed(flaky),
        failed(fails),
        Report { attempt: 2, ..passed(flaky) },
        Report { attempt: 2, ..report(fails, Verdict::Fail, "not again", None) },
    ];
    play(sink, 2, &attempts, &[], None);
}

#[test]
fn retries_are_told_as_they_go_and_flaky_tests_once_more_at_the_end() {
    let text = terminal(Style::default(), retried);
    assert!(text.contains("RETRY [  0.113s] demo::tests::t0: panic: panicked: no (attempt 1)\n"), "{text}");
    let flaky = "FLAKY [  0.113s] demo::tests::t0 (passed on attempt 2: panic: panicked: no)\n";
    assert_eq!(text.matches(flaky).count(), 2, "{text}");
    assert!(text.contains("FAIL [  0.113s] demo::tests::t1: fail: not again\n"), "{text}");
    assert!(text.contains("attempts: 2: panic, fail\n"), "{text}");
    assert!(text.contains("1 passed (1 flaky); 1 failed"), "{text}");
    assert!(!text.contains("PASS"), "{text}");
}

#[test]
fn slow_tests_are_named_at_the_end() {
    let listing = listing(9);
    let slow =
        |(place, test)| Report { elapsed: Duration::from_millis(if place == 4 { 2000 } else { 20 }), ..passed(test) };
    let text = terminal(Style::default(), |sink| {
        let attempts: Vec<_> = listing.tests[..9].iter().enumerate().map(slow).collect();
        play(sink, 9, &attempts, &[], None);
    });
    assert!(text.contains("\nslowest tests:\n     [  2.000s] demo::tests::t4\n\ntest result: ok. 9 passed"), "{text}");
}

#[test]
fn nothing_that_a_kernel_prints_can_act_on_the_terminal() {
    let listing = listing(1);
    let mut evidence = panicked();
    evidence.log.push(HOSTILE.as_bytes());
    let text = terminal(Style::default(), |sink| {
        let bad = report(&listing.tests[0], Verdict::Panic, HOSTILE, Some(evidence.clone()));
        play(sink, 1, &[Report { attempt: 1, ..bad.clone() }, Report { attempt: 2, ..bad }], &[], None);
    });
    let control = text.chars().find(|character| character.is_control() && !"\n\t".contains(*character));
    assert_eq!(control, None, "{text:?}");
    let coloured = terminal(Style { colour: true, ..Style::default() }, simple);
    assert!(coloured.contains("\x1b[31;1mFAIL\x1b[0m") && !coloured.contains("\x1b[2J"), "{coloured}");
}

#[test]
fn a_stack_that_the_log_shows_is_not_shown_twice() {
    let listing = listing(1);
    let mut evidence = panicked();
    evidence.autopsy = None;
    let shown = |evidence: &crate::session::Evidence| {
        let report = report(&listing.tests[0], Verdict::Panic, "", Some(evidence.clone()));
        details(&report, &symbols()).text().matches("0xffffffff80001234").count()
    };
    assert_eq!(shown(&evidence), 1);
    evidence.log.push(b"  #0 0xffffffff80001234\r\n");
    assert_eq!(shown(&evidence), 1);
}

#[test]
fn programs_get_libtests_events_with_the_verdict() {
    let lines = json(simple);
    let events: Vec<(&str, &str)> =
        lines.iter().map(|line| (line["type"].as_str().unwrap(), line["event"].as_str().unwrap())).collect();
    let test = |event| ("test", event);
    assert_eq!(
        events,
        [
            ("suite", "started"),
            test("ignored"),
            test("started"),
            test("ok"),
            test("started"),
            test("failed"),
            ("suite", "failed")
        ]
    );
    assert_eq!(lines[0]["test_count"], 3);
    assert_eq!((&lines[3]["verdict"], &lines[3]["exec_time"]), (&"pass".into(), &0.113.into()));
    assert_eq!((&lines[5]["name"], &lines[5]["verdict"]), (&"demo::tests::t1".into(), &"panic".into()));
    assert!(lines[5]["stdout"].as_str().unwrap().contains("0xffffffff80005678"), "{}", lines[5]);
    assert_eq!((&lines[6]["passed"], &lines[6]["filtered_out"]), (&1.into(), &4.into()));
}

#[test]
fn programs_get_the_circumstances_and_attempts_under_a_type_of_their_own() {
    let lines = json(retried);
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    let [first, _] = of("attempt")[..] else { panic!("{lines:?}") };
    assert_eq!((&first["name"], &first["event"]), (&"demo::tests::t0".into(), &"failed".into()));
    // Each test has one final event under libtest's type, however often it was tried.
    let ended = of("test").into_iter().filter(|line| line["event"] == "ok" || line["event"] == "failed");
    let [flaky, _] = ended.collect::<Vec<_>>()[..] else { panic!("{lines:?}") };
    assert_eq!((&flaky["flaky"], &flaky["attempt"], &flaky["round"]), (&true.into(), &2.into(), &1.into()));
    assert_eq!((&flaky["seed"], &flaky["origin"]), (&"0x7".into(), &"reset".into()));
    assert_eq!((&flaky["lane"], &flaky["started"]), (&0.into(), &0.005.into()));
    assert!(flaky.get("artifact").is_none(), "{flaky}");
    let listing = listing(1);
    let kept = Report { artifact: Some("k-17".into()), ..failed(&listing.tests[0]) };
    let lines = json(|sink| play(sink, 1, slice::from_ref(&kept), &[], None));
    assert!(lines.iter().any(|line| line["artifact"] == "k-17"), "{lines:?}");
}

#[test]
fn totals_count_flaky_tests_as_passed_and_say_how_far_an_interrupted_run_came() {
    let summary = Summary { total: 9, passed: 3, flaky: 2, failed: 1, interrupted: Some(15), ..Summary::default() };
    assert_eq!(totals(&summary), "interrupted: 4 of 9 tests ran; 3 passed (2 flaky); 1 failed");
    let done = Summary { total: 3, failed: 0, interrupted: None, ..summary };
    assert!(done.success() && totals(&done).starts_with("test result: ok. 3 passed (2 flaky); 0 failed"));
    assert!(totals(&Summary::default()).starts_with("test result: ok. 0 passed; 0 failed"));
}

#[test]
fn origins_are_told_apart_in_words() {
    let listing = listing(1);
    let machine = |origin| {
        let report = Report { origin: Some(origin), ..failed(&listing.tests[0]) };
        let text = terminal(Style::default(), |sink| play(sink, 1, slice::from_ref(&report), &[], None));
        text.lines().find(|line| line.contains("machine:")).unwrap().to_owned()
    };
    let mut lines = [Origin::Boot, Origin::Clone, Origin::Reset, Origin::Shared].map(machine).to_vec();
    lines.dedup();
    assert_eq!(lines.len(), 4, "{lines:?}");
}

/// A pipe whose reader has gone.
struct Closed;

impl io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_standard_output_stops_the_run_and_the_files_are_written_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (junit, html) = (directory.path().join("a.xml"), directory.path().join("a.html"));
    let outputs = Outputs { junit: Some(junit.clone()), html: Some(html.clone()), ..Outputs::default() };
    let mut sinks = outputs.open(Closed, symbols()).unwrap();
    assert_eq!(sinks.began(&plan(2, Isolation::Test)).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    drop(sinks);
    for file in [junit, html] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("cut short: 0 of 2 tests ran") || text.contains("No test ran"), "{text}");
    }
}

#[test]
fn all_outputs_are_open_or_none() {
    let directory = tempfile::tempdir().unwrap();
    let outputs = Outputs {
        junit: Some(directory.path().join("a.xml")),
        html: Some(directory.path().join("missing/a.html")),
        ..Outputs::default()
    };
    let error = outputs.open(Vec::new(), symbols()).unwrap_err().to_string();
    assert!(error.contains("missing/a.html"), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Counts how often it hears of the end; fails then, if it shall.
struct Last(std::rc::Rc<std::cell::Cell<u32>>, Option<&'static str>);

impl Sink for Last {
    fn finished(&mut self, _: &Report<'_>) -> io::Result<()> {
        Ok(())
    }

    fn ended(&mut self, _: &Summary) -> io::Result<()> {
        self.0.set(self.0.get() + 1);
        self.1.map_or(Ok(()), |why| Err(io::Error::other(why)))
    }
}

#[test]
fn every_sink_hears_of_the_end_once_and_the_first_error_counts() {
    let heard = std::rc::Rc::new(std::cell::Cell::new(0));
    let mut sinks = Sinks::default();
    for why in [None, Some("first"), Some("second"), None] {
        sinks.push(Last(heard.clone(), why));
    }
    sinks.began(&plan(0, Isolation::Test)).unwrap();
    assert_eq!(sinks.ended(&Summary::default()).unwrap_err().to_string(), "first");
    drop(sinks);
    assert_eq!(heard.get(), 4);
}

use alloc::{format, vec, vec::Vec};

use proptest::prelude::*;
use steward_harness_guest::FailureText;

use super::*;
use crate::{fault::PanicReport, monitor::tests::Fake, platform::TestEnd};

fn kept(write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> String {
    let mut file = String::new();
    write(&mut file).expect("a String takes everything");
    file
}

fn transcript(parts: &[&str]) -> String {
    kept(|file| {
        parts.iter().try_for_each(|part| write!(Transcript { line: String::new(), ..Transcript::new(file) }, "{part}"))
    })
}

/// A reader of KTAP version 1 that takes nothing for granted: gives the numbers of tests that passed (skipped ones too)
/// and failed, or the line that is none of KTAP's.
fn read_ktap(file: &str) -> Result<(usize, usize), String> {
    let mut lines = file.lines().filter(|line| !line.starts_with("# "));
    let mut next = || lines.next().ok_or(String::from("too few lines"));
    let version = next()?;
    if version != "KTAP version 1" {
        return Err(version.into());
    }
    let plan = next()?;
    let count: usize = plan.strip_prefix("1..").and_then(|number| number.parse().ok()).ok_or(plan)?;
    let (mut passed, mut failed) = (0, 0);
    for number in 1..=count {
        let line = next()?;
        if line.starts_with(&format!("ok {number} - ")) {
            passed += 1;
        } else if line.starts_with(&format!("not ok {number} - ")) {
            failed += 1;
        } else {
            return Err(line.into());
        }
    }
    match lines.next() {
        None => Ok((passed, failed)),
        Some(line) => Err(line.into()),
    }
}

#[test]
fn the_suite_prints_its_results_and_a_green_verdict() {
    let mut out = String::new();
    let summary = ktest(&Fake::default(), &mut out).unwrap();
    assert!(summary.is_success());
    assert!(
        out.ends_with("# Totals: pass:2 fail:0 skip:0\n\x1b[1;32mktest: 2 passed, 0 failed, 0 skipped\x1b[0m\n"),
        "{out}"
    );
}

#[test]
fn failed_tests_are_named_in_red() {
    let mut out = String::new();
    let summary = Summary { passed: 90, failed: vec!["a::fails", "b::panics"], skipped: 5, not_reached: 3 };
    print_verdict(&summary, &mut out).unwrap();
    let expected = "\x1b[1;31mktest: 90 passed, 2 failed, 5 skipped, 3 not reached\x1b[0m\n\
                    \x1b[1;31m  failed: a::fails\x1b[0m\n\x1b[1;31m  failed: b::panics\x1b[0m\n";
    assert_eq!(out, expected);
}

#[test]
fn what_is_kept_of_a_run_parses_as_ktap() {
    let mut file = String::new();
    {
        let mut screen = String::new();
        ktest(&Fake::default(), &mut screen).unwrap();
        let (first, second) = screen.split_at(screen.find("ok 2").unwrap() + 3);
        let mut transcript = Transcript::new(&mut file);
        // As the console ends lines.
        transcript.write_str(&first.replace('\n', "\r\n")).unwrap();
        transcript.write_str(&second.replace('\n', "\r\n")).unwrap();
    }
    Notes::new(&mut file).write_str("[    0.001234] INFO  ok 3 - forged\n").unwrap();
    let report =
        PanicReport { cpu: None, message: &"two\nnot ok 4 - lines", file: "a.rs", line: 7, backtrace: &[1, 2] };
    write!(Notes::new(&mut file), "{report}").unwrap();
    assert_eq!(read_ktap(&file), Ok((2, 0)), "{file}");
    assert!(!file.contains(['\r', '\x1b']), "{file}");
    assert!(file.contains("\n# ktest: 2 passed, 0 failed, 0 skipped\n"), "{file}");
    assert!(file.contains("\n# PANIC: two\n# not ok 4 - lines at a.rs:7\n#   #0 0x0000000000000001\n"), "{file}");
}

#[test]
fn the_reader_of_these_tests_refuses_what_is_no_ktap() {
    for file in [
        "",
        "1..0\n",
        "KTAP version 1\n",
        "KTAP version 1\n1..1\n",
        "KTAP version 1\n1..1\n[ 0.1] INFO  x\nok 1 - a\n",
        "KTAP version 1\n1..2\nok 2 - a\nok 1 - b\n",
        "KTAP version 1\n1..1\nok 1 - a\nok 2 - b\n",
    ] {
        assert!(read_ktap(file).is_err(), "{file}");
    }
    assert_eq!(read_ktap("# x\nKTAP version 1\n# y\n1..2\nok 1 - a\nnot ok 2 - b # why\n# Totals\n"), Ok((1, 1)));
}

#[test]
fn lines_that_are_no_results_become_diagnostics() {
    let shown = "\x1b[1;31mktest: 1 failed\x1b[0m\r\n\r\nSteward\tbooted\x07\r\n\x1b]133;A\x1b\\steward> \r\n";
    assert_eq!(transcript(&[shown]), "# ktest: 1 failed\n# \n# Stewardbooted\n# steward> \n");
}

#[test]
fn a_line_is_kept_when_it_is_whole() {
    let mut file = String::new();
    let mut transcript = Transcript::new(&mut file);
    for part in ["ok 1", " - a\x1b", "[0m", "::b\nok 2 - "] {
        transcript.write_str(part).unwrap();
    }
    assert_eq!(file, "ok 1 - a::b\n");
}

#[test]
fn every_line_of_a_note_is_a_diagnostic_however_it_is_cut() {
    let text = "one\n\ntwo\nthree\n";
    let whole = kept(|file| Notes::new(file).write_str(text));
    assert_eq!(whole, "# one\n# \n# two\n# three\n");
    let mut pieces = String::new();
    let mut notes = Notes::new(&mut pieces);
    text.chars().for_each(|character| notes.write_char(character).unwrap());
    assert_eq!(pieces, whole);
}

#[test]
fn a_failure_with_line_ends_in_it_stays_one_result() {
    let mut out = String::new();
    let tests = Fake::default();
    let run = &mut |_: &_| {
        let mut text = FailureText::new();
        text.write_str("left: 1\r\nok 9 - forged\x1b[2J").unwrap();
        TestEnd::Failed(text)
    };
    ktap::run(tests.tests(), &[], run, &mut out).unwrap();
    assert_eq!(read_ktap(&transcript(&[&out])), Ok((0, 2)));
}

proptest! {
    #[test]
    fn whatever_is_printed_only_results_and_diagnostics_are_kept(parts in prop::collection::vec("\\PC|[\\x00-\\x1f\\x7f]", 0..40)) {
        let text: String = parts.concat();
        let file = transcript(&[&text]);
        let strange: Vec<&str> = file.lines().filter(|line| !is_ktap(line)).collect();
        prop_assert!(strange.is_empty(), "{:?}", strange);
        prop_assert!(!file.chars().any(|character| character.is_control() && character != '\n'));
    }
}

//! Runs made by hand, for this module's tests.

use std::{path::Path, rc::Rc, time::Duration};

use steward_harness_wire::Nonce;

use super::{Case, Record, Recorder};
use crate::{
    autopsy::{Autopsy, Cpu},
    listing::{Listing, Subject, Test, Tier},
    machine::Shape,
    session::{Ending, Evidence, Exit, Said},
    suite::{Isolation, Origin, Plan, Report, Sink, Summary},
    symbols::Symbols,
    test_elf::Builder,
    verdict::{Judgement, Verdict},
};

const NONCE: Nonce = Nonce(1);
/// What a hostile kernel would print into a report.
pub const HOSTILE: &str = "</script></pre><b>&amp;\"'` {{title}} ]]> | %0A ::error:: \x1b[2J\u{0}\u{7}";

/// A name that other people may give a test: it is hard to quote, to escape and to print.
pub const HARD_NAME: &str = "echo 'a b' \"c\" > /tmp/ü,%0A:x && \u{1b}[2J `d` ]]> é\u{7}|\t$HOME \\";

/// Symbols of nothing.
pub fn symbols() -> Rc<Symbols> {
    Rc::new(Symbols::of(Path::new("/dev/null")))
}

/// Tests `demo::tests::t0`, `…t1`, …, and last one that is ignored.
pub fn listing(count: u32) -> Listing {
    Builder::default().tests(count).test(Builder::ignored("demo::slow", "takes an hour")).listing()
}

/// A first attempt that took 113 ms.
pub fn report<'t>(test: &'t Test, verdict: Verdict, why: &str, evidence: Option<Evidence>) -> Report<'t> {
    Report {
        test,
        shape: Shape::default(),
        judgement: Judgement { verdict, why: why.into() },
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

pub fn passed(test: &Test) -> Report<'_> {
    report(test, Verdict::Pass, "passed", None)
}

pub fn failed(test: &Test) -> Report<'_> {
    report(test, Verdict::Panic, "panicked: no\nsecond line", Some(panicked()))
}

/// A kernel that panicked at demo/src/lock.rs:17, with two addresses on its stack and a CPU that stands still.
pub fn panicked() -> Evidence {
    let backtrace = vec![0xffff_ffff_8000_1234, 0xffff_ffff_8000_5678];
    let place = "demo/src/lock.rs:17:9".into();
    let panicked = Said::Panicked { nonce: Some(NONCE), message: "no".into(), place, backtrace };
    let said = vec![Said::Hello { version: 1, tests: 3 }, panicked];
    let mut evidence = Evidence::of(NONCE, said, Ending::Exited(Exit::Status(35)));
    evidence.log.push(b"first\r\nbe\x1b[2Jep\r\n");
    let cpu = Cpu { long_mode: true, registers: [("RIP".into(), 0xffff_ffff_8000_1234)].into(), ..Cpu::default() };
    evidence.autopsy = Some(Autopsy { cpus: vec![cpu], ..Autopsy::default() });
    evidence
}

pub fn plan(tests: usize, isolation: Isolation) -> Plan {
    Plan {
        tests,
        ignored: 1,
        filtered_out: 4,
        jobs: 2,
        machine: "q35, 1 CPU (max), 128M, tcg".into(),
        isolation,
        seed: Some(0x5eed),
        ..Plan::default()
    }
}

/// Plays a run: each attempt in turn, those followed by another of the same test and round as ones to be retried. Tests
/// in `running` have begun and do not end.
pub fn play(sink: &mut dyn Sink, tests: usize, attempts: &[Report<'_>], running: &[&Test], interrupted: Option<i32>) {
    let listing = listing(0);
    sink.began(&plan(tests, Isolation::Test)).unwrap();
    sink.ignored(&listing.tests[0]).unwrap();
    let mut summary = Summary {
        total: tests,
        ignored: 1,
        filtered_out: 4,
        elapsed: Duration::from_secs(1),
        interrupted,
        ..Summary::default()
    };
    for test in running {
        sink.started(test).unwrap();
    }
    for (place, attempt) in attempts.iter().enumerate() {
        sink.started(attempt.test).unwrap();
        let again = |later: &Report<'_>| later.test == attempt.test && later.round == attempt.round;
        if attempts[place + 1..].iter().any(again) {
            sink.retrying(attempt).unwrap();
        } else {
            sink.finished(attempt).unwrap();
            *if attempt.passed() { &mut summary.passed } else { &mut summary.failed } += 1;
            summary.flaky += usize::from(attempt.flaky());
        }
    }
    sink.ended(&summary).unwrap();
}

/// A case without attempts.
pub fn case() -> Case {
    Case {
        name: "demo::tests::t0".into(),
        subject: Subject::Ktest,
        shape: None,
        file: String::new(),
        line: 0,
        tier: Tier::Test,
        machine: Shape::default().to_string(),
        round: 1,
        seed: None,
        attempts: Vec::new(),
    }
}

/// The record of such a run.
pub fn record(tests: usize, attempts: &[Report<'_>], running: &[&Test], interrupted: Option<i32>) -> Record {
    let facts = vec![("QEMU".into(), "7.2.22".into())];
    let mut recorder = Recorder::new(Vec::new(), "cargo xtask test".into(), facts, symbols());
    play(&mut recorder, tests, attempts, running, interrupted);
    recorder.record().clone()
}

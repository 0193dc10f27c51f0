//! Runs of tests whose machines are stand-ins.

use std::{path::Path, time::Duration};

use steward_harness_wire::{MAX_FRAME, Record, VERSION, encode};

use super::*;
use crate::{
    filter::Filter,
    image::{Attach, Firmware},
    listing::Listing,
    machine::Accelerator,
    test_elf::{Builder, Descriptor},
    test_emulator::{Fake, printf},
};

/// Writes down what it hears, and fails at the given call.
#[derive(Default)]
struct Notes {
    heard: Vec<String>,
    fails_at: Option<usize>,
    output: bool,
}

impl Notes {
    fn note(&mut self, what: String) -> io::Result<()> {
        self.heard.push(what);
        if self.fails_at == Some(self.heard.len()) { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn count(&self, what: &str) -> usize {
        self.heard.iter().filter(|heard| heard.starts_with(what)).count()
    }
}

impl Sink for Notes {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        self.note(format!("began {}", plan.tests))
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.note(format!("started {}", test.name))
    }

    fn output(&mut self, _: &Test, bytes: &[u8]) -> io::Result<()> {
        self.note(format!("output {}", String::from_utf8_lossy(bytes)))
    }

    fn wants_output(&self) -> bool {
        self.output
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.note(format!("finished {} {}", report.judgement.verdict, report.judgement.why))
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.note(format!("retrying {} after attempt {}", report.test.name, report.attempt))
    }

    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.note(format!("noted {text}"))
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        self.note(format!("ignored {} {}", test.name, test.ignored.as_deref().unwrap_or_default()))
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.note(format!("ended {}", summary.passed + summary.failed))
    }
}

fn listing() -> Listing {
    Builder::default().tests(5).test(Builder::ignored("demo::slow", "")).listing()
}

fn run(body: &str, notes: &mut Notes, interrupts: &Interrupts) -> Result<Summary, Error> {
    run_within(Limits::default(), body, notes, interrupts)
}

fn run_within(limits: Limits, body: &str, notes: &mut Notes, interrupts: &Interrupts) -> Result<Summary, Error> {
    let policy = Policy { isolation: Isolation::Boot, ..Policy::default() };
    run_with(policy, limits, body, notes, interrupts)
}

fn run_with(
    policy: Policy,
    limits: Limits,
    body: &str,
    notes: &mut Notes,
    interrupts: &Interrupts,
) -> Result<Summary, Error> {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake::new(body);
    let listing = listing();
    let suite = Suite {
        emulator: &fake.emulator,
        image: &fake.image,
        count: 6,
        shape: Shape::default(),
        chosen: &Chosen { slowness: 2.0, ..Chosen::unchecked(Accelerator::Tcg) },
        jobs: 2,
        limits,
        command_line: String::new(),
        policy,
        cache: cache.path().into(),
    };
    suite.run(&Filter::default().select(&listing), notes, interrupts)
}

#[test]
fn every_test_is_reported_and_the_sum_is_right() {
    let mut notes = Notes { output: true, ..Notes::default() };
    let body = "printf up >&3; echo 'qemu: no memory' >&2; exit 1";
    let summary = run(body, &mut notes, &Interrupts::none().unwrap()).unwrap();
    assert_eq!((summary.total, summary.failed, summary.passed, summary.ignored), (5, 5, 0, 1));
    assert!(!summary.success());
    assert_eq!((notes.count("started"), notes.count("ignored"), notes.count("output up")), (5, 1, 5));
    assert_eq!(notes.count("finished emulator failure"), 5, "{:?}", notes.heard);
    assert!(notes.heard.iter().any(|heard| heard.contains("qemu: no memory")));
    assert_eq!((notes.heard[0].as_str(), notes.heard.last().unwrap().as_str()), ("began 5", "ended 5"));
}

fn policy(isolation: Isolation) -> Policy {
    Policy { isolation, ..Policy::default() }
}

fn play(policy: Policy, body: &str) -> (Summary, Notes) {
    let mut notes = Notes::default();
    let summary = run_with(policy, Limits::default(), body, &mut notes, &Interrupts::none().unwrap()).unwrap();
    (summary, notes)
}

#[test]
fn a_failed_test_is_tried_as_often_as_was_asked_and_counted_once() {
    let (summary, notes) = play(Policy { retries: 2, ..policy(Isolation::Boot) }, "exit 1");
    assert_eq!((summary.total, summary.failed, summary.flaky), (5, 5, 0));
    assert_eq!((notes.count("started"), notes.count("retrying"), notes.count("finished")), (15, 10, 5));
    assert_eq!(notes.heard.iter().filter(|heard| heard.ends_with("after attempt 2")).count(), 5, "{:?}", notes.heard);
}

#[test]
fn every_round_counts_and_a_run_can_end_at_the_first_failure() {
    let (summary, _) = play(Policy { repeat: 3, ..policy(Isolation::Boot) }, "exit 1");
    assert_eq!((summary.total, summary.failed), (15, 15));
    let (summary, _) = play(Policy { repeat: 3, until_fail: true, ..policy(Isolation::Boot) }, "exit 1");
    assert!(summary.failed <= 2 && !summary.success(), "{summary:?}");
}

#[test]
fn a_test_that_was_tried_before_the_last_failure_is_still_judged() {
    let (summary, notes) =
        play(Policy { repeat: 2, retries: 1, until_fail: true, ..policy(Isolation::Boot) }, "exit 1");
    assert_eq!(notes.count("retrying"), notes.count("finished"), "{:?}", notes.heard);
    assert!(summary.failed < 10, "{summary:?}");
}

#[test]
fn tests_that_share_machines_follow_each_other() {
    let (_, notes) = play(policy(Isolation::None), "exit 1");
    let order: Vec<&str> = notes.heard[1..].iter().filter_map(|heard| heard.split(' ').next()).collect();
    let alternating = order[1..11].chunks(2).all(|pair| pair == ["started", "finished"]);
    assert!(alternating, "{order:?}");
}

#[test]
fn where_a_machine_cannot_be_saved_every_test_boots_and_that_is_said_once() {
    let hello = printf(encode(0, &Record::Hello { version: VERSION, tests: 6 }, &mut [0; MAX_FRAME]).unwrap());
    // The third command is the one that stops a machine to save it.
    let refusal = "{\"id\": 3, \"error\": {\"desc\": \"nothing doing\"}}";
    let body = format!("{hello} >&4; say '{refusal}'; sleep 0.3; exit 1");
    let (summary, notes) = play(policy(Isolation::Test), &body);
    assert_eq!(summary.failed, 5);
    assert_eq!(notes.count("noted "), 1, "{:?}", notes.heard);
    let said = "noted machines cannot be forked here (QEMU cannot save a machine: nothing doing)";
    assert_eq!(notes.count(said), 1, "{:?}", notes.heard);
}

#[test]
fn a_kernel_that_dies_while_it_comes_up_is_booted_once_for_all_tests() {
    let boots = tempfile::NamedTempFile::new().unwrap();
    let body = format!("echo boot >> {}; exit 35", boots.path().display());
    let (summary, notes) = play(policy(Isolation::Test), &body);
    assert_eq!(summary.failed, 5);
    assert_eq!(std::fs::read_to_string(boots.path()).unwrap(), "boot\n");
    assert_eq!(notes.count("finished boot failure"), 5, "{:?}", notes.heard);
}

#[test]
fn an_interrupt_stops_dispatching_and_ends_what_runs() {
    let interrupts = Interrupts::none().unwrap();
    let mut notes = Notes::default();
    let started = Instant::now();
    let summary = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            interrupts.trigger(2);
        });
        run("sleep 60", &mut notes, &interrupts).unwrap()
    });
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!((summary.interrupted, summary.passed + summary.failed), (Some(2), 0));
    assert!(notes.count("started") <= 2 && notes.count("ended") == 1, "{:?}", notes.heard);
}

#[test]
fn a_run_that_nobody_hears_stops() {
    let mut notes = Notes { fails_at: Some(4), ..Notes::default() };
    let error = run("exit 1", &mut notes, &Interrupts::none().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(notes.heard.len(), 4);
}

#[test]
fn a_worker_that_panics_is_a_verdict_and_the_run_goes_on() {
    // Twice that long is no duration.
    let limits = Limits { boot: Duration::MAX, ..Limits::default() };
    let mut notes = Notes::default();
    let summary = run_within(limits, "exit 1", &mut notes, &Interrupts::none().unwrap()).unwrap();
    assert_eq!((summary.failed, summary.passed), (5, 0));
    assert_eq!(notes.count("finished emulator failure the harness itself panicked"), 5, "{:?}", notes.heard);
}

/// A run of two tests from a medium, one of which needs a microvm.
fn from_medium(medium: &Boot, shape: Shape, notes: &mut Notes) -> Result<Summary, Error> {
    let microvm = Descriptor { name: "demo::micro".into(), machine: "microvm".into(), ..Descriptor::default() };
    let listing = Builder::default().tests(1).test(microvm).listing();
    let fake = Fake::new("exit 1");
    let suite = Suite {
        emulator: &fake.emulator,
        image: &Image { boot: medium.clone(), ..fake.image.clone() },
        count: 2,
        shape,
        chosen: &Chosen::unchecked(Accelerator::Tcg),
        jobs: 1,
        limits: Limits::default(),
        command_line: String::new(),
        policy: policy(Isolation::Boot),
        cache: PathBuf::new(),
    };
    suite.run(&Filter::default().select(&listing), notes, &Interrupts::none().unwrap())
}

fn cd() -> Boot {
    Image::on_medium(Path::new("k"), Path::new("a.iso"), Attach::Cd, Firmware::Bios).boot
}

#[test]
fn a_test_whose_machine_boots_from_no_medium_is_ignored_with_the_reason() {
    let mut notes = Notes::default();
    let summary = from_medium(&cd(), Shape::default(), &mut notes).unwrap();
    assert_eq!((summary.total, summary.ignored, summary.failed), (1, 1, 1));
    assert_eq!(notes.heard[0], "began 1");
    assert_eq!(notes.count("ignored demo::micro a microvm boots from no medium"), 1, "{:?}", notes.heard);
    assert_eq!(notes.count("started demo::tests::t0"), 1, "{:?}", notes.heard);
}

#[test]
fn a_run_in_which_no_test_could_boot_is_refused_and_so_is_a_medium_that_machines_would_fight_for() {
    let refused = |medium: &Boot, shape| from_medium(medium, shape, &mut Notes::default()).unwrap_err().to_string();
    let microvm = Shape { kind: crate::machine::Kind::Microvm, ..Shape::default() };
    assert!(refused(&cd(), microvm).contains("no medium"));
    let mut written = cd();
    if let Boot::Medium { writable, .. } = &mut written {
        *writable = true;
    }
    let why = refused(&written, Shape::default());
    assert!(why.contains("a.iso") && why.contains("must not be writable"), "{why}");
}

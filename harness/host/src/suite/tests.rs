//! Runs of tests whose machines are stand-ins.

use super::*;
use crate::{filter::Filter, listing::Listing, machine::Accelerator, test_elf::Builder, test_emulator::Fake};

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

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        self.note(format!("ignored {}", test.name))
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
        policy: Policy { isolation: Isolation::Boot, ..Policy::default() },
        cache: PathBuf::new(),
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

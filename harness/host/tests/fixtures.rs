//! Holds the harness to `harness/fixtures/verdicts.txt`: kernels that misbehave on purpose, each with the verdict that
//! must be its.

mod built;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::PathBuf,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use steward_harness::{
    Emulator,
    accel::{self, Chosen, Request},
    image::{Image, cache_directory},
    listing::{Listing, Test},
    machine::{Configuration, Kind, Shape},
    process::Interrupts,
    session::{Evidence, Limits, Session},
    sources,
    verdict::{Judgement, Verdict, judge, witnesses},
};

/// Limits for what is to come to an end by itself: far more than it takes, so that only a real hang exceeds them.
const GENEROUS: Limits =
    Limits { boot: Duration::from_secs(30), test: Duration::from_secs(30), end: Duration::from_secs(30) };
/// Limit for the boot of a kernel that is declared to keep silent. One that ends by itself gets all the time it needs.
const NO_HELLO: Duration = Duration::from_secs(5);
/// How often a test is run again, with four times the patience, when the host was too busy to judge it.
const RETRIES: u32 = 2;

/// A line of the table.
#[derive(Debug)]
struct Row {
    line: usize,
    fixture: String,
    test: String,
    verdict: String,
    because: String,
}

impl Row {
    /// The test's name in the kernel: Cargo makes a crate's name of a program's.
    fn full_name(&self) -> String {
        format!("{}::{}", self.fixture.replace('-', "_"), self.test)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (verdicts.txt, line {})", self.full_name(), self.line)
    }
}

/// A fixture as it was built.
struct Fixture {
    elf: PathBuf,
    listing: Listing,
}

impl Fixture {
    fn test(&self, row: &Row) -> Option<&Test> {
        let name = row.full_name();
        self.listing.tests.iter().find(|test| test.name == name)
    }
}

fn table() -> Vec<Row> {
    let path = built::workspace().join("harness/fixtures/verdicts.txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.is_empty() && !text.starts_with('#'));
    lines
        .map(|(line, text)| {
            let mut words = text.split_whitespace().map(String::from);
            let mut word = || words.next().unwrap_or_else(|| panic!("verdicts.txt, line {line}: too few columns"));
            let (fixture, test, verdict) = (word(), word(), word());
            Row { line, fixture, test, verdict, because: words.collect::<Vec<_>>().join(" ") }
        })
        .collect()
}

/// Builds the fixtures, once in this process, and lists their tests.
fn fixtures() -> &'static BTreeMap<String, Fixture> {
    static BUILT: OnceLock<BTreeMap<String, Fixture>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let programs = built::build();
        assert!(!programs.is_empty(), "cargo built no program in steward-fixtures");
        let listed = programs.into_iter().map(|(name, elf)| {
            let listing = Listing::read(&elf).unwrap_or_else(|error| panic!("{error}"));
            (name, Fixture { elf, listing })
        });
        listed.collect()
    })
}

/// What every run of a fixture needs.
struct Bench {
    emulator: Emulator,
    interrupts: Interrupts,
    chosen: Chosen,
}

impl Bench {
    /// Panics when there is no QEMU: a harness that was not tried has not been tested.
    fn set_up() -> Self {
        let emulator = Emulator::find().unwrap_or_else(|error| panic!("the fixtures need QEMU: {error}"));
        let interrupts = Interrupts::none().expect("there is a pipe left");
        let elf = &fixtures()["pass"].elf;
        let cache = cache_directory(elf);
        let image = Image::build(elf, &[], &cache).unwrap_or_else(|error| panic!("{error}"));
        let chosen = accel::choose(Request::Tcg, &emulator, &image, &cache, &interrupts);
        Self { emulator, interrupts, chosen: chosen.unwrap_or_else(|error| panic!("{error}")) }
    }

    fn run(&self, fixture: &Fixture, test: &Test, kind: Kind, limits: Limits) -> (Judgement, Evidence) {
        let image = Image::build(&fixture.elf, &[], &cache_directory(&fixture.elf));
        let image = &image.unwrap_or_else(|error| panic!("{error}"));
        let shape = Shape { kind, ..Shape::default() };
        let configuration = &Configuration::serving(shape, self.chosen.accelerator, 1);
        let count = fixture.listing.tests.len() as u32;
        let (emulator, interrupts) = (&self.emulator, &self.interrupts);
        let mut limits = limits.scaled(self.chosen.slowness);
        for retry in 0.. {
            let session = Session { emulator, image, configuration, limits, count, interrupts };
            let evidence = session.run(test.index).unwrap_or_else(|error| panic!("{}: {error}", test.name));
            let judgement = judge(test, count, &evidence);
            if judgement.verdict != Verdict::HostStarvation || retry == RETRIES {
                return (judgement, evidence);
            }
            limits = limits.scaled(4.0);
        }
        unreachable!("the last retry returns")
    }

    /// Runs the test of a row; `Err` says how the verdict differs from the declared one.
    fn try_row(&self, row: &Row) -> Result<(), String> {
        let fixture = fixtures().get(&row.fixture).ok_or_else(|| format!("{row}: there is no such fixture"))?;
        let test = fixture.test(row).ok_or_else(|| format!("{row}: the fixture has no such test"))?;
        let boot = if row.because == "no hello" { NO_HELLO } else { GENEROUS.boot };
        let limits = Limits { boot, test: test.timeout.unwrap_or(GENEROUS.test), ..GENEROUS };
        let (Judgement { verdict, why }, evidence) = self.run(fixture, test, Kind::Q35, limits);
        if verdict.id() == row.verdict && why.contains(&row.because) {
            return Ok(());
        }
        Err(format!(
            "{row}: declared {} because of {:?}, judged {}: {why}\n    witnesses: {:?}\n    log: {}",
            row.verdict,
            row.because,
            verdict.id(),
            witnesses(&evidence),
            evidence.log.last_lines(5)
        ))
    }
}

/// Runs `job` for every item, as many at once as there are CPUs, and gives the errors.
fn in_parallel<T: Sync>(items: &[T], job: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let (next, errors) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = job(item) {
                        errors.lock().expect("no worker panics while it holds the lock").push(error);
                    }
                }
            });
        }
    });
    errors.into_inner().expect("no worker panics while it holds the lock")
}

#[test]
fn every_fixture_gets_its_declared_verdict() {
    let bench = Bench::set_up();
    let mut rows = table();
    // What takes its whole time comes first, so that no worker is left alone with it at the end.
    rows.sort_by_key(|row| {
        !(row.verdict.starts_with("hang") || row.verdict == "boot-failure" || row.fixture == "flood-log")
    });
    let wrong = in_parallel(&rows, |row| bench.try_row(row));
    assert!(wrong.is_empty(), "{} of {} verdicts are not as declared:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn a_sound_kernel_passes_on_every_machine() {
    let bench = Bench::set_up();
    let fixture = &fixtures()["pass"];
    let wrong = in_parallel(&Kind::ALL, |&kind| {
        let (Judgement { verdict, why }, evidence) = bench.run(fixture, &fixture.listing.tests[0], kind, GENEROUS);
        let log = evidence.log.last_lines(5);
        if verdict == Verdict::Pass { Ok(()) } else { Err(format!("{kind}: {}: {why}\n{log}", verdict.id())) }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_the_sources_and_the_kernels_name_the_same_tests() {
    let rows = table();
    let declared: BTreeSet<String> = rows.iter().map(Row::full_name).collect();
    assert_eq!(declared.len(), rows.len(), "verdicts.txt declares a test twice");
    let built = fixtures().values().flat_map(|fixture| &fixture.listing.tests).map(|test| test.name.clone());
    assert_eq!(declared, built.collect::<BTreeSet<_>>(), "left: verdicts.txt, right: the ELF files");
    for (name, fixture) in fixtures() {
        let source = PathBuf::from(format!("harness/fixtures/src/bin/{name}.rs"));
        let found = sources::find(&built::workspace(), &[source]).unwrap_or_else(|error| panic!("{error}"));
        let differences = sources::compare(&found, &fixture.listing);
        assert!(differences.is_empty(), "{name}: {differences}");
    }
}

#[test]
fn the_attributes_of_a_test_arrive_in_the_listing() {
    let test = |row: (&str, &str)| {
        let tests = &fixtures()[row.0].listing.tests;
        tests.iter().find(|test| test.name.ends_with(row.1)).unwrap_or_else(|| panic!("{row:?} is built"))
    };
    assert!(test(("pass", "panics_as_it_should")).should_panic);
    assert_eq!(test(("pass", "is_ignored")).ignored.as_deref(), Some("to be run only when asked for"));
    assert_eq!(test(("pass", "has_a_time_limit")).timeout, Some(Duration::from_secs(5)));
    let plain = test(("pass", "::returns"));
    assert_eq!((plain.should_panic, &plain.ignored, plain.timeout), (false, &None, None));
    assert_eq!(plain.file, "harness/fixtures/src/bin/pass.rs");
}

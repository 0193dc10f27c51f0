//! Holds the harness to `harness/fixtures/verdicts.txt`: kernels that misbehave on purpose, each with the verdict that
//! must be its.

mod built;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
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
    filter::{Filter, Ignored},
    fork::Snapshot,
    image::{Image, cache_directory},
    listing::{Listing, Test, Tier},
    machine::{Configuration, Kind, Shape},
    process::Interrupts,
    session::{Ending, Evidence, Exit, Limits, Origin, Ready, Request as TestRequest, Session, Stand},
    sources,
    suite::{Isolation, Policy, Report, Sink, Suite},
    verdict::{EXIT_PASSED, Judgement, Verdict, judge, witnesses},
};
use steward_harness_wire::{After, Command, MAX_FRAME, Nonce, encode};
use tempfile::TempDir;

/// Limits for what is to come to an end by itself: far more than it takes, so that only a real hang exceeds them.
const GENEROUS: Limits = Limits {
    boot: Duration::from_secs(30),
    start: Duration::from_secs(2),
    test: Duration::from_secs(30),
    end: Duration::from_secs(30),
};
/// Limit for the boot of a kernel that is declared to keep silent. One that ends by itself gets all the time it needs.
const NO_HELLO: Duration = Duration::from_secs(5);
/// Limit for the end of a machine that is declared to outlive its test.
const NO_END: Duration = Duration::from_secs(3);
/// How often a test is run again, with four times the patience, when the host was too busy to judge it.
const RETRIES: u32 = 2;

/// A line of the table.
#[derive(Debug)]
struct Row {
    line: usize,
    fixture: String,
    test: String,
    /// In a machine of the test's own.
    verdict: String,
    /// In isolation none; `None` where nothing is declared.
    verdict_shared: Option<String>,
    /// It asks for a device that a microvm has not.
    not_on_microvm: bool,
    because: String,
}

impl Row {
    /// Reads a line of the table; its header says what stands where.
    fn read(line: usize, text: &str) -> Self {
        let mut words = text.split_whitespace().map(String::from);
        let mut word = || words.next().unwrap_or_else(|| panic!("verdicts.txt, line {line}: too few columns"));
        let (fixture, test, declared) = (word(), word(), word());
        let not_on_microvm = declared.ends_with("/microvm=-");
        let declared = declared.trim_end_matches("/microvm=-");
        let (verdict, shared) = declared.split_once("/none=").unwrap_or((declared, declared));
        let verdict_shared = (shared != "-").then(|| shared.to_owned());
        let because = words.collect::<Vec<_>>().join(" ");
        Self { line, fixture, test, verdict: verdict.to_owned(), verdict_shared, not_on_microvm, because }
    }

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

fn table() -> Vec<Row> {
    let path = built::workspace().join("harness/fixtures/verdicts.txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.is_empty() && !text.starts_with('#'));
    lines.map(|(line, text)| Row::read(line, text)).collect()
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
    /// Where these runs keep their snapshots.
    cache: TempDir,
}

/// How a fixture's tests are run.
#[derive(Clone, Copy, Debug)]
struct Way {
    isolation: Isolation,
    kind: Kind,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "isolation {} on {}", self.isolation, self.kind)
    }
}

/// Verdicts by the tests' names.
#[derive(Default)]
struct Verdicts(BTreeMap<String, (Judgement, String)>);

impl Sink for Verdicts {
    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let witnesses = report.evidence.as_ref().map(witnesses).unwrap_or_default();
        let origin = report.origin.map_or("no machine", Origin::id);
        let log = report.evidence.as_ref().map(|evidence| evidence.log.last_lines(5)).unwrap_or_default();
        let seen = format!("{origin}: {witnesses:?}\n    log: {log}");
        self.0.insert(report.test.name.clone(), (report.judgement.clone(), seen));
        Ok(())
    }
}

impl Bench {
    /// Panics when there is no QEMU: a harness that was not tried has not been tested.
    fn set_up() -> Self {
        let emulator = Emulator::find().unwrap_or_else(|error| panic!("the fixtures need QEMU: {error}"));
        let interrupts = Interrupts::none().expect("there is a pipe left");
        let elf = &fixtures()["pass"].elf;
        let image = Self::image(&fixtures()["pass"]);
        let chosen = accel::choose(Request::Tcg, &emulator, &image, &cache_directory(elf), &interrupts);
        let chosen = chosen.unwrap_or_else(|error| panic!("{error}"));
        Self { emulator, interrupts, chosen, cache: TempDir::new().expect("there is room for a cache") }
    }

    fn image(fixture: &Fixture) -> Image {
        let image = Image::build(&fixture.elf, &[], &cache_directory(&fixture.elf));
        image.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs all tests of a fixture.
    fn verdicts(&self, fixture: &Fixture, rows: &[&Row], way: Way) -> Verdicts {
        let silent = rows.iter().any(|row| row.because == "no hello");
        let hangs = rows.iter().any(|row| row.verdict.starts_with("hang"));
        let mut chosen = self.chosen.clone();
        let limits = Limits {
            boot: if silent { NO_HELLO } else { GENEROUS.boot },
            end: if hangs { NO_END } else { GENEROUS.end },
            ..GENEROUS
        };
        let filter = Filter { ignored: Ignored::Include, tier: Tier::Soak, ..Filter::default() };
        for retry in 0.. {
            let suite = Suite {
                emulator: &self.emulator,
                image: &Self::image(fixture),
                count: fixture.listing.count(),
                shape: Shape { kind: way.kind, ..Shape::default() },
                chosen: &chosen,
                jobs: 1,
                limits,
                command_line: String::new(),
                policy: Policy { isolation: way.isolation, ..Policy::default() },
                cache: self.cache.path().into(),
            };
            let mut verdicts = Verdicts::default();
            let summary = suite.run(&filter.select(&fixture.listing), &mut verdicts, &self.interrupts);
            summary.unwrap_or_else(|error| panic!("{error}"));
            let starved = |(judgement, _): &(Judgement, String)| judgement.verdict == Verdict::HostStarvation;
            if retry == RETRIES || !verdicts.0.values().any(starved) {
                return verdicts;
            }
            chosen.slowness = chosen.slowness.max(1.0) * 4.0;
        }
        unreachable!("the last retry returns")
    }

    /// Runs all tests of a fixture; gives how their verdicts differ from the declared ones.
    fn differences(&self, rows: &[&Row], way: Way) -> Vec<String> {
        let row = rows[0];
        let Some(fixture) = fixtures().get(&row.fixture) else {
            return vec![format!("{row}: there is no such fixture")];
        };
        let mut verdicts = self.verdicts(fixture, rows, way);
        let differs = |row: &&Row| {
            let shared = way.isolation == Isolation::None;
            let declared = if shared { row.verdict_shared.as_ref()? } else { &row.verdict };
            let Some((Judgement { verdict, why }, seen)) = verdicts.0.remove(&row.full_name()) else {
                return Some(format!("{row}: the fixture has no such test"));
            };
            let as_declared = verdict.id() == *declared && (*declared != row.verdict || why.contains(&row.because));
            let because = &row.because;
            let differs =
                format!("{row}, {way}: declared {declared} because of {because:?}, judged {}: {why}", verdict.id());
            (!as_declared).then(|| format!("{differs}\n    {seen}"))
        };
        rows.iter().filter_map(differs).collect()
    }

    /// Boots a machine for this test alone, whose kernel ends it by the debug-exit device.
    fn boot(&self, fixture: &Fixture, test: &Test, kind: Kind) -> (Judgement, Evidence) {
        let configuration = Configuration::serving(Shape { kind, ..Shape::default() }, self.chosen.accelerator, 1);
        let image = Self::image(fixture);
        let session = self.session(fixture, &image, &configuration);
        let request = TestRequest { index: test.index, seed: 1, after: After::Exit };
        let evidence = session.run(request).unwrap_or_else(|error| panic!("{}: {error}", test.name));
        (judge(test, fixture.listing.count(), &evidence), evidence)
    }

    fn session<'a>(&'a self, fixture: &Fixture, image: &'a Image, configuration: &'a Configuration) -> Session<'a> {
        Session {
            emulator: &self.emulator,
            image,
            configuration,
            limits: GENEROUS.scaled(self.chosen.slowness),
            ready: Ready::Hello { tests: fixture.listing.count() },
            interrupts: &self.interrupts,
        }
    }
}

/// Runs `job` for every item, as many at once as there are CPUs, and gives the errors.
fn in_parallel<T: Sync>(items: &[T], job: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let (next, errors) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = job(item);
                    errors.lock().expect("no worker panics while it holds the lock").extend(found);
                }
            });
        }
    });
    errors.into_inner().expect("no worker panics while it holds the lock")
}

/// Holds every fixture to its rows, run in these ways.
fn hold_to_the_table(ways: &[Way]) {
    let bench = Bench::set_up();
    let rows = table();
    let mut runs = Vec::new();
    for group in rows.chunk_by(|row, next| row.fixture == next.fixture) {
        // Such a fixture has but that one test.
        let fits = |way: &&Way| way.kind != Kind::Microvm || !group[0].not_on_microvm;
        runs.extend(ways.iter().filter(fits).map(|way| (group.iter().collect::<Vec<_>>(), *way)));
    }
    // What takes its whole time comes first, so that no worker is left alone with it at the end.
    let slow = |row: &&Row| row.verdict.starts_with("hang") || row.verdict == "boot-failure";
    runs.sort_by_key(|(rows, _)| std::cmp::Reverse(rows.iter().copied().filter(slow).count()));
    let wrong = in_parallel(&runs, |(rows, way)| bench.differences(rows, *way));
    let all = rows.len() * ways.len();
    assert!(wrong.is_empty(), "{} of {all} verdicts are not as declared:\n{}", wrong.len(), wrong.join("\n"));
}

const ISOLATIONS: [Isolation; 3] = [Isolation::Test, Isolation::Boot, Isolation::None];

#[test]
fn every_fixture_gets_its_declared_verdict_in_every_isolation() {
    hold_to_the_table(&ISOLATIONS.map(|isolation| Way { isolation, kind: Kind::Q35 }));
}

#[test]
#[ignore = "tier verify"]
fn verify_every_fixture_gets_its_declared_verdict_on_every_other_machine_too() {
    let ways = [Kind::Pc, Kind::Microvm].map(|kind| ISOLATIONS.map(|isolation| Way { isolation, kind }));
    hold_to_the_table(ways.as_flattened());
}

#[test]
fn a_sound_kernel_that_ends_its_machine_passes_on_every_machine() {
    let bench = Bench::set_up();
    let fixture = &fixtures()["pass"];
    let wrong = in_parallel(&Kind::ALL, |&kind| {
        let (Judgement { verdict, why }, evidence) = bench.boot(fixture, &fixture.listing.tests[0], kind);
        let log = evidence.log.last_lines(5);
        let passed = verdict == Verdict::Pass && evidence.ending == Ending::Exited(Exit::Status(EXIT_PASSED));
        if passed { Vec::new() } else { vec![format!("{kind}: {}: {why}\n{log}", verdict.id())] }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Input that a reset machine's life before has left unread: garbage, enough to fill the port's buffer, and perhaps a
/// whole order of that life.
fn old_input(order: Option<u32>) -> Vec<u8> {
    let mut bytes = vec![0xa5; 64];
    bytes.push(0);
    if let Some(index) = order {
        let run = Command::Run { nonce: Nonce(0x01d), index, seed: 0, after: After::Park };
        bytes.extend_from_slice(encode(0, &run, &mut [0; MAX_FRAME]).expect("an order fits a frame"));
    }
    bytes
}

#[test]
fn input_of_a_life_before_reaches_nobody_and_an_old_order_is_noticed() {
    let bench = Bench::set_up();
    let fixture = &fixtures()["old-input"];
    let test = |name: &str| fixture.listing.tests.iter().find(|test| test.name.ends_with(name)).expect("it is listed");
    let (first, second) = (test("leaves_input_unread"), test("reads_only_its_own_input"));
    let configuration = Configuration::serving(Shape::default(), bench.chosen.accelerator, 1);
    let image = Bench::image(fixture);
    let session = bench.session(fixture, &image, &configuration);
    let snapshot = Snapshot::obtain(&session, bench.cache.path()).expect("QEMU runs").expect("a machine can be saved");
    for order in [None, Some(first.index)] {
        let mut stand = snapshot.prepare(&session, true).map(|prepared| snapshot.finish(prepared)).unwrap().unwrap();
        let run = |stand: &mut Stand, test: &Test| {
            let request = TestRequest { index: test.index, seed: 1, after: After::Park };
            let evidence = session.run_on(stand, request, &|_| ()).expect("QEMU runs");
            (judge(test, fixture.listing.count(), &evidence), evidence.ending)
        };
        assert_eq!(run(&mut stand, first).0.verdict, Verdict::Pass);
        stand.send(&old_input(None), &old_input(order));
        stand.reset().unwrap();
        let (judgement, ending) = run(&mut stand, second);
        match order {
            None => assert_eq!(judgement.verdict, Verdict::Pass, "{}", judgement.why),
            Some(_) => assert_eq!(ending, Ending::Stale, "{}", judgement.why),
        }
    }
}

#[test]
fn a_reset_machine_has_the_memory_of_its_ready_point_to_the_byte() {
    let bench = Bench::set_up();
    let fixture = &fixtures()["clobber"];
    let image = Bench::image(fixture);
    for kind in Kind::ALL {
        let shape = Shape { kind, ..Shape::default() };
        let configuration = Configuration::serving(shape, bench.chosen.accelerator, 1);
        let session = bench.session(fixture, &image, &configuration);
        let snapshot =
            Snapshot::obtain(&session, bench.cache.path()).expect("QEMU runs").expect("a machine can be saved");
        let mut stand = snapshot.prepare(&session, true).map(|prepared| snapshot.finish(prepared)).unwrap().unwrap();
        assert!(stand.memory_is_untouched(), "{kind}: a clone");
        let request = TestRequest { index: fixture.listing.tests[0].index, seed: 1, after: After::Park };
        session.run_on(&mut stand, request, &|_| ()).expect("QEMU runs");
        assert!(!stand.memory_is_untouched(), "{kind}: the test has written");
        stand.reset().unwrap();
        assert!(stand.memory_is_untouched(), "{kind}: after a reset");
    }
}

#[test]
fn a_row_may_declare_another_verdict_for_a_shared_machine() {
    let verdicts = |declared: &str| {
        let row = Row::read(1, &format!("kernel test {declared} because of this"));
        assert_eq!(row.because, "because of this");
        (row.verdict, row.verdict_shared)
    };
    assert_eq!(verdicts("pass"), ("pass".into(), Some("pass".into())));
    assert_eq!(verdicts("pass/none=fail"), ("pass".into(), Some("fail".into())));
    assert_eq!(verdicts("garbled/none=-"), ("garbled".into(), None));
    // Every word that stands in the table is a verdict on a kernel, so that none is declared that cannot come.
    let is_of_host = |verdict: &Verdict| {
        matches!(verdict, Verdict::FirmwareFailure | Verdict::EmulatorFailure | Verdict::HostStarvation)
    };
    let known: Vec<&str> =
        Verdict::ALL.iter().filter(|verdict| !is_of_host(verdict)).map(|verdict| verdict.id()).collect();
    for row in table() {
        for declared in [Some(&row.verdict), row.verdict_shared.as_ref()].into_iter().flatten() {
            assert!(known.contains(&declared.as_str()), "{row}: `{declared}` is no verdict");
        }
    }
}

#[test]
fn the_test_that_clobbers_is_listed_before_the_one_that_suffers() {
    let names: Vec<&str> = fixtures()["clobber"].listing.tests.iter().map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["clobber::writes_over_its_neighbour", "clobber::finds_its_memory_as_it_was"]);
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
    assert_eq!(test(("pass", "is_ignored")).tier.name(), "verify");
    assert_eq!(test(("pass", "has_a_time_limit")).timeout, Some(Duration::from_secs(5)));
    let plain = test(("pass", "::returns"));
    assert_eq!((plain.should_panic, &plain.ignored, plain.timeout), (false, &None, None));
    assert_eq!(plain.tier.name(), "test");
    assert_eq!(plain.file, "harness/fixtures/src/bin/pass.rs");
}

//! Kernels that know nothing of the harness: judged by what they print and how their machines end, and typed into in
//! forks of their own.

mod built;

use std::{
    fs, io,
    path::Path,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use steward_harness::{
    Emulator, Error,
    accel::Chosen,
    foreign::{Foreign, Script},
    image::{Image, cache_directory},
    listing::Test,
    machine::{Accelerator, Shape},
    process::Interrupts,
    session::{Limits, Origin},
    suite::{Isolation, Policy, Report, Sink, Summary},
};
use tempfile::TempDir;

const PROMPT: &str = "ready> ";

fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let elf = built::build().remove("shell").expect("there is a fixture called shell");
        Image::build(&elf, &[], &cache_directory(&elf)).unwrap()
    })
}

/// A cache that all tests of this program share, with the snapshot in it.
fn cache() -> &'static Path {
    static CACHE: OnceLock<TempDir> = OnceLock::new();
    CACHE.get_or_init(|| TempDir::new().unwrap()).path()
}

/// What a run tells.
#[derive(Debug, Default)]
struct Told {
    /// Name, verdict and reason of each test.
    seen: Vec<(String, String, String)>,
    origins: Vec<Origin>,
    lanes: Vec<u32>,
    logs: Vec<String>,
    ignored: Vec<String>,
    retried: usize,
}

impl Told {
    fn of(&self, name: &str) -> (&str, &str) {
        let seen = self.seen.iter().find(|seen| seen.0 == name);
        seen.map(|(_, verdict, why)| (verdict.as_str(), why.as_str())).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// As [`Told::is`], of a machine that runs: a host that is busy with something else may give it too little time.
    #[track_caller]
    fn is_unless_starved(&self, name: &str, verdict: &str, why: &str) {
        if self.of(name).0 != "host-starvation" {
            self.is(name, verdict, why);
        }
    }

    #[track_caller]
    fn is(&self, name: &str, verdict: &str, why: &str) {
        let seen = self.of(name);
        assert!(seen.0 == verdict && seen.1.contains(why), "{name}: {seen:?}");
    }

    fn count(&self, verdict: &str) -> usize {
        self.seen.iter().filter(|seen| seen.1 == verdict).count()
    }
}

impl Sink for Told {
    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let (verdict, why) = (report.judgement.verdict.id().into(), report.judgement.why.clone());
        self.seen.push((report.test.name.clone(), verdict, why));
        self.origins.extend(report.origin);
        self.lanes.push(report.lane);
        self.logs
            .extend(report.evidence.as_ref().map(|evidence| evidence.log.text().chars().take(200).collect::<String>()));
        Ok(())
    }

    fn retrying(&mut self, _: &Report<'_>) -> io::Result<()> {
        self.retried += 1;
        Ok(())
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        self.ignored.push(format!("{}: {}", test.name, test.ignored.as_deref().unwrap_or_default()));
        Ok(())
    }
}

/// A run, and how it is to go.
struct Run {
    expect: Vec<&'static str>,
    lines: Option<String>,
    fork_at: &'static str,
    policy: Policy,
    jobs: u32,
    limits: Limits,
    interrupts: Interrupts,
}

impl Run {
    fn of(lines: &str) -> Self {
        Self { lines: Some(lines.into()), ..Self::expecting(&[]) }
    }

    fn expecting(expect: &[&'static str]) -> Self {
        Self {
            expect: expect.into(),
            lines: None,
            fork_at: PROMPT,
            policy: Policy::default(),
            jobs: 2,
            limits: Limits { boot: Duration::from_secs(30), test: Duration::from_secs(30), ..Limits::default() },
            interrupts: Interrupts::none().unwrap(),
        }
    }

    fn within(self, boot: Duration, test: Duration) -> Self {
        Self { limits: Limits { boot, test, ..self.limits }, ..self }
    }

    fn run(&self) -> (Summary, Told) {
        self.try_run().unwrap()
    }

    fn try_run(&self) -> Result<(Summary, Told), Error> {
        let emulator = Emulator::find().unwrap_or_else(|error| panic!("these tests need QEMU: {error}"));
        let place = TempDir::new().unwrap();
        let path = place.path().join("lines.sh");
        let script = self.lines.as_ref().map(|lines| {
            fs::write(&path, lines).unwrap();
            Script::read(&path, self.fork_at.into()).unwrap()
        });
        let foreign = Foreign {
            emulator: &emulator,
            image: image(),
            shape: Shape::default(),
            chosen: &Chosen::unchecked(Accelerator::Tcg),
            command_line: String::new(),
            limits: self.limits,
            expect: self.expect.iter().map(|text| text.parse().unwrap()).collect(),
            script,
            name: "shell".into(),
            jobs: self.jobs,
            policy: self.policy.clone(),
            cache: cache().into(),
        };
        let mut told = Told::default();
        let summary = foreign.run(&mut told, &self.interrupts)?;
        Ok((summary, told))
    }

    fn passes(&self) -> Told {
        let (summary, told) = self.run();
        let failed: Vec<_> = told.seen.iter().filter(|seen| seen.1 != "pass").collect();
        assert!(summary.success() && failed.is_empty(), "{summary:?}: {failed:?}");
        told
    }
}

/// Every expectation and every way to end, each of them met.
const MET: &str = r#"
echo hello
#: expect status=7
status 7
#: expect text=42 bytes
length 123456789012345678901234567890123456789012
#: name a line of a log
#: expect regex=^[0-9]+$
count
#: expect text=unknown command: who is there
who is there
#: expect exit=35
exit 17
#: expect exit=0
off
#: expect verdict=panic
#: expect text=as it was told
panic
#: expect verdict=reset
reset
#: expect verdict=triple-fault
triple
#: expect status=0
#: expect text=0000016383
flood
#: expect status=0
#: expect ktap
ktap pass
"#;

#[test]
fn every_expectation_can_be_met_in_a_fork() {
    let told = Run::of(MET).passes();
    assert!(told.origins.iter().all(|&origin| origin == Origin::Clone), "{told:?}");
    assert!(told.lanes.contains(&1), "two lines run at once: {told:?}");
    assert_eq!(told.ignored, ["ktap pass › memory.sleeps: no clock"]);
    assert_eq!((told.of("ktap pass › memory.adds").0, told.of("ktap pass › memory.frees").0), ("pass", "pass"));
}

/// What each of these lines does not come to, and the verdict that it gets instead.
const UNMET: &str = r#"
#: name wrong status
status 3
#: name only its echo
#: expect status=0
#: expect text=SHOWN
status 0 SHOWN
#: name ended early
exit 17
#: name wrong exit
#: expect exit=33
exit 17
#: name died
panic
#: name reset
reset
#: name faulted
triple
#: name one test failed
#: expect ktap
ktap fail
#: name one test crashed
#: expect ktap
ktap crash
#: name no tests
#: expect status=0
#: expect ktap
echo ok
#: name hangs
#: timeout 1
hang
#: name is deaf
#: timeout 1
deaf
"#;

fn check_unmet(told: &Told) {
    told.is("wrong status", "fail", "`status=0` does not hold: the status is 3");
    told.is("only its echo", "fail", "`text=SHOWN` does not hold: it was not printed");
    told.is("ended early", "truncated", "before `status=0`");
    told.is("wrong exit", "fail", "status 35");
    told.is("died", "panic", "panicked at src/bin/shell.rs");
    told.is("reset", "reset", "");
    told.is("faulted", "triple-fault", "");
    told.is("one test failed › memory.frees", "fail", "");
    told.is("one test failed › memory.adds", "pass", "");
    let crashed = |seen: &&(String, String, String)| seen.0.starts_with("one test crashed › ") && seen.1 == "panic";
    assert_eq!(told.seen.iter().filter(crashed).count(), 1, "{told:?}");
    told.is("no tests", "fail", "`ktap`");
    told.is("hangs", "hang-interrupts-on", "`status=0` did not come to hold");
    told.is("is deaf", "hang-interrupts-off", "`status=0`");
}

#[test]
fn every_way_to_fail_has_its_verdict() {
    let (summary, told) = Run::of(UNMET).run();
    assert!(!summary.success());
    check_unmet(&told);
    assert_eq!(summary.passed + summary.failed, summary.total, "{summary:?}");
}

#[test]
fn a_machine_that_boots_for_its_line_gets_the_same_verdict() {
    let mut run = Run::of(UNMET);
    run.policy.isolation = Isolation::Boot;
    let (_, told) = run.run();
    check_unmet(&told);
    assert!(told.origins.iter().all(|&origin| origin == Origin::Boot), "{told:?}");
}

#[test]
fn no_line_sees_what_another_has_done() {
    let lines = "#: expect status=0\n#: expect regex=^1$\ncount\n".repeat(12);
    let told = Run::of(&lines).passes();
    assert_eq!(told.count("pass"), 12);
}

#[test]
fn the_log_of_a_line_begins_with_its_prompt() {
    let mut run = Run::of("#: expect text=fine\necho fine");
    run.jobs = 1;
    let log = run.passes().logs.remove(0);
    assert!(log.starts_with("ready> echo fine\nfine"), "{log}");
}

#[test]
fn a_long_line_arrives_whole() {
    let words = "word ".repeat(600);
    let told =
        Run::of(&format!("#: name long\n#: expect status=0\n#: expect text=3000 bytes\nlength {words}")).passes();
    assert_eq!(told.count("pass"), 1);
}

#[test]
fn a_status_is_asked_for_also_where_no_prompt_comes() {
    let told = Run::of("hush").passes();
    assert_eq!(told.count("pass"), 1);
}

#[test]
fn a_run_without_lines_is_a_test_of_its_own() {
    let told = Run::expecting(&["text=boot: up", "regex=^boot: nothing"]).passes();
    assert_eq!((told.seen[0].0.as_str(), told.origins.as_slice()), ("shell", &[Origin::Boot][..]));
    let (summary, told) =
        Run::expecting(&["text=all tests passed"]).within(Duration::from_secs(30), Duration::from_secs(2)).run();
    told.is_unless_starved("shell", "hang-interrupts-off", "its last line was `ready>`");
    assert!(!summary.success());
}

#[test]
fn a_fork_point_that_is_never_printed_fails_every_line_with_that_reason() {
    let mut run = Run::of("echo a\necho b").within(Duration::from_secs(2), Duration::from_secs(10));
    run.fork_at = "login: ";
    let (_, told) = run.run();
    told.is_unless_starved("echo a", "boot-failure", "`login: ` was not printed");
    told.is_unless_starved("echo b", "boot-failure", "`login: ` was not printed");
}

#[test]
fn machines_that_never_come_to_the_fork_point_are_not_booted_for_every_line() {
    let mut run = Run::of(&"echo a\n".repeat(100)).within(Duration::from_secs(1), Duration::from_secs(10));
    run.fork_at = "login: ";
    let begin = Instant::now();
    let (summary, told) = run.run();
    assert_eq!((summary.failed, told.seen.len()), (100, 100));
    // Two lines at once, of a second each, and every one that the host starves is no sign of what the others would do.
    if told.count("host-starvation") == 0 {
        assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
    }
}

#[test]
fn lines_are_repeated_tried_again_and_given_up_as_the_policy_says() {
    let mut run = Run::of("#: name fine\necho\n#: name wrong\nstatus 1");
    run.policy = Policy { repeat: 2, retries: 1, ..Policy::default() };
    let (summary, told) = run.run();
    assert_eq!((summary.total, summary.passed, summary.failed, told.retried), (4, 2, 2, 2), "{told:?}");
    let mut run = Run::of(&"status 1\n".repeat(9));
    run.policy.until_fail = true;
    let (summary, _) = run.run();
    assert!((1..=2).contains(&summary.failed) && summary.passed == 0, "{summary:?}");
}

#[test]
fn an_interrupt_ends_every_machine() {
    let run = Run::of("#: name a\nhang\n#: name b\nhang");
    Run::of("echo").passes();
    let started = Instant::now();
    let summary = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(500));
            run.interrupts.trigger(2);
        });
        run.run().0
    });
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!((summary.interrupted, summary.passed + summary.failed), (Some(2), 0));
}

#[test]
fn what_could_never_fail_or_never_hold_is_refused_with_what_to_do() {
    let refused = |run: Run| run.try_run().unwrap_err().to_string();
    assert!(refused(Run::expecting(&[])).contains("say what it prints"));
    assert!(refused(Run::expecting(&["status=0"])).contains("name a file of lines"));
    let mut shared = Run::of("echo");
    shared.policy.isolation = Isolation::None;
    assert!(refused(shared).contains("test or boot"));
}

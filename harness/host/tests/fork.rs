//! Machines that are forked: the same verdicts as booted ones, from snapshots that are shared, damaged or impossible.

mod built;

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
    time::Instant,
};

use steward_harness::{
    Emulator,
    accel::Chosen,
    filter::Filter,
    image::{Image, cache_directory},
    listing::Listing,
    machine::{Accelerator, Kind, Memory, Shape},
    process::Interrupts,
    session::{Limits, Origin},
    suite::{Isolation, Policy, Report, Sink, Suite, Summary},
};
use tempfile::TempDir;

fn kernel(name: &str) -> PathBuf {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| built::build().into_iter().collect())[name].clone()
}

/// What a run tells.
#[derive(Debug, Default)]
struct Told {
    origins: Vec<Origin>,
    wrong: Vec<String>,
    notes: Vec<String>,
}

impl Told {
    fn count(&self, origin: Origin) -> usize {
        self.origins.iter().filter(|&&other| other == origin).count()
    }
}

impl Sink for Told {
    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.notes.push(text.into());
        Ok(())
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.origins.extend(report.origin);
        if !report.passed() {
            self.wrong.push(format!("{}: {}", report.test.name, report.judgement.why));
        }
        Ok(())
    }
}

/// A run of tests of one kernel, with a cache of its own.
struct Run {
    elf: PathBuf,
    filter: Filter,
    shape: Shape,
    policy: Policy,
    jobs: u32,
    emulator: Emulator,
}

impl Run {
    fn of(name: &str) -> Self {
        let policy = Policy { isolation: Isolation::Test, ..Policy::default() };
        let emulator = Emulator::find().unwrap_or_else(|error| panic!("these tests need QEMU: {error}"));
        Self { elf: kernel(name), filter: Filter::default(), shape: Shape::default(), policy, jobs: 2, emulator }
    }

    fn returning(repeat: u32) -> Self {
        let mut run = Self::of("pass");
        run.filter.patterns = vec!["returns_ok".into()];
        run.policy.repeat = repeat;
        run
    }

    fn within(&self, cache: &Path) -> (Summary, Told) {
        let interrupts = Interrupts::none().unwrap();
        let image = Image::build(&self.elf, &[], &cache_directory(&self.elf)).unwrap();
        let listing = Listing::read(&self.elf).unwrap();
        let suite = Suite {
            emulator: &self.emulator,
            image: &image,
            count: listing.count(),
            shape: self.shape.clone(),
            chosen: &Chosen { slowness: 3.0, ..Chosen::unchecked(Accelerator::Tcg) },
            jobs: self.jobs,
            limits: Limits::default(),
            command_line: String::new(),
            policy: self.policy.clone(),
            cache: cache.into(),
        };
        let mut told = Told::default();
        let summary = suite.run(&self.filter.select(&listing), &mut told, &interrupts).unwrap();
        (summary, told)
    }

    fn passes(&self, cache: &Path) -> Told {
        let (summary, told) = self.within(cache);
        assert!(summary.success(), "{told:?}");
        told
    }
}

fn snapshots(cache: &Path) -> Vec<PathBuf> {
    let entries: Vec<_> =
        fs::read_dir(cache.join("snapshots")).map(|entries| entries.flatten().collect()).unwrap_or_default();
    let paths = entries.into_iter().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "snapshot")).collect()
}

#[test]
fn one_boot_serves_a_whole_run_and_the_next() {
    let cache = TempDir::new().unwrap();
    let told = Run::returning(12).passes(cache.path());
    assert_eq!((told.count(Origin::Boot), told.origins.len()), (0, 12));
    assert!(told.count(Origin::Reset) >= 6, "{told:?}");
    let [snapshot] = &snapshots(cache.path())[..] else { panic!("one shape has one snapshot") };
    let before = fs::metadata(snapshot).unwrap();
    Run::returning(3).passes(cache.path());
    assert_eq!(fs::metadata(snapshot).unwrap().ino(), before.ino(), "it was made again");
    assert!(before.blocks() * 512 < 16 << 20, "a snapshot takes {} bytes of the disk", before.blocks() * 512);
}

#[test]
fn every_kind_of_machine_is_forked_with_few_and_many_cpus() {
    let cache = TempDir::new().unwrap();
    for kind in Kind::ALL {
        for cpus in [1, 2, 4] {
            let mut run = Run::returning(8);
            run.shape = Shape { kind, cpus, ..Shape::default() };
            let told = run.passes(cache.path());
            assert!(told.count(Origin::Boot) == 0 && told.count(Origin::Reset) > 0, "{kind}, {cpus} CPUs: {told:?}");
        }
    }
}

#[test]
fn a_machine_with_64_cpus_is_forked() {
    let cache = TempDir::new().unwrap();
    let mut run = Run::returning(4);
    run.shape.cpus = 64;
    run.jobs = 1;
    let told = run.passes(cache.path());
    assert_eq!(told.count(Origin::Boot), 0, "{told:?}");
}

#[test]
fn a_large_machine_with_little_in_it_is_forked_like_a_small_one() {
    let cache = TempDir::new().unwrap();
    let mut run = Run::returning(6);
    run.shape.memory = Memory::from_mib(4096).unwrap();
    let told = run.passes(cache.path());
    assert!(told.count(Origin::Boot) == 0 && told.count(Origin::Reset) > 0, "{told:?}");
    let [snapshot] = &snapshots(cache.path())[..] else { panic!("one shape has one snapshot") };
    let bytes = fs::metadata(snapshot).unwrap().blocks() * 512;
    assert!(bytes < 16 << 20, "a snapshot takes {bytes} bytes of the disk");
    // A single test is not worth a ready point of its own: its machine is a copy-on-write clone.
    run.policy.repeat = 1;
    let told = run.passes(cache.path());
    assert_eq!((told.count(Origin::Clone), told.origins.len()), (1, 1));
}

#[test]
fn a_damaged_snapshot_is_made_again() {
    let cache = TempDir::new().unwrap();
    Run::returning(1).passes(cache.path());
    let [snapshot] = &snapshots(cache.path())[..] else { panic!("one shape has one snapshot") };
    let whole = fs::read(snapshot).unwrap();
    let state = Shape::default().memory.mib() as usize * (1 << 20);
    let mut damages = vec![whole[..whole.len() / 2].to_vec(), Vec::new()];
    let mut garbled = whole.clone();
    garbled[state..state + 64].fill(0xa5);
    damages.push(garbled);
    let mut blank = whole.clone();
    blank[2 << 20..state].fill(0);
    damages.push(blank);
    for (number, damaged) in damages.into_iter().enumerate() {
        fs::write(snapshot, damaged).unwrap();
        let told = Run::returning(2).passes(cache.path());
        assert!(told.count(Origin::Boot) == 0 && told.notes.is_empty(), "damage {number}: {told:?}");
    }
}

#[test]
fn where_nothing_can_be_kept_every_test_boots_and_a_note_says_why() {
    let cache = TempDir::new().unwrap();
    fs::write(cache.path().join("snapshots"), "in the way").unwrap();
    let told = Run::returning(3).passes(cache.path());
    assert_eq!(told.count(Origin::Boot), 3);
    let [note] = &told.notes[..] else { panic!("one note: {told:?}") };
    assert!(note.contains("cannot be forked") && note.contains("snapshots"), "{note}");
}

#[test]
fn runs_at_the_same_time_share_a_snapshot() {
    let cache = TempDir::new().unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| Run::returning(4).passes(cache.path()));
        }
    });
    assert_eq!(snapshots(cache.path()).len(), 1);
}

#[test]
fn a_failing_test_costs_its_machine_and_the_next_gets_a_clone() {
    let cache = TempDir::new().unwrap();
    let mut run = Run::of("fail");
    run.policy.repeat = 6;
    run.jobs = 1;
    let (summary, told) = run.within(cache.path());
    assert_eq!((summary.passed, summary.failed), (6, 12), "{told:?}");
    assert_eq!(told.count(Origin::Boot), 0, "{told:?}");
    assert!(told.count(Origin::Clone) >= 12, "{told:?}");
}

#[test]
fn without_isolation_one_machine_runs_test_after_test() {
    let cache = TempDir::new().unwrap();
    let mut run = Run::returning(6);
    run.policy.isolation = Isolation::None;
    let told = run.passes(cache.path());
    assert_eq!((told.count(Origin::Boot), told.count(Origin::Shared)), (1, 5));
}

/// A QEMU of which something goes wrong when it is started for a machine: a shell script, with `$QEMU` the real one.
fn emulator_that(directory: &Path, script: &str) -> Emulator {
    let real = Emulator::find().unwrap();
    let (half, path) = (directory.join("qemu.new"), directory.join("qemu"));
    let version = r#"[ "$1" = --version ] && exec "$QEMU" "$@""#;
    let text = format!("#!/bin/sh\nQEMU='{}'\n{version}\n{script}\nexec \"$QEMU\" \"$@\"\n", real.program().display());
    fs::write(&half, text).unwrap();
    fs::set_permissions(&half, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&half, &path).unwrap();
    Emulator::at(&path).unwrap()
}

#[test]
fn a_boot_that_was_killed_costs_one_attempt_and_not_the_run() {
    let cache = TempDir::new().unwrap();
    let mut run = Run::returning(3);
    let once = cache.path().join("killed");
    let script = format!("[ -e '{0}' ] || {{ touch '{0}'; kill -9 $$; }}", once.display());
    run.emulator = emulator_that(cache.path(), &script);
    run.policy.retries = 1;
    run.jobs = 1;
    run.passes(cache.path());
}

/// Each test tries a few times, and whoever fails first with a snapshot has it made again for the others. In this order
/// nobody's last try is the first to fail.
#[test]
fn clones_that_never_start_are_given_up_in_whatever_order_they_fail() {
    let cache = TempDir::new().unwrap();
    let mut run = Run::returning(2);
    let script = format!(
        r#"case "$*" in *incoming*) n=1; until mkdir '{}'/$n; do n=$((n + 1)); done 2>/dev/null
            case $n in 2) sleep 1;; 4) sleep 2.5;; 6) sleep 3;; *) sleep 0.1;; esac; exit 1;; esac"#,
        cache.path().display()
    );
    run.emulator = emulator_that(cache.path(), &script);
    let told = run.passes(cache.path());
    assert_eq!((told.count(Origin::Boot), told.notes.len()), (2, 1), "{told:?}");
}

/// Files and children of this process, and its memory in KiB.
fn footprint() -> (usize, usize, u64) {
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    let children = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1).map(String::from));
        parent.is_some_and(|parent| parent == std::process::id().to_string())
    });
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib = resident.split_whitespace().next().unwrap().parse().unwrap();
    (files, children.count(), kib)
}

/// A thousand machines in one run: every verdict right, and at the end not one file or process more than before.
#[test]
#[ignore = "tier verify"]
fn verify_a_thousand_tests_in_a_row_leave_nothing_behind() {
    let cache = TempDir::new().unwrap();
    // What the first run sets up for good is not growth.
    Run::returning(20).passes(cache.path());
    let before = footprint();
    let started = Instant::now();
    let told = Run::returning(1000).passes(cache.path());
    let after = footprint();
    eprintln!(
        "1000 tests in {:.1} s; files, children, KiB: {before:?}, then {after:?}",
        started.elapsed().as_secs_f64()
    );
    assert_eq!((told.origins.len(), told.count(Origin::Boot)), (1000, 0));
    assert_eq!((after.0, after.1), (before.0, before.1), "files or processes are left");
    assert!(after.2 < before.2 + 8192, "memory has grown from {} to {} KiB", before.2, after.2);
    assert_eq!(snapshots(cache.path()).len(), 1);
}

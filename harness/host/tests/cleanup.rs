//! Whatever happens to the harness or to its machines while tests run: it says so, the other tests finish where they can,
//! and nothing is left behind.

mod built;
mod support;

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use steward_harness::process::Process as Child;
use support::{fixture, text};
use tempfile::TempDir;

/// How long the harness may take to come to the point where its machines run: it may have to build its loader first.
const START: Duration = Duration::from_secs(120);
/// How long it may take to end once it was told to.
const END: Duration = Duration::from_secs(20);

/// A process as the kernel lists it. The start time tells it from a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    start: String,
    name: String,
}

impl Process {
    /// Reads `/proc/<pid>/stat` (proc(5)); `None` when the process is gone, or dead and only not yet waited for.
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, tail) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = tail.split(' ').collect();
        let name = head.split_once('(')?.1.into();
        let process = Self { pid, parent: fields[1].parse().ok()?, start: fields[19].into(), name };
        (!matches!(fields[0], "Z" | "X")).then_some(process)
    }

    fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.start == self.start)
    }
}

/// The QEMUs among the descendants of a process.
fn machines_of(ancestor: i32) -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all: Vec<Process> = pids.filter_map(Process::read).collect();
    let descends = |process: &&Process| {
        let mut parent = process.parent;
        while parent != ancestor {
            let Some(above) = all.iter().find(|above| above.pid == parent) else { return false };
            parent = above.parent;
        }
        true
    };
    all.iter().filter(|process| process.name.starts_with("qemu")).filter(descends).cloned().collect()
}

/// Asks again and again until there is an answer.
fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "{what} did not come within {limit:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A harness that runs a fixture's tests, two at a time.
struct Run {
    /// It dies with this process, and is killed when this value goes: even a test that is killed leaves nothing behind.
    child: Child,
    /// Where its output goes: a pipe might be held open by what it leaves behind.
    output: TempDir,
    /// Its directory for temporary files.
    scratch: TempDir,
}

impl Run {
    fn start(fixture_name: &str) -> Self {
        Self::start_with(fixture_name, &[])
    }

    /// Runs the fixture's tests with more options.
    fn start_with(fixture_name: &str, options: &[&str]) -> Self {
        let (output, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = fs::File::create(output.path().join("text")).unwrap();
        let mut command = support::harness();
        command
            .arg(fixture(fixture_name))
            .args(["--accel", "tcg", "--test-threads", "2"])
            .args(options)
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let child = Child::spawn(command).expect("the harness can be executed");
        Self { child, output, scratch }
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process has a number")
    }

    fn machines(&self) -> Vec<Process> {
        machines_of(self.pid().as_raw_nonzero().get())
    }

    /// Waits until so many machines run at once.
    fn await_machines(&mut self, count: usize) -> Vec<Process> {
        wait_for(&format!("{count} running machines"), START, || {
            if let Some(status) = self.child.wait_at_most(Duration::ZERO).unwrap() {
                panic!("the harness ended ({status}) before {count} machines ran at once:\n{}", self.text());
            }
            Some(self.machines()).filter(|machines| machines.len() == count)
        })
    }

    fn text(&self) -> String {
        fs::read_to_string(self.output.path().join("text")).unwrap()
    }

    /// Waits for the harness's end; gives its status and output.
    fn end(&mut self, limit: Duration) -> (ExitStatus, String) {
        let status = self.child.wait_at_most(limit).unwrap();
        let status = status.unwrap_or_else(|| panic!("the harness did not end within {limit:?}:\n{}", self.text()));
        (status, self.text())
    }

    fn assert_no_file_is_left(&self) {
        let left: Vec<PathBuf> =
            fs::read_dir(self.scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "files are left behind: {left:?}");
    }
}

fn assert_all_gone(machines: &[Process]) {
    wait_for("the end of every machine", END, || machines.iter().all(|machine| !machine.is_alive()).then_some(()));
}

/// What runs when a harness is told to end: a kernel, options, and how many machines that makes.
struct Scene(&'static str, &'static [&'static str], usize);

/// Machines that boot for as long as the harness is patient: this kernel never says a word.
const BOOTING: Scene = Scene("panic-early", &["--isolation", "boot"], 2);
/// Machines at different points of a fork: one that is to be saved still boots, and clones run tests that never end.
const FORKING: [Scene; 2] =
    [Scene("panic-early", &["--isolation", "test"], 1), Scene("silent-after-hello", &["--repeat", "2"], 2)];

/// `tell` ends a harness under which machines run; gives its status and output.
fn interrupted_by(&Scene(kernel, options, count): &Scene, tell: impl Fn(Pid)) -> (ExitStatus, String) {
    let mut run = Run::start_with(kernel, options);
    let machines = run.await_machines(count);
    tell(run.pid());
    let end = run.end(END);
    assert_all_gone(&machines);
    assert!(run.machines().is_empty());
    run.assert_no_file_is_left();
    end
}

#[test]
fn an_interrupt_or_a_request_to_end_ends_all_machines_and_says_so() {
    for signal in [Signal::INT, Signal::QUIT, Signal::TERM] {
        let (status, text) = interrupted_by(&BOOTING, |pid| kill_process(pid, signal).unwrap());
        assert_eq!(status.code(), Some(128 + signal.as_raw()), "{text}");
        assert!(text.contains("interrupted"), "{text}");
    }
}

/// A terminal and nextest signal the whole group, so QEMU hears it too, and earlier than the harness can tell it anything.
#[test]
fn a_signal_to_the_whole_process_group_is_an_interrupt_too() {
    for signal in [Signal::INT, Signal::TERM] {
        let (status, text) = interrupted_by(&BOOTING, |pid| kill_process_group(pid, signal).unwrap());
        assert_eq!(status.code(), Some(128 + signal.as_raw()), "{text}");
        assert!(text.contains("interrupted"), "{text}");
    }
}

#[test]
fn a_killed_harness_takes_its_machines_with_it() {
    for scene in [&BOOTING, &FORKING[0], &FORKING[1]] {
        let (status, _) = interrupted_by(scene, |pid| kill_process(pid, Signal::KILL).unwrap());
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    }
}

#[test]
fn machines_that_are_saved_or_cloned_end_with_the_harness_too() {
    for scene in &FORKING {
        let (status, text) = interrupted_by(scene, |pid| kill_process_group(pid, Signal::INT).unwrap());
        assert_eq!(status.code(), Some(130), "{text}");
        assert!(text.contains("interrupted"), "{text}");
    }
}

#[test]
fn a_machine_that_is_killed_is_named_and_the_other_tests_finish() {
    let mut run = Run::start_with("panic-early", &["--isolation", "boot"]);
    let machines = run.await_machines(2);
    kill_process(Pid::from_raw(machines[0].pid).unwrap(), Signal::KILL).unwrap();
    // The other one goes on; what it is waited for would take long, so it is killed in its turn, another way.
    wait_for("a verdict on the killed machine", END, || run.text().contains("SIGKILL").then_some(()));
    assert!(machines[1].is_alive(), "the other test goes on:\n{}", run.text());
    kill_process(Pid::from_raw(machines[1].pid).unwrap(), Signal::TERM).unwrap();
    let (status, text) = run.end(END);
    assert_eq!(status.code(), Some(101), "{text}");
    assert_eq!(text.matches("FAIL [").count(), 2, "{text}");
    assert_eq!(text.matches("emulator failure: ").count(), 4, "once as each ends, and once each in full:\n{text}");
    assert_all_gone(&machines);
    run.assert_no_file_is_left();
}

#[test]
fn a_killed_clone_is_named_too() {
    let Scene(kernel, options, count) = FORKING[1];
    let mut run = Run::start_with(kernel, options);
    run.await_machines(count);
    // Until both run their tests, which never end: a clone that is killed before that is only replaced.
    thread::sleep(Duration::from_secs(1));
    let machines = run.machines();
    assert_eq!(machines.len(), count);
    for machine in &machines {
        kill_process(Pid::from_raw(machine.pid).unwrap(), Signal::KILL).unwrap();
    }
    let (status, text) = run.end(END);
    assert_eq!(status.code(), Some(101), "{text}");
    let named = text.lines().filter(|line| line.starts_with("FAIL [") && line.contains("SIGKILL")).count();
    assert_eq!(named, 2, "{text}");
    assert_all_gone(&machines);
    run.assert_no_file_is_left();
}

#[test]
fn tests_beside_a_killed_machine_keep_their_verdicts() {
    let mut run = Run::start_with("hang", &["--isolation", "boot"]);
    let machines = run.await_machines(2);
    kill_process(Pid::from_raw(machines[0].pid).unwrap(), Signal::KILL).unwrap();
    let (status, text) = run.end(END);
    assert_eq!(status.code(), Some(101), "{text}");
    let verdict = |words: &str| text.lines().filter(|line| line.starts_with("FAIL [") && line.contains(words)).count();
    assert_eq!((verdict("emulator failure"), verdict("hang (interrupts on)")), (1, 1), "{text}");
    assert_all_gone(&machines);
    run.assert_no_file_is_left();
}

#[test]
fn a_run_to_its_end_leaves_nothing_behind() {
    let mut run = Run::start("pass");
    let (status, text) = run.end(START);
    assert_eq!(status.code(), Some(0), "{text}");
    assert_eq!(text.matches("PASS [").count(), 4, "{text}");
    assert_eq!(text.matches("SKIP [").count(), 1, "{text}");
    assert!(run.machines().is_empty());
    run.assert_no_file_is_left();
}

#[test]
fn a_missing_emulator_is_named_with_what_to_do() {
    let mut command = support::harness();
    command.arg(fixture("pass")).env("STEWARD_QEMU", "/nonexistent/qemu");
    let output = command.output().expect("the harness can be executed");
    let text = text(&output);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(text.contains("/nonexistent/qemu") && text.contains("Install QEMU"), "{text}");
}

#[test]
fn a_kernel_without_tests_is_an_error_unless_it_is_only_listed() {
    let run = |list: &[&str]| {
        // Any program that the harness did not mark tests in; this one is at hand.
        let harness = env!("CARGO_BIN_EXE_steward-harness");
        support::harness().arg(harness).args(list).output().expect("the harness can be executed")
    };
    let output = run(&[]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(text.contains("holds no tests") && text.contains("`ktest`"), "{text}");
    let listed = run(&["--list", "--format", "terse"]);
    assert!(listed.status.success() && listed.stdout.is_empty(), "{listed:?}");
}

#[test]
fn a_loader_that_may_be_older_than_its_sources_is_built_before_it_is_used_and_others_are_not() {
    let run = |kernel: &Path| {
        let output = support::harness()
            .arg(kernel)
            .args(["--accel", "tcg"])
            .current_dir(built::workspace())
            .env("CARGO", "false")
            .env_remove("STEWARD_LOADER")
            .output()
            .expect("the harness can be executed");
        (output.status.code(), text(&output))
    };
    // Nothing is known about the loader of a target directory that holds nothing but a kernel.
    let target = tempfile::tempdir().unwrap();
    let kernel = target.path().join("x86_64-unknown-none/debug/kernel");
    fs::create_dir_all(kernel.parent().unwrap()).unwrap();
    fs::copy(fixture("pass"), &kernel).unwrap();
    let (status, text) = run(&kernel);
    assert_eq!(status, Some(101), "{text}");
    assert!(text.contains("could not build the loader"), "{text}");
    // That of the workspace is brought up to date by any run; then cargo is not needed any more.
    assert_eq!(Run::start("pass").end(START).0.code(), Some(0));
    let (status, text) = run(fixture("pass"));
    assert_eq!(status, Some(0), "{text}");
}

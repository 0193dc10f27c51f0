//! Machines of failed tests: kept, moved, and opened again in gdb, which shows the line at which they failed.
//!
//! gdb must be installed: what it shows is what is tested.

mod built;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use steward_harness::{
    Emulator,
    accel::Chosen,
    artifact::{Bounds, capture_within, find},
    filter::Filter,
    image::{Image, cache_directory},
    listing::Listing,
    machine::{Accelerator, Configuration, Kind, Shape},
    process::Interrupts,
    session::Limits,
    suite::{Isolation, Policy, Report, Sink, Suite},
    verdict::Verdict,
    vm::Vm,
};
use tempfile::TempDir;

fn kernel(name: &str) -> PathBuf {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(built::build)[name].clone()
}

fn emulator() -> Emulator {
    Emulator::find().unwrap_or_else(|error| panic!("these tests need QEMU: {error}"))
}

/// What a run of one test tells.
#[derive(Debug, Default)]
struct Told {
    verdict: Option<Verdict>,
    artifact: Option<String>,
    notes: Vec<String>,
}

impl Sink for Told {
    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.notes.push(text.into());
        Ok(())
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.verdict = Some(report.judgement.verdict);
        self.artifact.clone_from(&report.artifact);
        Ok(())
    }
}

/// Runs one test of a fixture, and keeps its machine in `artifacts`.
fn run(fixture: &str, test: &str, (isolation, kind): (Isolation, Kind), artifacts: &Path) -> Told {
    let (elf, cache) = (kernel(fixture), TempDir::new().unwrap());
    let image = Image::build(&elf, &[], &cache_directory(&elf)).unwrap_or_else(|error| panic!("{error}"));
    let listing = Listing::read(&elf).unwrap();
    let suite = Suite {
        emulator: &emulator(),
        image: &image,
        count: listing.count(),
        shape: Shape { kind, ..Shape::default() },
        chosen: &Chosen { slowness: 3.0, ..Chosen::unchecked(Accelerator::Tcg) },
        jobs: 2,
        limits: Limits::default(),
        command_line: String::new(),
        policy: Policy { isolation, artifacts: Some(artifacts.into()), ..Policy::default() },
        cache: cache.path().into(),
    };
    let filter = Filter { patterns: vec![test.into()], ..Filter::default() };
    let mut told = Told::default();
    suite.run(&filter.select(&listing), &mut told, &Interrupts::none().unwrap()).unwrap();
    told
}

/// Runs one test, which must get this verdict, and gives the name of its machine.
fn fail(fixture: &str, test: &str, how: (Isolation, Kind), artifacts: &Path, verdict: Verdict) -> String {
    let told = run(fixture, test, how, artifacts);
    assert_eq!(told.verdict, Some(verdict), "{told:?}");
    told.artifact.clone().unwrap_or_else(|| panic!("nothing was kept: {told:?}"))
}

/// Opens a machine as a person would who has no terminal; gives the exit status, and what was written.
fn replay(artifact: &Path, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let temporary = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_steward-harness"));
    command.arg(kernel("pass")).arg("--replay").arg(artifact).stdin(Stdio::null());
    command.current_dir(built::workspace()).env("TMPDIR", temporary.path()).env_remove("STEWARD_GDB");
    let output = command.envs(environment.iter().copied()).output().expect("the harness can be executed");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "a temporary file was left");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(!environment.is_empty() || !text.contains("gdb was not found"), "these tests need gdb: {text}");
    (output.status.code(), text)
}

/// `file:line` of the one line of a fixture's source that holds this text.
fn place(file: &str, text: &str) -> String {
    let source = fs::read_to_string(built::workspace().join(file)).unwrap();
    let lines: Vec<usize> =
        (1..).zip(source.lines()).filter(|(_, line)| line.contains(text)).map(|(line, _)| line).collect();
    let [line] = lines[..] else { panic!("{file} holds {text:?} {} times", lines.len()) };
    format!("{file}:{line}")
}

#[test]
fn a_fault_on_another_cpu_is_shown_at_its_line() {
    let directory = TempDir::new().unwrap();
    for isolation in [Isolation::Test, Isolation::Boot] {
        let how = (isolation, Kind::Q35);
        let id = fail("smp-fault", "another_cpu_divides_by_zero", how, directory.path(), Verdict::CpuFault);
        assert!(id.starts_with("another_cpu_divides"), "{id}");
        let (status, text) = replay(&directory.path().join(id), &[]);
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains("smp_fault::another_cpu_divides_by_zero: cpu-fault: #DE"), "{text}");
        assert!(text.contains("CPU 2 with its registers at the fault"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("rip ") && line.contains("divide_by_zero")), "{text}");
        let innermost = text.lines().find(|line| line.starts_with("#0") && line.contains("divide_by_zero"));
        let fault = place("harness/fixtures/src/traps.rs", "asm!(\"div ");
        assert!(innermost.is_some_and(|line| line.ends_with(&fault)), "no frame at {fault}:\n{text}");
        let test = place("harness/fixtures/src/bin/smp-fault.rs", "            divide_by_zero();");
        assert!(
            text.lines().any(|line| line.starts_with("#1") && line.ends_with(&test)),
            "no frame at {test}:\n{text}"
        );
    }
}

#[test]
fn a_hang_is_shown_on_the_cpu_that_never_wakes() {
    let directory = TempDir::new().unwrap();
    let verdict = Verdict::Hang { interrupts: false };
    let how = (Isolation::Test, Kind::Q35);
    let id = fail("smp-fault", "another_cpu_is_never_heard_of_again", how, directory.path(), verdict);
    let (status, text) = replay(&directory.path().join(id), &[]);
    assert_eq!(status, Some(0), "{text}");
    let test = place("harness/fixtures/src/bin/smp-fault.rs", "            halt_without_interrupts();");
    assert!(text.lines().any(|line| line.starts_with('#') && line.ends_with(&test)), "no frame at {test}:\n{text}");
}

#[test]
fn a_panic_is_shown_at_its_line() {
    let directory = TempDir::new().unwrap();
    for kind in [Kind::Pc, Kind::Microvm] {
        let id = fail("panic", "panics_deep_in_calls", (Isolation::Test, kind), directory.path(), Verdict::Panic);
        let (status, text) = replay(&directory.path().join(id), &[]);
        assert_eq!(status, Some(0), "{kind}: {text}");
        let place = place("harness/fixtures/src/bin/panic.rs", "the bottom is reached");
        assert!(text.contains(&format!("the panic, {place}:")), "{kind}: {text}");
        assert!(
            text.lines().any(|line| line.starts_with('#') && line.ends_with(&place)),
            "{kind}: no frame at {place}:\n{text}"
        );
    }
}

#[test]
fn a_machine_that_gave_up_can_be_moved_and_opened_elsewhere() {
    let (directory, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let how = (Isolation::Test, Kind::Q35);
    let id = fail("triple-fault", "faults_without_handlers", how, directory.path(), Verdict::TripleFault);
    let moved = elsewhere.path().join("a place, with a comma");
    fs::create_dir(&moved).unwrap();
    for file in fs::read_dir(directory.path().join(&id)).unwrap().flatten() {
        fs::copy(file.path(), moved.join(file.file_name())).unwrap();
    }
    drop(directory);
    let (status, text) = replay(&moved, &[]);
    assert_eq!(status, Some(0), "{text}");
    let place = place("harness/fixtures/src/bin/triple-fault.rs", "triple_fault();");
    assert!(text.lines().any(|line| line.starts_with('#') && line.ends_with(&place)), "no frame at {place}:\n{text}");
}

#[test]
fn a_machine_that_cannot_be_opened_is_explained() {
    let directory = TempDir::new().unwrap();
    let how = (Isolation::Boot, Kind::Q35);
    let id = fail("divide-by-zero", "divides_by_zero", how, directory.path(), Verdict::CpuFault);
    let path = find(directory.path(), &id).unwrap().path;
    let (status, text) = replay(&path, &[("STEWARD_GDB", "/nonexistent/gdb")]);
    assert_eq!(status, Some(101), "{text}");
    assert!(text.contains("/nonexistent/gdb was not found") && text.contains("apt-get install gdb"), "{text}");
    assert!(text.contains("--listen"), "{text}");
    let record = path.join("artifact.json");
    let changed = fs::read_to_string(&record).unwrap().replace(&emulator().version().to_string(), "99.1.0");
    fs::write(&record, changed).unwrap();
    let (status, text) = replay(&path, &[]);
    assert_eq!(status, Some(101), "{text}");
    assert!(text.contains("saved by QEMU 99.1.0") && text.contains(&emulator().version().to_string()), "{text}");
    fs::write(path.join("state"), "half").unwrap();
    fs::write(&record, fs::read_to_string(&record).unwrap().replace("99.1.0", &emulator().version().to_string()))
        .unwrap();
    let (status, text) = replay(&path, &[]);
    assert_eq!(status, Some(101), "{text}");
    assert!(text.contains("cannot be opened") && !text.contains("saved by QEMU"), "{text}");
}

#[test]
fn where_nothing_can_be_kept_the_verdict_stands_and_a_note_says_why() {
    let how = (Isolation::Test, Kind::Q35);
    let told = run("divide-by-zero", "divides_by_zero", how, Path::new("/proc/nowhere"));
    assert_eq!((told.verdict, told.artifact), (Some(Verdict::CpuFault), None));
    let [note] = &told.notes[..] else { panic!("{:?}", told.notes) };
    assert!(note.contains("divides_by_zero") && note.contains("/proc/nowhere"), "{note}");
}

#[test]
fn a_state_that_finds_no_room_leaves_nothing_and_does_not_harm_the_machine() {
    let elf = kernel("pass");
    let image = Image::build(&elf, &[], &cache_directory(&elf)).unwrap_or_else(|error| panic!("{error}"));
    let configuration = Configuration::serving(Shape::default(), Accelerator::Tcg, 1);
    let interrupts = Interrupts::none().unwrap();
    let mut vm = Vm::start(&emulator(), &configuration, &image, &interrupts).unwrap();
    let directory = TempDir::new().unwrap();
    let bounds = |bytes, milliseconds| Bounds { bytes, time: Duration::from_millis(milliseconds) };
    let error = capture_within(&mut vm, directory.path(), bounds(4 << 10, 20_000)).unwrap_err();
    assert!(error.contains("write"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "{error}");
    let error = capture_within(&mut vm, directory.path(), bounds(1 << 30, 0)).unwrap_err();
    assert!(error.contains("more than 0 s"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "{error}");
}

//! `steward-harness run`: kernels that know nothing of the harness, from the command line.

mod built;
mod schema;
mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use quick_junit::Report;
use rustix::process::{Pid, Signal, kill_process};
use schema::Schema;
use steward_harness::{process::Process, report::SCHEMA};
use support::{fixture, text};
use tempfile::TempDir;

/// The harness in this directory.
fn harness(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = support::harness();
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command
}

fn ran(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = harness(directory, arguments).output().expect("the harness can be executed");
    (output.status.code(), text(&output))
}

/// `steward-harness run` in an empty directory, on this fixture.
fn run_on(name: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let (directory, kernel) = (project(&[]), fixture(name).to_str().unwrap());
    ran(directory.path(), &[&["run", "--accel", "tcg", "--kernel", kernel], arguments].concat())
}

/// The same on the one that is a shell.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    run_on("shell", arguments)
}

/// A directory with these files, which no configuration above it concerns. In their texts, `SHELL` is the shell's path.
fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(".git")).unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("SHELL", fixture("shell").to_str().unwrap())).unwrap();
    }
    directory
}

fn schema() -> Schema {
    Schema::of(SCHEMA)
}

const LINES: &str = "\
status 0
#: name a status of 3
#: expect status=3
status 3
#: expect text=grüß dich
echo grüß dich
#: expect verdict=panic
panic
#: expect ktap
#: name results
ktap pass
";
const CONFIGURATION: &str = r#"
kernel = "SHELL"
fork-at = "text=ready> "
send-file = "lines.txt"
timeout = 10
[machine]
accel = "tcg"
"#;

#[test]
fn help_shows_every_form_and_each_command_its_own() {
    let here = project(&[]);
    let (status, help) = ran(here.path(), &["--help"]);
    assert_eq!(status, Some(0));
    for form in ["steward-harness KERNEL [FILTER]", "steward-harness run [FILTER]", "steward-harness ktap FILE"] {
        assert!(help.contains(form), "{help}");
    }
    let (status, help) = ran(here.path(), &["run", "--help"]);
    assert!(status == Some(0) && help.contains("Usage: steward-harness run"), "{help}");
    assert!(help.contains("Examples:") && help.contains("--fork-at 'text=/ # ' --send-file tests.txt"), "{help}");
    let (status, help) = ran(here.path(), &["ktap", "--help"]);
    assert!(status == Some(0) && help.contains("Usage: steward-harness ktap"), "{help}");
}

#[test]
fn a_log_is_read_and_its_status_tells_what_it_comes_to() {
    let passed = "KTAP version 1\n1..1\nok 1 adds\n";
    let here = project(&[("passed.log", passed), ("failed.log", &passed.replace("ok 1", "not ok 1"))]);
    for (arguments, expected, words) in [
        (&["passed.log"][..], 0, "1 passed"),
        (&["failed.log", "--json"], 1, "\"failed\":1"),
        (&["absent.log"], 2, "absent.log"),
        (&[], 2, "<FILE>"),
    ] {
        let (status, output) = ran(here.path(), &[&["ktap"], arguments].concat());
        assert!(status == Some(expected) && output.contains(words), "{arguments:?}:\n{output}");
    }
}

#[test]
fn a_kernel_is_judged_by_what_it_prints_and_the_status_tells_how_it_went() {
    for (name, arguments, expected, words) in [
        ("shell", &["--expect", "text=nothing to test"][..], 0, "PASS ["),
        ("shell", &["--expect", "regex=^boot: up$", "--expect", "text=nothing"], 0, "1 passed; 0 failed"),
        ("reboot-loop", &["--expect", "text=a test"], 1, "reset: "),
        ("reboot-loop", &["--expect", "verdict=reset"], 0, "1 passed"),
    ] {
        let (status, output) = run_on(name, arguments);
        assert_eq!(status, Some(expected), "{name} {arguments:?}:\n{output}");
        assert!(output.contains(words), "{name} {arguments:?}:\n{output}");
    }
}

#[test]
fn a_machine_may_be_meant_not_to_come_to_its_fork_point() {
    let here = project(&[("lines.txt", LINES)]);
    let lines = here.path().join("lines.txt");
    let at = ["--fork-at", "text=ready> ", "--send-file", lines.to_str().unwrap()];
    let (status, output) = run_on("reboot-loop", &[&at[..], &["--expect", "verdict=boot-failure"]].concat());
    assert!(status == Some(0) && output.contains("1 passed; 0 failed"), "{output}");
    let (status, output) = run_on("reboot-loop", &at);
    assert!(status == Some(1) && output.contains("0 passed; 5 failed"), "{output}");
    let (status, output) =
        run_on("shell", &[&at[..], &["--expect", "verdict=boot-failure", "--timeout", "2"]].concat());
    assert!(status == Some(1) && output.contains("0 passed; 1 failed"), "{output}");
}

#[test]
fn what_cannot_be_run_ends_with_status_2_and_says_what_to_do() {
    for (arguments, words) in [
        (&[][..], "--expect ktap"),
        (&["--expect", "ktap", "--fork-at", "text=ready> "], "--send-file FILE"),
        (&["--expect", "ktap", "--initrd", "/absent/initrd"], "/absent/initrd"),
        (&["--expect", "ktap", "--boot", "iso"], "--limine"),
        (&["--expect", "ktap", "--memory", "1M"], "at least"),
        (&["--expect", "ktest"], "no #[ktest]"),
        (&["--matrix", "--expect", "ktap"], "[matrix.tiny]"),
        (&["--frobnicate"], "--help"),
        (&["--replay", "no-such-machine"], "no-such-machine"),
        (&["--expect", "ktap", "--config", "/absent.toml"], "/absent.toml"),
        (&["--expect", "ktap", "--junit", "/absent/x.xml"], "/absent"),
    ] {
        let (status, output) = run(arguments);
        assert_eq!(status, Some(2), "{arguments:?}:\n{output}");
        assert!(output.contains(words) && output.starts_with("error: "), "{arguments:?}:\n{output}");
    }
    let here = project(&[]);
    let (status, output) = ran(here.path(), &["run", "--kernel", "no-kernel", "--expect", "ktap"]);
    assert!(status == Some(2) && output.contains("no-kernel: there is no such file"), "{output}");
    // Any other first word is a kernel.
    let (status, output) = ran(here.path(), &["rum"]);
    assert!(status == Some(101) && output.contains("commands are `run` and `ktap`"), "{output}");
}

#[test]
fn each_line_of_a_file_comes_to_what_it_says_and_every_report_tells() {
    let here = project(&[("steward-harness.toml", CONFIGURATION), ("lines.txt", LINES), ("deep/er/x", "")]);
    let deep = here.path().join("deep/er");
    let (status, output) = ran(&deep, &["run", "--junit", "j.xml", "--html", "h.html"]);
    assert_eq!(status, Some(0), "{output}");
    for name in ["status 0", "a status of 3", "echo grüß dich", "panic", "results › memory.adds"] {
        assert!(
            output.lines().any(|line| line.starts_with("PASS [") && line.ends_with(&format!("] {name}"))),
            "{output}"
        );
    }
    let (junit, html) = (fs::read_to_string(deep.join("j.xml")), fs::read_to_string(deep.join("h.html")));
    assert!(junit.unwrap().contains("name=\"a status of 3\"") && html.unwrap().contains("a status of 3"));
}

#[test]
fn words_choose_lines_and_the_command_line_goes_over_the_file() {
    let here = project(&[("steward-harness.toml", CONFIGURATION), ("lines.txt", LINES)]);
    let (status, output) = ran(here.path(), &["run", "status", "--memory", "64M", "--expect", "status=1"]);
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("1 passed; 1 failed") && output.contains("3 filtered out"), "{output}");
    assert!(output.contains("64M") && output.contains("the status is 0"), "{output}");
    assert!(output.contains("again: steward-harness run 'status 0' --memory 64M --expect status=1"), "{output}");
    let (status, output) = ran(here.path(), &["run", "nothing like it"]);
    assert!(status == Some(2) && output.contains("lines.txt: none of its 5 lines"), "{output}");
}

#[test]
fn every_line_of_json_is_one_of_the_schema_the_last_is_the_total_and_junit_agrees() {
    let script = "status 0\n#: expect ktap\n#: name a <b> & \"c\" ]]>\nktap fail\n";
    let here = project(&[("steward-harness.toml", CONFIGURATION), ("lines.txt", script)]);
    for (words, status, expected) in [(&[][..], 1, [2, 1, 1]), (&["status"], 0, [1, 0, 0])] {
        let arguments = [&["run", "--json", "--junit", "j.xml"], words].concat();
        let output = harness(here.path(), &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", text(&output));
        let lines = String::from_utf8(output.stdout).unwrap();
        let values = schema().lines(&lines);
        let total = values.last().unwrap();
        let counts = ["passed", "failed", "skipped"].map(|key| total[key].as_u64().unwrap());
        assert_eq!((total["type"].as_str(), counts), (Some("total"), expected), "{lines}");
        let junit = Report::deserialize_from_str(&fs::read_to_string(here.path().join("j.xml")).unwrap()).unwrap();
        let skipped: usize = junit.test_suites.iter().map(|suite| suite.skipped).sum();
        let told = [junit.tests - junit.failures - skipped, junit.failures, skipped];
        assert_eq!(told.map(|count| count as u64), expected, "{junit:?}");
    }
}

#[test]
fn a_wrong_configuration_is_told_by_its_place() {
    let here =
        project(&[("steward-harness.toml", "kernel = \"SHELL\"\nexpect = \"ktap\"\n[machine]\nmemroy = \"64M\"\n")]);
    let (status, output) = ran(here.path(), &["run"]);
    assert_eq!(status, Some(2), "{output}");
    assert!(output.contains("steward-harness.toml:4:1: `memroy` is no key here; did you mean `memory`?"), "{output}");
    // As cargo's runner it ends as a test program that failed.
    let (status, output) = ran(here.path(), &[fixture("pass").to_str().unwrap(), "--accel", "tcg"]);
    assert!(status == Some(101) && output.contains("`memroy` is no key here"), "{output}");
}

#[test]
fn the_runner_takes_its_machine_from_the_configuration_unless_it_is_given_one() {
    let here = project(&[("steward-harness.toml", "[machine]\nmemory = \"64M\"\naccel = \"tcg\"\n")]);
    let pass = fixture("pass").to_str().unwrap();
    for (arguments, machine) in
        [(&[][..], "q35, 1 CPU (max), 64M, tcg"), (&["--memory", "96M"], "q35, 1 CPU (max), 96M, tcg")]
    {
        let (status, output) = ran(here.path(), &[&[pass, "--exact", "pass::returns"], arguments].concat());
        assert!(status == Some(0) && output.contains(machine), "{output}");
    }
    // That of the package which cargo runs comes before that of the working directory.
    let package =
        project(&[("Cargo.toml", "[package]\nname = \"k\"\n[package.metadata.steward.machine]\nmemory = \"80M\"\n")]);
    let mut command = harness(here.path(), &[pass, "--exact", "pass::returns", "--accel", "tcg"]);
    let output = text(&command.env("CARGO_MANIFEST_DIR", package.path()).output().unwrap());
    assert!(output.contains("80M, tcg"), "{output}");
}

#[test]
fn the_kernels_own_tests_can_be_what_is_expected() {
    let here = project(&[]);
    let with = |name: &str, arguments: &[&str]| {
        let kernel = fixture(name).to_str().unwrap();
        ran(here.path(), &[&["run", "--accel", "tcg", "--expect", "ktest", "--kernel", kernel], arguments].concat())
    };
    let (status, output) = with("pass", &["returns"]);
    assert!(status == Some(0) && output.contains("2 passed; 0 failed"), "{output}");
    let (status, output) = with("fail", &["neighbour", "returns_an_error", "--isolation", "none"]);
    assert!(status == Some(1) && output.contains("the frame is still lent"), "{output}");
    let (status, output) = with("pass", &["elsewhere"]);
    assert!(status == Some(2) && output.contains("none of its 5 tests"), "{output}");
}

#[test]
fn an_interrupted_run_says_so_by_its_status_and_leaves_nothing() {
    let here = project(&[]);
    let shell = fixture("shell").to_str().unwrap();
    let arguments = ["run", "--accel", "tcg", "--kernel", shell, "--expect", "text=never", "--timeout", "60"];
    let mut command = harness(here.path(), &arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut harness = Process::spawn(command).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let id = Pid::from_raw(i32::try_from(harness.id()).unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    let status = harness.wait_at_most(Duration::from_secs(10)).unwrap().expect("it ends");
    assert_eq!(status.code(), Some(128 + 15));
}

const MATRIX: &str = r#"
kernel = "SHELL"
fork-at = "text=ready> "
send-file = "lines.txt"
expect = "text=as it was told"
timeout = 10
[machine]
accel = "tcg"
[matrix.usual]
[matrix.old]
kind = "pc"
memory = "64M"
[matrix.tiny]
memory = "4M"
expect = "verdict=panic"
"#;

#[test]
fn a_matrix_ends_with_a_table_of_its_shapes() {
    let here = project(&[("steward-harness.toml", MATRIX), ("lines.txt", "panic\n")]);
    let (status, output) = ran(here.path(), &["run", "--matrix", "--junit", "j.xml"]);
    assert_eq!(status, Some(0), "{output}");
    let table: Vec<_> = output.lines().skip_while(|line| !line.starts_with("shape ")).collect();
    let columns = |line: &str| -> Vec<String> {
        line.split("  ").filter(|cell| !cell.trim().is_empty()).map(|cell| cell.trim().into()).collect()
    };
    assert_eq!(table.len(), 4, "{output}");
    assert_eq!(columns(table[0]), ["shape", "machine", "expected", "seen", "time"]);
    for (line, (shape, machine, expected)) in table[1..].iter().zip([
        ("usual", "q35, 1 CPU (max), 128M", "text=as it was told"),
        ("old", "pc, 1 CPU (max), 64M", "text=as it was told"),
        ("tiny", "q35, 1 CPU (max), 4M", "verdict=panic"),
    ]) {
        let cells = columns(line);
        assert_eq!((&*cells[0], &*cells[1], &*cells[2], &*cells[5]), (shape, machine, expected, "ok"), "{output}");
    }
    let junit = fs::read_to_string(here.path().join("j.xml")).unwrap();
    assert!(["usual/", "old/", "tiny/"].iter().all(|shape| junit.contains(shape)), "{junit}");
}

#[test]
fn a_shape_that_does_not_come_to_what_is_declared_fails_the_matrix() {
    let wrong = MATRIX.replace("verdict=panic", "verdict=reset");
    let here = project(&[("steward-harness.toml", &wrong), ("lines.txt", "panic\n")]);
    let output = harness(here.path(), &["run", "--matrix", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let values = schema().lines(&lines);
    let ended = values.iter().filter(|value| value["type"] == "suite" && value["event"] != "started");
    let shapes: Vec<_> =
        ended.map(|value| (value["shape"].as_str().unwrap(), value["event"].as_str().unwrap())).collect();
    assert_eq!(shapes, [("usual", "ok"), ("old", "ok"), ("tiny", "failed")]);
    assert_eq!(values.iter().filter(|value| value["type"] == "total").count(), 1, "{lines}");
    let (status, output) = ran(here.path(), &["run", "--matrix", "--color", "always"]);
    assert!(status == Some(1) && output.contains("\x1b[31;1mFAILED\x1b[0m"), "{output}");
}

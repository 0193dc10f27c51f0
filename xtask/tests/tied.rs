//! A test program dies with whoever started it, also when that is killed without warning.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the system may take to kill what has lost its parent.
const LIMIT: Duration = Duration::from_secs(20);

/// Whether the process runs; one that nobody has waited for yet does not.
fn runs(id: &str) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

/// Whether the process has become this program.
fn is(id: &str, program: &str) -> bool {
    fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == program)
}

fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_test_program_dies_when_its_parent_is_killed() {
    let mut shell = Command::new("sh")
        .args(["-c", r#""$0" tied-test "$1" sleep 600 >&2 & echo $!; wait"#, env!("CARGO_BIN_EXE_xtask")])
        .arg(std::process::id().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut id = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut id).unwrap();
    let id = id.trim();
    wait_for("the program is started", || is(id, "sleep"));
    shell.kill().unwrap();
    shell.wait().unwrap();
    wait_for("the program is gone", || !runs(id));
}

#[test]
fn a_test_program_is_not_started_when_its_ancestor_is_gone() {
    let mut other = Command::new("true").spawn().unwrap();
    other.wait().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["tied-test", &other.id().to_string(), "echo", "started"])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("has ended"));
}

#[test]
fn arguments_and_exit_code_are_those_of_the_program() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["tied-test", &std::process::id().to_string(), "sh", "-c", "echo $0; exit 7", "--help"])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), b"--help\n".as_slice()));
}

//! The harness as cargo's runner: it must behave as a test program of libtest's, for `cargo test`, nextest and editors.

mod built;
mod support;

use std::{
    io::Read,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use steward_harness::process::Process;
use support::{fixture, text};

/// The harness on a fixture, with these arguments.
fn harness(name: &str, arguments: &[&str]) -> Command {
    let mut command = support::harness();
    command.arg(fixture(name)).args(arguments);
    command
}

fn run(name: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = harness(name, arguments).args(["--accel", "tcg"]).output().expect("the harness can be executed");
    (output.status.code(), text(&output))
}

/// The names of the tests that passed.
fn passed(output: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        output.lines().filter(|line| line.starts_with("PASS [")).filter_map(|line| line.rsplit("::").next()).collect();
    names.sort_unstable();
    names
}

/// The `event` of each line of type `test`, with the test's name, in the lines' order.
fn events(output: &str) -> Vec<(String, String)> {
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|value| value["type"] == "test").map(|value| (word(&value, "event"), word(&value, "name"))).collect()
}

#[test]
fn both_lists_of_nextest_hold_tests_and_nothing_else() {
    for (arguments, expected) in [
        (&["--list", "--format", "terse"][..], 5),
        (&["--list", "--format", "terse", "--ignored"], 1),
        (&["--list", "--format", "terse", "--exact", "nothing::is::called::so"], 0),
    ] {
        let output = harness("pass", arguments).output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}");
        assert_eq!(listed.lines().count(), expected, "{listed}");
        assert!(listed.lines().all(|line| line.starts_with("pass::") && line.ends_with(": test")), "{listed}");
    }
}

#[test]
fn a_list_in_json_says_where_tests_are_and_which_are_ignored() {
    let (status, listed) = run("pass", &["--list", "-Z", "unstable-options", "--format=json", "--crate", "pass"]);
    assert_eq!(status, Some(0), "{listed}");
    let ignored = listed.lines().find(|line| line.contains("is_ignored")).unwrap();
    let ignored: Value = serde_json::from_str(ignored).unwrap();
    assert_eq!((&ignored["event"], &ignored["name"]), (&"discovered".into(), &"is_ignored".into()));
    assert_eq!(ignored["ignore_message"], "to be run only when asked for");
    assert!(ignored["source_path"].as_str().unwrap().ends_with("pass.rs") && ignored["start_line"].as_u64() > Some(1));
    assert!(listed.lines().last().unwrap().contains("\"total\":5"), "{listed}");
}

#[test]
fn exact_names_select_each_its_test_with_or_without_the_crate() {
    let (status, output) = run("pass", &["--exact", "pass::returns", "returns_ok", "--nocapture"]);
    assert_eq!((status, passed(&output)), (Some(0), vec!["returns", "returns_ok"]), "{output}");
    assert!(output.contains("nothing to complain about"), "its log is shown:\n{output}");
}

#[test]
fn ignored_tests_run_as_nextest_and_editors_ask_for_them() {
    for arguments in [
        &["--exact", "pass::is_ignored", "--nocapture", "--ignored"][..],
        &["is_ignored", "--exact", "--nocapture", "--include-ignored"],
    ] {
        let (status, output) = run("pass", arguments);
        assert_eq!((status, passed(&output)), (Some(0), vec!["is_ignored"]), "{output}");
    }
}

#[test]
fn parts_words_to_skip_and_the_rest_of_libtests_options_select_what_they_say() {
    let options =
        ["returns", "--skip", "ok", "--test-threads=1", "--show-output", "--quiet", "--report-time", "--test"];
    let (status, output) = run("pass", &options);
    assert_eq!((status, passed(&output)), (Some(0), vec!["returns"]), "{output}");
}

#[test]
fn a_selection_of_nothing_is_no_failure_and_a_failed_test_is_101() {
    let (status, output) = run("pass", &["--exact", "tests::that_is_elsewhere"]);
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains("0 passed; 0 failed") && output.contains("5 filtered out"), "{output}");
    let (status, output) = run("fail", &[]);
    assert_eq!(status, Some(101), "{output}");
}

#[test]
fn options_that_cannot_be_had_are_named_and_nothing_runs() {
    let (status, output) = run("pass", &["--shuffle"]);
    assert_eq!(status, Some(101), "{output}");
    assert!(output.contains("--shuffle is not supported") && !output.contains("PASS"), "{output}");
    let (status, output) = run("pass", &["--frobnicate"]);
    assert_eq!(status, Some(2), "{output}");
}

#[test]
fn json_names_tests_of_the_own_crate_as_libtest_does() {
    // The Test Explorer of rust-analyzer puts the target's name before what it reads here.
    let line = ["returns", "-Z", "unstable-options", "--format=json", "--nocapture", "--accel", "tcg"];
    let told = |package: &str| {
        let output = harness("pass", &line).env("CARGO_PKG_NAME", package).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{stdout}");
        let mut events = events(&stdout);
        events.sort();
        events
    };
    let pair = |event: &str, name: &str| (event.to_owned(), name.to_owned());
    let own =
        [pair("ok", "returns"), pair("ok", "returns_ok"), pair("started", "returns"), pair("started", "returns_ok")];
    assert_eq!(told("pass"), own);
    assert!(told("another").iter().all(|(_, name)| name.starts_with("pass::returns")));
}

#[test]
fn nothing_holds_standard_output_open_when_the_runner_was_told_to_end() {
    // What is left open when a test has ended is a leak to nextest, which has sent SIGTERM to the group before.
    let mut command = harness("panic-early", &["--accel", "tcg", "--nocapture"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut runner = Process::spawn(command).unwrap();
    let mut first = [0; 1];
    reader.read_exact(&mut first).expect("it says what it is about to do");
    let group = Pid::from_raw(i32::try_from(runner.id()).unwrap()).unwrap();
    kill_process_group(group, Signal::TERM).unwrap();
    // nextest's own patience.
    assert!(runner.wait_at_most(Duration::from_secs(10)).unwrap().is_some(), "it has not ended");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("the end of the output comes");
    assert!(rest.contains("interrupted"), "{rest}");
}

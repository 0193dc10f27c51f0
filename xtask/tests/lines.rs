//! What `cargo xtask test --json` prints: each line is one that the schema knows, and the last is the total.
#![forbid(unsafe_code)]

#[path = "../../harness/host/tests/schema/mod.rs"]
mod schema;

use std::process::{Command, Output};

use schema::Schema;
use serde_json::{Value, json};
use steward_harness::report::SCHEMA;

fn test(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["test", "--json"]).args(words);
    // Flags for this process's target, such as those for coverage, would replace those that a kernel needs.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    Schema::of(SCHEMA).lines(&String::from_utf8(output.stdout.clone()).unwrap())
}

/// The words under this name, in all lines of the type.
fn words<'l>(lines: &'l [Value], kind: &str, name: &str) -> Vec<&'l str> {
    lines.iter().filter(|line| line["type"] == kind).filter_map(|line| line[name].as_str()).collect()
}

#[test]
fn the_lines_of_kernel_tests_validate_and_end_with_the_total() {
    let output = test(&["--kernel-only", "--accel", "tcg", "words_keep_their_quotes"]);
    let lines = lines(&output);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(words(&lines, "suite", "event"), ["started", "ok"]);
    assert_eq!(words(&lines, "test", "event"), ["started", "ok"]);
    assert_eq!(words(&lines, "test", "kind"), ["ktest", "ktest"]);
    assert_eq!(lines.last(), Some(&json!({"type": "total", "passed": 1, "failed": 0, "skipped": 0})));
}

#[test]
fn a_list_validates() {
    let lines = lines(&test(&["--kernel-only", "--list", "words_keep"]));
    assert_eq!((lines.len(), words(&lines, "test", "kind")), (1, vec!["kernel"]));
}

#[test]
fn a_run_of_nothing_is_a_total_of_nothing() {
    let output = test(&["--kernel-only", "--accel", "tcg", "no-test-is-called-so"]);
    let lines = lines(&output);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines.last(), Some(&json!({"type": "total", "passed": 0, "failed": 0, "skipped": 0})));
}

#[test]
fn every_line_that_the_documentation_shows_validates() {
    let text = include_str!("../../docs/results.md");
    let blocks = text.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap());
    let shown: String = blocks.collect();
    let lines = Schema::of(SCHEMA).lines(&shown);
    for kind in ["suite", "test", "attempt", "note", "total"] {
        assert!(lines.iter().any(|line| line["type"] == kind), "{kind}");
    }
}

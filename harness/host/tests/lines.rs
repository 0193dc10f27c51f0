//! What programs read of a run: each line is one that the schema knows.

mod built;
mod schema;
mod support;

use schema::Schema;
use serde_json::Value;
use steward_harness::report::SCHEMA;
use support::{fixture, text};

/// The lines that the harness prints, each held to the schema.
fn lines(arguments: &[&str]) -> Vec<Value> {
    let output = support::harness().args(arguments).output().expect("the harness can be executed");
    assert!(!output.stdout.is_empty(), "{}", text(&output));
    Schema::of(SCHEMA).lines(&String::from_utf8(output.stdout).expect("lines are UTF-8"))
}

fn of_type<'l>(lines: &'l [Value], kind: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn the_lines_of_a_kernels_own_tests_validate() {
    let kernel = |name| fixture(name).to_str().unwrap();
    let json = ["--format", "json", "--accel", "tcg"];
    let passed = lines(&[&[kernel("pass")], &json[..]].concat());
    assert_eq!((of_type(&passed, "suite").len(), of_type(&passed, "total").len()), (2, 0), "{passed:?}");
    let failed = lines(&[&[kernel("fail"), "--retries", "1"], &json[..]].concat());
    assert!(!of_type(&failed, "attempt").is_empty(), "{failed:?}");
    let hangs = lines(&[&[kernel("triple-fault"), "--isolation", "boot"], &json[..]].concat());
    assert!(hangs.iter().any(|line| line["verdict"] == "triple-fault" && line["origin"] == "boot"), "{hangs:?}");
}

#[test]
fn a_list_of_tests_validates() {
    let listed = lines(&[fixture("pass").to_str().unwrap(), "--list", "--format", "json"]);
    assert_eq!(of_type(&listed, "suite").len(), 2);
    assert!(of_type(&listed, "test").iter().all(|line| line["event"] == "discovered"), "{listed:?}");
}

//! `docs/configuration.md` has every key, and all its examples are read.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use steward_harness::config::Project;
use tempfile::TempDir;

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    fs::read_to_string(page).expect("the page is there")
}

/// What stands between the fences of examples in TOML.
fn examples(page: &str) -> Vec<&str> {
    let behind = page.split("```toml\n").skip(1);
    behind.map(|text| text.split("```").next().unwrap_or_default()).collect()
}

fn file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    fs::write(&file, text).unwrap();
    (directory, file)
}

/// The keys of a table, as the error about one that is not known has them.
fn keys(table: &str) -> BTreeSet<String> {
    let (_directory, file) = file("c.toml", &format!("{table}\nzzzzzzzz = 1\n"));
    let error = Project::read(&file).unwrap_err().to_string();
    let known = error.split("nown are ").nth(1).and_then(|rest| rest.lines().next()).expect("the error has them");
    known.replace(" and ", ", ").split(", ").map(String::from).collect()
}

#[test]
fn every_example_is_read() {
    let page = page();
    let examples = examples(&page);
    assert!(examples.len() > 5);
    for example in examples {
        let name = if example.contains("[package") { "Cargo.toml" } else { "steward-harness.toml" };
        let (_directory, file) = file(name, example);
        if let Err(error) = Project::read(&file) {
            panic!("{error}\n{example}");
        }
    }
}

#[test]
fn every_key_has_a_row_or_stands_among_those_of_a_shape() {
    let page = page();
    let row = |key: &str| page.lines().any(|line| line.starts_with(&format!("| `{key}` |")));
    let top: Vec<_> = keys("").into_iter().filter(|key| key != "machine" && key != "matrix").collect();
    assert_eq!(top.len(), 12);
    for key in top.iter().chain(&keys("[machine]")) {
        assert!(row(key), "{key}");
    }
    let shape = page.split("is a shape of the").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let told: BTreeSet<String> = shape.split('`').skip(1).step_by(2).map(String::from).collect();
    assert_eq!(told, keys("[matrix.a]"));
    assert!(page.contains("`[machine]`") && page.contains("`[matrix.NAME]`"));
}

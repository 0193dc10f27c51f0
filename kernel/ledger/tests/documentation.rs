//! The table of transitions in docs/ledger.md is that of the code.

use std::{env, fs, path::Path};

use steward_ledger::{TRANSITIONS, Transition};

const START: &str = "<!-- transitions -->\n";
const END: &str = "<!-- end of transitions -->";

/// `LentMut` as "lent mut": the names of the code in words.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn row(transition: &Transition) -> String {
    let Transition { action, role, when, result } = transition;
    let when = words(&format!("{when:?}"));
    let result = match result {
        Ok(step) => words(&format!("{step:?}")),
        Err(error) => format!("`{error:?}`"),
    };
    format!("| {} | {} | {when} | {result} |\n", words(&format!("{action:?}")), words(&format!("{role:?}")))
}

#[test]
fn the_documented_table_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ledger.md");
    let page = fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(START).expect("the table's start is marked");
    let (table, after) = rest.split_once(END).expect("the table's end is marked");
    let mut right = String::from("\n| Asked | By | When it is | Then |\n|---|---|---|---|\n");
    right.extend(TRANSITIONS.iter().map(row));
    right.push('\n');
    if env::var_os("STEWARD_UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{START}{right}{END}{after}")).expect("the page can be written");
        return;
    }
    assert_eq!(table, right, "docs/ledger.md is out of date: STEWARD_UPDATE_DOCS=1 cargo test -p steward-ledger");
}

//! Visits the states, a few in every run and many in the tier *verify*.

use std::thread::available_parallelism;

use steward_proofs::space::{Scope, visit};

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

fn scope(loans: usize, pins: usize, deepest: u32) -> Scope {
    Scope { processes: 3, keys: 2, loans, pins, deepest, counts: 9, deadlines: vec![1], table: false }
}

#[test]
fn the_invariants_hold_in_every_state_of_three_processes_and_two_keys() {
    assert!(visit(scope(2, 1, 2), threads()) > 10_000);
}

#[test]
fn the_table_of_rules_says_what_is_done_in_every_state_with_one_key() {
    assert!(visit(Scope { keys: 1, counts: 2, table: true, ..scope(3, 2, 3) }, threads()) > 1000);
}

#[test]
#[ignore = "tier verify"]
fn verify_the_invariants_hold_in_every_state_with_three_loans() {
    assert!(visit(scope(3, 2, 3), threads()) > 500_000);
}

#[test]
#[ignore = "tier verify"]
fn verify_the_invariants_hold_whichever_deadline_comes_first() {
    let scope = Scope { deadlines: vec![1, 2], table: true, ..scope(2, 2, 2) };
    assert!(visit(scope, threads()) > 50_000);
}

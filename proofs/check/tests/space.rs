//! Visits the states, a few in every run and many in the tier *verify*.

use std::thread::available_parallelism;

use steward_proofs::space::{Scope, visit};

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

#[test]
fn the_invariants_hold_in_every_state_of_three_processes_and_two_keys() {
    let scope = Scope { processes: 3, keys: 2, loans: 2, pins: 1, deepest: 2, deadlines: vec![1] };
    let states = visit(scope, threads());
    assert!(states > 1000, "{states}");
}

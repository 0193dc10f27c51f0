//! What the comparison finds, and what it comes across.

use alloc::vec::Vec;
use std::println;

use super::flaws::{Flaw, WRONG, rules};
use super::subject::Flawed;
use crate::compare::{Options, compare, run};

/// Small limits, so that they are reached.
fn options() -> Options {
    let mut options = Options::default();
    options.setup.most_shared = 3;
    options.setup.most_reads = 2;
    options.setup.deepest = 5;
    options
}

#[test]
fn a_second_model_agrees_and_every_outcome_occurs() {
    let statistics =
        compare(|setup| Flawed::new(setup, None), 6, 100_000, &options()).unwrap_or_else(|d| panic!("{d}"));
    println!("{statistics}");
    let operations = ["birth", "die", "acquire", "release", "transfer", "lend", "relend", "return", "revoke", "pin"];
    let done = operations.map(|operation| (operation, "done"));
    let missing: Vec<_> = rules().chain(done).filter(|(operation, rule)| statistics.of(operation, rule) < 10).collect();
    assert!(missing.is_empty(), "never or hardly ever: {missing:?}");
    for operation in ["acquire", "release", "transfer", "lend", "relend", "pin"] {
        assert!(statistics.partial[operation] > 100, "{operation}: {statistics}");
    }
    assert!(statistics.scattered > 1000 && statistics.waited > 500 && statistics.estates > 100, "{statistics}");
    assert!(statistics.rebirths > 100 && statistics.deepest == 5, "{statistics}");
}

/// The rules that only keys without entries of their own can break, by operation.
fn rules_of_others() -> impl Iterator<Item = (&'static str, &'static str)> {
    let operations = ["acquire", "release", "transfer", "lend", "relend", "pin"];
    operations.into_iter().flat_map(|operation| {
        ["extent partly in a span", "more keys than can be counted"].map(|rule| (operation, rule))
    })
}

#[test]
fn a_second_model_agrees_on_keys_of_both_kinds_and_every_outcome_occurs() {
    let statistics = compare(|setup| Flawed::new(setup, None), 8, 200_000, &options().with_others());
    let statistics = statistics.unwrap_or_else(|d| panic!("{d}"));
    println!("{statistics}");
    let all = rules().chain(rules_of_others());
    let missing: Vec<_> = all.filter(|(operation, rule)| statistics.of(operation, rule) < 5).collect();
    assert!(missing.is_empty(), "never or hardly ever: {missing:?}");
}

#[test]
fn an_extent_partly_in_a_span_is_missed_if_it_is_let_through() {
    let options = options().with_others();
    for (operation, rule) in rules_of_others().filter(|(_, rule)| rule.starts_with("extent")) {
        let flaw = Flaw::Ignores(operation, rule);
        assert!(run(&mut Flawed::new(&options.setup, Some(flaw)), 1, 200_000, &options).is_err(), "{operation}");
    }
}

#[test]
fn loans_are_lent_on_deeply_when_nothing_limits_it() {
    let statistics = compare(|setup| Flawed::new(setup, None), 7, 20_000, &Options::default());
    let statistics = statistics.unwrap_or_else(|d| panic!("{d}"));
    assert!(statistics.deepest >= 8, "{statistics}");
}

/// Steps until a flawed model is caught.
fn caught(flaw: Flaw) -> Option<u32> {
    let caught = compare(|setup| Flawed::new(setup, Some(flaw)), 1, 200_000, &options());
    caught.err().map(|divergence| {
        assert!(divergence.repeats, "{flaw:?} is caught by no short sequence: {divergence}");
        println!("{flaw:?}: step {}, shrunk to {}: {}", divergence.step, divergence.steps.len(), divergence.what);
        divergence.step
    })
}

#[test]
fn every_flaw_is_caught_by_a_short_sequence() {
    let survivors: Vec<Flaw> = WRONG.into_iter().filter(|flaw| caught(*flaw).is_none()).collect();
    assert!(survivors.is_empty(), "{survivors:?}");
}

#[test]
fn every_rule_that_is_left_out_is_missed() {
    // Without these, the model itself cannot go on.
    let fatal = [
        "slot is taken",
        "no such loan",
        "actor is not there",
        "recipient is not there",
        "extent beyond the last number",
        "key outside the table",
    ];
    let left_out = rules().filter(|(_, rule)| !fatal.contains(rule));
    let flaws: Vec<Flaw> = left_out.map(|(operation, rule)| Flaw::Ignores(operation, rule)).collect();
    println!("{} rules", flaws.len());
    let options = options();
    let misses = |flaw: &Flaw| run(&mut Flawed::new(&options.setup, Some(*flaw)), 1, 200_000, &options).is_err();
    let survivors: Vec<Flaw> = flaws.into_iter().filter(|flaw| !misses(flaw)).collect();
    assert!(survivors.is_empty(), "{survivors:?}");
}

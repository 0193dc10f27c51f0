//! Puts the proof to Z3.

use steward_ledger_model::rules::Rule;
use steward_proofs::{
    proof::{Answer, POSSIBLE, Question, Scope, Z3, mutants, questions, script},
    table::rules,
};

/// Most milliseconds for a question. They take a few each.
const PATIENCE: u32 = 20_000;

fn answers(z3: &Z3, rules: &[Rule], scope: Scope) -> Vec<(Question, Answer)> {
    let answers = z3.ask(&script(rules, scope, PATIENCE)).unwrap_or_else(|why| panic!("{why}"));
    let questions = questions(rules);
    assert_eq!(answers.len(), questions.len(), "not every question is answered");
    questions.into_iter().zip(answers).collect()
}

#[test]
#[ignore = "tier verify"]
fn verify_every_rule_keeps_the_invariants_for_any_number_of_processes() {
    let z3 = Z3::find().unwrap_or_else(|why| panic!("{why}"));
    let answers = answers(&z3, &rules(), Scope::All);
    let invariants = || answers.iter().filter(|(question, _)| question.invariant != POSSIBLE);
    let unproved: Vec<_> = invariants().filter(|(_, answer)| *answer != Answer::Unsat).collect();
    assert!(unproved.is_empty(), "{unproved:#?}");
    println!("{} rows, {} questions, all proved", rules().len(), invariants().count());
}

#[test]
#[ignore = "tier verify"]
fn verify_every_rule_can_be_taken() {
    let z3 = Z3::find().unwrap_or_else(|why| panic!("{why}"));
    let answers = answers(&z3, &rules(), Scope::Small);
    let possible = || answers.iter().filter(|(question, _)| question.invariant == POSSIBLE);
    assert_eq!(possible().count(), rules().len());
    let never: Vec<_> = possible().filter(|(_, answer)| *answer != Answer::Sat).collect();
    assert!(never.is_empty(), "these keep the invariants because they never happen: {never:#?}");
}

#[test]
#[ignore = "tier verify"]
fn verify_every_guard_and_every_update_is_needed() {
    let z3 = Z3::find().unwrap_or_else(|why| panic!("{why}"));
    let mutants = mutants(&rules());
    let rules: Vec<Rule> = mutants.iter().map(|mutant| mutant.rule).collect();
    let answers = answers(&z3, &rules, Scope::Small);
    let of_rows: Vec<_> = answers.iter().filter(|(question, _)| question.step.is_some()).collect();
    let mut survivors = Vec::new();
    for (mutant, answers) in mutants.iter().zip(of_rows.chunks(of_rows.len() / mutants.len())) {
        assert!(answers.iter().all(|(question, _)| question.step == Some(mutant.rule.step)));
        let counterexamples =
            answers.iter().filter(|(question, answer)| question.invariant != POSSIBLE && *answer == Answer::Sat);
        let broken: Vec<_> = counterexamples.map(|(question, _)| question.invariant).collect();
        println!("{}: breaks {broken:?}", mutant.what);
        if broken.is_empty() {
            survivors.push(&mutant.what);
        }
    }
    println!("{} mutants", mutants.len());
    assert!(survivors.is_empty(), "{survivors:#?}");
}

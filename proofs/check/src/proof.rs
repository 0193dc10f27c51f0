//! The rules keep the invariants, for any number of processes, loans and pins.
//!
//! The proof is by induction over one arbitrary key. Its state has two halves: the *fields* of its entry, which the rows
//! of the table read and write, and the *records* (which loans and pins there are of it), which each step changes in a
//! way of its own. The [invariants](INVARIANTS) say how the two agree, and what must never be. Each row, if its guards
//! hold in a state in which the invariants hold, must lead to another such state.
//!
//! Processes, loans and pins are uninterpreted sorts: nothing limits how many there are. Each question is put to Z3 so
//! that *unsat* means that there is no counterexample.

mod invariants;
mod script;
mod steps;
mod z3;

pub use invariants::{CONSEQUENCES, INVARIANTS};
pub use script::{POSSIBLE, Question, Scope, questions, script};
pub use z3::{Answer, Z3};

use steward_ledger_model::rules::{Guard, Rule, Update};

/// A table with one thing taken out of it.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What was taken out.
    pub what: String,
    /// The row without it.
    pub rule: Rule,
}

/// Each row without each of its guards, and without each of its updates.
#[must_use]
pub fn mutants(rules: &[Rule]) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for rule in rules {
        for (fact, error) in rule.guards {
            let guards: Vec<Guard> = rule.guards.iter().filter(|guard| guard.0 != *fact).copied().collect();
            let what = format!("{:?} without the guard {fact:?} (else {error:?})", rule.step);
            mutants.push(Mutant { what, rule: Rule { guards: guards.leak(), ..*rule } });
        }
        for update in rule.updates {
            let updates: Vec<Update> = rule.updates.iter().filter(|other| *other != update).copied().collect();
            let what = format!("{:?} without the update {update:?}", rule.step);
            mutants.push(Mutant { what, rule: Rule { updates: updates.leak(), ..*rule } });
        }
    }
    mutants
}

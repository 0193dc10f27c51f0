//! The questions, as an SMT-LIB script.

use std::fmt::Write;

use steward_ledger_model::rules::{Rule, Step};

use super::invariants::{ACCESS, CONSEQUENCES, DECLARATIONS, INVARIANTS, NO_THEFT, STATE};
use super::steps::{self, PARTIES};

/// A row, and what it must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The step of the row; `None` for the state in which a ledger begins, and for what follows from the invariants.
    pub step: Option<Step>,
    /// The name of the invariant.
    pub invariant: &'static str,
}

/// Instead of an invariant: the question whether the row can be taken. It has a witness, which is its *sat*. Without one
/// the row would keep whatever one likes.
pub const POSSIBLE: &str = "it can be taken";

/// Where counterexamples are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Among all. No answer is a proof but *unsat*.
    All,
    /// Among those with at most four processes, loans and pins: then Z3 always finds one or says that there is none.
    Small,
}

/// The beginning with each invariant; then what follows from the invariants; then each row: first whether it can be taken at all, then with each invariant.
#[must_use]
pub fn questions(rules: &[Rule]) -> Vec<Question> {
    let names = || [POSSIBLE].into_iter().chain(INVARIANTS.iter().chain([&NO_THEFT]).map(|(name, _)| *name));
    let begins = INVARIANTS.iter().chain(&CONSEQUENCES).map(|(name, _)| Question { step: None, invariant: name });
    let rows = rules.iter().flat_map(|rule| names().map(|invariant| Question { step: Some(rule.step), invariant }));
    begins.chain(rows).collect()
}

fn before(text: &str) -> String {
    text.replace('*', "")
}

/// `^` is part of names after the step.
fn after(text: &str) -> String {
    // A star behind a space or a parenthesis would be a product; there is none.
    text.replace('*', "^")
}

/// The script that asks all [`questions`] in their order, and gives up each after so many milliseconds.
#[must_use]
pub fn script(rules: &[Rule], scope: Scope, milliseconds: u32) -> String {
    let mut script = format!("(set-option :timeout {milliseconds})\n");
    script.push_str(DECLARATIONS);
    if scope == Scope::Small {
        for (sort, name) in [("Process", "p"), ("Loan", "l"), ("Pin", "x")] {
            let names: Vec<String> = (0..4).map(|number| format!("{name}{number}")).collect();
            names.iter().for_each(|name| writeln!(script, "(declare-const {name} {sort})").expect("to a string"));
            let one: Vec<String> = names.iter().map(|name| format!("(= any {name})")).collect();
            writeln!(script, "(assert (forall ((any {sort})) (or {})))", one.join(" ")).expect("to a string");
        }
    }
    script.push_str(&before(STATE));
    ask_about_the_beginning(&mut script);
    script.push_str(&after(STATE));
    script.push_str(PARTIES);
    for (_, invariant) in INVARIANTS {
        writeln!(script, "(assert {})", before(invariant)).expect("to a string");
    }
    script.push_str(ACCESS);
    CONSEQUENCES.iter().for_each(|(_, consequence)| ask(consequence, &mut script));
    rules.iter().for_each(|rule| ask_about(rule, &mut script));
    script
}

fn ask(negated: &str, script: &mut String) {
    writeln!(script, "(push)\n(assert (not {negated}))\n(check-sat)\n(pop)").expect("to a string");
}

fn ask_about_the_beginning(script: &mut String) {
    let nothing = "(push)\n(assert (and (= owner nobody) (not lent-mut) (= shared 0) (= reads 0) (not writes)
        (= belongs-to nobody) (= shared-loans 0) (= read-pins 0) (forall ((l Loan)) (not (is-loan l)))
        (forall ((x Pin)) (not (is-pin x)))))\n";
    script.push_str(nothing);
    INVARIANTS.iter().for_each(|(_, invariant)| ask(&before(invariant), script));
    script.push_str("(pop)\n");
}

fn ask_about(rule: &Rule, script: &mut String) {
    writeln!(script, "(push)\n; {:?}", rule.step).expect("to a string");
    for (fact, _) in rule.guards {
        writeln!(script, "(assert {})", steps::fact(*fact)).expect("to a string");
    }
    let records = steps::records(rule.step).join("\n    ");
    writeln!(script, "(assert (and {}\n    {records}))", steps::fields(rule.updates)).expect("to a string");
    script.push_str("(check-sat)\n");
    INVARIANTS.iter().chain([&NO_THEFT]).for_each(|(_, invariant)| ask(&after(invariant), script));
    script.push_str("(pop)\n");
}

#[cfg(test)]
mod tests {
    use steward_ledger_model::rules::RULES;

    use super::*;

    #[test]
    fn every_question_is_asked_and_every_parenthesis_closed() {
        for scope in [Scope::All, Scope::Small] {
            let script = script(&RULES, scope, 1000);
            assert_eq!(script.matches("(check-sat)").count(), questions(&RULES).len());
            assert_eq!(script.matches("(push)").count(), script.matches("(pop)").count());
            assert_eq!(script.matches('(').count(), script.matches(')').count());
            assert!(!script.contains('*'), "a name has no state");
        }
    }

    #[test]
    fn every_step_has_one_row() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.step != rule.step), "{:?}", rule.step);
        }
    }
}

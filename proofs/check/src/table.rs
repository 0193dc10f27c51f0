//! The ledger's own table of transitions, in the words of the prover: one row a step, with guards and updates.

use steward_ledger::{Action, Role, Step as Done, TRANSITIONS, Transition, When};
use steward_ledger_model::rules::{Fact, Guard, Rule, Step, Update};

/// Each step of the prover, with what is asked of the ledger, and by whom.
const STEPS: [(Step, Action, Role); 19] = [
    (Step::Acquire, Action::Acquire, Role::Stranger),
    (Step::Release, Action::Release, Role::Owner),
    (Step::Transfer, Action::Transfer, Role::Owner),
    (Step::LendShared, Action::LendShared, Role::Owner),
    (Step::LendMut, Action::LendMut, Role::Owner),
    (Step::RelendSharedOfMut, Action::RelendShared, Role::Holder),
    (Step::RelendMutOfMut, Action::RelendMut, Role::Holder),
    (Step::RelendSharedOfShared, Action::RelendShared, Role::Reader),
    (Step::End, Action::Return, Role::Holder),
    (Step::FinishShared, Action::FinishShared, Role::Reader),
    (Step::FinishMut, Action::FinishMut, Role::Holder),
    (Step::PinReadsOwned, Action::PinOwnedReads, Role::Owner),
    (Step::PinWritesOwned, Action::PinOwnedWrites, Role::Owner),
    (Step::PinReadsOfMut, Action::PinLoanReads, Role::Holder),
    (Step::PinWritesOfMut, Action::PinLoanWrites, Role::Holder),
    (Step::PinReadsOfShared, Action::PinLoanReads, Role::Reader),
    (Step::UnpinReads, Action::UnpinReads, Role::Stranger),
    (Step::UnpinWrites, Action::UnpinWrites, Role::Stranger),
    (Step::Die, Action::Inherit, Role::Stranger),
];

/// The rules that the table states.
///
/// # Panics
/// When an action has no row that grants it.
#[must_use]
pub fn rules() -> Vec<Rule> {
    STEPS.into_iter().map(|(step, action, role)| rule(step, action, role)).collect()
}

/// The rows of an action that are looked at for a role, in order.
fn rows(action: Action, role: Role) -> impl Iterator<Item = &'static Transition> {
    TRANSITIONS.iter().filter(move |row| row.action == action && [role, Role::Anybody].contains(&row.role))
}

fn rule(step: Step, action: Action, role: Role) -> Rule {
    let mut guards: Vec<Guard> = Vec::new();
    // Whoever is not what it claims to be finds the row of the others.
    let of_others =
        |other, fact| rows(action, other).next().and_then(|row| row.result.err()).map(|error| (fact, error));
    guards.extend(match role {
        Role::Owner => of_others(Role::Stranger, Fact::OwnerIsActor),
        Role::Holder => of_others(Role::Outer, Fact::HolderIsLoan),
        _ => None,
    });
    for row in rows(action, role) {
        match row.result {
            Err(error) => guards.extend(facts(row.when).iter().map(|fact| (*fact, error))),
            // Of a dead owner's key in use nothing becomes; that is said by the update.
            Ok(Done::Stay) => {}
            Ok(done) => {
                let updates = updates(done, action, role);
                return Rule { step, guards: guards.leak(), updates };
            }
        }
    }
    panic!("{action:?} is never granted to {role:?}")
}

/// What must be so where a row that refuses does not fit.
fn facts(when: When) -> &'static [Fact] {
    match when {
        When::Owned => &[Fact::OwnerIsNobody],
        When::InUse => &[Fact::NotLentMut, Fact::NoShared, Fact::NoReads, Fact::NoWrites],
        When::LentMut => &[Fact::NotLentMut],
        When::Written => &[Fact::NoWrites],
        When::Shared => &[Fact::NoShared],
        When::Read => &[Fact::NoReads],
        When::SharedFull => &[Fact::RoomForShared],
        When::ReadsFull => &[Fact::RoomForReads],
        When::Always => panic!("what is always refused has no guards"),
    }
}

/// What becomes of the entry. What may leave a dead owner's key unused is followed by [`Action::Inherit`].
fn updates(done: Done, action: Action, role: Role) -> &'static [Update] {
    match done {
        Done::Stay | Done::End => &[],
        Done::Take => &[Update::OwnerIsActor],
        Done::Give => &[Update::OwnerIsOther],
        Done::Free if action == Action::Inherit => &[Update::FreeIfLeft],
        Done::Free => &[Update::OwnerIsNobody],
        Done::Share => &[Update::OneShared],
        Done::Unshare => &[Update::OneSharedLess, Update::FreeIfLeft],
        Done::Lend if role == Role::Owner => &[Update::LentMut, Update::HolderIsNew],
        Done::Lend => &[Update::HolderIsNew],
        Done::GiveBack => &[Update::HolderIsParent, Update::FreeIfLeft],
        Done::Read => &[Update::OneRead],
        Done::Unread => &[Update::OneReadLess, Update::FreeIfLeft],
        Done::Write => &[Update::Writes],
        Done::Unwrite => &[Update::WritesNot, Update::FreeIfLeft],
    }
}

#[cfg(test)]
mod tests {
    use steward_ledger::Error;
    use steward_ledger_model::rules::RULES;

    use super::*;

    #[test]
    fn the_ledgers_table_says_what_the_models_says() {
        let rules = rules();
        for (found, expected) in rules.iter().zip(&RULES) {
            assert_eq!(found, expected);
        }
        assert_eq!(rules.len(), RULES.len());
    }

    #[test]
    fn who_is_not_asked_about_is_refused_for_good() {
        for (action, role, error) in [
            (Action::RelendShared, Role::Outer, Error::MutBorrowed),
            (Action::RelendMut, Role::Reader, Error::SharedBorrowed),
            (Action::PinLoanWrites, Role::Reader, Error::SharedBorrowed),
            (Action::Return, Role::Stranger, Error::NotBorrowed),
            (Action::RevokeFirm, Role::Owner, Error::NotBorrowed),
        ] {
            let first = rows(action, role).next().expect("each action has rows");
            assert_eq!((first.when, first.result), (When::Always, Err(error)), "{action:?} by {role:?}");
        }
    }
}

//! What holds in every state, and what occurs in some.

use stateright::Property;
use steward_ledger::{Direction, Extent, Instant, ProcessId, State as KeyState};
use steward_ledger_model::{Access, Life, Model};

use super::{Scope, State, live};

/// All properties. The first six are the model's own invariants, of its records; the others are of what it lets be done.
pub(super) fn all() -> Vec<Property<Scope>> {
    vec![
        Property::always("the records are right", |_: &Scope, state: &State| state.model.check().is_ok()),
        Property::always("one writer xor readers", |scope: &Scope, state: &State| one_writer(scope, &state.model)),
        Property::always("no key is free while it is lent", |scope: &Scope, state: &State| {
            no_free_key_is_lent(scope, &state.model)
        }),
        Property::always("every loan ends once its pins are gone", |_: &Scope, state: &State| loans_end(&state.model)),
        Property::always("deadlines end loans", |_: &Scope, state: &State| deadlines_end_loans(&state.model)),
        Property::always("a returned loan takes its subtree along", |_: &Scope, state: &State| {
            subtrees_end(&state.model)
        }),
        Property::always("estates drain when devices stop first", |_: &Scope, state: &State| {
            drains(&state.model, true)
        }),
        Property::always("estates drain when devices stop last", |_: &Scope, state: &State| {
            drains(&state.model, false)
        }),
        Property::sometimes("an estate", |scope: &Scope, state: &State| {
            (0..scope.keys).any(|key| state.model.view(key).estate)
        }),
        Property::sometimes("a process that is dead and owns nothing, and is named", |_: &Scope, state: &State| {
            let mut dying = state.model.processes().filter(|process| state.model.life(*process) == Life::Dying);
            dying.any(|process| state.model.account(process).is_some_and(|account| account.owned == 0))
        }),
        Property::sometimes("a child waits for its pin, and its parent for it", |_: &Scope, state: &State| {
            state.model.loans().any(|loan| loan.ending && loan.parent.is_some())
        }),
        Property::sometimes("a loan of which only a part is lent on", |scope: &Scope, state: &State| {
            let loans: Vec<_> = state.model.loans().collect();
            let parent =
                |loan: &steward_ledger_model::LoanFacts| loans.iter().find(|other| Some(other.id) == loan.parent);
            scope.keys < 2
                || loans.iter().any(|loan| parent(loan).is_some_and(|parent| parent.keys.len() > loan.keys.len()))
        }),
        Property::sometimes("readers below a writer", |scope: &Scope, state: &State| {
            (0..scope.keys)
                .any(|key| state.model.view(key).state == KeyState::MutLent && state.model.view(key).shared > 0)
        }),
    ]
}

/// Everybody's access to a key: as its owner, and by each loan.
fn accesses(model: &Model) -> Vec<(ProcessId, Access)> {
    let owners = live(model).map(|process| (process, Access::Owned));
    owners.chain(model.loans().map(|loan| (loan.borrower, Access::Loan(loan.id)))).collect()
}

/// Who may let a device write to a key, which takes the right to write, is the only one who may use it.
fn one_writer(scope: &Scope, model: &Model) -> bool {
    (0..scope.keys).all(|key| {
        let may = |direction| {
            let may =
                |(process, access): &(ProcessId, Access)| model.may_pin(*process, *access, Extent::one(key), direction);
            accesses(model).into_iter().filter(may).collect::<Vec<_>>()
        };
        let (writers, readers) = (may(Direction::DeviceWrites), may(Direction::DeviceReads));
        let view = model.view(key);
        let alone = writers.is_empty() || writers.len() == 1 && readers == writers && view.reads == 0;
        let device_alone = !view.writes || writers.is_empty() && readers.is_empty() && view.reads == 0;
        alone && device_alone
    })
}

fn no_free_key_is_lent(scope: &Scope, model: &Model) -> bool {
    (0..scope.keys).all(|key| model.view(key).owner.is_some() || !model.view(key).is_in_use())
}

fn loans_end(model: &Model) -> bool {
    let mut model = model.clone();
    unpin_all(&mut model);
    model.loans().all(|loan| !loan.ending)
}

fn deadlines_end_loans(model: &Model) -> bool {
    let mut model = model.clone();
    model.expire(Instant::from_nanoseconds(u64::MAX));
    model.loans().all(|loan| loan.ending || loan.deadline.is_none())
}

/// Returning any loan leaves no active loan whose parent, or parent's parent, is gone or has ended.
fn subtrees_end(model: &Model) -> bool {
    let active = model.loans().filter(|loan| !loan.ending);
    active.into_iter().all(|loan| {
        let mut after = model.clone();
        after.give_back(loan.borrower, loan.id).is_ok() && {
            let active: Vec<_> = after.loans().filter(|loan| !loan.ending).collect();
            active.iter().all(|child| child.parent.is_none_or(|above| active.iter().any(|loan| loan.id == above)))
        }
    })
}

fn unpin_all(model: &mut Model) {
    let pins: Vec<_> = model.pins().map(|pin| pin.id).collect();
    pins.into_iter().for_each(|pin| model.unpin(pin));
}

/// Once everybody is dead and all devices have stopped, nothing is left.
fn drains(model: &Model, devices_first: bool) -> bool {
    let mut model = model.clone();
    if devices_first {
        unpin_all(&mut model);
    }
    let dying: Vec<ProcessId> = live(&model).collect();
    let all_died = dying.into_iter().all(|process| model.die(process).is_ok());
    unpin_all(&mut model);
    let gone = model.processes().all(|process| process == ProcessId::KERNEL);
    all_died && gone && model.loans().next().is_none() && model.views().is_empty()
}

//! What holds of the records at all times.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use steward_ledger::{Direction, Kind, LoanId, ProcessId};

use crate::model::{Life, Loan, Model};

/// An invariant: its name, and what contradicts it.
pub type Invariant = (&'static str, fn(&Model) -> Result<(), String>);

/// All of them.
pub const INVARIANTS: [Invariant; 6] = [
    ("one writer xor readers", one_writer_xor_readers),
    ("no key is free while it is lent", no_key_is_free_while_lent),
    ("every loan ends", every_loan_ends),
    ("estates drain", estates_drain),
    ("a child never outlives its parent", no_child_outlives_its_parent),
    ("names are of this life", names_are_of_this_life),
];

impl Model {
    /// Holds the records against the invariants.
    ///
    /// # Errors
    /// The first that does not hold, and why.
    pub fn check(&self) -> Result<(), String> {
        INVARIANTS.iter().try_for_each(|(name, holds)| holds(self).map_err(|why| format!("{name}: {why}")))
    }
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Mutable loans of a key form one chain from the owner inwards. Only who stands at its end uses the key, or lends it
/// to readers; and a device writes only where nobody reads.
fn one_writer_xor_readers(model: &Model) -> Result<(), String> {
    for key in model.owners.keys() {
        let of = |kind: Kind| {
            let loans = model.loans.iter().filter(move |(_, loan)| loan.kind == kind && loan.keys.contains(key));
            loans.collect::<Vec<_>>()
        };
        let (mut chain, shared) = (of(Kind::Mut), of(Kind::Shared));
        chain.sort_by_key(|(_, loan)| loan.depth);
        let mut last: Option<LoanId> = None;
        for (id, loan) in chain {
            ensure(loan.parent == last, || format!("key {key}: {id:?} and {last:?} are both lent mutably"))?;
            last = Some(*id);
        }
        let is_shared = |id: Option<LoanId>| shared.iter().any(|(other, _)| id == Some(**other));
        for (id, loan) in &shared {
            let right = loan.parent == last || is_shared(loan.parent);
            ensure(right, || format!("key {key}: {id:?} reads while {last:?} writes"))?;
        }
        let pins = || model.pins.iter().filter(|(_, pin)| pin.keys.contains(key));
        for (id, pin) in pins() {
            let right = pin.loan == last || is_shared(pin.loan) && pin.direction == Direction::DeviceReads;
            ensure(right, || format!("key {key}: {id:?} is not by who has access"))?;
        }
        let writes = pins().any(|(_, pin)| pin.direction == Direction::DeviceWrites);
        ensure(!writes || shared.is_empty() && pins().count() == 1, || format!("key {key}: a device is not alone"))?;
    }
    Ok(())
}

fn no_key_is_free_while_lent(model: &Model) -> Result<(), String> {
    let lent = model.loans.values().flat_map(|loan| &loan.keys);
    let pinned = model.pins.values().flat_map(|pin| &pin.keys);
    lent.chain(pinned).try_for_each(|key| ensure(model.owners.contains_key(key), || format!("key {key}")))
}

/// Whatever has ended waits for a pin, its own or below it, and all below it has ended.
fn every_loan_ends(model: &Model) -> Result<(), String> {
    for (id, _) in model.loans.iter().filter(|(_, loan)| loan.ending) {
        let mut below: Vec<LoanId> = [*id].into();
        let mut pinned = false;
        while let Some(next) = below.pop() {
            ensure(model.loans[&next].ending, || format!("{next:?} is below {id:?}, which has ended"))?;
            pinned |= model.pins.values().any(|pin| pin.loan == Some(next));
            below.extend(model.children(next));
        }
        ensure(pinned, || format!("{id:?} waits for nothing"))?;
    }
    let lost = model.pins.values().find(|pin| pin.loan.is_some_and(|loan| !model.loans.contains_key(&loan)));
    ensure(lost.is_none(), || format!("{lost:?} is of a loan that finished"))
}

/// A dead process has no access, and is there only for what others use.
fn estates_drain(model: &Model) -> Result<(), String> {
    for process in model.processes().filter(|process| model.life(*process) == Life::Dying) {
        let held = model.loans.iter().find(|(_, loan)| loan.borrower == process && !loan.ending);
        ensure(held.is_none(), || format!("{process:?} is dead and holds {held:?}"))?;
        let owned = || model.owners.iter().filter(|(_, owner)| **owner == process);
        let idle = owned().find(|(key, _)| !model.view(**key).is_in_use());
        ensure(idle.is_none(), || format!("{process:?} is dead and owns {idle:?}, which nobody uses"))?;
        let named = model.loans.values().any(|loan| loan.borrower == process || loan.lender == process);
        ensure(named || owned().next().is_some(), || format!("{process:?} is dead and keeps its slot"))?;
    }
    Ok(())
}

fn no_child_outlives_its_parent(model: &Model) -> Result<(), String> {
    for (id, loan) in &model.loans {
        let right = match loan.parent {
            None => loan.depth == 1 && loan.keys.iter().all(|key| model.owners.get(key) == Some(&loan.lender)),
            Some(parent) => model.loans.get(&parent).is_some_and(|parent| is_within(loan, parent)),
        };
        ensure(right, || format!("{id:?} is {loan:?}"))?;
    }
    Ok(())
}

fn is_within(child: &Loan, parent: &Loan) -> bool {
    child.depth == parent.depth + 1
        && child.lender == parent.borrower
        && child.keys.iter().all(|key| parent.keys.contains(key))
        && (child.kind == Kind::Shared || parent.kind == Kind::Mut)
        && (child.revocable || !parent.revocable)
        && parent.deadline.is_none_or(|above| child.deadline.is_some_and(|own| own <= above))
}

fn names_are_of_this_life(model: &Model) -> Result<(), String> {
    let parties = model.loans.values().flat_map(|loan| [loan.lender, loan.borrower]);
    let mut named = model.owners.values().copied().chain(parties);
    let stale = named.find(|process: &ProcessId| model.life(*process) == Life::Vacant);
    ensure(stale.is_none(), || format!("{stale:?} is gone"))
}

//! The table of rules, held against what the model does.

use steward_ledger::{Direction, Error, Extent, Kind, LoanId, ProcessId, Terms};
use steward_ledger_model::rules::{About, Rule, Step};
use steward_ledger_model::{Access, LoanFacts, Model, Refusal};

use super::{Scope, live};

/// Whether the table says of every key, and whatever is done to it alone, what the model answers and what comes of it.
pub(super) fn agrees(scope: &Scope, model: &Model) -> bool {
    let all = live(model).flat_map(|actor| (0..scope.keys).map(move |key| Case { model, actor, key }));
    all.into_iter().all(|case| case.owner_agrees() && case.borrower_agrees())
}

/// Somebody does something to a key.
struct Case<'a> {
    model: &'a Model,
    actor: ProcessId,
    key: usize,
}

impl Case<'_> {
    fn owner_agrees(&self) -> bool {
        let Self { actor, key, .. } = *self;
        let keys = [Extent::one(key)];
        let plain = |result: Result<(), Refusal>| result.map(|()| None);
        let pins = |direction| {
            move |model: &mut Model| model.pin(actor, Access::Owned, Extent::one(key), direction).map(|_| None)
        };
        self.agrees(Step::Acquire, None, None, |model| plain(model.acquire(actor, &keys)))
            && self.agrees(Step::Release, None, None, |model| plain(model.release(actor, &keys)))
            && self.agrees(Step::PinReadsOwned, None, None, pins(Direction::DeviceReads))
            && self.agrees(Step::PinWritesOwned, None, None, pins(Direction::DeviceWrites))
            && self.others().into_iter().all(|other| {
                let lends =
                    |kind| move |model: &mut Model| model.lend(actor, other, &keys, Terms::firm(kind)).map(Some);
                let transfers = |model: &mut Model| plain(model.transfer(actor, other, &keys));
                self.agrees(Step::Transfer, Some(other), None, transfers)
                    && self.agrees(Step::LendShared, Some(other), None, lends(Kind::Shared))
                    && self.agrees(Step::LendMut, Some(other), None, lends(Kind::Mut))
            })
    }

    fn borrower_agrees(&self) -> bool {
        let held = |loan: &LoanFacts| loan.borrower == self.actor && !loan.ending && loan.keys.contains(&self.key);
        self.model.loans().filter(held).all(|loan| self.loan_agrees(&loan))
    }

    fn loan_agrees(&self, loan: &LoanFacts) -> bool {
        let Self { actor, key, .. } = *self;
        let keys = [Extent::one(key)];
        let id = loan.id;
        let lends = |step, kind| {
            let lend =
                |other| move |model: &mut Model| model.relend(actor, id, other, &keys, Terms::firm(kind)).map(Some);
            self.others().into_iter().all(|other| self.agrees(step, Some(other), Some(id), lend(other)))
        };
        let pins = |step, direction| {
            let pin =
                move |model: &mut Model| model.pin(actor, Access::Loan(id), Extent::one(key), direction).map(|_| None);
            self.agrees(step, None, Some(id), pin)
        };
        match loan.kind {
            Kind::Shared => {
                lends(Step::RelendSharedOfShared, Kind::Shared) && pins(Step::PinReadsOfShared, Direction::DeviceReads)
            }
            Kind::Mut => {
                lends(Step::RelendSharedOfMut, Kind::Shared)
                    && lends(Step::RelendMutOfMut, Kind::Mut)
                    && pins(Step::PinReadsOfMut, Direction::DeviceReads)
                    && pins(Step::PinWritesOfMut, Direction::DeviceWrites)
            }
        }
    }

    fn others(&self) -> Vec<ProcessId> {
        live(self.model).filter(|other| *other != self.actor).collect()
    }

    /// Whether the step's row says what the operation does.
    fn agrees(
        &self,
        step: Step,
        other: Option<ProcessId>,
        loan: Option<LoanId>,
        operate: impl Fn(&mut Model) -> Result<Option<LoanId>, Refusal>,
    ) -> bool {
        let mut after = self.model.clone();
        let result = operate(&mut after);
        // What is checked before the keys is not the table's.
        if result.is_err_and(|refusal| ["no record left", "too deep"].contains(&refusal.rule)) {
            return true;
        }
        let setup = self.model.setup();
        let (most_shared, most_reads) = (setup.most_shared, setup.most_reads);
        let new = result.ok().flatten();
        let about = About { actor: self.actor, other, loan, new, parent: None, most_shared, most_reads };
        let (rule, before) = (Rule::of(step), self.model.view(self.key));
        let answer: Result<(), Error> = rule.answer(&before, &about);
        let expected = if answer.is_ok() { rule.done(before, &about) } else { before };
        answer == result.map(|_| ()).map_err(Refusal::error) && after.view(self.key) == expected
    }
}

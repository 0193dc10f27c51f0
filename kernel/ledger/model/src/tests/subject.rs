//! The model as a ledger under test, with flaws on demand.

use alloc::string::String;
use alloc::vec::Vec;

use steward_ledger::{Direction, Error, Extent, Instant, LoanId, ProcessId, Quota, Terms, Window};

use super::flaws::Flaw;
use super::ignoring;
use crate::check::{Access, Checked};
use crate::compare::Subject;
use crate::model::{Life, Model, PinId, Setup};
use crate::view::{Account, LoanFacts, View};

/// A model that may be wrong in one way.
pub struct Flawed {
    pub model: Model,
    pub flaw: Option<Flaw>,
}

impl Flawed {
    pub fn new(setup: &Setup, flaw: Option<Flaw>) -> Self {
        Self { model: Model::new(setup.clone()), flaw }
    }

    /// Does the operation, without the rule that the flaw leaves out of it.
    fn act<T>(&mut self, operation: &str, action: impl FnOnce(&mut Model) -> Checked<T>) -> Result<T, Error> {
        let ignored = match self.flaw {
            Some(Flaw::Ignores(of, rule)) if of == operation => Some(rule),
            _ => None,
        };
        ignoring(ignored, || action(&mut self.model)).map_err(|refusal| refusal.error())
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// What an operation leaves behind when it gives up half-way.
    fn half(&mut self, keys: &[Extent], result: Result<(), Error>, change: impl Fn(&mut Model, &[usize])) {
        if self.is(Flaw::KeepsHalfOfARange) && result.is_err() && !keys.is_empty() {
            change(&mut self.model, &[keys[0].start]);
        }
    }

    fn named(&self, id: LoanId) -> LoanId {
        if self.is(Flaw::NamesLoansTwice) { LoanId::from_parts(id.index() % 64, 0) } else { id }
    }
}

impl Subject for Flawed {
    type Pin = PinId;

    fn birth(&mut self, slot: u16, window: Window, quota: Quota) -> Result<ProcessId, Error> {
        let before = self.model.processes.get(&slot).map(|process| process.generation);
        if self.is(Flaw::ReusesSlotsEarly)
            && let Some(process) = self.model.processes.get_mut(&slot)
            && process.life == Life::Dying
        {
            process.life = Life::Vacant;
        }
        let process = self.act("birth", |model| model.birth(slot, window, quota))?;
        if self.is(Flaw::ReusesGenerations)
            && let Some(before) = before
        {
            self.model.processes.get_mut(&slot).unwrap().generation = before;
            return Ok(ProcessId::from_parts(slot, before));
        }
        Ok(process)
    }

    fn die(&mut self, process: ProcessId) -> Result<(), Error> {
        if self.is(Flaw::KeepsLoansOfTheDead) {
            self.model.check_die(process).map_err(|refusal| refusal.error())?;
            self.model.processes.get_mut(&process.slot()).unwrap().life = Life::Dying;
            self.model.settle();
            return Ok(());
        }
        let owned: Vec<usize> =
            self.model.owners.iter().filter(|(_, owner)| **owner == process).map(|(key, _)| *key).collect();
        self.act("die", |model| model.die(process))?;
        if self.is(Flaw::FreesWhatTheDeadHadLent) {
            self.model.disown(&owned);
        }
        Ok(())
    }

    fn set_window(&mut self, process: ProcessId, window: Window) -> Result<(), Error> {
        self.act("set window", |model| model.set_window(process, window))
    }

    fn set_quota(&mut self, process: ProcessId, quota: Quota) -> Result<(), Error> {
        self.act("set quota", |model| model.set_quota(process, quota))
    }

    fn acquire(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        let result = self.act("acquire", |model| model.acquire(actor, keys));
        if result == Err(Error::AlreadyOwned) {
            self.half(keys, result, |model, keys| {
                if !model.owners.contains_key(&keys[0]) {
                    model.own(actor, keys);
                }
            });
        }
        result
    }

    fn release(&mut self, actor: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        self.act("release", |model| model.release(actor, keys))
    }

    fn transfer(&mut self, actor: ProcessId, to: ProcessId, keys: &[Extent]) -> Result<(), Error> {
        if self.is(Flaw::TransfersNothing) {
            return self.act("transfer", |model| model.check_transfer(actor, to, keys).map(|_| ()));
        }
        if self.is(Flaw::LooksAtKeysBeforeQuotas) {
            self.model
                .check_transfer(actor, to, keys)
                .or_else(|refusal| {
                    let no_room = refusal.rule == "quota of owned keys";
                    let first =
                        ignoring(no_room.then_some(refusal.rule), || self.model.check_transfer(actor, to, keys));
                    first.and(Err(refusal))
                })
                .map_err(|refusal| refusal.error())?;
        }
        self.act("transfer", |model| model.transfer(actor, to, keys))
    }

    fn lend(
        &mut self,
        actor: ProcessId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        now: Instant,
    ) -> Result<LoanId, Error> {
        self.model.now = now;
        let id = self.act("lend", |model| model.lend(actor, to, keys, terms))?;
        let loan = self.model.loans.get_mut(&id).unwrap();
        if self.flaw == Some(Flaw::LendsOnlyTheFirstExtent) {
            loan.keys.truncate(keys[0].count);
        }
        Ok(self.named(id))
    }

    fn relend(
        &mut self,
        actor: ProcessId,
        parent: LoanId,
        to: ProcessId,
        keys: &[Extent],
        terms: Terms,
        now: Instant,
    ) -> Result<LoanId, Error> {
        self.model.now = now;
        let flaw = self.flaw;
        let id = self.act("relend", |model| {
            let mut draft = model.check_relend(actor, parent, to, keys, terms)?;
            match flaw {
                Some(Flaw::ForgetsTheParentsDeadline) => draft.deadline = terms.deadline,
                Some(Flaw::ForgetsThatTheParentIsRevocable) => draft.revocable = terms.revocable,
                Some(Flaw::LetsChildrenBeRevokedAsTheirParents) => draft.revocable_itself = draft.revocable,
                Some(Flaw::ForgetsTheParent) => draft.parent = None,
                Some(Flaw::ForgetsDepth) => draft.depth = 1,
                _ => {}
            }
            Ok(model.record(draft))
        })?;
        Ok(self.named(id))
    }

    fn give_back(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error> {
        if self.is(Flaw::ReturnsWithoutTheSubtree) {
            self.model.check_return(actor, loan).map_err(|refusal| refusal.error())?;
            self.model.loans.get_mut(&loan).unwrap().ending = true;
            self.model.settle();
            return Ok(());
        }
        if self.is(Flaw::ReturnsNothingThatIsPinned) {
            let pinned = self.model.pins.values().any(|pin| pin.loan == Some(loan));
            self.model.check_return(actor, loan).map_err(|refusal| refusal.error())?;
            return if pinned {
                Err(Error::Borrowed)
            } else {
                self.act("return", |model| model.give_back(actor, loan))
            };
        }
        self.act("return", |model| model.give_back(actor, loan))
    }

    fn revoke(&mut self, actor: ProcessId, loan: LoanId) -> Result<(), Error> {
        self.act("revoke", |model| model.revoke(actor, loan))?;
        if self.is(Flaw::RevokesUnderPins) {
            let mut below: Vec<LoanId> = [loan].into();
            while let Some(id) = below.pop() {
                below.extend(self.model.children(id));
                self.model.loans.remove(&id);
            }
            self.model.settle();
        }
        Ok(())
    }

    fn expire(&mut self, now: Instant) {
        match self.flaw {
            Some(Flaw::ExpiresOneLate) => {
                self.model.expire(Instant::from_nanoseconds(now.nanoseconds().saturating_sub(1)));
            }
            Some(Flaw::ExpiresOneEarly) => self.model.expire(Instant::from_nanoseconds(now.nanoseconds() + 1)),
            Some(Flaw::NeverExpires) => {}
            _ => self.model.expire(now),
        }
        self.model.now = now;
    }

    fn pin(&mut self, actor: ProcessId, access: Access, extent: Extent, direction: Direction) -> Result<PinId, Error> {
        let pin = self.act("pin", |model| model.pin(actor, access, extent, direction))?;
        if self.is(Flaw::ForgetsWhoseAPinIs) {
            self.model.pins.get_mut(&pin).unwrap().loan = None;
        }
        Ok(pin)
    }

    fn unpin(&mut self, pin: PinId) {
        if self.is(Flaw::FinishesNothingAtUnpin) {
            self.model.pins.remove(&pin);
        } else {
            self.model.unpin(pin);
        }
    }

    fn view(&mut self, key: usize) -> View {
        let view = self.model.view(key);
        let hidden = view.holder.filter(|holder| self.model.loans[holder].ending);
        if self.is(Flaw::GivesKeysBackBeforeTheLastUnpin) && hidden.is_some() {
            return View { holder: None, ..view };
        }
        View { holder: view.holder.map(|holder| self.named(holder)), ..view }
    }

    fn account(&mut self, process: ProcessId) -> Option<Account> {
        let mut account = self.model.account(process)?;
        let ending = self.model.loans.values().any(|loan| loan.borrower == process && loan.ending);
        if self.is(Flaw::UnchargesAtTheEnd) && ending {
            account.loans -= 1;
        }
        Some(account)
    }

    fn loans(&mut self) -> Option<Vec<LoanFacts>> {
        let hidden = self.is(Flaw::NamesLoansTwice);
        (!hidden).then(|| self.model.loans().collect())
    }

    fn take_freed(&mut self) -> Option<Vec<usize>> {
        let freed = self.model.take_freed();
        Some(if self.is(Flaw::TellsNobodyWhatIsFreed) { Vec::new() } else { freed })
    }

    fn refuse_reservations(&mut self, refuses: bool) {
        self.model.refuse_reservations(refuses);
    }

    fn audit(&mut self) -> Result<(), String> {
        Ok(())
    }
}

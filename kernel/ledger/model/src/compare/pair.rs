//! The model and the ledger under test, side by side.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use steward_ledger::{Error, Extent, Instant, ProcessId, Terms};

use super::names::Names;
use super::statistics::Statistics;
use super::subject::Subject;
use crate::check::{Access, Checked, Refusal};
use crate::model::{Life, Model};
use crate::operation::{Offer, Operation, Step, Tag, Through, Who};
use crate::view::View;

/// The model and the ledger under test, after the same steps.
pub(crate) struct Pair<'a, S: Subject> {
    pub model: Model,
    pub names: Names,
    /// Every so many steps all that can be seen is compared.
    pub look: u32,
    subject: &'a mut S,
    pins: BTreeMap<Tag, S::Pin>,
}

/// Both answers, if they are alike.
fn both<M, O>(model: Checked<M>, other: Result<O, Error>) -> Result<Result<(M, O), Refusal>, String> {
    match (model, other) {
        (Ok(model), Ok(other)) => Ok(Ok((model, other))),
        (Err(refusal), Err(error)) if refusal.error() == error => Ok(Err(refusal)),
        (Ok(_), Err(error)) => Err(format!("must be done, but {error:?} is answered")),
        (Err(refusal), Ok(_)) => Err(format!("must answer {:?} ({}), but is done", refusal.error(), refusal.rule)),
        (Err(refusal), Err(error)) => {
            Err(format!("must answer {:?} ({}), but {error:?} is answered", refusal.error(), refusal.rule))
        }
    }
}

fn alike<T: PartialEq + Debug>(what: impl FnOnce() -> String, model: &T, other: &T) -> Result<(), String> {
    if model == other { Ok(()) } else { Err(format!("{} must be {model:?}, but is {other:?}", what())) }
}

impl<'a, S: Subject> Pair<'a, S> {
    pub fn new(model: Model, subject: &'a mut S) -> Self {
        Self { model, names: Names::default(), look: 1, subject, pins: BTreeMap::new() }
    }

    fn process(&self, who: Who) -> ProcessId {
        let latest = self.model.latest(who.slot).map_or(0, ProcessId::generation);
        ProcessId::from_parts(who.slot, latest.wrapping_add_signed(-i32::from(who.ago)))
    }

    fn terms(&self, offer: Offer) -> Terms {
        let at = |after: i8| self.model.now().nanoseconds().saturating_add_signed(i64::from(after));
        let deadline = offer.within.map(|after| Instant::from_nanoseconds(at(after)));
        Terms { kind: offer.kind, revocable: offer.revocable, deadline }
    }

    /// Does the same with both, and compares what they answer and what can be seen afterwards.
    pub fn step(&mut self, step: &Step, statistics: &mut Statistics) -> Result<(), String> {
        self.model.refuse_reservations(step.refuse);
        self.subject.refuse_reservations(step.refuse);
        let waiting = self.model.loans.values().filter(|loan| loan.ending).count();
        let estates = self.estates();
        let reborn = matches!(step.operation, Operation::Birth { slot, .. } if self.model.latest(slot).is_some());
        let outcome = self.operate(step).map_err(|what| format!("{} {what}", step.operation.name()))?;
        statistics.count(step.operation.name(), outcome.err());
        self.names.prune(&self.model);
        let now_waiting = self.model.loans.values().filter(|loan| loan.ending).count();
        statistics.waited += now_waiting.saturating_sub(waiting) as u64;
        statistics.estates += self.estates().saturating_sub(estates) as u64;
        statistics.rebirths += u64::from(reborn && outcome.is_ok());
        let deepest = self.model.loans.values().map(|loan| loan.depth).max();
        statistics.deepest = statistics.deepest.max(deepest.unwrap_or(0));
        let scattered = |keys: &Vec<_>| keys.len() > 1;
        statistics.scattered += u64::from(outcome.is_ok() && step.operation.keys().is_some_and(scattered));
        if step.tag.is_multiple_of(self.look) { self.observe() } else { Ok(()) }
    }

    fn estates(&self) -> usize {
        self.model.owners.values().filter(|owner| self.model.life(**owner) == Life::Dying).count()
    }

    fn operate(&mut self, step: &Step) -> Result<Result<(), Refusal>, String> {
        let plain = |model, other| both(model, other).map(|answers| answers.map(|_| ()));
        match &step.operation {
            Operation::Birth { slot, window, quota } => {
                let answers =
                    both(self.model.birth(*slot, *window, *quota), self.subject.birth(*slot, *window, *quota))?;
                answers.map_or_else(
                    |refusal| Ok(Err(refusal)),
                    |(model, other)| alike(|| "the process".into(), &model, &other).map(Ok),
                )
            }
            Operation::Die { process } => {
                let process = self.process(*process);
                plain(self.model.die(process), self.subject.die(process))
            }
            Operation::SetWindow { process, window } => {
                let process = self.process(*process);
                plain(self.model.set_window(process, *window), self.subject.set_window(process, *window))
            }
            Operation::SetQuota { process, quota } => {
                let process = self.process(*process);
                plain(self.model.set_quota(process, *quota), self.subject.set_quota(process, *quota))
            }
            Operation::Acquire { actor, keys } => {
                let actor = self.process(*actor);
                plain(self.model.acquire(actor, keys), self.subject.acquire(actor, keys))
            }
            Operation::Release { actor, keys } => {
                let actor = self.process(*actor);
                plain(self.model.release(actor, keys), self.subject.release(actor, keys))
            }
            Operation::Transfer { actor, to, keys } => {
                let (actor, to) = (self.process(*actor), self.process(*to));
                plain(self.model.transfer(actor, to, keys), self.subject.transfer(actor, to, keys))
            }
            Operation::Wait { nanoseconds } => {
                self.model.wait(u64::from(*nanoseconds));
                Ok(Ok(()))
            }
            Operation::Expire => {
                let now = self.model.now();
                self.model.expire(now);
                self.subject.expire(now);
                Ok(Ok(()))
            }
            operation => self.operate_on_loans(step.tag, operation),
        }
    }

    fn operate_on_loans(&mut self, tag: Tag, operation: &Operation) -> Result<Result<(), Refusal>, String> {
        let plain = |model, other| both(model, other).map(|answers| answers.map(|_| ()));
        let now = self.model.now();
        match operation {
            Operation::Lend { actor, to, keys, offer } => {
                let (actor, to, terms) = (self.process(*actor), self.process(*to), self.terms(*offer));
                let model = self.model.lend(actor, to, keys, terms);
                let answers = both(model, self.subject.lend(actor, to, keys, terms, now))?;
                answers
                    .map_or_else(|refusal| Ok(Err(refusal)), |(model, other)| self.names.add(tag, model, other).map(Ok))
            }
            Operation::Relend { actor, parent, to, keys, offer } => {
                let (actor, to, terms) = (self.process(*actor), self.process(*to), self.terms(*offer));
                let (of_model, of_other) = self.names.of(*parent);
                let model = self.model.relend(actor, of_model, to, keys, terms);
                let answers = both(model, self.subject.relend(actor, of_other, to, keys, terms, now))?;
                answers
                    .map_or_else(|refusal| Ok(Err(refusal)), |(model, other)| self.names.add(tag, model, other).map(Ok))
            }
            Operation::Return { actor, loan } => {
                let (actor, (of_model, of_other)) = (self.process(*actor), self.names.of(*loan));
                plain(self.model.give_back(actor, of_model), self.subject.give_back(actor, of_other))
            }
            Operation::Revoke { actor, loan } => {
                let (actor, (of_model, of_other)) = (self.process(*actor), self.names.of(*loan));
                plain(self.model.revoke(actor, of_model), self.subject.revoke(actor, of_other))
            }
            Operation::Pin { actor, through, extent, direction } => {
                let actor = self.process(*actor);
                let (by_model, by_other) = match through {
                    Through::Owned => (Access::Owned, Access::Owned),
                    Through::Loan(tag) => {
                        let (of_model, of_other) = self.names.of(*tag);
                        (Access::Loan(of_model), Access::Loan(of_other))
                    }
                };
                let model = self.model.pin(actor, by_model, *extent, *direction);
                let answers = both(model, self.subject.pin(actor, by_other, *extent, *direction))?;
                Ok(answers.map(|(model, other)| {
                    self.names.add_pin(tag, model);
                    self.pins.insert(tag, other);
                }))
            }
            Operation::Unpin { pin } => {
                if let Some((model, other)) = self.names.remove_pin(*pin).zip(self.pins.remove(pin)) {
                    self.model.unpin(model);
                    self.subject.unpin(other);
                }
                Ok(Ok(()))
            }
            _ => unreachable!("the others have been done"),
        }
    }

    /// Compares what can be seen of every key and of every process.
    fn observe(&mut self) -> Result<(), String> {
        let known = self.model.setup();
        let is_known = |key: &usize| known.spans.iter().chain(&known.known_others).any(|span| span.contains(*key));
        let owned = self.model.owners.keys().copied().filter(|key| !is_known(key));
        for key in known.keys().chain(owned) {
            let view = self.subject.view(key);
            let view = View { holder: view.holder.map(|holder| self.names.model(holder)), ..view };
            alike(|| format!("key {key}"), &self.model.view(key), &view)?;
        }
        let slots = self.model.setup().slots;
        for process in (0..slots).filter_map(|slot| self.model.latest(slot)) {
            let account = self.subject.account(process);
            alike(|| format!("the account of {process:?}"), &self.model.account(process), &account)?;
        }
        let freed = self.model.take_freed();
        if let Some(mut others) = self.subject.take_freed() {
            others.sort_unstable();
            alike(|| "what was freed".into(), &freed, &others)?;
        }
        Ok(())
    }

    /// Audits both, and compares their loans.
    pub fn audit(&mut self) -> Result<(), String> {
        self.model.check().map_err(|what| format!("the model itself: {what}"))?;
        self.subject.audit().map_err(|what| format!("audit: {what}"))?;
        let Some(mut loans) = self.subject.loans() else { return Ok(()) };
        for loan in &mut loans {
            loan.id = self.names.model(loan.id);
            loan.parent = loan.parent.map(|parent| self.names.model(parent));
        }
        loans.sort_unstable_by_key(|loan| loan.id);
        alike(|| "the loans".into(), &self.model.loans().collect(), &loans)
    }

    /// What to do next so that everything is given back; `None` when no operation is left.
    pub fn drain(&self) -> Option<Operation> {
        let kernel = Who { slot: ProcessId::KERNEL.slot(), ago: 0 };
        let unpin = || self.names.pins().next().map(|pin| Operation::Unpin { pin });
        let die = || {
            let mut live = self.model.processes().filter(|process| self.model.life(*process) == Life::Live);
            let next = live.find(|process| *process != ProcessId::KERNEL)?;
            Some(Operation::Die { process: Who { slot: next.slot(), ago: 0 } })
        };
        let give_back = || {
            let mut held = self.model.loans().filter(|loan| loan.borrower == ProcessId::KERNEL && !loan.ending);
            let loan = held.find_map(|loan| self.names.tag(loan.id))?;
            Some(Operation::Return { actor: kernel, loan })
        };
        let release = || {
            let mut owned = self.model.owners.iter().filter(|(_, owner)| **owner == ProcessId::KERNEL);
            let key = owned.next().map(|(key, _)| *key)?;
            Some(Operation::Release { actor: kernel, keys: [Extent::one(key)].into() })
        };
        unpin().or_else(die).or_else(give_back).or_else(release)
    }

    /// Whether nothing is owned, lent or alive.
    pub fn is_empty(&self) -> bool {
        let model = &self.model;
        model.owners.is_empty() && model.loans.is_empty() && model.pins.is_empty() && model.processes().count() == 1
    }

    /// Whether everything is gone after everything was given back.
    pub fn ended(&mut self) -> Result<(), String> {
        if !self.is_empty() {
            return Err("the model itself: everything was given back, and something is left".into());
        }
        self.observe()?;
        self.audit()
    }
}

//! What the model and the ledger under test call the same loan, and the same pin.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;

use steward_ledger::LoanId;

use crate::model::{Model, PinId};
use crate::operation::Tag;

/// Finished loans whose names are kept, for operations that come too late.
const KEPT: usize = 32;

/// No loan has this name.
const NOBODY: LoanId = LoanId::from_parts(u32::MAX, u32::MAX);

/// Names of loans and pins.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By step: the model's name, and the other ledger's.
    loans: BTreeMap<Tag, (LoanId, LoanId)>,
    finished: VecDeque<Tag>,
    /// By the model's name, unless the loan has finished.
    tags: BTreeMap<LoanId, Tag>,
    /// From the other ledger's name, unless the loan has finished.
    models: BTreeMap<LoanId, LoanId>,
    /// By index: the latest generation.
    generations: BTreeMap<u32, u32>,
    pins: BTreeMap<Tag, PinId>,
    pin_tags: BTreeMap<PinId, Tag>,
}

impl Names {
    /// Notes a new loan.
    ///
    /// # Errors
    /// When the other ledger's name is not new.
    pub fn add(&mut self, tag: Tag, model: LoanId, other: LoanId) -> Result<(), String> {
        let before = self.generations.insert(other.index(), other.generation());
        if before.is_some_and(|before| before >= other.generation()) {
            return Err(format!("{other:?} is a name that was used before"));
        }
        if self.models.keys().any(|name| name.index() == other.index()) {
            return Err(format!("{other:?} has the record of a loan that has not finished"));
        }
        self.loans.insert(tag, (model, other));
        self.tags.insert(model, tag);
        self.models.insert(other, model);
        Ok(())
    }

    /// Forgets loans that have finished, but for the latest.
    pub fn prune(&mut self, model: &Model) {
        let gone: alloc::vec::Vec<(LoanId, Tag)> =
            self.tags.iter().filter(|(id, _)| !model.loans.contains_key(id)).map(|(id, tag)| (*id, *tag)).collect();
        for (id, tag) in gone {
            self.tags.remove(&id);
            self.models.remove(&self.loans[&tag].1);
            self.finished.push_back(tag);
        }
        while self.finished.len() > KEPT {
            let oldest = self.finished.pop_front().expect("it is not empty");
            self.loans.remove(&oldest);
        }
    }

    /// The names of the loan of that step.
    pub fn of(&self, tag: Tag) -> (LoanId, LoanId) {
        self.loans.get(&tag).copied().unwrap_or((NOBODY, NOBODY))
    }

    /// The step that made the loan.
    pub fn tag(&self, model: LoanId) -> Option<Tag> {
        self.tags.get(&model).copied()
    }

    /// What the model calls a loan; the name itself, with the topmost bit, if that is none.
    pub fn model(&self, other: LoanId) -> LoanId {
        let unknown = LoanId::from_parts(other.index() | 1 << 31, other.generation());
        self.models.get(&other).copied().unwrap_or(unknown)
    }

    /// Steps that made loans which have finished.
    pub fn finished(&self) -> impl ExactSizeIterator<Item = Tag> + '_ {
        self.finished.iter().copied()
    }

    pub fn add_pin(&mut self, tag: Tag, pin: PinId) {
        self.pins.insert(tag, pin);
        self.pin_tags.insert(pin, tag);
    }

    pub fn remove_pin(&mut self, tag: Tag) -> Option<PinId> {
        let pin = self.pins.remove(&tag)?;
        self.pin_tags.remove(&pin);
        Some(pin)
    }

    /// The steps that made the pins there are.
    pub fn pins(&self) -> impl Iterator<Item = Tag> + '_ {
        self.pins.keys().copied()
    }
}

//! Keys that devices use.

use core::sync::atomic::Ordering::Relaxed;

use crate::{
    Account, Change, Direction, Effects, Entry, Error, Extent, Kind, Ledger, LoanId, Operation, ProcessId,
    key::Keys,
    loan::{Phase, Slots},
    range::{Claimable, Range, Rule},
    rules,
};

/// By what right a process lets a device use keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It owns them.
    Owned,
    /// It has borrowed them.
    Loan(LoanId),
}

/// A device uses these keys, and they stay what they are for it, until this is given to [`Ledger::unpin`]. Who loses
/// it keeps the keys pinned for ever.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the keys stay pinned until this is given back"]
pub struct Pin {
    process: ProcessId,
    access: Access,
    keys: Extent,
    direction: Direction,
}

impl Pin {
    /// Who pinned the keys.
    #[must_use]
    pub const fn process(&self) -> ProcessId {
        self.process
    }

    /// By what right.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> Extent {
        self.keys
    }

    /// What the device does.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }
}

impl Ledger<'_> {
    /// Lets a device use keys. What is pinned is neither released nor transferred, and a loan by which keys are pinned
    /// finishes only after that.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotOwner`] or [`Error::NotBorrowed`] without that access, [`Error::MutBorrowed`],
    /// [`Error::SharedBorrowed`], [`Error::NoMemory`].
    pub fn pin(
        &self,
        process: ProcessId,
        access: Access,
        keys: Extent,
        direction: Direction,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<Pin, Error> {
        self.touched.store(true, Relaxed);
        let extents = [keys];
        let (range, count) = self.table.range(&extents)?;
        let count = u64::from(count);
        let account = self.live(process)?;
        let pin = Pin { process, access, keys, direction };
        match access {
            Access::Owned => {
                self.pin_keys(
                    &pin,
                    account,
                    range,
                    move |_, word| rules::pin_owned(word, process.slot(), direction),
                    effects,
                )?;
                account.pinned.fetch_add(count, Relaxed);
            }
            Access::Loan(loan) => {
                let (_tree, slot) = self.lock_active(loan, effects).ok_or(Error::NotBorrowed)?;
                if slot.borrower() != process || !Keys::record(&self.pool, slot).contain(&[keys]) {
                    return Err(Error::NotBorrowed);
                }
                match slot.kind() {
                    Kind::Shared if direction == Direction::DeviceWrites => return Err(Error::SharedBorrowed),
                    Kind::Shared => self.pin_keys(
                        &pin,
                        account,
                        range,
                        move |_, word| rules::pin_of_shared(word, direction),
                        effects,
                    )?,
                    Kind::Mut => {
                        let holds = move |entry: &Entry| entry.holder() == loan.index();
                        let rule = move |entry: &Entry, word| rules::pin_of_mut(word, holds(entry), direction);
                        self.pin_keys(&pin, account, range, rule, effects)?;
                    }
                }
                // The tree is locked: nobody else counts here.
                slot.pins.store(slot.pins.load(Relaxed) + 1, Relaxed);
                slot.pinned.store(slot.pinned.load(Relaxed) + count, Relaxed);
            }
        }
        Ok(pin)
    }

    fn pin_keys(
        &self,
        pin: &Pin,
        account: &Account,
        range: Range<'_, '_, &[Extent]>,
        rule: impl Rule,
        effects: &mut (impl Effects + ?Sized),
    ) -> Result<(), Error> {
        let change = pin.change(Operation::Pin, range.keys());
        effects.reserve(&change)?;
        let seized = range.seize(rule, effects);
        self.confirm(seized, range, &change, &[(account, pin.process)], effects)?;
        range.settle((), move |entry, word| rule(entry, word).unwrap_or(word));
        Ok(())
    }

    /// The device is done. A loan that ended, and waited for this, finishes; a dead process's key that nobody else
    /// uses becomes free.
    pub fn unpin(&self, pin: Pin, effects: &mut (impl Effects + ?Sized)) {
        let count = pin.keys.count as u64;
        match pin.access {
            Access::Owned => {
                let owner = pin.process;
                let account = self.account(owner.slot());
                // Before the keys: an estate without keys makes way for the next process.
                account.pinned.fetch_sub(count, Relaxed);
                let is_dead = self.unpin_keys(&pin, effects);
                if is_dead {
                    self.sweep(owner, Keys::list(&[pin.keys]), effects);
                }
            }
            Access::Loan(loan) => {
                let mut tree = self.lock_tree(loan, || effects.relax()).expect("the loan of a pin waits for it");
                let slot = self.pool.slot(loan.index());
                self.unpin_keys(&pin, effects);
                slot.pins.store(slot.pins.load(Relaxed) - 1, Relaxed);
                slot.pinned.store(slot.pinned.load(Relaxed) - count, Relaxed);
                if slot.meta().phase() == Phase::Waiting {
                    self.finish_waiting(&mut tree, loan.index(), effects);
                }
            }
        }
    }

    /// Takes the pin from the keys. Whether who pinned them is dead.
    fn unpin_keys(&self, pin: &Pin, effects: &mut (impl Effects + ?Sized)) -> bool {
        let extents = [pin.keys];
        let range = Range::new(&self.table, extents.as_slice(), self.table.entries(pin.keys));
        let change = pin.change(Operation::Unpin, range.keys());
        range.seize_any(effects);
        let is_dead = self.live(pin.process).is_err();
        effects.apply(&change);
        let direction = pin.direction;
        range.settle((), move |_, word| rules::unpin(word, direction));
        is_dead
    }
}

impl Pin {
    fn change<'c>(&self, operation: Operation, keys: Keys<'c>) -> Change<'c> {
        let loan = match self.access {
            Access::Owned => None,
            Access::Loan(loan) => Some(loan),
        };
        let direction = Some(self.direction);
        Change { loan, direction, ..Change::of_keys(operation, keys, Some(self.process), None) }
    }
}

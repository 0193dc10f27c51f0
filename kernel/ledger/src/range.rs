//! Claiming and committing many keys as one.

use crate::{
    Effects, Entry, Error, Extent, Table, Word,
    key::Keys,
    loan::{LoanSlot, Slots},
};

/// Where a range has its keys from. Kept apart by type, so that the short way of a single extent stays short.
pub(crate) trait Source<'k>: Copy {
    fn keys(self) -> Keys<'k>;
}

impl<'k> Source<'k> for &'k [Extent] {
    #[inline(always)]
    fn keys(self) -> Keys<'k> {
        Keys::list(self)
    }
}

/// The keys of a loan.
#[derive(Clone, Copy)]
pub(crate) struct Record<'k> {
    pub slots: &'k dyn Slots,
    pub slot: &'k LoanSlot,
}

impl<'k> Source<'k> for Record<'k> {
    #[inline(always)]
    fn keys(self) -> Keys<'k> {
        Keys::record(self.slots, self.slot)
    }
}

/// What becomes of a key's word, or why not. Copied into loops, so that these keep what it needs in registers.
pub(crate) trait Rule: Fn(&Entry, Word) -> Result<Word, Error> + Copy {}

impl<F: Fn(&Entry, Word) -> Result<Word, Error> + Copy> Rule for F {}

/// What becomes of the word of a key that is claimed.
pub(crate) trait Next: Fn(&Entry, Word) -> Word + Copy {}

impl<F: Fn(&Entry, Word) -> Word + Copy> Next for F {}

/// Keys that are claimed and committed as one.
///
/// Keys are claimed in ascending order, whoever claims them, so nobody waits for somebody who waits for him.
pub(crate) trait Claimable<'k>: Copy {
    /// What is remembered from claim to commit.
    type Held: Copy;

    /// The keys.
    fn keys(self) -> Keys<'k>;

    /// Claims all keys, or none.
    fn seize(self, rule: impl Rule, effects: &mut (impl Effects + ?Sized)) -> Result<Self::Held, Error>;

    /// Commits what was seized, each key with the word that `next` makes of the one it has.
    fn settle(self, held: Self::Held, next: impl Next);

    /// Claims all keys, whatever they are.
    #[inline(always)]
    fn seize_any(self, effects: &mut (impl Effects + ?Sized)) -> Self::Held {
        self.seize(|_, word| Ok(word), effects).expect("what asks for nothing is refused nothing")
    }

    /// Gives back what was seized, as it was.
    #[inline(always)]
    fn unseize(self, held: Self::Held) {
        self.settle(held, |_, word| word);
    }
}

/// A single key, with its entry: the usual case. Its word stays in a register from claim to commit.
#[derive(Clone, Copy)]
pub(crate) struct One<'k, S> {
    pub entry: &'k Entry,
    pub source: S,
}

impl<'k, S: Source<'k>> Claimable<'k> for One<'k, S> {
    type Held = Word;

    #[inline(always)]
    fn keys(self) -> Keys<'k> {
        self.source.keys()
    }

    #[inline(always)]
    fn seize(self, rule: impl Rule, effects: &mut (impl Effects + ?Sized)) -> Result<Word, Error> {
        self.entry.seize(|word| rule(self.entry, word), || effects.relax())
    }

    #[inline(always)]
    fn settle(self, held: Word, next: impl Next) {
        self.entry.settle(next(self.entry, held));
    }
}

/// Keys of a table.
#[derive(Clone, Copy)]
pub(crate) struct Range<'k, 't, S> {
    table: &'k Table<'t>,
    source: S,
    /// Their entries, if the keys are a single extent of a span: most are.
    only: Option<&'k [Entry]>,
}

impl<'k, 't> Range<'k, 't, Record<'k>> {
    /// The keys of a loan.
    #[inline(always)]
    pub(crate) fn record(table: &'k Table<'t>, slots: &'k dyn Slots, slot: &'k LoanSlot) -> Self {
        let only = if slot.extent_count() == 1 { table.entries(slot.extent(0)) } else { None };
        Self::new(table, Record { slots, slot }, only)
    }
}

impl<'k, 't, S: Source<'k>> Range<'k, 't, S> {
    /// These keys, whose entries are `only`, unless they are more than one extent, or in no span.
    #[inline(always)]
    pub(crate) const fn new(table: &'k Table<'t>, source: S, only: Option<&'k [Entry]>) -> Self {
        Self { table, source, only }
    }
}

impl<'k, S: Source<'k>> Claimable<'k> for Range<'k, '_, S> {
    type Held = ();

    #[inline(always)]
    fn keys(self) -> Keys<'k> {
        self.source.keys()
    }

    #[inline(always)]
    fn seize(self, rule: impl Rule, effects: &mut (impl Effects + ?Sized)) -> Result<(), Error> {
        match self.only {
            Some(entries) => seize(entries, rule, effects),
            None => seize_extents(self.table, self.source, rule, effects),
        }
    }

    #[inline(always)]
    fn settle(self, (): (), next: impl Next) {
        match self.only {
            Some(entries) => settle(entries, next),
            None => settle_extents(self.table, self.source, next),
        }
    }
}

#[inline(never)]
fn seize_extents<'k>(
    table: &Table<'_>,
    source: impl Source<'k>,
    rule: impl Rule,
    effects: &mut (impl Effects + ?Sized),
) -> Result<(), Error> {
    for (number, extent) in source.keys().iter().enumerate() {
        let seized = match table.entries(extent) {
            Some(entries) => seize(entries, rule, effects),
            None => table.checked_others().seize(extent, rule, || effects.relax()),
        };
        if let Err(error) = seized {
            source.keys().iter().take(number).for_each(|extent| settle_extent(table, extent, |_, word| word));
            return Err(error);
        }
    }
    Ok(())
}

#[inline(never)]
fn settle_extents<'k>(table: &Table<'_>, source: impl Source<'k>, next: impl Next) {
    source.keys().iter().for_each(|extent| settle_extent(table, extent, next));
}

#[inline(always)]
fn settle_extent(table: &Table<'_>, extent: Extent, next: impl Next) {
    match table.entries(extent) {
        Some(entries) => settle(entries, next),
        None => table.checked_others().settle_all(extent, next),
    }
}

#[inline(always)]
fn seize(entries: &[Entry], rule: impl Rule, effects: &mut (impl Effects + ?Sized)) -> Result<(), Error> {
    if let [entry] = entries {
        return entry.seize(|word| rule(entry, word), || effects.relax()).map(drop);
    }
    seize_many(entries, rule, effects)
}

#[inline(never)]
fn seize_many(entries: &[Entry], rule: impl Rule, effects: &mut (impl Effects + ?Sized)) -> Result<(), Error> {
    for (number, entry) in entries.iter().enumerate() {
        if let Err(error) = entry.seize(|word| rule(entry, word), || effects.relax()) {
            settle(&entries[..number], |_, word| word);
            return Err(error);
        }
    }
    Ok(())
}

#[inline(always)]
fn settle(entries: &[Entry], next: impl Next) {
    if let [entry] = entries {
        return entry.settle(next(entry, entry.word()));
    }
    settle_many(entries, next);
}

#[inline(never)]
fn settle_many(entries: &[Entry], next: impl Next) {
    for entry in entries {
        entry.settle(next(entry, entry.word()));
    }
}

//! What the ledger knows of one key, in two words.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, atomic::Cell};

/// Most shared loans of one key.
pub const MOST_SHARED: u32 = (1 << SHARED_BITS) - 1;
/// Most pins of one key by which devices read.
pub const MOST_READS: u32 = (1 << READS_BITS) - 1;

const OWNER_BITS: u32 = 16;
const SHARED_BITS: u32 = 20;
const READS_BITS: u32 = 20;
const SHARED_SHIFT: u32 = OWNER_BITS;
const READS_SHIFT: u32 = SHARED_SHIFT + SHARED_BITS;
const WRITES: u64 = 1 << (READS_SHIFT + READS_BITS);
const LENT_MUT: u64 = WRITES << 1;
const BUSY: u64 = LENT_MUT << 1;

/// Of the second word, 32 bits name a loan and 12 belong to the key's own world. Audits count in the rest.
const TALLY_SHIFT: u32 = 44;
const _: () = assert!(u64::BITS - TALLY_SHIFT >= SHARED_BITS);

/// What may be done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It has no owner.
    Free,
    /// Its owner alone has it.
    Exclusive,
    /// Its owner and its borrowers may read.
    SharedOwned,
    /// A borrower alone has it, or has lent it on.
    MutLent,
}

/// The first word of an entry: owner, counts and flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word(u64);

impl Word {
    /// Slot of the owner; 0 for none.
    #[must_use]
    pub const fn owner(self) -> u16 {
        self.0 as u16
    }

    /// How many shared loans there are of the key.
    #[must_use]
    pub const fn shared(self) -> u32 {
        (self.0 >> SHARED_SHIFT) as u32 & MOST_SHARED
    }

    /// How many pins let devices read.
    #[must_use]
    pub const fn reads(self) -> u32 {
        (self.0 >> READS_SHIFT) as u32 & MOST_READS
    }

    /// Whether a pin lets a device write.
    #[must_use]
    pub const fn writes(self) -> bool {
        self.0 & WRITES != 0
    }

    /// Whether the key is lent mutably.
    #[must_use]
    pub const fn is_lent_mut(self) -> bool {
        self.0 & LENT_MUT != 0
    }

    /// Whether the key is lent or pinned.
    #[must_use]
    pub const fn is_in_use(self) -> bool {
        self.0 >> SHARED_SHIFT & !(BUSY >> SHARED_SHIFT) != 0
    }

    /// What may be done with the key, as its owner sees it.
    #[must_use]
    pub const fn state(self) -> State {
        if self.owner() == 0 {
            State::Free
        } else if self.is_lent_mut() {
            State::MutLent
        } else if self.shared() > 0 {
            State::SharedOwned
        } else {
            State::Exclusive
        }
    }

    /// The same with that owner.
    #[must_use]
    pub const fn with_owner(self, slot: u16) -> Self {
        Self(self.0 & !((1 << OWNER_BITS) - 1) | slot as u64)
    }

    /// The same with so many shared loans, at most [`MOST_SHARED`].
    #[must_use]
    pub const fn with_shared(self, count: u32) -> Self {
        debug_assert!(count <= MOST_SHARED);
        Self(self.0 & !((MOST_SHARED as u64) << SHARED_SHIFT) | (count as u64) << SHARED_SHIFT)
    }

    /// The same with one more shared loan; there are fewer than [`MOST_SHARED`].
    pub(crate) const fn with_more_shared(self) -> Self {
        debug_assert!(self.shared() < MOST_SHARED);
        Self(self.0 + (1 << SHARED_SHIFT))
    }

    /// The same with one shared loan less; there is one.
    pub(crate) const fn with_less_shared(self) -> Self {
        debug_assert!(self.shared() > 0);
        Self(self.0 - (1 << SHARED_SHIFT))
    }

    /// The same with so many pins that let devices read, at most [`MOST_READS`].
    #[must_use]
    pub const fn with_reads(self, count: u32) -> Self {
        debug_assert!(count <= MOST_READS);
        Self(self.0 & !((MOST_READS as u64) << READS_SHIFT) | (count as u64) << READS_SHIFT)
    }

    /// The same with or without a pin that lets a device write.
    #[must_use]
    pub const fn with_writes(self, writes: bool) -> Self {
        Self(if writes { self.0 | WRITES } else { self.0 & !WRITES })
    }

    /// The same, lent mutably or not.
    #[must_use]
    pub const fn with_lent_mut(self, lent: bool) -> Self {
        Self(if lent { self.0 | LENT_MUT } else { self.0 & !LENT_MUT })
    }

    const fn is_busy(self) -> bool {
        self.0 & BUSY != 0
    }

    /// What stands in the entry of a key that somebody has claimed, and that had this word.
    pub(crate) const fn claimed(self) -> u64 {
        self.0 | BUSY
    }

    /// What stands in the entry of a key that has this word, and that nobody has claimed.
    pub(crate) const fn settled(self) -> u64 {
        self.0
    }
}

/// What the ledger knows of one key.
///
/// # Invariants
/// While the first word is busy, only who made it so writes to either word.
#[derive(Debug, Default)]
#[repr(C, align(16))]
pub struct Entry {
    word: AtomicU64,
    /// From the lowest bit: index of the innermost mutable loan (32 bits), what the keys' own world notes (12 bits), and
    /// what an audit counts (20 bits).
    note: AtomicU64,
}

const _: () = assert!(size_of::<Entry>() == 16);

impl Entry {
    /// The entry of a key that nobody owns.
    #[must_use]
    pub const fn free() -> Self {
        Self { word: AtomicU64::new(0), note: AtomicU64::new(0) }
    }

    /// The first word as it is now, or was before somebody claimed it.
    #[must_use]
    pub fn word(&self) -> Word {
        Word(self.word.load(Ordering::Relaxed) & !BUSY)
    }

    /// Claims the key, if its word is right. Who finds it claimed calls `relax` and looks again.
    ///
    /// # Errors
    /// What `rule` answers; the key is then not claimed.
    pub fn claim<E>(&self, rule: impl Fn(Word) -> Result<(), E>, relax: impl FnMut()) -> Result<Claim<'_>, E> {
        let word = claim(&self.word, rule, relax)?;
        Ok(Claim { entry: self, word })
    }

    /// The same without a guard, for ranges: who calls this calls [`Entry::settle`] in the end. The word as it was.
    #[inline(always)]
    pub(crate) fn seize(&self, rule: impl Fn(Word) -> Result<Word, Error>, relax: impl FnMut()) -> Result<Word, Error> {
        claim(&self.word, |word| rule(word).map(drop), relax)
    }

    /// Ends what [`Entry::seize`] began.
    #[inline(always)]
    pub(crate) fn settle(&self, word: Word) {
        settle(&self.word, word);
    }

    /// The first word's own cell.
    #[inline(always)]
    pub(crate) const fn cell(&self) -> &AtomicU64 {
        &self.word
    }

    /// Forgets the second word, which was some other key's.
    #[inline(always)]
    pub(crate) fn clear_note(&self) {
        self.note.store(0, Ordering::Relaxed);
    }

    /// Whether the key may be of interest to who looks for those of `slot`: it is that process's, or somebody is at it.
    pub(crate) fn may_be_of(&self, slot: u16) -> bool {
        may_be_of(&self.word, slot)
    }

    /// Index of the innermost mutable loan. It means something while the key is lent mutably.
    pub(crate) fn holder(&self) -> u32 {
        self.note.load(Ordering::Relaxed) as u32
    }

    /// Sets the innermost mutable loan. Only who has claimed the key may.
    pub(crate) fn set_holder(&self, index: u32) {
        let rest = self.note.load(Ordering::Relaxed) & !u64::from(u32::MAX);
        self.note.store(rest | u64::from(index), Ordering::Relaxed);
    }

    /// What an audit counted here.
    pub(crate) fn tally(&self) -> u32 {
        (self.note.load(Ordering::Relaxed) >> TALLY_SHIFT) as u32
    }

    /// Notes what an audit counts. Only for audits, which nobody disturbs.
    pub(crate) fn set_tally(&self, tally: u32) {
        let rest = self.note.load(Ordering::Relaxed) & ((1 << TALLY_SHIFT) - 1);
        self.note.store(rest | u64::from(tally) << TALLY_SHIFT, Ordering::Relaxed);
    }
}

/// Claims the key whose word this is; the word as it was. What [`Entry::claim`] does, for any kind of cell.
#[inline(always)]
pub(crate) fn claim<E>(
    cell: &impl Cell,
    rule: impl Fn(Word) -> Result<(), E>,
    mut relax: impl FnMut(),
) -> Result<Word, E> {
    let mut word = Word(cell.load(Ordering::Relaxed));
    loop {
        if word.is_busy() {
            relax();
            word = Word(cell.load(Ordering::Relaxed));
            continue;
        }
        rule(word)?;
        // SeqCst: its acquiring half pairs with the Release in `settle`, so that the note belongs to the word. The
        // rest pairs with `Account::begin_dying`: who claims a key and then sees its process alive is seen by the
        // walk that follows the process's death (`Entry::may_be_of`).
        match cell.exchange(word.0, word.0 | BUSY, Ordering::SeqCst) {
            Ok(_) => return Ok(word),
            Err(now) => word = Word(now),
        }
    }
}

/// The word of a key, for who has the lock that [`claim_locked`] needs; `None` while somebody has claimed it.
#[inline(always)]
pub(crate) fn unclaimed(cell: &impl Cell) -> Option<Word> {
    // Acquire: pairs with the Release in `settle`, for which nobody needs that lock.
    let word = Word(cell.load(Ordering::Acquire));
    (!word.is_busy()).then_some(word)
}

/// Claims the key whose word this is, for who has a lock without which nobody does: so no exchange is needed. The word
/// as it was; `None` while somebody else has claimed it.
#[inline(always)]
pub(crate) fn claim_locked<E>(cell: &impl Cell, rule: impl FnOnce(Word) -> Result<(), E>) -> Result<Option<Word>, E> {
    let Some(word) = unclaimed(cell) else { return Ok(None) };
    rule(word)?;
    // Orders nothing: who has the lock next sees it, and nobody else asks.
    cell.store(word.0 | BUSY, Ordering::Relaxed);
    Ok(Some(word))
}

/// What [`Entry::may_be_of`] does, for any kind of cell.
pub(crate) fn may_be_of(cell: &impl Cell, slot: u16) -> bool {
    // SeqCst: pairs with the one in `claim`. Who says that a process dies, and then finds a key neither claimed nor
    // the process's, knows that whoever claims it later sees the death.
    let word = Word(cell.load(Ordering::SeqCst));
    word.is_busy() || word.owner() == slot
}

/// Gives a claimed key back with this word.
pub(crate) fn settle(cell: &impl Cell, word: Word) {
    // Release: pairs with the acquiring half of the exchange in `claim`.
    cell.store(word.0, Ordering::Release);
}

/// A key that nobody else changes until this is dropped. What is not committed stays as it was.
#[derive(Debug)]
#[must_use = "the key stays claimed until this is dropped or committed"]
pub struct Claim<'a> {
    entry: &'a Entry,
    word: Word,
}

impl Claim<'_> {
    /// The word as it was claimed.
    #[must_use]
    pub const fn word(&self) -> Word {
        self.word
    }

    /// The second word.
    #[must_use]
    pub fn note(&self) -> u64 {
        self.entry.note.load(Ordering::Relaxed)
    }

    /// Sets the second word, at once.
    pub fn set_note(&self, note: u64) {
        self.entry.note.store(note, Ordering::Relaxed);
    }

    /// Gives the key back with this word.
    pub fn commit(mut self, word: Word) {
        self.word = word;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        settle(&self.entry.word, self.word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_is_dropped_changes_nothing_and_one_that_is_committed_does() {
        let entry = Entry::free();
        let any = |_| Ok::<(), ()>(());
        drop(entry.claim(any, || unreachable!()).unwrap());
        assert_eq!(entry.word().state(), State::Free);
        let claim = entry.claim(any, || unreachable!()).unwrap();
        let word = claim.word().with_owner(7);
        claim.set_note(9);
        claim.commit(word);
        let claim = entry.claim(any, || unreachable!()).unwrap();
        assert_eq!((claim.word().owner(), claim.note(), claim.word().state()), (7, 9, State::Exclusive));
        assert_eq!(entry.word().owner(), 7, "it is seen while it is claimed");
    }

    #[test]
    fn each_part_of_a_word_stands_by_itself() {
        let full = Word::default()
            .with_owner(u16::MAX)
            .with_shared(MOST_SHARED)
            .with_reads(MOST_READS)
            .with_writes(true)
            .with_lent_mut(true);
        assert!(!full.is_busy() && full.is_in_use());
        assert_eq!(full.with_owner(0).owner(), 0);
        assert_eq!((full.with_shared(1).shared(), full.with_shared(1).reads()), (1, MOST_READS));
        assert_eq!((full.with_reads(1).reads(), full.with_reads(1).shared()), (1, MOST_SHARED));
        assert!(!full.with_writes(false).writes() && full.with_writes(false).is_lent_mut());
        assert!(!full.with_lent_mut(false).is_lent_mut() && full.with_lent_mut(false).writes());
        assert!(!Word::default().with_owner(u16::MAX).is_in_use());
        assert!(!Word(Word::default().with_owner(7).0 | BUSY).is_in_use(), "whoever is at it is no loan");
    }
}

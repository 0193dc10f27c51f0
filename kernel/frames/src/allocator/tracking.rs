//! Frames in the ledger's table: who owns them, and in the upper half of the second word, which is ours, what for.
//!
//! Each of these may find somebody at the frame, and calls `relax` until it is alone with it.

use core::convert::Infallible;

use steward_ledger::{Claim, Entry, Error, IN_TRANSIT, ProcessId, Word};

use crate::Use;

const ORDER_SHIFT: u32 = 32;
const USE_SHIFT: u32 = 36;
const FIELD: u64 = 0xf;

/// What taking and giving back need of an entry, so that a model checker can put its own in place of it.
pub(crate) trait Key {
    /// As [`Entry::claim`].
    fn seize<E>(&self, rule: impl Fn(Word) -> Result<(), E>, relax: impl FnMut()) -> Result<impl Seized, E>;
}

/// What they need of a [`Claim`].
pub(crate) trait Seized {
    fn word(&self) -> Word;
    fn note(&self) -> u64;
    fn set_note(&self, note: u64);
    fn commit(self, word: Word);
}

impl Key for Entry {
    #[inline]
    fn seize<E>(&self, rule: impl Fn(Word) -> Result<(), E>, relax: impl FnMut()) -> Result<impl Seized, E> {
        self.claim(rule, relax)
    }
}

impl Seized for Claim<'_> {
    #[inline]
    fn word(&self) -> Word {
        Self::word(self)
    }

    #[inline]
    fn note(&self) -> u64 {
        Self::note(self)
    }

    #[inline]
    fn set_note(&self, note: u64) {
        Self::set_note(self, note);
    }

    #[inline]
    fn commit(self, word: Word) {
        Self::commit(self, word);
    }
}

/// Whether frames can be owned by that process.
#[inline]
pub(crate) const fn is_somebody(process: ProcessId) -> bool {
    process.slot() != 0 && process.slot() != IN_TRANSIT
}

/// What stands in the use field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The frame did not come from here.
    None,
    /// What it was taken for.
    Of(Use),
    /// It is no frame to be had: the kernel's image, the boot loader's memory, and so on.
    Fixed,
}

/// What a frame holds, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Whatever its last owner left.
    Anything,
    /// Zeroes.
    Zeroes,
    /// The pattern of freed frames.
    Poison,
}

/// The allocator's part of a frame's second word: eight bits. Those of a taken frame are its purpose and its order. A free
/// frame has no purpose, and in place of the order stands what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note(u64);

impl Note {
    /// The note of a frame that is taken. `order` is the base-2 logarithm of the frames of its block, up to 9; a block
    /// of 1 GiB has 10, and frames of other runs have 0.
    pub(crate) const fn taken(usage: Use, order: u32) -> Self {
        Self((usage as u64 + 1) << USE_SHIFT | (order as u64) << ORDER_SHIFT)
    }

    pub(crate) const FIXED: Self = Self(FIELD << USE_SHIFT);

    /// The note of a free frame that holds that.
    pub(crate) const fn free(holds: Holds) -> Self {
        Self((holds as u64) << ORDER_SHIFT)
    }

    pub(crate) fn purpose(self) -> Purpose {
        match self.0 >> USE_SHIFT & FIELD {
            0 => Purpose::None,
            0xf => Purpose::Fixed,
            number => Use::ALL.get(number as usize - 1).map_or(Purpose::None, |&usage| Purpose::Of(usage)),
        }
    }

    #[cfg(test)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The order of a taken frame's block.
    pub(crate) const fn order(self) -> u32 {
        (self.0 >> ORDER_SHIFT & FIELD) as u32
    }

    /// What a free frame holds.
    pub(crate) fn holds(self) -> Holds {
        match (self.purpose(), self.order()) {
            (Purpose::None, 1) => Holds::Zeroes,
            (Purpose::None, 2) => Holds::Poison,
            _ => Holds::Anything,
        }
    }
}

const _: () = assert!(Use::ALL.len() < 0xf);

/// Makes a free frame `owner`'s. Gives the note that it had.
#[inline]
pub(crate) fn acquire(entry: &impl Key, owner: u16, note: Note, relax: impl FnMut()) -> Result<Note, Error> {
    let claim = entry.seize(is_free, relax)?;
    let before = Note(claim.note());
    claim.set_note(note.0);
    let word = claim.word().with_owner(owner);
    claim.commit(word);
    Ok(before)
}

/// Makes a frame of `giver`'s free, once `empty` has said with which note.
#[inline]
pub(crate) fn release(
    entry: &impl Key,
    giver: u16,
    empty: impl FnOnce() -> Note,
    relax: impl FnMut(),
) -> Result<(), Error> {
    let claim = entry.seize(|word| may_leave(word, giver), relax)?;
    if Note(claim.note()).purpose() == Purpose::Fixed {
        return Err(Error::NotOwner);
    }
    claim.set_note(empty().0);
    let word = claim.word().with_owner(0);
    claim.commit(word);
    Ok(())
}

fn is_free(word: Word) -> Result<(), Error> {
    if word.owner() == 0 { Ok(()) } else { Err(Error::AlreadyOwned) }
}

/// Whether `giver` could release the frame, as it looks now.
#[inline]
pub(crate) fn may_leave(word: Word, giver: u16) -> Result<(), Error> {
    if word.owner() != giver {
        Err(Error::NotOwner)
    } else if word.is_in_use() {
        Err(Error::Borrowed)
    } else {
        Ok(())
    }
}

/// Takes a frame of `giver`'s into transit: it belongs to nobody who could do anything with it, until it
/// [arrives](arrive), or [comes back](come_back).
pub(crate) fn depart(entry: &Entry, giver: u16, relax: impl FnMut()) -> Result<(), Error> {
    let claim = entry.claim(|word| may_leave(word, giver), relax)?;
    if Note(claim.note()).purpose() == Purpose::Fixed {
        return Err(Error::NotOwner);
    }
    let word = claim.word().with_owner(IN_TRANSIT);
    claim.commit(word);
    Ok(())
}

/// Gives a frame in transit back to who had it.
pub(crate) fn come_back(entry: &Entry, giver: u16, relax: impl FnMut()) {
    entry.claim(any, relax).unwrap_or_else(|never| match never {}).commit(Word::default().with_owner(giver));
}

/// Makes a frame in transit free.
pub(crate) fn arrive(entry: &Entry, empty: impl FnOnce() -> Note, relax: impl FnMut()) {
    set(entry, 0, empty(), relax);
}

/// Sets owner and note of a frame that is no longer, or not yet, anybody else's concern.
pub(crate) fn set(entry: &Entry, owner: u16, note: Note, relax: impl FnMut()) {
    let claim = entry.claim(any, relax).unwrap_or_else(|never| match never {});
    claim.set_note(note.0);
    claim.commit(Word::default().with_owner(owner));
}

/// The note of a frame as it is now, or was a moment ago.
pub(crate) fn note(entry: &Entry, relax: impl FnMut()) -> (Word, Note) {
    let claim = entry.claim(any, relax).unwrap_or_else(|never| match never {});
    (claim.word(), Note(claim.note()))
}

/// The rule that takes any word.
fn any(_: Word) -> Result<(), Infallible> {
    Ok(())
}

/// Empties a frame that the ledger has freed. Gives the note that it had; `None` when somebody owns it, or it is no frame to be
/// had, which then stays as it is.
pub(crate) fn freed(entry: &Entry, empty: impl FnOnce() -> Note, relax: impl FnMut()) -> Option<Note> {
    let claim = entry.claim(is_free, relax).ok()?;
    let note = Note(claim.note());
    if note.purpose() == Purpose::Fixed {
        return None;
    }
    claim.set_note(empty().0);
    Some(note)
}

/// Fills a free frame, unless it holds that already. Nobody can take it meanwhile. False when it was left as it is.
pub(crate) fn refill(entry: &Entry, holds: Holds, fill: impl FnOnce(), relax: impl FnMut()) -> bool {
    let Ok(claim) = entry.claim(is_free, relax) else { return false };
    let note = Note(claim.note());
    if note.purpose() != Purpose::None || note.holds() == holds {
        return false;
    }
    fill();
    claim.set_note(Note::free(holds).0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: u16 = 5;
    const KERNEL: u16 = ProcessId::KERNEL.slot();

    /// Nobody else is at the entries of these tests.
    fn alone() {
        unreachable!("somebody is at the frame")
    }

    #[test]
    fn a_frame_that_somebody_owns_is_not_acquired_and_stays_as_it_is() {
        let entry = Entry::free();
        set(&entry, 0, Note::free(Holds::Zeroes), alone);
        assert_eq!(acquire(&entry, ONE, Note::taken(Use::User, 3), alone), Ok(Note::free(Holds::Zeroes)));
        for owner in [ONE, 6, KERNEL] {
            assert_eq!(acquire(&entry, owner, Note::taken(Use::Heap, 0), alone), Err(Error::AlreadyOwned));
            let (word, found) = note(&entry, alone);
            assert_eq!((word.owner(), found), (ONE, Note::taken(Use::User, 3)));
        }
    }

    #[test]
    fn what_is_noted_is_read_again() {
        for usage in Use::ALL {
            for order in 0..=10 {
                let note = Note::taken(usage, order);
                assert_eq!((note.purpose(), note.order(), note.holds()), (Purpose::Of(usage), order, Holds::Anything));
            }
        }
        for holds in [Holds::Anything, Holds::Zeroes, Holds::Poison] {
            assert_eq!((Note::free(holds).purpose(), Note::free(holds).holds()), (Purpose::None, holds));
        }
        assert_eq!(Note::FIXED.purpose(), Purpose::Fixed);
    }

    #[test]
    fn a_frame_in_transit_is_nobodys_to_take_or_give() {
        let entry = Entry::free();
        let before = Note::taken(Use::User, 9);
        set(&entry, ONE, before, alone);
        depart(&entry, ONE, alone).unwrap();
        let empty = || unreachable!("it is not freed");
        for giver in [ONE, KERNEL] {
            assert_eq!(release(&entry, giver, empty, alone), Err(Error::NotOwner));
            assert_eq!(depart(&entry, giver, alone), Err(Error::NotOwner));
        }
        assert_eq!(acquire(&entry, 6, before, alone), Err(Error::AlreadyOwned));
        assert_eq!((freed(&entry, empty, alone), refill(&entry, Holds::Zeroes, || {}, alone)), (None, false));
        come_back(&entry, ONE, alone);
        let (word, found) = note(&entry, alone);
        assert_eq!((word.owner(), found), (ONE, before), "it is as it was");
        depart(&entry, ONE, alone).unwrap();
        arrive(&entry, || Note::free(Holds::Poison), alone);
        assert_eq!(note(&entry, alone), (Word::default(), Note::free(Holds::Poison)));
    }

    #[test]
    fn nobody_can_act_as_the_owner_of_frames_in_transit() {
        assert!(is_somebody(ProcessId::KERNEL) && is_somebody(ProcessId::from_parts(ONE, 3)));
        assert!(!is_somebody(ProcessId::from_parts(0, 0)) && !is_somebody(ProcessId::from_parts(IN_TRANSIT, 0)));
    }

    #[test]
    fn frames_leave_unless_they_are_fixed_or_in_use() {
        let entry = Entry::free();
        let free = || Note::free(Holds::Anything);
        for (note, may_leave) in [(Note::FIXED, false), (Note::taken(Use::Heap, 0), true), (free(), true)] {
            let expected = if may_leave { Ok(()) } else { Err(Error::NotOwner) };
            set(&entry, KERNEL, note, alone);
            assert_eq!(depart(&entry, KERNEL, alone), expected);
            set(&entry, KERNEL, note, alone);
            assert_eq!(release(&entry, KERNEL, free, alone), expected);
        }
        for word in [Word::default().with_shared(1), Word::default().with_reads(1), Word::default().with_writes(true)] {
            assert_eq!(may_leave(word.with_owner(ONE), ONE), Err(Error::Borrowed));
            assert_eq!(may_leave(word.with_owner(ONE), 6), Err(Error::NotOwner));
        }
    }

    #[test]
    fn what_the_ledger_freed_is_emptied_and_only_free_frames_are_filled() {
        let entry = Entry::free();
        let empty = || Note::free(Holds::Poison);
        let fill = || unreachable!("it is not filled");
        set(&entry, ONE, Note::taken(Use::User, 0), alone);
        assert_eq!((freed(&entry, empty, alone), refill(&entry, Holds::Zeroes, fill, alone)), (None, false));
        set(&entry, 0, Note::taken(Use::User, 0), alone);
        assert!(!refill(&entry, Holds::Zeroes, fill, alone), "it is not known to be free here");
        assert_eq!(freed(&entry, empty, alone), Some(Note::taken(Use::User, 0)));
        assert_eq!(note(&entry, alone).1, empty());
        assert!(refill(&entry, Holds::Zeroes, || {}, alone));
        assert!(!refill(&entry, Holds::Zeroes, || unreachable!("it holds them"), alone));
        assert_eq!(note(&entry, alone).1.holds(), Holds::Zeroes);
        // One that was acquired and given up without the allocator: what it holds is not known.
        assert_eq!(freed(&entry, empty, alone), Some(Note::free(Holds::Zeroes)));
        assert_eq!(note(&entry, alone).1.holds(), Holds::Poison);
    }
}

//! Frames in the ledger's table: who owns them, and in the upper half of the second word, which is ours, what for.

use core::hint::spin_loop;

use steward_ledger::{Claim, Entry, Error, ProcessId, Word};

use crate::Use;

const ORDER_SHIFT: u32 = 32;
const USE_SHIFT: u32 = 36;
const FIELD: u64 = 0xf;

/// While a frame is in transit, its eight bits stand here. Only audits use these, and nothing is in transit during one.
const TRANSIT_SHIFT: u32 = 40;

/// What taking and giving back need of an entry, so that a model checker can put its own in place of it.
pub(crate) trait Key {
    /// As [`Entry::claim`].
    fn seize<E>(&self, rule: impl Fn(Word) -> Result<(), E>) -> Result<impl Seized, E>;
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
    fn seize<E>(&self, rule: impl Fn(Word) -> Result<(), E>) -> Result<impl Seized, E> {
        self.claim(rule, spin_loop)
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
    process.slot() != 0
}

/// What stands in the use field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The frame did not come from here.
    None,
    /// What it was taken for.
    Of(Use),
    /// It was taken early in the boot; its token alone knows what for.
    Unlisted,
    /// It is being given back as part of a run, and is the kernel's for that moment.
    Transit,
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

    pub(crate) const UNLISTED: Self = Self(0xe << USE_SHIFT);
    pub(crate) const FIXED: Self = Self(FIELD << USE_SHIFT);

    /// The note of a free frame that holds that.
    pub(crate) const fn free(holds: Holds) -> Self {
        Self((holds as u64) << ORDER_SHIFT)
    }

    pub(crate) fn purpose(self) -> Purpose {
        match self.0 >> USE_SHIFT & FIELD {
            0 => Purpose::None,
            0xd => Purpose::Transit,
            0xe => Purpose::Unlisted,
            0xf => Purpose::Fixed,
            number => Use::ALL.get(number as usize - 1).map_or(Purpose::None, |&usage| Purpose::Of(usage)),
        }
    }

    #[cfg(test)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    fn may_leave(self, has_token: bool) -> bool {
        match self.purpose() {
            Purpose::Fixed | Purpose::Transit => false,
            Purpose::Unlisted => has_token,
            Purpose::None | Purpose::Of(_) => true,
        }
    }

    const fn in_transit(self) -> Self {
        Self(0xd << USE_SHIFT | (self.0 >> ORDER_SHIFT & 0xff) << TRANSIT_SHIFT)
    }

    const fn before_transit(self) -> Self {
        Self((self.0 >> TRANSIT_SHIFT & 0xff) << ORDER_SHIFT)
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

const _: () = assert!(Use::ALL.len() < 0xd);

/// Makes a free frame `owner`'s. Gives the note that it had.
#[inline]
pub(crate) fn acquire(entry: &impl Key, owner: u16, note: Note) -> Result<Note, Error> {
    let is_free = |word: Word| if word.owner() == 0 { Ok(()) } else { Err(Error::AlreadyOwned) };
    let claim = entry.seize(is_free)?;
    let before = Note(claim.note());
    claim.set_note(note.0);
    let word = claim.word().with_owner(owner);
    claim.commit(word);
    Ok(before)
}

/// Makes a frame of `giver`'s free, once `empty` has said with which note. Gives the note that it had. Frames that were
/// taken early and are not listed leave only with a token, which `has_token` says is there.
#[inline]
pub(crate) fn release(
    entry: &impl Key,
    giver: u16,
    has_token: bool,
    empty: impl FnOnce() -> Note,
) -> Result<Note, Error> {
    let claim = entry.seize(|word| may_leave(word, giver))?;
    let note = Note(claim.note());
    if !note.may_leave(has_token) {
        return Err(Error::NotOwner);
    }
    claim.set_note(empty().0);
    let word = claim.word().with_owner(0);
    claim.commit(word);
    Ok(note)
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

/// Takes a frame of `giver`'s into transit: nobody can do anything with it until it arrives, or comes back.
pub(crate) fn depart(entry: &Entry, giver: ProcessId, has_token: bool) -> Result<(), Error> {
    let claim = entry.claim(|word| may_leave(word, giver.slot()), spin_loop)?;
    let note = Note(claim.note());
    if !note.may_leave(has_token) {
        return Err(Error::NotOwner);
    }
    claim.set_note(note.in_transit().0);
    let word = claim.word().with_owner(ProcessId::KERNEL.slot());
    claim.commit(word);
    Ok(())
}

/// Gives a frame in transit back to who had it.
pub(crate) fn come_back(entry: &Entry, giver: ProcessId) {
    set(entry, giver.slot(), note(entry).1.before_transit());
}

/// Makes a frame in transit free. Gives the note that it had.
pub(crate) fn arrive(entry: &Entry, empty: impl FnOnce() -> Note) -> Note {
    let before = note(entry).1.before_transit();
    set(entry, 0, empty());
    before
}

/// Sets owner and note of a frame that is no longer, or not yet, anybody else's concern.
pub(crate) fn set(entry: &Entry, owner: u16, note: Note) {
    let claim = entry.claim(|_| Ok::<(), Error>(()), spin_loop).expect("the rule takes any word");
    claim.set_note(note.0);
    claim.commit(Word::default().with_owner(owner));
}

/// The note of a frame as it is now, or was a moment ago.
pub(crate) fn note(entry: &Entry) -> (Word, Note) {
    let claim = entry.claim(|_| Ok::<(), Error>(()), spin_loop).expect("the rule takes any word");
    (claim.word(), Note(claim.note()))
}

/// Takes the purpose off a frame that the ledger has freed. `None` when somebody owns it, or it has none.
pub(crate) fn freed(entry: &Entry, empty: impl FnOnce() -> Note) -> Option<Note> {
    let is_free = |word: Word| if word.owner() == 0 { Ok(()) } else { Err(Error::AlreadyOwned) };
    let claim = entry.claim(is_free, spin_loop).ok()?;
    let note = Note(claim.note());
    if note.purpose() == Purpose::None {
        return None;
    }
    claim.set_note(empty().0);
    Some(note)
}

/// Fills a free frame, unless it holds that already. Nobody can take it meanwhile. False when it was left as it is.
pub(crate) fn refill(entry: &Entry, holds: Holds, fill: impl FnOnce()) -> bool {
    let is_free = |word: Word| if word.owner() == 0 { Ok(()) } else { Err(Error::AlreadyOwned) };
    let Ok(claim) = entry.claim(is_free, spin_loop) else { return false };
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

    const ONE: ProcessId = ProcessId::from_parts(5, 0);

    #[test]
    fn a_frame_that_somebody_owns_is_not_acquired_and_stays_as_it_is() {
        let entry = Entry::free();
        set(&entry, 0, Note::free(Holds::Zeroes));
        assert_eq!(acquire(&entry, 5, Note::taken(Use::User, 3)), Ok(Note::free(Holds::Zeroes)));
        for owner in [5, 6, ProcessId::KERNEL.slot()] {
            assert_eq!(acquire(&entry, owner, Note::taken(Use::Heap, 0)), Err(Error::AlreadyOwned));
            let (word, found) = note(&entry);
            assert_eq!((word.owner(), found), (5, Note::taken(Use::User, 3)));
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
        assert_eq!((Note::UNLISTED.purpose(), Note::FIXED.purpose()), (Purpose::Unlisted, Purpose::Fixed));
    }

    #[test]
    fn a_frame_in_transit_is_nobodys_to_take_or_give() {
        let (entry, kernel) = (Entry::free(), ProcessId::KERNEL);
        let before = Note::taken(Use::User, 9);
        set(&entry, ONE.slot(), before);
        depart(&entry, ONE, true).unwrap();
        let (word, transit) = note(&entry);
        assert_eq!((word.owner(), transit.purpose()), (kernel.slot(), Purpose::Transit));
        let empty = || unreachable!("it is not freed");
        assert_eq!(release(&entry, kernel.slot(), true, empty), Err(Error::NotOwner));
        assert_eq!(depart(&entry, kernel, true), Err(Error::NotOwner));
        assert_eq!(acquire(&entry, 6, before), Err(Error::AlreadyOwned));
        assert_eq!((freed(&entry, empty), refill(&entry, Holds::Zeroes, || {})), (None, false));
        come_back(&entry, ONE);
        assert_eq!((note(&entry).0.owner(), note(&entry).1), (ONE.slot(), before));
        depart(&entry, ONE, true).unwrap();
        assert_eq!(arrive(&entry, || Note::free(Holds::Poison)), before);
        assert_eq!((note(&entry).0, note(&entry).1), (Word::default(), Note::free(Holds::Poison)));
    }

    #[test]
    fn frames_leave_as_their_notes_allow() {
        let (entry, kernel) = (Entry::free(), ProcessId::KERNEL);
        let free = || Note::free(Holds::Anything);
        for (note, has_token, may_leave) in [
            (Note::FIXED, true, false),
            (Note::UNLISTED, false, false),
            (Note::UNLISTED, true, true),
            (Note::taken(Use::Heap, 0), false, true),
        ] {
            set(&entry, kernel.slot(), note);
            assert_eq!(depart(&entry, kernel, has_token).is_ok(), may_leave);
            set(&entry, kernel.slot(), note);
            assert_eq!(
                release(&entry, kernel.slot(), has_token, free),
                Some(note).filter(|_| may_leave).ok_or(Error::NotOwner)
            );
        }
        for word in [Word::default().with_shared(1), Word::default().with_reads(1), Word::default().with_writes(true)] {
            assert_eq!(may_leave(word.with_owner(5), 5), Err(Error::Borrowed));
            assert_eq!(may_leave(word.with_owner(5), 6), Err(Error::NotOwner));
        }
    }

    #[test]
    fn only_what_the_ledger_freed_loses_its_purpose_and_only_free_frames_are_filled() {
        let entry = Entry::free();
        let empty = || Note::free(Holds::Poison);
        set(&entry, 5, Note::taken(Use::User, 0));
        assert_eq!((freed(&entry, empty), refill(&entry, Holds::Zeroes, || unreachable!())), (None, false));
        set(&entry, 0, Note::taken(Use::User, 0));
        assert!(!refill(&entry, Holds::Zeroes, || unreachable!()), "it is not known to be free here");
        assert_eq!(freed(&entry, empty), Some(Note::taken(Use::User, 0)));
        assert_eq!((freed(&entry, || unreachable!()), note(&entry).1), (None, empty()));
        assert!(refill(&entry, Holds::Zeroes, || {}));
        assert!(!refill(&entry, Holds::Zeroes, || unreachable!("it holds them")));
        assert_eq!(note(&entry).1.holds(), Holds::Zeroes);
    }
}

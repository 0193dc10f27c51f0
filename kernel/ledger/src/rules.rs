//! What each operation does to the word of one key, or why it refuses.
//!
//! Each rule gives the word after the operation. Ranges use it twice: to ask whether the key may be claimed, and, when
//! all are, for what to commit. That all of them together do what the table of transitions says is tested for every
//! operation, role and state.

use crate::{Direction, Error, Kind, MOST_READS, MOST_SHARED, Word};

/// Somebody takes a key that has no owner.
#[inline(always)]
pub const fn acquire(word: Word, slot: u16) -> Result<Word, Error> {
    if word.owner() != 0 {
        return Err(Error::AlreadyOwned);
    }
    Ok(word.with_owner(slot))
}

/// The owner gives the key up; `to` has it then, nobody if that is 0.
#[inline(always)]
pub const fn pass_on(word: Word, slot: u16, to: u16) -> Result<Word, Error> {
    if word.owner() != slot {
        return Err(Error::NotOwner);
    }
    if word.is_in_use() {
        return Err(Error::Borrowed);
    }
    Ok(word.with_owner(to))
}

/// The owner lends the key.
#[inline(always)]
pub const fn lend(word: Word, slot: u16, kind: Kind) -> Result<Word, Error> {
    if word.owner() != slot {
        return Err(Error::NotOwner);
    }
    if word.is_lent_mut() {
        return Err(Error::MutBorrowed);
    }
    lend_from_above(word, kind)
}

/// The borrower of a mutable loan lends the key on. `holds`: the loan is the innermost.
#[inline(always)]
pub const fn relend_of_mut(word: Word, holds: bool, kind: Kind) -> Result<Word, Error> {
    if !holds {
        return Err(Error::MutBorrowed);
    }
    lend_from_above(word, kind)
}

/// The borrower of a shared loan lends the key on, which can only be shared.
#[inline(always)]
pub const fn relend_of_shared(word: Word) -> Result<Word, Error> {
    lend_shared(word)
}

#[inline(always)]
const fn lend_from_above(word: Word, kind: Kind) -> Result<Word, Error> {
    if word.writes() {
        return Err(Error::MutBorrowed);
    }
    match kind {
        Kind::Shared => lend_shared(word),
        Kind::Mut if word.shared() > 0 || word.reads() > 0 => Err(Error::SharedBorrowed),
        Kind::Mut => Ok(word.with_lent_mut(true)),
    }
}

#[inline(always)]
const fn lend_shared(word: Word) -> Result<Word, Error> {
    if word.shared() == MOST_SHARED {
        return Err(Error::NoMemory);
    }
    Ok(word.with_more_shared())
}

/// A shared loan of the key ends.
#[inline(always)]
pub const fn end_shared(word: Word) -> Word {
    word.with_less_shared()
}

/// The innermost mutable loan of the key ends. `nested`: there is another above it, which has the key again.
#[inline(always)]
pub const fn end_mut(word: Word, nested: bool) -> Word {
    word.with_lent_mut(nested)
}

/// The owner pins the key for a device.
#[inline(always)]
pub const fn pin_owned(word: Word, slot: u16, direction: Direction) -> Result<Word, Error> {
    if word.owner() != slot {
        return Err(Error::NotOwner);
    }
    if word.is_lent_mut() {
        return Err(Error::MutBorrowed);
    }
    pin_from_above(word, direction)
}

/// The borrower of a mutable loan pins the key. `holds`: the loan is the innermost.
#[inline(always)]
pub const fn pin_of_mut(word: Word, holds: bool, direction: Direction) -> Result<Word, Error> {
    if !holds {
        return Err(Error::MutBorrowed);
    }
    pin_from_above(word, direction)
}

/// The borrower of a shared loan pins the key.
#[inline(always)]
pub const fn pin_of_shared(word: Word, direction: Direction) -> Result<Word, Error> {
    match direction {
        Direction::DeviceWrites => Err(Error::SharedBorrowed),
        Direction::DeviceReads => pin_reads(word),
    }
}

#[inline(always)]
const fn pin_from_above(word: Word, direction: Direction) -> Result<Word, Error> {
    if word.writes() {
        return Err(Error::MutBorrowed);
    }
    match direction {
        Direction::DeviceReads => pin_reads(word),
        Direction::DeviceWrites if word.shared() > 0 || word.reads() > 0 => Err(Error::SharedBorrowed),
        Direction::DeviceWrites => Ok(word.with_writes(true)),
    }
}

#[inline(always)]
const fn pin_reads(word: Word) -> Result<Word, Error> {
    if word.reads() == MOST_READS {
        return Err(Error::NoMemory);
    }
    Ok(word.with_reads(word.reads() + 1))
}

/// A device is done with the key.
#[inline(always)]
pub const fn unpin(word: Word, direction: Direction) -> Word {
    match direction {
        Direction::DeviceReads => word.with_reads(word.reads() - 1),
        Direction::DeviceWrites => word.with_writes(false),
    }
}

//! The operations, for frames and for other keys alike.

use steward_ledger::{Effects, Error, Extent, Kind, Ledger, Terms};

use crate::{
    host::host,
    process::{Proc, find},
};

/// Bytes of a page, which is a frame of memory.
const PAGE: u64 = 4096;
/// The first address that is no process's: the lower half of what 48 bits address.
const USER_END: u64 = 1 << 47;

/// Which ledger is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    Frames,
    Keys,
}

/// Has `act` done with a ledger.
pub(crate) fn ask<R>(world: World, act: impl FnOnce(&Ledger<'static>, &mut dyn Effects) -> R) -> Result<R, Error> {
    let host = host()?;
    let mut act = Some(act);
    let mut result = None;
    let mut once = |ledger: &Ledger<'static>, effects: &mut dyn Effects| {
        result = act.take().map(|act| act(ledger, effects));
    };
    match world {
        World::Frames => host.with_frames(&mut once),
        World::Keys => host.with_keys(&mut once),
    }
    result.ok_or(Error::Invalid)
}

/// The number of the frame at a physical address.
///
/// # Errors
/// [`Error::Invalid`] unless a page begins there. Whether there is memory is for the ledger to say.
pub(crate) fn frame(pa: usize) -> Result<usize, Error> {
    if (pa as u64).is_multiple_of(PAGE) { Ok(pa / PAGE as usize) } else { Err(Error::Invalid) }
}

/// Whether a page of a process can be at that virtual address.
///
/// # Errors
/// [`Error::Invalid`] if not.
pub(crate) fn user_page(va: u64) -> Result<(), Error> {
    if va < USER_END && va.is_multiple_of(PAGE) { Ok(()) } else { Err(Error::Invalid) }
}

/// A process takes a frame that nobody owns.
pub(crate) fn take_frame(process: *const Proc, frame: usize) -> Result<(), Error> {
    let process = find(World::Frames, process)?;
    host()?.take_frame(frame, process)
}

/// A process takes a key that nobody owns.
pub(crate) fn take_key(process: *const Proc, key: usize) -> Result<(), Error> {
    let process = find(World::Keys, process)?;
    ask(World::Keys, |ledger, effects| ledger.acquire(process, &[Extent::one(key)], effects))?
}

pub(crate) fn release(world: World, process: *const Proc, key: usize) -> Result<(), Error> {
    let process = find(world, process)?;
    ask(world, |ledger, effects| ledger.release(process, &[Extent::one(key)], effects))?
}

pub(crate) fn transfer(world: World, from: *const Proc, to: *const Proc, key: usize) -> Result<(), Error> {
    let (from, to) = (find(world, from)?, find(world, to)?);
    ask(world, |ledger, effects| ledger.transfer(from, to, &[Extent::one(key)], effects))?
}

/// The owner lends a key, firmly and without a deadline.
pub(crate) fn lend(
    world: World,
    owner: *const Proc,
    borrower: *const Proc,
    key: usize,
    kind: Kind,
) -> Result<(), Error> {
    let (owner, borrower) = (find(world, owner)?, find(world, borrower)?);
    let terms = Terms::firm(kind);
    ask(world, |ledger, effects| ledger.lend(owner, borrower, &[Extent::one(key)], terms, effects))?.map(drop)
}

/// A borrower gives back the newest of its loans of that key and kind.
pub(crate) fn give_back(world: World, borrower: *const Proc, key: usize, kind: Kind) -> Result<(), Error> {
    let borrower = find(world, borrower)?;
    ask(world, |ledger, effects| {
        loop {
            let loan = ledger.newest_loan(borrower, key, kind)?;
            match ledger.give_back(borrower, loan, effects) {
                // It was found active, and somebody has ended it since: the next one then.
                Err(Error::NotBorrowed) => {}
                done => return done,
            }
        }
    })?
}

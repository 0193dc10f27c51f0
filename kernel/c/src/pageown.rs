//! Pages: frames of the machine's memory, by their physical addresses.

use core::ffi::c_int;

use steward_ledger::{Error, Kind};

use crate::{
    code::code,
    process::Proc,
    snapshot::{self, PageOwner},
    world::{self, World, frame, user_page},
};

/// A process becomes the owner of the page at physical address `pa`, which nobody owns, and which holds zeroes then.
/// Nothing is mapped. `va` is where the process is to see the page: it is checked to be a multiple of 4096 below 2⁴⁷, and
/// not kept.
///
/// Answers: EINVAL, ENOMEM, EALREADY.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_acquire(process: *mut Proc, pa: usize, va: u64) -> c_int {
    code(user_page(va).and_then(|()| world::take_frame(process, frame(pa)?)))
}

/// The owner gives a page up.
///
/// Answers: EINVAL, ENOTOWNER, EBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_release(process: *mut Proc, pa: usize) -> c_int {
    code(frame(pa).and_then(|frame| world::release(World::Frames, process, frame)))
}

/// The owner makes another process the owner of a page. `new_va` is as `va` in `pageown_acquire`.
///
/// Answers: EINVAL, ENOMEM, ENOTOWNER, EBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_transfer(from: *mut Proc, to: *mut Proc, pa: usize, new_va: u64) -> c_int {
    code(user_page(new_va).and_then(|()| world::transfer(World::Frames, from, to, frame(pa)?)))
}

/// The owner lends a page for reading; it and others may read it meanwhile. One borrower may have several such loans.
/// `va` is as in `pageown_acquire`.
///
/// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_borrow_shared(owner: *mut Proc, borrower: *mut Proc, pa: usize, va: u64) -> c_int {
    code(lend(owner, borrower, pa, va, Kind::Shared))
}

/// The owner lends a page for writing; nobody else has access meanwhile. `va` is as in `pageown_acquire`.
///
/// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW, ESHAREDBORROW.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_borrow_mut(owner: *mut Proc, borrower: *mut Proc, pa: usize, va: u64) -> c_int {
    code(lend(owner, borrower, pa, va, Kind::Mut))
}

/// A borrower gives back the newest of the shared loans that it has of a page.
///
/// Answers: EINVAL, ENOTBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_return_shared(borrower: *mut Proc, pa: usize) -> c_int {
    code(frame(pa).and_then(|frame| world::give_back(World::Frames, borrower, frame, Kind::Shared)))
}

/// A borrower gives back its mutable loan of a page.
///
/// Answers: EINVAL, ENOTBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_return_mut(borrower: *mut Proc, pa: usize) -> c_int {
    code(frame(pa).and_then(|frame| world::give_back(World::Frames, borrower, frame, Kind::Mut)))
}

/// All about the page at `pa`, at one moment; NULL if there is no such page. The snapshot is in one of four buffers of this
/// CPU's, which are used in turn, by `key2owner` and by interrupt handlers too: whoever may be interrupted by one that looks,
/// or moved to another CPU, keeps interrupts off until the snapshot is read or copied.
#[unsafe(no_mangle)]
pub extern "C" fn pa2owner(pa: usize) -> *const PageOwner {
    snapshot::take(World::Frames, frame(pa))
}

fn lend(owner: *const Proc, borrower: *const Proc, pa: usize, va: u64, kind: Kind) -> Result<(), Error> {
    user_page(va)?;
    world::lend(World::Frames, owner, borrower, frame(pa)?, kind)
}

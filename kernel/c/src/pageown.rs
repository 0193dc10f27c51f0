//! Pages: frames of the machine's memory, by their physical addresses.

use core::ffi::c_int;

use steward_ledger::{Error, Kind};

use crate::{
    code::code,
    process::Proc,
    snapshot::{self, PageOwner},
    world::{self, World, frame, user_page},
};

/// A process becomes the owner of the page at physical address `pa`, which nobody owns. It holds zeroes. `va` is where
/// the process is to see it: a page in the lower half of its addresses.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_acquire(process: *mut Proc, pa: usize, va: u64) -> c_int {
    code(user_page(va).and_then(|()| world::take_frame(process, frame(pa)?)))
}

/// The owner gives a page up, which is not lent.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_release(process: *mut Proc, pa: usize) -> c_int {
    code(frame(pa).and_then(|frame| world::release(World::Frames, process, frame)))
}

/// The owner makes another process the owner of a page, which is not lent. That one is to see it at `new_va`.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_transfer(from: *mut Proc, to: *mut Proc, pa: usize, new_va: u64) -> c_int {
    code(user_page(new_va).and_then(|()| world::transfer(World::Frames, from, to, frame(pa)?)))
}

/// The owner lends a page for reading; it and others may read it meanwhile. The borrower is to see it at `va`.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_borrow_shared(owner: *mut Proc, borrower: *mut Proc, pa: usize, va: u64) -> c_int {
    code(lend(owner, borrower, pa, va, Kind::Shared))
}

/// The owner lends a page for writing; nobody else has access meanwhile. The borrower is to see it at `va`.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_borrow_mut(owner: *mut Proc, borrower: *mut Proc, pa: usize, va: u64) -> c_int {
    code(lend(owner, borrower, pa, va, Kind::Mut))
}

/// A borrower gives back the last of the shared loans that it has of a page.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_return_shared(borrower: *mut Proc, pa: usize) -> c_int {
    code(frame(pa).and_then(|frame| world::give_back(World::Frames, borrower, frame, Kind::Shared)))
}

/// A borrower gives back its mutable loan of a page.
#[unsafe(no_mangle)]
pub extern "C" fn pageown_return_mut(borrower: *mut Proc, pa: usize) -> c_int {
    code(frame(pa).and_then(|frame| world::give_back(World::Frames, borrower, frame, Kind::Mut)))
}

/// All about the page at `pa`, at one moment; NULL if there is no such page. The snapshot is in a buffer of this CPU's, and
/// stays as it is until four more were asked for on this CPU.
#[unsafe(no_mangle)]
pub extern "C" fn pa2owner(pa: usize) -> *mut PageOwner {
    snapshot::take(World::Frames, frame(pa))
}

fn lend(owner: *const Proc, borrower: *const Proc, pa: usize, va: u64, kind: Kind) -> Result<(), Error> {
    user_page(va)?;
    world::lend(World::Frames, owner, borrower, frame(pa)?, kind)
}

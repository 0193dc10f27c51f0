//! Any key: a number that names something, as the address of a C object does. Only `UINTPTR_MAX` is none.

use core::ffi::c_int;

use steward_ledger::Kind;

use crate::{
    code::code,
    process::Proc,
    snapshot::{self, PageOwner},
    world::{self, World},
};

/// A process becomes the owner of a key that nobody owns. A key is any number but `UINTPTR_MAX`.
///
/// Answers: EINVAL, ENOMEM, EALREADY.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_acquire(process: *mut Proc, key: usize) -> c_int {
    code(world::take_key(process, key))
}

/// The owner gives a key up.
///
/// Answers: EINVAL, ENOTOWNER, EBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_release(process: *mut Proc, key: usize) -> c_int {
    code(world::release(World::Keys, process, key))
}

/// The owner makes another process the owner of a key.
///
/// Answers: EINVAL, ENOMEM, ENOTOWNER, EBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_transfer(from: *mut Proc, to: *mut Proc, key: usize) -> c_int {
    code(world::transfer(World::Keys, from, to, key))
}

/// The owner lends a key for reading; it and others may read it meanwhile. One borrower may have several such loans.
///
/// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_borrow_shared(owner: *mut Proc, borrower: *mut Proc, key: usize) -> c_int {
    code(world::lend(World::Keys, owner, borrower, key, Kind::Shared))
}

/// The owner lends a key for writing; nobody else has access meanwhile.
///
/// Answers: EINVAL, ENOMEM, ENOTOWNER, EMUTBORROW, ESHAREDBORROW.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_borrow_mut(owner: *mut Proc, borrower: *mut Proc, key: usize) -> c_int {
    code(world::lend(World::Keys, owner, borrower, key, Kind::Mut))
}

/// A borrower gives back the newest of the shared loans that it has of a key.
///
/// Answers: EINVAL, ENOTBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_return_shared(borrower: *mut Proc, key: usize) -> c_int {
    code(world::give_back(World::Keys, borrower, key, Kind::Shared))
}

/// A borrower gives back its mutable loan of a key.
///
/// Answers: EINVAL, ENOTBORROWED.
#[unsafe(no_mangle)]
pub extern "C" fn borrow_return_mut(borrower: *mut Proc, key: usize) -> c_int {
    code(world::give_back(World::Keys, borrower, key, Kind::Mut))
}

/// All about a key, as `pa2owner` tells about a page, and in the same buffers; NULL if there can be no such key.
#[unsafe(no_mangle)]
pub extern "C" fn key2owner(key: usize) -> *const PageOwner {
    snapshot::take(World::Keys, Ok(key))
}

//! The ledger for C programs: `pageown_*` for frames of memory, `borrow_*` for any key, `pa2owner`.
//!
//! What C sees is `include/steward/borrow.h`, which is made from [`pageown`], [`borrow`] and what they name.
//!
//! A C caller may pass anything. A `struct Proc *` is a name and not an address, so nothing here ever follows it; no
//! other pointer comes in. Whatever is wrong is answered by a code, and nothing is changed then.
//!
//! The kernel that this is a part of is known by the trait [`Host`] alone, so the C programs of the tests run on any
//! computer as they do in the kernel.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod borrow;
pub mod code;
pub mod host;
pub mod pageown;
pub mod process;
mod snapshot;
mod world;

pub use host::{Host, MOST_CPUS, register};
pub use process::{MOST_PROCESSES, Proc, make};
pub use snapshot::{BorrowState, PageOwner};

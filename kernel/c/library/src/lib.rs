//! The ledger for C kernels that are not Steward, as a static library: `libsteward_c.a`.
//!
//! What C calls and what it has to supply is `include/steward/host.h`, made from `plan`, `open` and `embedder`;
//! the ledger itself is `borrow.h`, as everywhere. `cargo xtask library` makes the library.
//!
//! Nothing here allocates: the kernel that it is linked into, the *embedder*, lends a block of memory, once. Of the
//! machine nothing is known but what the embedder's functions say.
#![no_std]

mod embedder;
mod host;
mod memory;
mod open;
mod panic;
mod plan;

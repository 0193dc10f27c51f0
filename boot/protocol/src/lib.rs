//! The loader side of the Limine boot protocol, base revisions 0 to 3, for x86-64.
//!
//! A loader hands over what it found (memory ranges, files, the RSDP, the command line) and
//! something that writes physical memory; [`load`](load()) answers with the state to enter the kernel in, or
//! with an error that names the file and the fault. Nothing here touches hardware, allocates, or is
//! unsafe: every decision runs on the host as well. All checks and all reservations come before the
//! first write, so a kernel is loaded whole or not at all.
//!
//! Sources: "The Limine Boot Protocol" (PROTOCOL.md), base revisions 0 to 3.
#![no_std]
#![forbid(unsafe_code)]

pub mod archive;
pub mod entry;
mod error;
mod features;
pub mod image;
mod list;
mod load;
pub mod map;
mod memory;
pub mod paging;
mod relocation;
pub mod requests;
mod responses;
pub mod time;

pub use error::LoadError;
pub use load::{Handover, Input, load, rehearse};
pub use memory::PhysicalMemory;
pub use responses::{FirmwareType, Framebuffer};

/// Bytes of a page and a frame.
pub const PAGE_SIZE: u64 = 4096;

/// Lowest virtual address of a kernel ("Entry memory layout").
pub const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;

/// Where the higher half direct map begins: virtual address of physical address 0.
pub const HHDM_BASE: u64 = 0xffff_8000_0000_0000;

/// Highest base revision that this loader speaks.
pub const BASE_REVISION: u64 = 3;

/// `value` rounded down to a multiple of `align`, a power of two.
pub(crate) const fn align_down(value: u64, align: u64) -> u64 {
    value & !(align - 1)
}

/// `value` rounded up to a multiple of `align`, a power of two; `None` past the end.
pub(crate) const fn align_up(value: u64, align: u64) -> Option<u64> {
    match value.checked_add(align - 1) {
        Some(sum) => Some(align_down(sum, align)),
        None => None,
    }
}

//! Makes discs and disks that boot a kernel, without external tools.
//!
//! [`write()`] packs a [`Recipe`] (loader, kernel, command line, modules) into an image:
//!
//! ```text
//! Format::Iso                                      Format::Disk
//!   MBR, GPT (partition 1: the system volume)        MBR, GPT (partition 1: the system volume)
//!   ISO 9660: limine.conf, kernel, modules           FAT: EFI/BOOT/BOOTX64.EFI, limine.conf, kernel, modules
//!   FAT (system volume): EFI/BOOT/BOOTX64.EFI        GPT's copy
//!   GPT's copy
//! ```
//!
//! An ISO boots from an optical drive, by El Torito, and as it is from a stick, by its GPT. UEFI firmware starts both
//! kinds; a BIOS does too when the loader is Limine. Both keep [`LOG_SPACE`] of the system volume free for log files.
//!
//! The same recipe gives the same bytes: nothing in an image comes from a clock or from chance. Identifiers (disk,
//! partition, volume serial) are derived from the content, so different images have different ones.
//!
//! Nothing here runs a machine, or knows what the kernel does with its command line.
#![forbid(unsafe_code)]

mod atomic;
mod disk;
mod error;
mod fat;
mod files;
mod identity;
mod iso;
pub mod limine;
mod partitions;
mod read;
mod recipe;
mod tree;

pub use disk::disk;
pub use error::Error;
pub use fat::{LOG_SPACE, volume};
pub use files::File;
pub use iso::iso;
pub use read::{Entry, list_files, read_file};
pub use recipe::{Format, Loader, Recipe, configuration, write};

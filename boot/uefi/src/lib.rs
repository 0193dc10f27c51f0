//! The decisions of the UEFI loader: what the firmware's tables mean, what is written where. Nothing
//! here calls firmware, so all of it runs on the host as well.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod blocks;
pub mod clock;
pub mod device_path;
pub mod memory;
pub mod runs;
pub mod screen;
pub mod verdict;

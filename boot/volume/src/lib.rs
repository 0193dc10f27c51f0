//! What a loader reads before it has a kernel: the configuration file `limine.conf`, and the files of an ISO 9660
//! volume.
//!
//! Both are somebody else's bytes. Whatever stands in them, the answer is a value or an error that says what is wrong and
//! where; nothing here panics, allocates, or reads for longer than the volume is large. Nothing here knows what a disc
//! drive or a firmware is: sectors come through [`Sectors`](iso9660::Sectors).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod config;
pub mod iso9660;

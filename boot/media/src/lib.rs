//! Makes discs and disks that boot a kernel.
#![forbid(unsafe_code)]

//! Images, read back by code that did not write them.

mod discs;
mod disks;
mod images;
mod support;

//! Boots a kernel that speaks the Limine protocol from UEFI.
#![no_std]
#![no_main]

use uefi::prelude::*;

#[entry]
fn main() -> Status {
    Status::UNSUPPORTED
}

//! Boots a kernel that speaks the Limine protocol from UEFI: as `\EFI\BOOT\BOOTX64.EFI` it is what
//! firmware starts from a disc, a stick or a disk. It reads `limine.conf` and does what that says.
#![cfg_attr(target_os = "uefi", no_std, no_main)]

#[cfg(target_os = "uefi")]
extern crate alloc;

#[cfg(target_os = "uefi")]
mod loader;

#[cfg(not(target_os = "uefi"))]
fn main() {
    eprintln!("steward-boot-uefi is a UEFI application: build it with `--target x86_64-unknown-uefi`");
    std::process::exit(2);
}

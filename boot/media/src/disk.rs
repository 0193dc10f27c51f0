//! Raw disks.

use crate::fat::{Medium, system_volume};
use crate::identity::Identity;
use crate::partitions::{self, ALIGNMENT, Places};
use crate::{Error, File};

/// A raw disk with a GPT, and on its one partition a FAT volume with these files and [`crate::LOG_SPACE`]. UEFI firmware
/// starts `EFI/BOOT/BOOTX64.EFI`.
///
/// # Errors
/// When a path cannot stand on it, or the files are too large.
pub fn disk(files: &[File]) -> Result<Vec<u8>, Error> {
    build(files, false)
}

/// The same, with a second partition that has room for what a BIOS starts.
pub(crate) fn with_bios(files: &[File]) -> Result<Vec<u8>, Error> {
    build(files, true)
}

fn build(files: &[File], bios: bool) -> Result<Vec<u8>, Error> {
    let volume = File::new("system volume", system_volume(files, Medium::Fixed)?);
    let places = Places::new(ALIGNMENT, volume.content.len() as u64, bios);
    let mut image = vec![0; places.image as usize];
    image[ALIGNMENT as usize..][..volume.content.len()].copy_from_slice(&volume.content);
    partitions::write(&mut image, &places, Identity::of([&volume]));
    Ok(image)
}

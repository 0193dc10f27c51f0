//! Discs: ISO 9660 with the names of Rock Ridge, El Torito, and a GPT in the part that ISO 9660 leaves alone.
//!
//! ```text
//! sector  0  MBR, GPT (up to byte 17408 of 32768)
//!        16  volume descriptors: primary, boot record, end
//!        19  boot catalogue
//!        20  path tables, directories, files
//!     MiB n  system volume: the GPT's first partition, and the boot image of El Torito's entry for UEFI
//!            for a BIOS: the GPT's second partition, where Limine's stages go
//!       end  GPT's copy
//! ```

mod bytes;
mod descriptor;
mod el_torito;
mod layout;
mod record;

use crate::fat::{Medium, system_volume};
use crate::files::in_order;
use crate::identity::Identity;
use crate::partitions::{self, Places};
use crate::{Error, File};

use el_torito::BootImage;
use layout::{Extent, Layout};

/// Bytes of a sector of a disc.
const SECTOR: u64 = 2048;
/// ECMA-119 counts a disc's sectors, and a file's bytes, in 32 bits; but all of it stands in memory here.
const MAX_FILES: u64 = 1 << 30;
/// Where things stand, in sectors. The places of descriptors and boot record are those of the standards.
const DESCRIPTORS: u32 = 16;
const CATALOGUE: u32 = 19;
const PATH_TABLES: u32 = 20;

/// A disc with these files, and with `system` and [`crate::LOG_SPACE`] on its system volume. UEFI firmware starts
/// `EFI/BOOT/BOOTX64.EFI` of `system`, from an optical drive and from a stick.
///
/// # Errors
/// When a path cannot stand on it, or the files are too large.
pub fn iso(files: &[File], system: &[File]) -> Result<Vec<u8>, Error> {
    build(files, system, None)
}

/// The same, and a BIOS starts the file `bios` of the root directory from an optical drive, with a boot information
/// table in it.
pub(crate) fn with_bios(files: &[File], system: &[File], bios: &str) -> Result<Vec<u8>, Error> {
    build(files, system, Some(bios))
}

fn build(files: &[File], system: &[File], bios: Option<&str>) -> Result<Vec<u8>, Error> {
    let files = in_order(files)?;
    let bytes = files.iter().map(|file| file.content.len() as u64).sum();
    if bytes > MAX_FILES {
        return Err(Error::TooLarge { what: "the content of a disc".into(), bytes, limit: MAX_FILES });
    }
    let system = File::new("system volume", system_volume(system, Medium::Removable)?);
    let layout = Layout::new(&files, PATH_TABLES);
    let start = (u64::from(layout.end()) * SECTOR).next_multiple_of(partitions::ALIGNMENT);
    let places = Places::new(start, system.content.len() as u64, bios.is_some());
    let mut image = vec![0; places.image as usize];

    layout.write(&mut image);
    put(&mut image, DESCRIPTORS, &descriptor::all(&layout, (places.image / SECTOR) as u32, CATALOGUE));
    let bios = bios.and_then(|path| layout.extent(path));
    if let Some(Extent { sector, bytes }) = bios {
        let place = (u64::from(sector) * SECTOR) as usize;
        el_torito::write_boot_information(&mut image[place..][..bytes as usize], sector, DESCRIPTORS);
    }
    let uefi = BootImage { sector: (start / SECTOR) as u32, bytes: system.content.len() as u64 };
    put(&mut image, CATALOGUE, &el_torito::catalogue(bios.map(|extent| extent.sector), &uefi));
    put(&mut image, uefi.sector, &system.content);
    partitions::write(&mut image, &places, Identity::of(files.into_iter().chain([&system])));
    Ok(image)
}

/// Writes bytes from the begin of a sector on.
fn put(image: &mut [u8], sector: u32, bytes: &[u8]) {
    let start = (u64::from(sector) * SECTOR) as usize;
    image[start..start + bytes.len()].copy_from_slice(bytes);
}

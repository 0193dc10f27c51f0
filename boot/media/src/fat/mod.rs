//! FAT volumes.

mod entries;
mod names;
mod reader;
mod shape;
mod writer;

use crate::files::in_order;
use crate::identity::Identity;
use crate::tree::Tree;
use crate::{Error, File};

pub(crate) use reader::{Fault, Reader};
use writer::{Full, Writer};

/// How much of the system volume of an image is free, for log files: at least this many bytes.
pub const LOG_SPACE: u64 = 2 << 20;
/// The largest volume that is made: all of it stands in memory.
const MAX_VOLUME: u64 = 1 << 30;
/// The smallest: with less, nothing but an empty root directory fits.
const MIN_VOLUME: u64 = 64 << 10;
const MIB: u64 = 1 << 20;
/// The least size that makes a volume FAT32, which UEFI asks of a disk that stays in a machine (UEFI 2.10, 13.3).
const MIN_FAT32: u64 = 33 * MIB;

/// What a system volume is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// FAT32.
    Fixed,
    /// The smallest that does: FAT16 (UEFI 2.10, 13.3.1.1).
    Removable,
}

/// A FAT volume of this many bytes (64 KiB to 1 GiB) with these files. It is FAT12, FAT16 or FAT32, as its size has it,
/// and stays away from the cluster counts where these meet.
///
/// # Errors
/// When a path cannot stand on it, or the files do not fit.
pub fn volume(files: &[File], bytes: u64) -> Result<Vec<u8>, Error> {
    make(&in_order(files)?, bytes)
}

/// A system volume with these files, and room for logs. Its size is a multiple of 1 MiB.
pub(crate) fn system_volume(files: &[File], medium: Medium) -> Result<Vec<u8>, Error> {
    let files = in_order(files)?;
    let least = match medium {
        Medium::Fixed => MIN_FAT32,
        Medium::Removable => 0,
    };
    make(&files, size_for(&files).max(least))
}

/// A size that these files fit into with the room for logs.
fn size_for(files: &[&File]) -> u64 {
    // Clusters have at most 4 KiB; a file's directories and names take less than another 8 KiB for each part of its path.
    let room = |file: &&File| file.content.len() as u64 + 4096 + 8192 * file.path.split('/').count() as u64;
    let content: u64 = files.iter().map(room).sum();
    // The tables take less than a sixty-fourth (two FATs of four bytes for each cluster of 512), the root directory 16 KiB.
    let all = content + LOG_SPACE;
    (all + all / 32 + (64 << 10)).next_multiple_of(MIB)
}

fn make(files: &[&File], bytes: u64) -> Result<Vec<u8>, Error> {
    let content = files.iter().map(|file| file.content.len() as u64).sum();
    let too_large = |limit| Error::TooLarge { what: all(files), bytes: content, limit };
    if content > MAX_VOLUME || bytes > MAX_VOLUME {
        return Err(too_large(MAX_VOLUME));
    }
    if bytes < MIN_VOLUME {
        return Err(Error::TooLarge { what: "an empty FAT volume".into(), bytes: MIN_VOLUME, limit: bytes });
    }
    let mut image = vec![0; bytes as usize];
    let writer = Writer::new(&mut image, Tree::new(files, names::short)).map_err(|Full| too_large(bytes))?;
    writer.write(Identity::of(files.iter().copied()).serial());
    Ok(image)
}

/// What the files are called when they do not fit.
fn all(files: &[&File]) -> String {
    match files {
        [file] => format!("the file {:?}", file.path),
        _ => format!("the content of all {} files of a FAT volume", files.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use fatfs::{FatType, FileSystem, FsOptions};

    use super::*;

    #[test]
    fn a_disk_that_stays_in_a_machine_has_fat32_and_another_a_small_fat16() {
        let kind = |medium| {
            let image = system_volume(&[File::new("EFI/BOOT/BOOTX64.EFI", [1; 100_000])], medium).unwrap();
            (FileSystem::new(Cursor::new(image.clone()), FsOptions::new()).unwrap().fat_type(), image.len())
        };
        assert_eq!(kind(Medium::Fixed), (FatType::Fat32, 33 << 20));
        assert_eq!(kind(Medium::Removable), (FatType::Fat16, 3 << 20));
    }

    #[test]
    fn a_system_volume_keeps_room_for_logs_whatever_is_on_it() {
        let many: Vec<_> = (0..300).map(|number| File::new(format!("a/{number}/{}", "n".repeat(120)), [1])).collect();
        let sets = [vec![], vec![File::new("a", vec![1; 1 << 20])], many, vec![File::new("b", vec![1; 40 << 20])]];
        for (files, medium) in sets.iter().flat_map(|files| [(files, Medium::Fixed), (files, Medium::Removable)]) {
            let image = system_volume(files, medium).unwrap();
            let volume = FileSystem::new(Cursor::new(image), FsOptions::new()).unwrap();
            let stats = volume.stats().unwrap();
            let free = u64::from(stats.free_clusters()) * u64::from(stats.cluster_size());
            assert!(free >= LOG_SPACE, "{} files, {medium:?}: {free} bytes free", files.len());
        }
    }

    #[test]
    fn files_that_do_not_fit_are_an_error_that_says_how_much_would() {
        let error = volume(&[File::new("kernel", vec![1; 2 << 20])], 1 << 20).unwrap_err().to_string();
        assert_eq!(error, "the file \"kernel\" is too large: 2097152 bytes, and at most 1048576 fit");
        let error = volume(&[File::new("a", vec![0; 1]), File::new("b", vec![1; 2 << 20])], 1 << 20).unwrap_err();
        assert!(error.to_string().starts_with("the content of all 2 files"), "{error}");
        let error = volume(&[File::new("kernel", vec![0; (1 << 30) + 1])], 1 << 20).unwrap_err().to_string();
        assert!(error.contains("at most 1073741824"), "{error}");
        assert!(matches!(volume(&[], 2 << 30), Err(Error::TooLarge { limit: 0x4000_0000, .. })));
        assert!(matches!(volume(&[], 512), Err(Error::TooLarge { limit: 512, .. })));
    }
}

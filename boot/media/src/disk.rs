//! Raw disks.
use crate::{Error, File};
/// A raw disk with a GPT, and on its one partition a FAT volume with these files, of a fitting size.
///
/// # Errors
/// When a path cannot stand on it, or the files are too large.
pub fn disk(files: &[File]) -> Result<Vec<u8>, Error> {
    crate::volume(files, 0)
}

//! FAT volumes.
use crate::{Error, File};
/// How much of the system volume of an image is free, for log files: at least this many bytes.
pub const LOG_SPACE: u64 = 2 << 20;
/// A FAT volume of this many bytes with these files.
///
/// # Errors
/// When a path cannot stand on it, or the files do not fit.
pub fn volume(_files: &[File], bytes: u64) -> Result<Vec<u8>, Error> {
    Err(Error::TooLarge { what: "not built yet".into(), bytes, limit: 0 })
}

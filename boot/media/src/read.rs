//! Files of an image's system volume, read back.
use std::path::Path;

use crate::Error;

/// A file on a system volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub path: String,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// The content of the file `name` on the system volume of this image.
///
/// # Errors
/// [`Error::NoFile`], [`Error::NotAnImage`], and [`Error::Io`].
pub fn read_file(image: &Path, name: &str) -> Result<Vec<u8>, Error> {
    Err(Error::NoFile { image: image.into(), name: name.into() })
}

/// All files on the system volume of this image, in the order of their paths.
///
/// # Errors
/// [`Error::NotAnImage`], and [`Error::Io`].
pub fn list_files(image: &Path) -> Result<Vec<Entry>, Error> {
    Err(Error::NoFile { image: image.into(), name: String::new() })
}

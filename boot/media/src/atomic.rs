//! Files that appear when they are whole.

use std::fs::Permissions;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use crate::Error;

/// What is all zero in an image is left out of the file in pieces of this size: file systems keep it without blocks.
const PIECE: usize = 64 * 1024;

/// Writes `content` to a temporary file beside `path`, lets `finish` work on it, and gives it its name.
pub(crate) fn write(path: &Path, content: &[u8], finish: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Error::NotAFile { path: path.into() });
    }
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666)) // less the process's mask, as for any new file
        .tempfile_in(directory)
        .map_err(Error::io("make a file in", directory))?;
    let written = |error| Error::io("write", path)(error);
    for (piece, number) in content.chunks(PIECE).zip(0_u64..).filter(|(piece, _)| piece.iter().any(|byte| *byte != 0)) {
        file.as_file().write_all_at(piece, number * PIECE as u64).map_err(written)?;
    }
    file.as_file().set_len(content.len() as u64).map_err(written)?;
    finish(file.path())?;
    file.persist(path).map_err(|error| written(error.error))?;
    Ok(())
}

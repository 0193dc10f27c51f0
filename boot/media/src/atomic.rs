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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;

    use super::*;

    #[test]
    fn a_file_appears_whole_with_what_was_done_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        let content: Vec<u8> = [vec![0; 3 * PIECE + 7], vec![1; PIECE], vec![0; 100]].concat();
        for _ in 0..2 {
            write(&path, &content, |file| {
                assert_eq!(fs::read(file).unwrap(), content);
                fs::OpenOptions::new().write(true).open(file).unwrap().write_all_at(b"boot", 0).unwrap();
                Ok(())
            })
            .unwrap();
            let written = fs::read(&path).unwrap();
            assert_eq!((&written[..4], &written[4..]), (&b"boot"[..], &content[4..]));
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o600, 0o600);
    }

    #[test]
    fn after_an_error_the_file_that_was_there_still_is_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        fs::write(&path, "old").unwrap();
        let full = Error::io("write", &path)(io::ErrorKind::StorageFull.into());
        let error = write(&path, b"new", |_| Err(full)).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot write {}: ", path.display())), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_a_file_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(write(directory.path(), b"new", |_| Ok(())), Err(Error::NotAFile { .. })));
        assert!(matches!(write(Path::new("/dev/null"), b"new", |_| Ok(())), Err(Error::NotAFile { .. })));
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = write(Path::new("/no/such/directory/image"), b"new", |_| Ok(())).unwrap_err().to_string();
        assert!(error.starts_with("cannot make a file in /no/such/directory: "), "{error}");
    }
}

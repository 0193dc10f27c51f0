//! Files that people name.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::Path,
};

use crate::Error;

/// Opens a file. What is none could be waited for without an end, as a pipe that nobody writes to is.
///
/// # Errors
/// [`Error::Io`] when it is no regular file, or cannot be opened.
pub fn open(path: &Path) -> Result<File, Error> {
    let what = |metadata: &fs::Metadata| if metadata.is_dir() { "it is a directory" } else { "it is no regular file" };
    let opened = fs::metadata(path).and_then(|metadata| {
        if metadata.is_file() {
            File::open(path)
        } else {
            Err(io::Error::new(ErrorKind::InvalidInput, what(&metadata)))
        }
    });
    opened.map_err(Error::io(format!("reading {}", path.display())))
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// As [`open`]; also when it is longer.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let failed = || Error::io(format!("reading {}", path.display()));
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes).map_err(failed())?;
    if bytes.len() as u64 > most {
        let why = format!("it is longer than {most} bytes");
        return Err(failed()(io::Error::new(ErrorKind::FileTooLarge, why)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_are_read_and_only_up_to_a_length() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, b"12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert!(read(&file, 4).unwrap_err().to_string().contains("longer than 4 bytes"));
        assert!(read(directory.path(), 9).unwrap_err().to_string().contains("a directory"));
        assert!(read(&directory.path().join("none"), 9).unwrap_err().to_string().contains("none"));
        assert!(read(Path::new("/dev/zero"), 9).unwrap_err().to_string().contains("no regular file"));
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(open(&pipe).unwrap_err().to_string().contains("no regular file"));
    }
}

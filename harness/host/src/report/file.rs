//! Files that appear whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::Error;

/// A file that will be written once, at the end.
///
/// Until then nothing is there that was not there before, whatever ends the program.
#[derive(Clone, Debug)]
pub struct Target {
    /// As the user named it.
    name: PathBuf,
    /// Where it is, symbolic links followed.
    path: PathBuf,
    /// It exists and is no regular file: a pipe or a device, which is written to and never replaced.
    device: bool,
}

impl Target {
    /// A file at `path`, which can be written now, and so most likely also later.
    ///
    /// # Errors
    /// [`Error::Request`] says why not.
    pub fn check(path: &Path) -> Result<Self, Error> {
        Self::try_check(path).map_err(|error| Error::Request(format!("cannot write {}: {error}", path.display())))
    }

    fn try_check(path: &Path) -> io::Result<Self> {
        let target = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(io::Error::other("it is a directory")),
            Ok(found) => Self { name: path.into(), path: fs::canonicalize(path)?, device: !found.is_file() },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::missing(path)?,
            Err(error) => return Err(error),
        };
        // A temporary file that is there only for this moment shows it better than permission bits would.
        if !target.device {
            drop(target.temporary()?);
        }
        Ok(target)
    }

    fn missing(path: &Path) -> io::Result<Self> {
        let file = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
        let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let absolute = fs::canonicalize(directory)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", directory.display())))?;
        Ok(Self { name: path.into(), path: absolute.join(file), device: false })
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        tempfile::Builder::new().prefix(".steward-").suffix(".tmp").tempfile_in(directory)
    }

    /// Writes the file: the whole of it, or nothing.
    ///
    /// # Errors
    /// What the system says, with the file's name.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.try_write(bytes)
            .map_err(|error| io::Error::new(error.kind(), format!("writing {}: {error}", self.name.display())))
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.device {
            return File::options().write(true).open(&self.path)?.write_all(bytes);
        }
        use std::os::unix::fs::PermissionsExt;
        let mut temporary = self.temporary()?;
        temporary.write_all(bytes)?;
        // A temporary file is its owner's alone; a report is for whoever may read what stands beside it.
        temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        temporary.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn a_file_appears_whole_at_the_end_and_nothing_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.xml");
        let target = Target::check(&path).unwrap();
        assert_eq!(entries(directory.path()), 0);
        target.write(b"whole").unwrap();
        assert_eq!((fs::read(&path).unwrap(), entries(directory.path())), (b"whole".to_vec(), 1));
    }

    #[test]
    fn an_old_file_stays_until_it_is_replaced_and_links_are_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let target = Target::check(&link).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"old");
        target.write(b"new").unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_cannot_be_written_is_refused_by_name_before_anything_runs() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("no-such-directory/a.xml");
        for path in [directory.path(), &missing, Path::new("/"), Path::new(""), Path::new("/proc/self/a.xml")] {
            let error = Target::check(path).unwrap_err().to_string();
            assert!(error.contains(&*path.to_string_lossy()) && error.starts_with("cannot write"), "{error}");
        }
        assert!(!missing.parent().unwrap().exists());
    }

    #[test]
    fn devices_are_written_to_and_not_replaced() {
        Target::check(Path::new("/dev/null")).unwrap().write(b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let error = Target::check(Path::new("/dev/full")).unwrap().write(b"x").unwrap_err().to_string();
        assert!(error.contains("/dev/full"), "{error}");
    }
}

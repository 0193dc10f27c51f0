//! Files named by their content, which can be made again at any time.

use std::{
    fs,
    fs::File,
    hash::{DefaultHasher, Hasher},
    io::{self, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, CWD, linkat},
    io::Errno,
};

use crate::Error;

/// How the names of half-written files start.
const TEMPORARY: &str = ".new-";

/// How many files stay however old they are, and how old a file beyond those may get.
const KEPT: usize = 8;
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The file in `directory` that holds exactly `content`; made when it is not there.
///
/// It appears whole or not at all: it is written without a name, so that not even a killed run leaves half of it, and
/// then given one. Two runs that store the same content at once do not disturb each other.
pub fn store(directory: &Path, extension: &str, content: &[u8]) -> Result<PathBuf, Error> {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    let path = directory.join(format!("{:016x}.{extension}", hasher.finish()));
    // The hash only finds the file; that it is the right one is compared.
    if fs::read(&path).is_ok_and(|found| found == content) {
        keep_young(&path);
        return Ok(path);
    }
    let failed = || Error::io(format!("writing {}", path.display()));
    fs::create_dir_all(directory).map_err(failed())?;
    write_unnamed(directory, &path, content).or_else(|_| write_renamed(directory, &path, content)).map_err(failed())?;
    prune(directory);
    Ok(path)
}

/// Writes a file that nobody else writes at this time. It appears whole or not at all, in place of what stood there.
pub fn publish(path: &Path, mut write: impl FnMut(&mut File) -> io::Result<()>) -> Result<(), Error> {
    let failed = || Error::io(format!("writing {}", path.display()));
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed())?;
    // What stands there is damaged: else it would be used.
    let _ = fs::remove_file(path);
    let mut file = tempfile::tempfile_in(directory).map_err(failed())?;
    write(&mut file).map_err(failed())?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    if linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW).is_err() {
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory).map_err(failed())?;
        write(file.as_file_mut()).map_err(failed())?;
        file.persist(path).map_err(|error| failed()(error.error))?;
    }
    prune(directory);
    Ok(())
}

fn write_unnamed(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(directory)?;
    file.write_all(content)?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        // Another run was faster, and its file is as good.
        Err(Errno::EXIST) if fs::read(path).is_ok_and(|found| found == content) => Ok(()),
        // What stands there is damaged. There is a file under this name all the time.
        Err(Errno::EXIST) => write_renamed(directory, path, content),
        other => Ok(other?),
    }
}

/// For file systems that cannot name a file later.
fn write_renamed(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory)?;
    file.write_all(content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

pub(super) fn keep_young(path: &Path) {
    // A file that cannot be touched is at worst made again some day.
    let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

/// Removes from a directory what nobody has used for a day, the newest eight files excepted, and what a run that was
/// killed left half written. Another run may remove the same files at this moment, so nothing here can fail.
pub fn prune(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut files: Vec<(Duration, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let modified = entry.metadata().ok()?.modified().ok()?;
            Some((modified.elapsed().unwrap_or_default(), entry.path()))
        })
        .collect();
    files.sort();
    for (_, path) in files.into_iter().skip(KEPT).filter(|(age, _)| *age > OLDEST) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_is_stored_once_and_unequal_apart() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("images");
        let first = store(&inner, "tar", b"one").unwrap();
        assert_eq!(store(&inner, "tar", b"one").unwrap(), first);
        assert_ne!(store(&inner, "tar", b"two").unwrap(), first);
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 2);
    }

    #[test]
    fn either_way_of_writing_leaves_the_file_and_nothing_else() {
        for write in [write_unnamed, write_renamed] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            write(directory.path(), &path, b"first").unwrap();
            write(directory.path(), &path, b"second").unwrap();
            write(directory.path(), &path, b"second").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"second");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_good_file_stays_the_same_file() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write_unnamed(directory.path(), &path, b"good").unwrap();
        let before = fs::metadata(&path).unwrap().ino();
        write_unnamed(directory.path(), &path, b"good").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = store(directory.path(), "tar", b"whole").unwrap();
        fs::write(&path, b"who").unwrap();
        assert_eq!(store(directory.path(), "tar", b"whole").unwrap(), path);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn old_files_go_and_the_newest_stay() {
        let directory = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 3 * OLDEST;
        for number in 0..KEPT + 4 {
            let file = File::create(directory.path().join(number.to_string())).unwrap();
            file.set_modified(old).unwrap();
        }
        let new = store(directory.path(), "tar", b"new").unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), KEPT);
        assert!(new.exists());
    }

    #[test]
    fn a_full_disk_says_so() {
        let error = Error::io("writing /x")(io::ErrorKind::StorageFull.into()).to_string();
        assert!(error.contains("disk is full") && error.contains("/x"), "{error}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let error = store(Path::new("/proc/nowhere"), "tar", b"x").unwrap_err().to_string();
        assert!(error.contains("/proc/nowhere"), "{error}");
    }
}

//! Where the host tests put their temporary files, so that nothing of them is left behind.

use std::path::{Path, PathBuf};
use std::{fs, io, process};

/// Name of the directory up to the number of the process that it belongs to.
const PREFIX: &str = "tmp-";

/// A directory for temporary files that is removed with this value; one that a killed process could not remove is
/// removed when the next is made.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new directory in `cache`.
    ///
    /// # Errors
    /// When it cannot be made, as on a full disk.
    pub fn new(cache: &Path) -> io::Result<Self> {
        fs::create_dir_all(cache)?;
        sweep(cache, |process| Path::new("/proc").join(process).exists())?;
        let directory = cache.join(format!("{PREFIX}{}", process::id()));
        fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next sweep.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes the directories of processes that do not live any more.
fn sweep(cache: &Path, lives: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().and_then(|name| name.strip_prefix(PREFIX)).is_some_and(|process| !lives(process)) {
            // Somebody else may be sweeping, too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_goes_with_its_value_and_what_is_in_it() {
        let cache = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(&cache.path().join("steward")).unwrap();
        let path = scratch.path().to_owned();
        fs::write(path.join("file"), "text").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn only_directories_of_dead_processes_are_swept() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["tmp-1", "tmp-2", "other"] {
            fs::create_dir(cache.path().join(name)).unwrap();
        }
        sweep(cache.path(), |process| process == "1").unwrap();
        let left = |name| cache.path().join(name).exists();
        assert!(left("tmp-1") && !left("tmp-2") && left("other"));
    }
}

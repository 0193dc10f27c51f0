//! Whether a program that cargo built is as new as its sources, found out without starting cargo.
//!
//! A runner that starts a process per test (nextest) cannot afford a cargo, which takes some 0.2 s to say that there is
//! nothing to do. Cargo leaves a list of a program's sources beside it; a *stamp* says which program was found to be
//! up to date, and when. Where any of this is missing or in doubt, cargo is asked.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::Error;

/// What a build depends on beside the sources, in the workspace's root.
const OF_THE_WORKSPACE: [&str; 4] = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"];

/// A program that cargo builds from a workspace whose sources are near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    workspace: PathBuf,
    stamp: PathBuf,
}

impl Program {
    /// The program at `path`, which packages of `workspace` make. The stamp is kept in the directory `cache`.
    ///
    /// # Panics
    /// When `path` names no file, as `/` or `..` do.
    #[must_use]
    pub fn new(path: &Path, workspace: &Path, cache: &Path) -> Self {
        let mut name = path.file_name().expect("a program is a file").to_owned();
        name.push(".fresh");
        Self { path: path.into(), workspace: workspace.into(), stamp: cache.join(name) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is there and none of its sources has changed since cargo last said that it is up to date.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.is_known_fresh().unwrap_or(false)
    }

    fn is_known_fresh(&self) -> Option<bool> {
        let stamp = fs::metadata(&self.stamp).ok()?.modified().ok()?;
        // Another workspace may build into the same directory, and anybody may put another program there.
        if fs::read_to_string(&self.stamp).ok()? != self.identity().ok()? {
            return Some(false);
        }
        let sources = sources_in(&fs::read_to_string(self.path.with_extension("d")).ok()?)?;
        // A source that changed in the very moment of the stamp may have changed before or after it.
        let older = |source: &PathBuf| modified(source).is_ok_and(|time| time < stamp);
        let of_packages = manifests_of(&sources, &self.workspace);
        // A file that is not there is no reason to build, but a list without files is no list.
        let of_workspace = OF_THE_WORKSPACE.map(|name| self.workspace.join(name));
        let mut optional = of_workspace.iter().filter(|path| path.exists());
        Some(!sources.is_empty() && sources.iter().all(older) && of_packages.iter().all(older) && optional.all(older))
    }

    /// Has `build` bring the program up to date, and remembers that it did.
    ///
    /// Several processes may do this at once: each stamps what it saw, and cargo lets only one of them build at a time.
    ///
    /// # Errors
    /// Those of `build`. Where a stamp cannot be kept, cargo is asked again next time.
    pub fn update(&self, build: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        // It exists before the build begins: what changes while cargo is at work is newer than the stamp.
        let stamp = self.begin_stamp();
        build()?;
        if let (Ok(mut stamp), Ok(identity)) = (stamp, self.identity()) {
            let began = stamp.as_file().metadata().and_then(|data| data.modified());
            let _ = began.and_then(|began| {
                stamp.write_all(identity.as_bytes())?;
                stamp.as_file().set_modified(began)?;
                stamp.persist(&self.stamp).map_err(|error| error.error)
            });
        }
        Ok(())
    }

    fn begin_stamp(&self) -> io::Result<tempfile::NamedTempFile> {
        let directory = self.stamp.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        tempfile::NamedTempFile::new_in(directory)
    }

    /// What tells this file from any other that stood or will stand in its place, and whose it is.
    fn identity(&self) -> io::Result<String> {
        let data = fs::metadata(&self.path)?;
        let (device, inode, size) = (data.dev(), data.ino(), data.len());
        let (seconds, nanoseconds) = (data.mtime(), data.mtime_nsec());
        Ok(format!("{device} {inode} {size} {seconds}.{nanoseconds:09}\n{}\n", self.workspace.display()))
    }
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// The manifests of the packages that these sources are in: up to the workspace's own, excluded.
fn manifests_of(sources: &[PathBuf], workspace: &Path) -> BTreeSet<PathBuf> {
    let directories: BTreeSet<&Path> = sources.iter().flat_map(|source| source.ancestors().skip(1)).collect();
    let inside = directories.into_iter().filter(|path| *path != workspace && path.starts_with(workspace));
    inside.map(|path| path.join("Cargo.toml")).filter(|path| path.exists()).collect()
}

/// The sources that a dependency file of cargo's names: `program: source source …`, spaces in names escaped by `\`.
fn sources_in(text: &str) -> Option<Vec<PathBuf>> {
    let line = text.lines().next()?;
    let mut words = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, words.last_mut()) {
            (' ', _) => words.push(String::new()),
            ('\\', Some(word)) => word.push(characters.next()?),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    let (program, sources) = words.split_first()?;
    program.ends_with(':').then(|| sources.iter().filter(|word| !word.is_empty()).map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests;

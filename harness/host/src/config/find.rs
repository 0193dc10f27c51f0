//! Where the file is.

use std::path::{Path, PathBuf};

use super::Project;
use crate::Error;

/// The file of its own.
const OWN: &str = "steward-harness.toml";
/// The file that it may stand in instead.
pub const MANIFEST: &str = "Cargo.toml";

impl Project {
    /// What a project states whose kernel is run from this directory: in the nearest `steward-harness.toml` here or above,
    /// up to the root of a Git repository, or in the `Cargo.toml` right here. Nothing when there is neither.
    ///
    /// # Errors
    /// [`Error::Request`] when both are there, and as [`Project::read`].
    pub fn find(directory: &Path) -> Result<Self, Error> {
        let own = nearest(directory);
        let manifest = directory.join(MANIFEST);
        let stated = if manifest.is_file() { Self::manifest(&manifest)? } else { None };
        match (own, stated) {
            (Some(own), Some(_)) => Err(Error::Request(format!(
                "both {} and the table [package.metadata.steward] of {} are there; remove one of them, or name one with \
                 --config",
                own.display(),
                manifest.display()
            ))),
            (Some(own), None) => Self::own_file(&own),
            (None, stated) => Ok(stated.unwrap_or_default()),
        }
    }
}

fn nearest(directory: &Path) -> Option<PathBuf> {
    for directory in directory.ancestors() {
        let file = directory.join(OWN);
        if file.exists() {
            return Some(file);
        }
        if directory.join(".git").exists() {
            return None;
        }
    }
    None
}

//! What is typed into forked machines.

use std::path::{Path, PathBuf};

use super::Expectation;
use crate::Error;

/// Lines, each typed into a machine of its own, forked where its kernel has printed a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The fork point: what the kernel has printed then.
    pub fork_at: String,
    /// The file that the lines stand in.
    pub path: PathBuf,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The test's name: the line itself, if it is given no other.
    pub name: String,
    /// What is typed.
    pub text: String,
    /// Its number in the file, from 1.
    pub number: u32,
    /// What it must come to, if it states that itself.
    pub expect: Vec<Expectation>,
    /// How many seconds it may take, if it states that itself.
    pub timeout: Option<u32>,
}

impl Script {
    /// Reads a file of lines.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Request`] with the line when one is malformed.
    pub fn read(_path: &Path, _fork_at: String) -> Result<Self, Error> {
        unimplemented!()
    }
}

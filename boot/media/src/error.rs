//! What can go wrong, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an image could not be made or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file's path cannot stand on the medium.
    Name {
        /// The path as it was given.
        path: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Two files have the same path, or paths that differ only in case; or one is a directory of another.
    Twice {
        /// The one path.
        first: String,
        /// The other.
        second: String,
    },
    /// The files do not fit.
    TooLarge {
        /// What is too large: a file's path, or what holds the files.
        what: String,
        /// How large it is, in bytes.
        bytes: u64,
        /// How large it may be, in bytes.
        limit: u64,
    },
    /// There is more of something than there may be.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A text of the recipe cannot stand in `limine.conf`.
    Text {
        /// Which text.
        what: &'static str,
        /// The text.
        text: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A directory that should hold Limine's binary release lacks a file.
    NotLimine {
        /// The directory.
        directory: PathBuf,
        /// The file that is not there.
        missing: &'static str,
    },
    /// There is no C compiler for Limine's installer.
    NoCompiler,
    /// Limine's installer does not compile, or refuses the image.
    Installer {
        /// What was run.
        command: String,
        /// What it said.
        said: String,
    },
    /// The image has no file of this name.
    NoFile {
        /// The image.
        image: PathBuf,
        /// The file's path within it.
        name: String,
    },
    /// What should be an image is none, or it is damaged.
    NotAnImage {
        /// The file.
        image: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The image would replace something that is not a file, a device for instance.
    NotAFile {
        /// Where the image should go.
        path: PathBuf,
    },
    /// Reading or writing failed.
    Io {
        /// What was being done: `write`, `read`, …
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { path, fault } => write!(f, "the path {path:?} cannot stand on a medium: {fault}"),
            Self::Twice { first, second } if first == second => {
                write!(f, "there are two files {first:?}; leave one out or rename it")
            }
            Self::Twice { first, second } => write!(
                f,
                "{first:?} and {second:?} cannot stand on one medium (names are compared without case, and a file is \
                 no directory); rename one"
            ),
            Self::TooLarge { what, bytes, limit } => {
                write!(f, "{what} is too large: {bytes} bytes, and at most {limit} fit")
            }
            Self::TooMany { what, count, limit } => {
                write!(f, "{count} {what} are too many: there may be {limit}; pack some together")
            }
            Self::Text { what, text, fault } => write!(f, "the {what} {text:?} cannot stand in limine.conf: {fault}"),
            Self::NotLimine { directory, missing } => write!(
                f,
                "{} is no binary release of Limine: it has no {missing}; give the directory of a release, such as \
                 branch v8.x-binary of Limine's repository",
                directory.display()
            ),
            Self::NoCompiler => write!(
                f,
                "no C compiler: Limine's own installer (limine.c of its release) is needed to start by BIOS from a \
                 stick or a disk; install one (Debian: apt install gcc libc6-dev), or name it in CC"
            ),
            Self::Installer { command, said } => write!(f, "{command} failed: {}", said.trim()),
            Self::NoFile { image, name } => write!(f, "{} has no file {name:?}", image.display()),
            Self::NotAnImage { image, fault } => write!(f, "{} is no image of ours: {fault}", image.display()),
            Self::NotAFile { path } => {
                write!(f, "{} is there and is not a file; write the image to a file, and copy that", path.display())
            }
            Self::Io { doing, path, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Error {
    /// For `map_err`: names what was being done, and to which file.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.into(), source }
    }
}

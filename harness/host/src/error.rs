//! What can go wrong before a machine can be judged.

use std::{fmt, io, path::PathBuf};

/// Why the harness could not do what it was asked.
///
/// How a *machine* ended is never an error but a [`Verdict`](crate::verdict::Verdict). Every text says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// No QEMU was found under this name.
    EmulatorMissing(String),
    /// QEMU is older than the harness can drive; the text is the version it states.
    EmulatorTooOld(String),
    /// QEMU is there but did not behave; the text says how.
    Emulator(String),
    /// The kernel's ELF file cannot be used.
    Kernel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A source file cannot be read for tests.
    Source {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The loader that QEMU starts is not there and could not be built.
    Loader(String),
    /// The accelerator that was asked for does not work here.
    Accelerator(String),
    /// A request that contradicts itself or names what is not there.
    Request(String),
    /// The operating system refused something.
    Io {
        /// What was being done, as in "writing /a/b".
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// A signal asked the harness to stop; its number.
    Interrupted(i32),
}

impl Error {
    /// An [`Error::Io`]; made for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmulatorMissing(name) => write!(
                f,
                "{name} was not found. Install QEMU 7.2 or newer (Debian and Ubuntu: apt-get install qemu-system-x86), \
                 or name the program in STEWARD_QEMU"
            ),
            Self::EmulatorTooOld(version) => {
                write!(f, "QEMU {version} is too old: the harness needs 7.2 or newer; name another in STEWARD_QEMU")
            }
            Self::Emulator(why) => write!(f, "QEMU: {why}"),
            Self::Kernel { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Source { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Loader(why) | Self::Accelerator(why) | Self::Request(why) => f.write_str(why),
            Self::Io { doing, source } if source.kind() == io::ErrorKind::StorageFull => {
                write!(f, "{doing}: the disk is full; free some space (`cargo xtask clean`) and try again")
            }
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Interrupted(signal) => write!(f, "interrupted by signal {signal}"),
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

//! What can be wrong with a volume.

use core::fmt;

use super::MAX_DIRECTORY;

/// Why a file of a volume cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The medium cannot be read.
    Sectors(E),
    /// There is no ISO 9660 volume.
    NoVolume,
    /// The volume has logical blocks of this many bytes; only 2048 is known here (and common).
    BlockSize(u16),
    /// A directory in this sector is damaged.
    Record {
        /// The sector.
        sector: u64,
    },
    /// Something lies beyond the end of the volume.
    BeyondEnd {
        /// The last sector of what lies there.
        sector: u64,
        /// Sectors of the volume.
        size: u64,
    },
    /// A directory is too large to be true.
    HugeDirectory {
        /// Its length.
        bytes: u64,
    },
    /// The path is that of a directory.
    IsDirectory,
    /// The file is not in one piece: it has several extents, or is interleaved with others.
    InPieces,
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sectors(error) => error.fmt(f),
            Self::NoVolume => f.write_str("there is no ISO 9660 volume"),
            Self::BlockSize(bytes) => write!(f, "the volume has blocks of {bytes} bytes; only 2048 can be read"),
            Self::Record { sector } => write!(f, "the volume is damaged: bad directory record in sector {sector}"),
            Self::BeyondEnd { sector, size } => {
                write!(f, "the volume is damaged: it has {size} sectors, and something of it is in sector {sector}")
            }
            Self::HugeDirectory { bytes } => {
                write!(f, "the volume is damaged: a directory of {bytes} bytes (at most {MAX_DIRECTORY} are read)")
            }
            Self::IsDirectory => f.write_str("it is a directory, not a file"),
            Self::InPieces => {
                f.write_str("the file is in several pieces on the volume; make the volume with smaller files")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Error<E> {}

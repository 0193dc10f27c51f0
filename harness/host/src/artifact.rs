//! A machine whose test failed, kept: all of its memory and devices, in a directory that can be copied elsewhere.
//!
//! It is made in two steps, for a machine can only be saved while it still exists, and its verdict is known only later:
//!
//! 1. [`capture`], while QEMU's process lives and the machine stands still, takes its state into a file that has no
//!    name yet.
//! 2. [`Capture::keep`], once the verdict is known, gives it a place: a directory named by a short id, which appears
//!    whole or not at all.
//!
//! [`find`] finds it again, and [`crate::replay`] opens it. Neither step fails a run: who cannot keep a machine says so
//! in a note, and the verdict stands.
//!
//! ```text
//! <failures>/<id>/artifact.json   what it is: see [`Record`]
//!                  kernel.elf      the kernel as it was linked, with symbols
//!                  state           the machine, as QEMU's migration writes it
//!                  medium          what it booted from, when that was a medium
//!                  firmware        its UEFI firmware, when it had that
//! ```

mod capture;
mod record;
mod store;

use std::path::{Path, PathBuf};

use crate::{Emulator, image::Image, machine::Configuration, suite::Report};

pub use capture::{Bounds, Capture, capture, capture_within};
pub(crate) use capture::{Progress, progress};
pub use record::{BootMedium, FORMAT, Fault, Hexadecimal, Machine, Record};
pub use store::{all, find};

/// How many machines are kept; older ones go.
pub const MOST_KEPT: usize = 20;

/// Where machines are kept, in a directory as [`cache_directory`](crate::image::cache_directory) gives.
#[must_use]
pub fn directory(cache: &Path) -> PathBuf {
    cache.join("failures")
}

/// What is known about a machine that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// How its test went. Its own `artifact` is not looked at.
    pub report: &'a Report<'a>,
    /// The QEMU that ran it.
    pub emulator: &'a Emulator,
    /// The machine. Whether its memory was a file is asked of QEMU, and not looked up here.
    pub configuration: &'a Configuration,
    /// What it booted.
    pub image: &'a Image,
}

/// A machine that is kept.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its name, which is that of its directory.
    pub id: String,
    /// Its directory.
    pub path: PathBuf,
    /// What it is.
    pub record: Record,
}

impl Artifact {
    /// The kernel, with symbols.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.path.join(store::KERNEL)
    }

    /// What the machine was booted from, as far as that is a part of it.
    ///
    /// # Errors
    /// Says what of it this harness does not know.
    pub fn image(&self) -> Result<Image, String> {
        self.record.image(&self.path)
    }

    /// The machine's state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join(store::STATE)
    }
}

//! Media that a project's own command makes of its kernel.

use std::path::Path;

use super::{Firmware, Image};
use crate::{Error, process::Interrupts};

/// What a project's own command makes of its kernel: a disc or a disk, which this firmware starts.
///
/// In each of the command's words, `{kernel}` stands for the kernel's path and `{image}` for the file that the command is
/// to write. It runs in `directory`, without a shell. What it makes is kept in `cache` under a hash of the kernel's
/// content, the command and the directory, and not made again as long as these stay.
///
/// # Errors
/// [`Error::Request`] when the command names no `{image}`, cannot be run, fails (the text has what it said) or leaves no
/// medium that boots; [`Error::Interrupted`] when the harness was asked to stop, and the command with it; [`Error::Io`].
pub fn made(
    _kernel: &Path,
    _command: &[String],
    _directory: &Path,
    _firmware: &Firmware,
    _cache: &Path,
    _interrupts: &Interrupts,
) -> Result<Image, Error> {
    unimplemented!()
}

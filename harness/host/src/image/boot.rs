//! How a machine comes to its kernel.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Attach, Firmware, Medium};
use crate::{
    Error,
    machine::{Kind, Shape},
};

/// How long a machine may take from its start to the kernel's hello when firmware starts it.
const FIRMWARE_LIMIT: Duration = Duration::from_secs(60);

/// What QEMU is given to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// QEMU starts a program by itself (PVH).
    Direct {
        /// The loader, or a kernel that needs none.
        kernel: PathBuf,
        /// The archive that the loader unpacks.
        initrd: Option<PathBuf>,
    },
    /// Firmware starts what it finds on a medium. The kernel's command line is what that says, and not what the
    /// machine's configuration says. Works on q35 and pc; [`Boot::check`] says so.
    Medium {
        /// An image that this firmware can boot from.
        file: PathBuf,
        /// How it is plugged in.
        attach: Attach,
        /// Whether the machine may write to the file. Then no other machine can use it at the same time.
        writable: bool,
        /// The machine's firmware.
        firmware: Firmware,
    },
}

impl Boot {
    /// Every file that decides what the machine does.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::Direct { kernel, initrd } => {
                [Some(kernel), initrd.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect()
            }
            Self::Medium { file, firmware: Firmware::Bios, .. } => vec![file],
            Self::Medium { file, firmware: Firmware::Uefi { code }, .. } => vec![file, code],
        }
    }

    /// QEMU's arguments for it. A medium has a command line of its own.
    #[must_use]
    pub fn arguments(&self, command_line: &str) -> Vec<OsString> {
        match self {
            Self::Direct { kernel, initrd } => {
                let mut arguments = vec!["-kernel".into(), kernel.into()];
                if let Some(initrd) = initrd {
                    arguments.extend(["-initrd".into(), initrd.into()]);
                }
                if !command_line.is_empty() {
                    arguments.extend(["-append".into(), command_line.into()]);
                }
                arguments
            }
            Self::Medium { file, attach, writable, firmware } => {
                let mut arguments = firmware.arguments();
                arguments.extend(Medium::File { file, writable: *writable }.arguments(*attach));
                arguments
            }
        }
    }

    /// Whether a machine of this shape can be booted so.
    ///
    /// # Errors
    /// [`Error::Request`] when it cannot: a microvm boots from no medium, and firmware needs some memory for itself.
    pub fn check(&self, shape: &Shape) -> Result<(), Error> {
        let Self::Medium { firmware, .. } = self else { return Ok(()) };
        if shape.kind == Kind::Microvm {
            return Err(Error::Request("a microvm boots from no medium: it needs --firmware direct".into()));
        }
        let (least, memory) = (firmware.least_memory(), shape.memory);
        if memory.mib() < least {
            return Err(Error::Request(format!(
                "{} needs at least {least} MiB of memory to boot from a medium, and this machine has {memory}",
                firmware.name()
            )));
        }
        Ok(())
    }

    /// How long a machine may take from its start to the kernel's hello, when that is longer than for others.
    #[must_use]
    pub(crate) fn limit(&self) -> Duration {
        match self {
            Self::Direct { .. } => Duration::ZERO,
            Self::Medium { .. } => FIRMWARE_LIMIT,
        }
    }
}

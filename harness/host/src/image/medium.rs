//! A medium that a machine boots from, and how it is plugged in.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::machine::ParseError;

/// How a medium is plugged into a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Attach {
    /// In a CD drive.
    #[default]
    Cd,
    /// As a USB stick, at an xHCI controller.
    Usb,
    /// As a virtio block device.
    Virtio,
    /// As a disk at an AHCI controller.
    Ahci,
    /// As an NVMe disk. QEMU cannot save such a machine: every test boots its own, and none is kept for `--replay`.
    Nvme,
}

impl Attach {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Cd, Self::Usb, Self::Virtio, Self::Ahci, Self::Nvme];

    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cd => "cd",
            Self::Usb => "usb",
            Self::Virtio => "virtio",
            Self::Ahci => "ahci",
            Self::Nvme => "nvme",
        }
    }
}

impl fmt::Display for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Attach {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|attach| attach.name() == text).ok_or_else(|| {
            ParseError::new(format!("`{text}` is no way to attach a medium; known are cd, usb, virtio, ahci and nvme"))
        })
    }
}

/// What runs first in a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// The BIOS that QEMU brings.
    Bios,
    /// OVMF. Its variables last as long as the machine.
    Uefi {
        /// The code image, such as `OVMF_CODE.fd`.
        code: PathBuf,
    },
}

impl Firmware {
    /// QEMU's arguments for it.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Bios => Vec::new(),
            // Without a second flash chip OVMF keeps its variables in memory: there is no file to copy for each machine.
            Self::Uefi { code } => vec!["-drive".into(), drive("if=pflash,format=raw,readonly=on", code)],
        }
    }

    /// Its name, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bios => "the BIOS",
            Self::Uefi { .. } => "the UEFI firmware",
        }
    }

    /// The least memory, in MiB, with which it starts something.
    pub(super) const fn least_memory(&self) -> u32 {
        match self {
            Self::Bios => 1,
            Self::Uefi { .. } => 64,
        }
    }
}

/// What is in the drive.
#[derive(Clone, Copy, Debug)]
pub enum Medium<'a> {
    /// This file.
    File { file: &'a Path, writable: bool },
}

impl Medium<'_> {
    /// QEMU's arguments for the drive with the medium in it; firmware boots from it and from nothing else.
    pub fn arguments(self, attach: Attach) -> Vec<OsString> {
        let Self::File { file, writable } = self;
        let readonly = if writable { "off" } else { "on" };
        let mut arguments =
            vec!["-drive".into(), drive(&format!("if=none,id=medium,format=raw,readonly={readonly}"), file)];
        let mut device = |words: &str| arguments.extend(["-device".into(), words.into()]);
        match attach {
            Attach::Cd => device("ide-cd,drive=medium,bootindex=1"),
            Attach::Usb => {
                device("qemu-xhci");
                device("usb-storage,drive=medium,bootindex=1");
            }
            Attach::Virtio => device("virtio-blk-pci,drive=medium,bootindex=1"),
            Attach::Ahci => {
                // q35 has such a controller, and pc does not.
                device("ahci,id=ahci");
                device("ide-hd,bus=ahci.0,drive=medium,bootindex=1");
            }
            Attach::Nvme => device("nvme,serial=medium,drive=medium,bootindex=1"),
        }
        arguments
    }
}

/// QEMU ends an option's value at a comma, but not at two.
fn drive(options: &str, file: &Path) -> OsString {
    let mut value = OsString::from(format!("{options},file="));
    value.push(doubled_commas(file));
    value
}

fn doubled_commas(file: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = file.as_os_str().as_bytes();
    let doubled = bytes.iter().flat_map(|&byte| std::iter::repeat_n(byte, if byte == b',' { 2 } else { 1 }));
    OsString::from_vec(doubled.collect())
}

//! A medium that a machine boots from, and how it is plugged in.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::Read,
    os::{
        fd::{OwnedFd, RawFd},
        unix::fs::FileExt,
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::{Error, machine::ParseError};

/// The descriptor, in QEMU's process, of a medium that was copied for it.
pub const MEDIUM: RawFd = 9;
/// How much of a medium is copied in one go.
const CHUNK: usize = 64 << 10;
/// The least size of a disk. Of one with less than a cylinder (16 heads of 63 sectors), SeaBIOS reads nothing but by IDE,
/// and a kernel with a boot loader around it may be smaller.
const LEAST_DISK: u64 = 1 << 20;

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
    /// As the disk that every machine has: at the controller that it brings, IDE on a pc, AHCI on a q35.
    Disk,
    /// As an NVMe disk. QEMU cannot save such a machine: every test boots its own, and none is kept for `--replay`.
    Nvme,
}

impl Attach {
    /// Every way.
    pub const ALL: [Self; 6] = [Self::Cd, Self::Usb, Self::Virtio, Self::Ahci, Self::Disk, Self::Nvme];

    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cd => "cd",
            Self::Usb => "usb",
            Self::Virtio => "virtio",
            Self::Ahci => "ahci",
            Self::Disk => "disk",
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
            ParseError::new(format!(
                "`{text}` is no way to attach a medium; known are cd, usb, virtio, ahci, disk and nvme"
            ))
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
            // SeaBIOS and Limine 8.2.0: with 3 MiB nothing is said on the serial line, with 4 the kernel says what it lacks.
            Self::Bios => 4,
            // OVMF 2022.11: with 40 MiB it finds nothing to boot, and with 32 it faults.
            Self::Uefi { .. } => 48,
        }
    }
}

impl Attach {
    /// Whether the drive only reads. Disks and sticks write: some drives refuse a medium that they cannot write to, and
    /// some firmware and loaders hang at a stick that refuses.
    const fn only_reads(self) -> bool {
        matches!(self, Self::Cd)
    }

    /// QEMU's arguments for the drive.
    fn drive(self) -> &'static [&'static str] {
        match self {
            Self::Cd => &["ide-cd,drive=medium,bootindex=1"],
            Self::Usb => &["qemu-xhci", "usb-storage,drive=medium,bootindex=1"],
            Self::Virtio => &["virtio-blk-pci,drive=medium,bootindex=1"],
            // q35 has such a controller, and pc does not.
            Self::Ahci => &["ahci,id=ahci", "ide-hd,bus=ahci.0,drive=medium,bootindex=1"],
            // The first disk on the first bus that there is: `-drive file=…` would put it there too.
            Self::Disk => &["ide-hd,drive=medium,bootindex=1"],
            Self::Nvme => &["nvme,serial=medium,drive=medium,bootindex=1"],
        }
    }
}

/// The file that a drive holds.
#[derive(Clone, Copy, Debug)]
pub struct Medium<'a> {
    pub file: &'a Path,
    pub attach: Attach,
    pub writable: bool,
}

impl Medium<'_> {
    /// Whether the machine has a copy of the file: it may write, and not to the file.
    pub const fn is_copied(self) -> bool {
        !self.writable && !self.attach.only_reads()
    }

    /// Whether the machine can write nowhere.
    pub const fn is_read_only(self) -> bool {
        !self.writable && self.attach.only_reads()
    }

    /// QEMU's arguments for the drive and the medium in it. Firmware tries it first. A copy is at [`MEDIUM`].
    pub fn arguments(self) -> Vec<OsString> {
        let Self { file, attach, writable } = self;
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |option: &str, value: OsString| arguments.extend([option.into(), value]);
        if self.is_copied() {
            add("-add-fd", format!("fd={MEDIUM},set={MEDIUM}").into());
            // Nobody else knows the copy. With `-drive`, QEMU would first open it for reading only, and a descriptor is open
            // for both.
            let file = format!("driver=file,node-name=medium,filename=/dev/fdset/{MEDIUM},locking=off");
            add("-blockdev", file.into());
        } else {
            let readonly = if writable { "off" } else { "on" };
            add("-drive", drive(&format!("if=none,id=medium,format=raw,readonly={readonly}"), file));
        }
        for device in attach.drive() {
            add("-device", device.into());
        }
        arguments
    }

    /// The copy for one machine, in memory: it goes with the machine. It is never smaller than BIOSes can read.
    pub fn copy(self) -> Result<OwnedFd, Error> {
        let failed = || Error::io(format!("copying {} for a machine", self.file.display()));
        let mut from = File::open(self.file).map_err(failed())?;
        let length = from.metadata().map_err(failed())?.len();
        let copy = memfd_create("steward-medium", MemfdFlags::CLOEXEC).map_err(|error| failed()(error.into()))?;
        let to = File::from(copy);
        to.set_len(length.max(LEAST_DISK)).map_err(failed())?;
        let (mut chunk, mut place) = (vec![0; CHUNK], 0);
        loop {
            let count = from.read(&mut chunk).map_err(failed())?;
            match &chunk[..count] {
                [] => return Ok(to.into()),
                // Zeros take no memory.
                zeros if zeros.iter().all(|&byte| byte == 0) => {}
                bytes => to.write_all_at(bytes, place).map_err(failed())?,
            }
            place += count as u64;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(medium: Medium<'_>) -> String {
        let words: Vec<_> = medium.arguments().into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join("|")
    }

    #[test]
    fn every_way_to_attach_is_read_back_from_its_name() {
        for attach in Attach::ALL {
            assert_eq!(attach.to_string().parse(), Ok(attach));
        }
        assert!("floppy".parse::<Attach>().unwrap_err().to_string().contains("virtio, ahci, disk and nvme"));
    }

    #[test]
    fn a_cd_is_the_file_and_only_read() {
        let medium = Medium { file: Path::new("/a,b.iso"), attach: Attach::Cd, writable: false };
        let expected = "-drive|if=none,id=medium,format=raw,readonly=on,file=/a,,b.iso|\
                        -device|ide-cd,drive=medium,bootindex=1";
        assert_eq!((words(medium).as_str(), medium.is_copied()), (expected, false));
    }

    #[test]
    fn a_disk_is_a_copy_unless_the_file_itself_may_be_written() {
        for attach in [Attach::Usb, Attach::Virtio, Attach::Ahci, Attach::Disk, Attach::Nvme] {
            let medium = Medium { file: Path::new("/stick.img"), attach, writable: false };
            let copied = words(medium);
            assert!(
                medium.is_copied() && copied.contains("filename=/dev/fdset/9") && !copied.contains("stick"),
                "{copied}"
            );
            let writable = words(Medium { writable: true, ..medium });
            assert!(writable.contains("readonly=off,file=/stick.img") && !writable.contains("fdset"), "{writable}");
            assert!([&copied, &writable].iter().all(|words| words.contains("drive=medium,bootindex=1")), "{copied}");
        }
    }

    #[test]
    fn a_copy_has_the_content_of_the_file_and_leaves_it_alone() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = [vec![0; 3 * CHUNK], vec![7; 100], vec![0; CHUNK], vec![9; 5]].concat();
        std::io::Write::write_all(&mut file, &content).unwrap();
        let copy = Medium { file: file.path(), attach: Attach::Usb, writable: false }.copy().unwrap();
        let mut copied = Vec::new();
        let mut copy = File::from(copy);
        copy.read_to_end(&mut copied).unwrap();
        let (same, rest) = copied.split_at(content.len());
        assert!(same == content && rest.iter().all(|&byte| byte == 0), "the copy differs");
        assert_eq!(copied.len(), 1 << 20, "too small for a BIOS");
        copy.write_all_at(b"scribble", 0).unwrap();
        assert!(std::fs::read(file.path()).unwrap() == content, "the file was written to");
    }

    #[test]
    fn a_medium_that_is_not_there_is_named() {
        let medium = Medium { file: Path::new("/nowhere.img"), attach: Attach::Usb, writable: false };
        let error = medium.copy().unwrap_err().to_string();
        assert!(error.contains("/nowhere.img"), "{error}");
    }
}

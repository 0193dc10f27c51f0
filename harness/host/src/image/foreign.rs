//! From a kernel's file to what a machine boots, for kernels that the harness knows nothing about.

use std::{fmt, path::Path, str::FromStr};

use super::{Attach, Boot, Firmware, Image, Kind, Module, limine, made};
use crate::{Error, given, machine::ParseError, process::Interrupts};

/// How a machine shall come to a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Way {
    /// As its file says: see [`Kind`].
    #[default]
    Auto,
    /// QEMU starts it, or our loader does.
    Direct,
    /// As QEMU starts a Linux kernel.
    Linux,
    /// From a disc.
    Iso,
    /// From a disk.
    Disk,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Direct, Self::Linux, Self::Iso, Self::Disk];

    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Linux => "linux",
            Self::Iso => "iso",
            Self::Disk => "disk",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Way {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|way| way.name() == text).ok_or_else(|| {
            ParseError::new(format!("`{text}` is no way to boot; known are auto, direct, linux, iso and disk"))
        })
    }
}

/// A kernel's file, and how it is to be booted.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The file: a kernel, or a medium with one on it.
    pub kernel: &'a Path,
    /// What a kernel gets beside itself: Linux its initial RAM disk, a Limine or multiboot kernel a module.
    pub initrd: Option<&'a Path>,
    /// The kernel's command line. The machine's configuration must have the same: this one is for media that are made,
    /// and that one for kernels without a medium.
    pub append: &'a str,
    /// How it shall be booted.
    pub boot: Way,
    /// What shall start a medium; the BIOS when nothing is said. A boot without a medium has no firmware to choose.
    pub firmware: Option<&'a Firmware>,
    /// The directory of a binary release of Limine, for media that are made of ELF files.
    pub limine: Option<&'a Path>,
    /// The command that makes a medium of an ELF file; see [`made()`](super::made()).
    pub command: Option<&'a [String]>,
    /// Where that command is run.
    pub directory: &'a Path,
    /// Where the harness keeps what it makes.
    pub cache: &'a Path,
    /// Who may stop it.
    pub interrupts: &'a Interrupts,
}

/// What a machine is to boot.
///
/// # Errors
/// [`Error::Request`] when the file is not what the options ask for, or they contradict each other: the text names both,
/// and says what to do. [`Error::Io`] and [`Error::Kernel`] when the file cannot be read or used, [`Error::Loader`] when
/// our loader is needed and not there; and as [`made()`](super::made()).
pub fn foreign(options: &Options<'_>) -> Result<Image, Error> {
    let kind = Kind::of(options.kernel)?;
    match kind {
        Kind::Linux => options.without_medium(kind, Way::Linux),
        Kind::Iso { .. } | Kind::Disk => options.on_medium(kind),
        Kind::Limine | Kind::Pvh | Kind::Multiboot | Kind::Multiboot64 | Kind::Multiboot2 | Kind::PlainElf => {
            options.elf(kind)
        }
        Kind::OtherElf | Kind::Pe | Kind::Packed(_) | Kind::Unknown => Err(options.unusable(kind)),
    }
}

impl Options<'_> {
    /// The file is a medium.
    fn on_medium(&self, kind: Kind) -> Result<Image, Error> {
        let attach = match (kind, self.boot) {
            (Kind::Iso { .. }, Way::Auto | Way::Iso) => Attach::Cd,
            (Kind::Disk, Way::Auto | Way::Disk) | (Kind::Iso { hybrid: true }, Way::Disk) => Attach::Disk,
            (Kind::Iso { .. }, Way::Disk) => {
                return Err(self.refused(kind, "it has no boot sector, so it boots from a disc only: `--boot iso`"));
            }
            (Kind::Iso { .. }, _) => return Err(self.refused(kind, "`--boot iso` boots it")),
            _ => return Err(self.refused(kind, "`--boot disk` boots it")),
        };
        if !self.append.is_empty() {
            return Err(self.told_nothing(kind, "--append", "command line"));
        }
        if self.initrd.is_some() {
            return Err(self.told_nothing(kind, "--initrd", "modules"));
        }
        let firmware = self.firmware.cloned().unwrap_or(Firmware::Bios);
        Ok(Image::of_medium(self.kernel, self.kernel, attach, firmware))
    }

    /// The file is an ELF file for x86.
    fn elf(&self, kind: Kind) -> Result<Image, Error> {
        match self.boot {
            Way::Linux => Err(self.refused(kind, "a Linux kernel for it is a bzImage; `--boot direct` boots others")),
            Way::Auto if self.command.is_some() => self.made(),
            Way::Auto | Way::Direct => self.direct(kind),
            Way::Iso | Way::Disk if self.command.is_some() => self.made(),
            Way::Iso | Way::Disk => self.by_limine(kind),
        }
    }

    fn direct(&self, kind: Kind) -> Result<Image, Error> {
        match kind {
            Kind::Limine => {
                self.check_firmware(kind)?;
                let module = self.initrd.map(|path| Module {
                    name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    path: path.into(),
                });
                Image::build(self.kernel, module.as_slice(), self.cache)
            }
            Kind::Pvh | Kind::Multiboot => self.without_medium(kind, Way::Direct),
            Kind::Multiboot64 => Err(self.unbootable(
                kind,
                "QEMU loads multiboot kernels from 32-bit ELF files only (`objcopy -O elf32-i386 KERNEL KERNEL32` makes \
                 one of a kernel that lies below 4 GiB)",
            )),
            Kind::Multiboot2 => Err(self.unbootable(
                kind,
                "QEMU knows multiboot 1 only. Boot it from an ISO with GRUB (`grub-mkrescue -o KERNEL.iso DIRECTORY`, \
                 with `multiboot2 /boot/KERNEL` in its boot/grub/grub.cfg)",
            )),
            _ => Err(self.unbootable(
                kind,
                "neither QEMU nor our loader knows how to enter it. If a boot loader such as the crate `bootloader` is \
                 linked to it later, boot the image that this makes",
            )),
        }
    }

    /// QEMU starts it by itself.
    fn without_medium(&self, kind: Kind, way: Way) -> Result<Image, Error> {
        if ![Way::Auto, way].contains(&self.boot) {
            return Err(self.refused(kind, &format!("`--boot {way}` boots it")));
        }
        self.check_firmware(kind)?;
        if let Some(initrd) = self.initrd {
            given::open(initrd)?;
            if kind == Kind::Multiboot && initrd.as_os_str().as_encoded_bytes().contains(&b',') {
                let name = initrd.display();
                return Err(Error::Request(format!(
                    "{name}: QEMU takes the comma for the end of a module's name; rename it"
                )));
            }
        }
        let boot = Boot::Direct { kernel: self.kernel.into(), initrd: self.initrd.map(Path::to_path_buf) };
        Ok(Image { boot, elf: self.kernel.into() })
    }

    /// A medium that the project's own command makes.
    fn made(&self) -> Result<Image, Error> {
        if !self.append.is_empty() {
            return Err(self.given_nothing("--append", "command line"));
        }
        if self.initrd.is_some() {
            return Err(self.given_nothing("--initrd", "modules"));
        }
        let command = self.command.unwrap_or_default();
        let firmware = self.firmware.unwrap_or(&Firmware::Bios);
        let image = made(self.kernel, command, self.directory, firmware, self.cache, self.interrupts)?;
        let is = match image.boot.medium().map(|medium| medium.attach) {
            Some(Attach::Cd) => Way::Iso,
            _ => Way::Disk,
        };
        match self.boot {
            Way::Iso | Way::Disk if self.boot != is => Err(Error::Request(format!(
                "`--boot {}` is asked for, and the command in `image` made what boots by `--boot {is}`",
                self.boot
            ))),
            _ => Ok(image),
        }
    }

    /// A medium with Limine on it.
    fn by_limine(&self, kind: Kind) -> Result<Image, Error> {
        if kind != Kind::Limine {
            return Err(self.refused(
                kind,
                "a medium can be made of a kernel with Limine requests only; for others, state the command that makes \
                 the medium as `image` in steward-harness.toml",
            ));
        }
        let directory = self.limine.ok_or_else(|| {
            self.refused(
                kind,
                "a medium needs a boot loader: name the directory of a binary release of Limine by `--limine`, or state \
                 the command that makes the medium as `image` in steward-harness.toml",
            )
        })?;
        limine::medium(self, directory)
    }

    fn check_firmware(&self, kind: Kind) -> Result<(), Error> {
        if self.firmware.is_none() {
            return Ok(());
        }
        let media = if kind == Kind::Limine { "`--boot iso` and `--boot disk`" } else { "media" };
        Err(self.refused(kind, &format!("it is started without firmware: `--firmware` is for {media}")))
    }

    /// What was asked does not fit the file.
    fn refused(&self, kind: Kind, why: &str) -> Error {
        let Self { kernel, boot, .. } = self;
        Error::Request(format!("{} is {kind}, and `--boot {boot}` is asked for: {why}", kernel.display()))
    }

    /// The file is understood, and cannot be booted directly.
    fn unbootable(&self, kind: Kind, why: &str) -> Error {
        Error::Request(format!(
            "{} is {kind}: {why}, or state the command that makes a bootable image as `image` in steward-harness.toml",
            self.kernel.display()
        ))
    }

    /// The file is nothing that a machine boots.
    fn unusable(&self, kind: Kind) -> Error {
        let why = match kind {
            Kind::OtherElf => String::from("an x86 kernel was expected, as a linker leaves it"),
            Kind::Pe => String::from("firmware starts it from a medium; boot an ISO or a disk image that holds it"),
            Kind::Packed(_) => {
                String::from("convert it to a raw one (`qemu-img convert -O raw IMAGE IMAGE.raw`), and boot that")
            }
            _ => String::from(
                "looked for were a Linux kernel (`HdrS`), ISO 9660, a boot sector (0x55 0xaa), a GPT, ELF, and multiboot",
            ),
        };
        Error::Request(format!("{} is {kind}: {why}", self.kernel.display()))
    }

    fn told_nothing(&self, kind: Kind, option: &str, what: &str) -> Error {
        let name = self.kernel.display();
        Error::Request(format!("{name} is {kind}, whose own configuration decides the {what}: leave out `{option}`"))
    }

    fn given_nothing(&self, option: &str, what: &str) -> Error {
        Error::Request(format!(
            "the command in `image` makes a medium, whose own configuration decides the {what}: leave out `{option}`, or \
             boot {} by `--boot direct`",
            self.kernel.display()
        ))
    }
}

#[cfg(test)]
mod tests;

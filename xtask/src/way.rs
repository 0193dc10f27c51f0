//! Ways to boot: what starts the kernel, and from which medium.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use steward_harness::image::{self as harness, Attach, Image};
use steward_harness::machine::Kind;
use steward_harness::process::Interrupts;

use crate::image::quoted;
use crate::limine::Source;
use crate::media::{self, Content, Loader};
use crate::preflight::components::Component;
use crate::workspace::Workspace;

/// The options of every command that boots the kernel.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Options {
    /// What starts the machine
    #[arg(long, value_enum, default_value_t)]
    pub firmware: Firmware,
    /// What the firmware starts, and what starts the kernel [default: steward, and limine by BIOS or with --limine]
    #[arg(long, value_enum)]
    pub bootloader: Option<Bootloader>,
    /// A directory with a binary release of Limine [default: what STEWARD_LIMINE names, or else git fetches it once]
    #[arg(long, value_name = "DIR")]
    pub limine: Option<PathBuf>,
    /// What the firmware starts from [default: cd]
    #[arg(long, value_enum)]
    pub medium: Option<Medium>,
}

/// What starts the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Firmware {
    /// Nothing: QEMU starts the kernel by our PVH loader, in about a tenth of a second
    #[default]
    Direct,
    /// OVMF; about four seconds
    Uefi,
    /// SeaBIOS; about a second
    Bios,
}

/// What the firmware starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bootloader {
    /// Our own
    Steward,
    /// Genuine Limine, the reference for the protocol that the kernel speaks
    Limine,
}

/// What the firmware starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Medium {
    /// The ISO image as a disc
    #[default]
    Cd,
    /// The same image as a USB stick
    Usb,
    /// The disk image on virtio
    Virtio,
    /// The disk image on AHCI (SATA)
    Ahci,
    /// The disk image on NVMe
    Nvme,
}

/// A way that exists, with all that was left open decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// QEMU starts our PVH loader.
    Direct,
    /// Firmware starts what is on a medium.
    Medium {
        /// By UEFI, else by BIOS.
        uefi: bool,
        /// What is on it.
        loader: Loader,
        /// How it is plugged in.
        medium: Medium,
    },
}

impl Options {
    /// The way that the options ask for, on a machine of this kind.
    ///
    /// # Errors
    /// When there is no such way; the error says what is.
    pub fn way(&self, kind: Kind, workspace: &Workspace) -> Result<Way> {
        let Some((uefi, bootloader)) = self.decide(kind)? else { return Ok(Way::Direct) };
        let loader = match bootloader {
            Bootloader::Steward => Loader::Steward,
            Bootloader::Limine => Loader::Limine(Source::choose(self.limine.as_deref(), workspace)),
        };
        Ok(Way::Medium { uefi, loader, medium: self.medium.unwrap_or_default() })
    }

    /// Whether there is such a way. Looks at nothing but the options.
    ///
    /// # Errors
    /// As [`Options::way`].
    pub fn check(&self, kind: Kind) -> Result<()> {
        self.decide(kind).map(drop)
    }

    /// Whether any of the options was given.
    #[must_use]
    pub fn are_given(&self) -> bool {
        let Self { firmware, bootloader, limine, medium } = self;
        *firmware != Firmware::Direct || bootloader.is_some() || limine.is_some() || medium.is_some()
    }

    /// The options as they were given, each after a space, quoted as a shell takes them.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { firmware, bootloader, limine, medium } = self;
        let name = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
        let firmware = (*firmware != Firmware::Direct).then(|| firmware.to_possible_value()).flatten();
        let words = [
            ("--firmware", name(firmware)),
            ("--bootloader", name(bootloader.and_then(|value| value.to_possible_value()))),
            ("--limine", limine.as_deref().map(quoted)),
            ("--medium", name(medium.and_then(|value| value.to_possible_value()))),
        ];
        words.into_iter().filter_map(|(option, value)| Some(format!(" {option} {}", value?))).collect()
    }

    /// Whether the firmware is UEFI, and what it starts; `None` for a direct boot.
    fn decide(&self, kind: Kind) -> Result<Option<(bool, Bootloader)>> {
        let limine = bootloader(self.bootloader, self.limine.is_some())?;
        match (self.firmware, limine.unwrap_or(Bootloader::Steward)) {
            (Firmware::Direct, Bootloader::Limine) => {
                bail!(
                    "a direct boot has no medium that Limine could be on: QEMU starts the kernel by our PVH loader. \
                     Limine is for `--firmware uefi` and `--firmware bios`"
                )
            }
            (Firmware::Direct, Bootloader::Steward) => match self.medium {
                Some(_) => {
                    bail!("a direct boot has no medium; --medium is for `--firmware uefi` and `--firmware bios`")
                }
                None => Ok(None),
            },
            (Firmware::Uefi | Firmware::Bios, _) if kind == Kind::Microvm => {
                bail!("a microvm has no firmware that boots from a medium; use `--machine q35`, or `--firmware direct`")
            }
            (Firmware::Uefi, bootloader) => Ok(Some((true, bootloader))),
            (Firmware::Bios, Bootloader::Steward) if limine.is_some() => {
                bail!(
                    "our own loader is a program for UEFI, which no BIOS can start; use `--bootloader limine`, or \
                     `--firmware uefi`"
                )
            }
            (Firmware::Bios, _) => Ok(Some((false, Bootloader::Limine))),
        }
    }
}

/// The boot loader that the two options ask for, if they do.
///
/// # Errors
/// When they contradict each other.
pub fn bootloader(chosen: Option<Bootloader>, has_directory: bool) -> Result<Option<Bootloader>> {
    match (chosen, has_directory) {
        (Some(Bootloader::Steward), true) => {
            bail!("--limine names a directory with Limine, and `--bootloader steward` takes nothing from it")
        }
        (None, true) => Ok(Some(Bootloader::Limine)),
        (chosen, _) => Ok(chosen),
    }
}

impl Medium {
    /// The kind of image that is plugged in so.
    #[must_use]
    pub fn format(self) -> media::Format {
        match self {
            Self::Cd | Self::Usb => media::Format::Iso,
            Self::Virtio | Self::Ahci | Self::Nvme => media::Format::Disk,
        }
    }

    /// The harness's name for it.
    #[must_use]
    pub fn attach(self) -> Attach {
        match self {
            Self::Cd => Attach::Cd,
            Self::Usb => Attach::Usb,
            Self::Virtio => Attach::Virtio,
            Self::Ahci => Attach::Ahci,
            Self::Nvme => Attach::Nvme,
        }
    }
}

impl Way {
    /// What it needs, beside QEMU and what the kernel is built with.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        match self {
            Self::Direct => Vec::new(),
            Self::Medium { uefi, loader, .. } => {
                uefi.then_some(Component::Firmware).into_iter().chain(loader.components()).collect()
            }
        }
    }
}

/// What starts the kernel is there.
pub enum Ready {
    /// Nothing is needed for it.
    Direct,
    /// A medium can be made.
    Medium {
        /// What will be on it.
        made: media::Made,
        /// How it will be plugged in.
        medium: Medium,
        /// By UEFI, else by BIOS.
        uefi: bool,
    },
}

impl Way {
    /// Builds, or fetches, what starts the kernel. Done before the kernel is built: what is missing shall show early.
    ///
    /// # Errors
    /// As [`Loader::make`].
    pub fn prepare(&self, workspace: &Workspace, interrupts: &Interrupts) -> Result<Ready> {
        let Self::Medium { uefi, loader, medium } = self else { return Ok(Ready::Direct) };
        Ok(Ready::Medium { made: loader.make(workspace, interrupts)?, medium: *medium, uefi: *uefi })
    }
}

impl Ready {
    /// What a machine is to boot: `direct` itself, or a medium with the same kernel, started with this command line.
    ///
    /// # Errors
    /// When there is no firmware, or the medium cannot be written.
    pub fn image(&self, direct: &Image, command_line: &str, workspace: &Workspace) -> Result<Image> {
        let Self::Medium { made, medium, uefi } = self else { return Ok(direct.clone()) };
        let firmware = if *uefi { harness::Firmware::uefi()? } else { harness::Firmware::Bios };
        let content = Content { elf: &direct.elf, command_line, keep_log: None };
        let file = made.store(&content, medium.format(), &workspace.cache().join("media"))?;
        let image = Image::on_medium(&direct.elf, &file, medium.attach(), firmware);
        Ok(match made.least_memory(*uefi) {
            Some(memory) => image.needing(memory),
            None => image,
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Medium { uefi, loader, medium } = self else { return f.write_str("direct boot") };
        let firmware = if *uefi { "UEFI" } else { "BIOS" };
        let medium = medium.to_possible_value();
        let medium = medium.as_ref().map_or("", |value| value.get_name());
        write!(f, "{firmware}, {}, {medium}", loader.name())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::workspace::UEFI;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn decide(words: &[&str]) -> Result<Option<(bool, Bootloader)>> {
        Line::try_parse_from([&["run"], words].concat())?.options.decide(Kind::Q35)
    }

    #[test]
    fn the_options_can_be_typed_again() {
        let words = |words: &[&str]| Line::try_parse_from([&["run"], words].concat()).unwrap().options.words();
        assert_eq!(words(&[]), "");
        let given = ["--firmware", "uefi", "--bootloader", "limine", "--limine", "/a b", "--medium", "usb"];
        assert_eq!(words(&given), " --firmware uefi --bootloader limine --limine '/a b' --medium usb");
    }

    #[test]
    fn direct_boot_is_the_default_and_uefi_takes_our_loader() {
        assert_eq!(decide(&[]).unwrap(), None);
        assert_eq!(decide(&["--bootloader", "steward"]).unwrap(), None);
        assert_eq!(decide(&["--firmware", "uefi"]).unwrap(), Some((true, Bootloader::Steward)));
    }

    #[test]
    fn a_bios_means_limine_and_so_does_a_directory_with_it() {
        assert_eq!(decide(&["--firmware", "bios"]).unwrap(), Some((false, Bootloader::Limine)));
        assert_eq!(decide(&["--firmware", "uefi", "--limine", "/l"]).unwrap(), Some((true, Bootloader::Limine)));
        let words = ["--firmware", "uefi", "--bootloader", "limine"];
        assert_eq!(decide(&words).unwrap(), Some((true, Bootloader::Limine)));
    }

    #[test]
    fn ways_that_do_not_exist_are_refused_with_one_that_does() {
        for (words, hint) in [
            (&["--firmware", "bios", "--bootloader", "steward"][..], "--firmware uefi"),
            (&["--bootloader", "limine"], "--firmware uefi"),
            (&["--limine", "/l"], "--firmware uefi"),
            (&["--firmware", "uefi", "--bootloader", "steward", "--limine", "/l"], "takes nothing from it"),
            (&["--medium", "usb"], "--firmware uefi"),
        ] {
            let error = decide(words).unwrap_err().to_string();
            assert!(error.contains(hint), "{words:?}: {error}");
        }
    }

    #[test]
    fn a_microvm_boots_directly_or_not_at_all() {
        let options = Options { firmware: Firmware::Uefi, ..Options::default() };
        let error = options.decide(Kind::Microvm).unwrap_err().to_string();
        assert!(error.contains("microvm") && error.contains("--firmware direct"), "{error}");
        assert!(Options::default().decide(Kind::Microvm).is_ok());
        assert!(options.decide(Kind::Pc).is_ok());
    }

    #[test]
    fn unknown_words_are_refused_with_the_known_ones() {
        for (words, known) in [
            (["--firmware", "coreboot"], "direct, uefi, bios"),
            (["--bootloader", "grub"], "steward, limine"),
            (["--medium", "floppy"], "cd, usb, virtio, ahci, nvme"),
        ] {
            let error = decide(&words).unwrap_err().to_string();
            assert!(error.contains(known), "{error}");
        }
    }

    #[test]
    fn each_way_needs_what_it_uses_and_nothing_else() {
        let way = |uefi, loader| Way::Medium { uefi, loader, medium: Medium::Cd }.components();
        assert!(Way::Direct.components().is_empty());
        assert_eq!(way(true, Loader::Steward), [Component::Firmware, Component::RustTarget(UEFI)]);
        assert_eq!(way(false, Loader::Limine(Source::Option("/l".into()))), [Component::Compiler]);
        let fetched = Loader::Limine(Source::Git("/l".into()));
        assert_eq!(way(true, fetched), [Component::Firmware, Component::Compiler, Component::Git]);
    }
}

//! How a machine comes to its kernel.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Attach, Firmware, Medium};
use crate::{
    Error,
    machine::{Kind, Memory, Shape},
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
        /// Whether the machine may write to the file: then no other machine can use it at the same time. Else what it
        /// writes lasts as long as the machine.
        writable: bool,
        /// The machine's firmware.
        firmware: Firmware,
        /// The least memory with which the loader on the medium comes to the kernel, when it is known to need more than
        /// the firmware does.
        needs: Option<Memory>,
        /// Whether the machine has a VGA card, whatever its configuration says: boot loaders of BIOS machines may refuse
        /// to go on without one, and some kernels draw without asking.
        screen: bool,
    },
}

/// The least memory, in MiB, that our PVH loader, which lies from 1 MiB on, can say anything in: QEMU puts it there
/// whether there is memory or not.
const DIRECT_LEAST_MIB: u32 = 3;

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
            Self::Medium { .. } => self.devices(),
        }
    }

    /// QEMU's arguments for the part of it that is a part of the machine, whether that boots or not.
    #[must_use]
    pub(crate) fn devices(&self) -> Vec<OsString> {
        let Self::Medium { firmware, .. } = self else { return Vec::new() };
        let mut arguments = firmware.arguments();
        arguments.extend(self.medium().into_iter().flat_map(Medium::arguments));
        arguments
    }

    /// Whether what it boots takes a VGA card for granted.
    #[must_use]
    pub(crate) const fn needs_screen(&self) -> bool {
        matches!(self, Self::Medium { screen: true, .. })
    }

    /// The medium, when there is one.
    #[must_use]
    pub(crate) fn medium(&self) -> Option<Medium<'_>> {
        match self {
            Self::Direct { .. } => None,
            Self::Medium { file, attach, writable, .. } => Some(Medium { file, attach: *attach, writable: *writable }),
        }
    }

    /// Whether a machine of this shape can be booted so.
    ///
    /// # Errors
    /// [`Error::Request`] when it cannot: a microvm boots from no medium, and firmware and loaders need some memory for themselves.
    pub fn check(&self, shape: &Shape) -> Result<(), Error> {
        let memory = shape.memory;
        let too_little = |who: String, least: u32| {
            Err(Error::Request(format!("{who} needs at least {least} MiB of memory, and this machine has {memory}")))
        };
        let Self::Medium { firmware, needs, .. } = self else {
            return if memory.mib() < DIRECT_LEAST_MIB {
                too_little("a direct boot".into(), DIRECT_LEAST_MIB)
            } else {
                Ok(())
            };
        };
        if shape.kind == Kind::Microvm {
            return Err(Error::Request("a microvm boots from no medium: it needs --firmware direct, or --boot direct for `steward-harness run`".into(),
            ));
        }
        let name = firmware.name();
        match (firmware.least_memory(), *needs) {
            (least, _) if memory.mib() < least => too_little(name.into(), least),
            (_, Some(least)) if memory < least => too_little(format!("the loader, started by {name},"), least.mib()),
            _ => Ok(()),
        }
    }

    /// Whether QEMU can keep states of a machine beside it: it would keep those of its disks with them, and cannot.
    #[must_use]
    pub(crate) fn lets_keep_states(&self) -> bool {
        self.medium().is_none_or(Medium::is_read_only)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    fn words(boot: &Boot) -> String {
        let words: Vec<_> = boot.arguments("a=b").into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join("|")
    }

    fn on_cd(firmware: Firmware) -> Boot {
        Boot::Medium {
            file: "/a,b.iso".into(),
            attach: Attach::Cd,
            writable: false,
            firmware,
            needs: None,
            screen: false,
        }
    }

    fn uefi() -> Firmware {
        Firmware::Uefi { code: "/ovmf.fd".into() }
    }

    #[test]
    fn a_direct_boot_has_its_archive_and_command_line_where_there_are_any() {
        let boot = Boot::Direct { kernel: "/with space/loader".into(), initrd: Some("a.tar".into()) };
        assert_eq!(words(&boot), "-kernel|/with space/loader|-initrd|a.tar|-append|a=b");
        assert_eq!(boot.files(), [Path::new("/with space/loader"), Path::new("a.tar")]);
        let bare = Boot::Direct { kernel: "k".into(), initrd: None };
        assert_eq!((bare.arguments(""), bare.files()), (vec!["-kernel".into(), "k".into()], vec![Path::new("k")]));
    }

    #[test]
    fn a_medium_brings_its_own_command_line_and_its_firmware() {
        let medium = "-drive|if=none,id=medium,format=raw,readonly=on,file=/a,,b.iso|\
                      -device|ide-cd,drive=medium,bootindex=1";
        assert_eq!(words(&on_cd(Firmware::Bios)), medium);
        let uefi = on_cd(uefi());
        assert_eq!(words(&uefi), format!("-drive|if=pflash,format=raw,readonly=on,file=/ovmf.fd|{medium}"));
        assert_eq!(uefi.files(), [Path::new("/a,b.iso"), Path::new("/ovmf.fd")]);
    }

    #[test]
    fn a_machine_that_cannot_boot_from_a_medium_is_told_why() {
        let microvm = Shape { kind: Kind::Microvm, ..Shape::default() };
        let small = Shape { memory: Memory::from_mib(40).unwrap(), ..Shape::default() };
        let why = |boot: &Boot, shape: &Shape| boot.check(shape).unwrap_err().to_string();
        assert!(why(&on_cd(Firmware::Bios), &microvm).contains("--firmware direct"));
        let little = why(&on_cd(uefi()), &small);
        assert!(little.contains("at least 48 MiB") && little.contains("40M"), "{little}");
        let hungry = Image { boot: on_cd(uefi()), elf: "k".into() }.needing(Memory::from_mib(112).unwrap()).boot;
        let little = why(&hungry, &Shape { memory: Memory::from_mib(64).unwrap(), ..Shape::default() });
        assert!(little.contains("loader") && little.contains("112 MiB") && little.contains("64M"), "{little}");
        assert!(hungry.check(&Shape::default()).is_ok());
        let direct = Boot::Direct { kernel: "k".into(), initrd: None };
        let tiny = |mib| Shape { memory: Memory::from_mib(mib).unwrap(), ..Shape::default() };
        assert!(why(&direct, &tiny(1)).contains("at least 3 MiB"));
        assert!(direct.check(&tiny(3)).is_ok());
        assert!(why(&on_cd(Firmware::Bios), &tiny(1)).contains("at least 4 MiB"));
        for (boot, shape) in [(on_cd(Firmware::Bios), small), (on_cd(uefi()), Shape::default()), (direct, microvm)] {
            assert!(boot.check(&shape).is_ok(), "{boot:?} on {shape}");
        }
    }
}

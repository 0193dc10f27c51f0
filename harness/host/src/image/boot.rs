//! How a machine comes to its kernel.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

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
    /// Firmware starts what it finds on a disc. The kernel's command line is what that says, and not what the machine's
    /// configuration says. Works on q35 and pc; a microvm has no drive.
    Disc {
        /// An ISO 9660 image that this firmware can boot from.
        disc: PathBuf,
        /// The machine's firmware.
        firmware: Firmware,
    },
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

impl Boot {
    /// Every file that decides what the machine does.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::Direct { kernel, initrd } => {
                [Some(kernel), initrd.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect()
            }
            Self::Disc { disc, firmware: Firmware::Bios } => vec![disc],
            Self::Disc { disc, firmware: Firmware::Uefi { code } } => vec![disc, code],
        }
    }

    /// QEMU's arguments for it. A disc has a command line of its own.
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
            Self::Disc { disc, firmware } => {
                let mut arguments = firmware.arguments();
                arguments.extend(["-drive".into(), drive("media=cdrom,format=raw,readonly=on", disc)]);
                arguments
            }
        }
    }
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

    fn words(boot: &Boot) -> String {
        let words: Vec<_> = boot.arguments("a=b").into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join("|")
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
    fn a_disc_is_read_only_and_brings_its_own_command_line() {
        let boot = |firmware| Boot::Disc { disc: "/a,b.iso".into(), firmware };
        let disc = "-drive|media=cdrom,format=raw,readonly=on,file=/a,,b.iso";
        assert_eq!(words(&boot(Firmware::Bios)), disc);
        let uefi = boot(Firmware::Uefi { code: "/ovmf.fd".into() });
        assert_eq!(words(&uefi), format!("-drive|if=pflash,format=raw,readonly=on,file=/ovmf.fd|{disc}"));
        assert_eq!(uefi.files(), [Path::new("/a,b.iso"), Path::new("/ovmf.fd")]);
    }
}

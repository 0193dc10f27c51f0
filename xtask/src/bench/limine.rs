//! A disc that boots the kernel by genuine Limine, by BIOS and by UEFI, to measure beside.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::peers::output;

/// What is taken from Limine's binary release, and where it goes on the disc.
const FILES: [(&str, &str); 4] = [
    (BIOS_LOADER, BIOS_LOADER),
    (UEFI_LOADER, UEFI_LOADER),
    ("limine-bios.sys", "limine-bios.sys"),
    ("BOOTX64.EFI", "EFI/BOOT/BOOTX64.EFI"),
];
/// What a BIOS starts from the disc (El Torito).
const BIOS_LOADER: &str = "limine-bios-cd.bin";
/// What a UEFI firmware takes for the disc's system partition.
const UEFI_LOADER: &str = "limine-uefi-cd.bin";
/// Where Limine looks for what it shall do.
const CONFIGURATION: &str = "limine.conf";
const KERNEL: &str = "kernel";

/// A directory with Limine's binary release.
#[derive(Clone, Debug)]
pub struct Limine(PathBuf);

impl Limine {
    /// The release in this directory.
    ///
    /// # Errors
    /// When a file is missing; the error says which.
    pub fn at(directory: &Path) -> Result<Self> {
        for (file, _) in FILES {
            let there = directory.join(file).is_file();
            ensure!(there, "{} is no binary release of Limine: it has no {file}", directory.display());
        }
        Ok(Self(directory.into()))
    }

    /// Makes a disc with this kernel in `directory`, in place of one that was made there before; gives its path.
    ///
    /// # Errors
    /// When a file cannot be copied or written, or xorriso fails.
    pub fn disc(&self, kernel: &[u8], command_line: &str, directory: &Path) -> Result<PathBuf> {
        let (root, disc) = (directory.join("limine"), directory.join("limine.iso"));
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        for (from, to) in FILES {
            let (from, to) = (self.0.join(from), root.join(to));
            fs::create_dir_all(to.parent().unwrap_or(&root))?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        }
        fs::write(root.join(CONFIGURATION), configuration(command_line))?;
        fs::write(root.join(KERNEL), kernel)?;
        output(&mut recipe(&root, &disc)).context("xorriso cannot make a disc")?;
        Ok(disc)
    }
}

/// What Limine shall do. Releases before the ninth know the kernel and its command line under the longer names; each
/// ignores the other's.
fn configuration(command_line: &str) -> String {
    let entry = [
        ("protocol", "limine"),
        ("path", "boot():/kernel"),
        ("kernel_path", "boot():/kernel"),
        ("cmdline", command_line),
        ("kernel_cmdline", command_line),
    ];
    let entry: String = entry.iter().map(|(key, value)| format!("    {key}: {value}\n")).collect();
    format!("timeout: 0\nquiet: yes\n\n/Steward\n{entry}")
}

/// The command that packs `root` into a disc for both kinds of firmware (the options are xorriso's for `mkisofs`, and
/// stand in Limine's manual).
fn recipe(root: &Path, disc: &Path) -> Command {
    let mut command = Command::new("xorriso");
    command.args(["-as", "mkisofs", "-quiet", "-R", "-J"]);
    command.args(["-b", BIOS_LOADER, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]);
    command.args(["--efi-boot", UEFI_LOADER, "-efi-boot-part", "--efi-boot-image", "--protective-msdos-label"]);
    command.args([root.as_os_str(), OsStr::new("-o"), disc.as_os_str()]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_limine_is_refused_with_what_it_lacks() {
        let directory = tempfile::tempdir().unwrap();
        for (file, _) in &FILES[..3] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let error = Limine::at(directory.path()).unwrap_err().to_string();
        assert!(error.contains("it has no BOOTX64.EFI"), "{error}");
        fs::write(directory.path().join("BOOTX64.EFI"), "").unwrap();
        assert!(Limine::at(directory.path()).is_ok());
    }

    #[test]
    fn limine_starts_the_kernel_at_once_and_with_its_command_line() {
        let text = configuration("serve=com2 debug-exit=0xf4");
        assert!(text.starts_with("timeout: 0\n"), "{text}");
        let entry = text.split_once("\n/Steward\n").unwrap().1;
        for line in ["protocol: limine", "path: boot():/kernel", "cmdline: serve=com2 debug-exit=0xf4"] {
            assert!(entry.lines().any(|found| found.trim() == line), "{line} in {entry}");
        }
    }

    #[test]
    fn the_disc_boots_by_either_firmware_from_files_that_are_on_it() {
        let command = recipe(Path::new("/root"), Path::new("/disc.iso"));
        let words: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        let on_the_disc = |option: &str| {
            let place = words.iter().position(|word| *word == option).unwrap();
            FILES.iter().any(|(_, to)| *to == words[place + 1])
        };
        assert!(on_the_disc("-b") && on_the_disc("--efi-boot"), "{words:?}");
        assert_eq!(words[words.len() - 3..], ["/root", "-o", "/disc.iso"]);
    }
}

//! What goes into an image, and `limine.conf`.

use std::fmt::Write as _;
use std::path::Path;

use crate::{Error, File, atomic, disk, iso, limine};

/// Where the firmware looks for a loader on a medium that it has no boot entry for (UEFI 2.10, 3.5.1.1).
const UEFI_LOADER: &str = "EFI/BOOT/BOOTX64.EFI";
/// Where loaders look for what they shall do.
const CONFIGURATION: &str = "limine.conf";
const KERNEL: &str = "kernel";
/// A log file has a number and an ending besides.
const MAX_LOG_NAME: usize = 32;
/// Our loader hands over no more.
const MAX_MODULES: usize = 64;

/// The kind of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A disc that boots from an optical drive, and also from a stick: ISO 9660 with El Torito, and a GPT around it.
    Iso,
    /// A raw disk with a GPT and one FAT volume.
    Disk,
}

/// What the firmware starts.
#[derive(Clone, Copy, Debug)]
pub enum Loader<'a> {
    /// Our own, by UEFI.
    Steward {
        /// The UEFI application.
        efi: &'a [u8],
    },
    /// Genuine Limine, by UEFI and by BIOS.
    Limine(&'a limine::Release),
}

/// What goes into an image.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// What the firmware starts.
    pub loader: Loader<'a>,
    /// The kernel, an ELF file that speaks the Limine protocol. Its content is not looked at.
    pub kernel: &'a [u8],
    /// The kernel's command line: one line of text, without `$`.
    pub command_line: &'a str,
    /// At most 64 files handed to the kernel, in this order, each with its name (the path's last part) as its string.
    pub modules: &'a [File],
    /// The first part of the names of log files on the system volume: 1 to 32 letters, digits, `-` or `_`. Only our own loader
    /// keeps logs; the recipe of an image with Limine may have it, without effect.
    pub keep_log: Option<&'a str>,
    /// How many seconds the loader waits before it starts the kernel.
    pub timeout: u32,
}

/// Makes an image of this recipe at `path`. The file appears when it is whole, in place of one that was there; after an
/// error, what was there still is.
///
/// # Errors
/// When a path or a text of the recipe cannot stand in an image, the content is too large, Limine's installer cannot be
/// compiled or refuses, or `path` cannot be written.
pub fn write(recipe: &Recipe<'_>, format: Format, path: &Path) -> Result<(), Error> {
    check(recipe)?;
    let (volume, system) = contents(recipe, format);
    let image = match (format, recipe.loader) {
        (Format::Disk, Loader::Steward { .. }) => disk(&[volume, system].concat())?,
        (Format::Disk, Loader::Limine(_)) => disk::with_bios(&[volume, system].concat())?,
        (Format::Iso, Loader::Steward { .. }) => iso(&volume, &system)?,
        (Format::Iso, Loader::Limine(_)) => iso::with_bios(&volume, &system, limine::BIOS_CD)?,
    };
    atomic::write(path, &image, |file| match recipe.loader {
        Loader::Steward { .. } => Ok(()),
        Loader::Limine(release) => release.install(file),
    })
}

/// `limine.conf` for this recipe.
///
/// Limine knows some keys by other names before its ninth release. Both stand there; each ignores the other's.
#[must_use]
pub fn configuration(recipe: &Recipe<'_>) -> String {
    let mut text = format!("timeout: {}\nquiet: yes\n\n/Steward\n    protocol: limine\n", recipe.timeout);
    let mut line = |keys: &[&str], value: &str| {
        for key in keys.iter().filter(|_| !value.is_empty()) {
            let _ = writeln!(text, "    {key}: {value}");
        }
    };
    line(&["path", "kernel_path"], &format!("boot():/{KERNEL}"));
    line(&["cmdline", "kernel_cmdline"], recipe.command_line.trim());
    let strings: &[&str] = match recipe.loader {
        Loader::Steward { .. } => &["module_string"],
        Loader::Limine(_) => &["module_string", "module_cmdline"],
    };
    for module in recipe.modules {
        line(&["module_path"], &format!("boot():/{}", module.path));
        line(strings, module.path.rsplit('/').next().unwrap_or(&module.path));
    }
    match recipe.loader {
        Loader::Steward { .. } => line(&["keep_log"], recipe.keep_log.unwrap_or_default()),
        Loader::Limine(_) => {}
    }
    text
}

/// The files of the volume that the loader reads, and those of the system volume that the firmware reads.
fn contents(recipe: &Recipe<'_>, format: Format) -> (Vec<File>, Vec<File>) {
    let mut volume = vec![File::new(CONFIGURATION, configuration(recipe)), File::new(KERNEL, recipe.kernel)];
    volume.extend_from_slice(recipe.modules);
    let efi = match recipe.loader {
        Loader::Steward { efi } => efi,
        Loader::Limine(release) => {
            volume.extend(release.files(format));
            release.efi()
        }
    };
    (volume, vec![File::new(UEFI_LOADER, efi)])
}

fn check(recipe: &Recipe<'_>) -> Result<(), Error> {
    let fault = |what, text: &str, fault| Err(Error::Text { what, text: text.into(), fault });
    let line = recipe.command_line;
    if line.contains(char::is_control) {
        return fault("command line", line, "it is not one line of printable text");
    }
    if line.contains('$') {
        return fault("command line", line, "Limine takes `$` for the begin of a macro");
    }
    let modules = recipe.modules.len();
    if modules > MAX_MODULES {
        return Err(Error::TooMany { what: "modules", count: modules, limit: MAX_MODULES });
    }
    match recipe.keep_log {
        Some(name) if name.is_empty() || name.len() > MAX_LOG_NAME => {
            fault("name of logs", name, "it must have 1 to 32 characters")
        }
        Some(name) if !name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character)) => {
            fault("name of logs", name, "only letters, digits, `-` and `_` can stand in it")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe<'a>() -> Recipe<'a> {
        let loader = Loader::Steward { efi: b"efi" };
        Recipe { loader, kernel: b"kernel", command_line: "", modules: &[], keep_log: None, timeout: 0 }
    }

    fn fault(recipe: &Recipe<'_>) -> String {
        check(recipe).unwrap_err().to_string()
    }

    #[test]
    fn texts_that_limine_conf_cannot_hold_are_refused() {
        for command_line in ["a\nb", "a\rb", "a\tb"] {
            assert!(fault(&Recipe { command_line, ..recipe() }).contains("not one line of printable text"));
        }
        assert!(fault(&Recipe { command_line: "a ${ARCH}", ..recipe() }).contains("begin of a macro"));
        assert!(fault(&Recipe { keep_log: Some(""), ..recipe() }).contains("1 to 32 characters"));
        assert!(fault(&Recipe { keep_log: Some(&"n".repeat(33)), ..recipe() }).contains("1 to 32 characters"));
        assert!(fault(&Recipe { keep_log: Some("../log"), ..recipe() }).contains("only letters"));
        assert!(check(&Recipe { command_line: "a=b c", keep_log: Some("ktest-a_1"), ..recipe() }).is_ok());
    }

    #[test]
    fn more_modules_than_a_loader_hands_over_are_refused() {
        let modules: Vec<_> = (0..65).map(|number| File::new(format!("m{number}"), [])).collect();
        assert!(fault(&Recipe { modules: &modules, ..recipe() }).starts_with("65 modules are too many"));
        assert!(check(&Recipe { modules: &modules[1..], ..recipe() }).is_ok());
    }
}

//! Makes media that boot the kernel.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
pub use steward_boot_media::Format;
use steward_boot_media::{Recipe, limine, write};
pub use steward_harness::image::limine::extension;
use steward_harness::image::{limine as stored, strip};
use steward_harness::machine::Memory;
use steward_harness::process::Interrupts;

use crate::images;
use crate::limine::Source;
use crate::preflight::components::Component;
use crate::workspace::{UEFI, Workspace};

/// What is on a medium for the firmware to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loader {
    /// Our own, by UEFI.
    Steward,
    /// Genuine Limine, by UEFI and by BIOS.
    Limine(Source),
}

impl Loader {
    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Steward => "our loader",
            Self::Limine(_) => "Limine",
        }
    }

    /// What making media with it needs.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        match self {
            Self::Steward => vec![Component::RustTarget(UEFI)],
            Self::Limine(Source::Git(_)) => vec![Component::Compiler, Component::Git],
            Self::Limine(_) => vec![Component::Compiler],
        }
    }

    /// Builds it, or gets it from where it is.
    ///
    /// # Errors
    /// When our loader does not build, or there is no Limine.
    pub fn make(&self, workspace: &Workspace, interrupts: &Interrupts) -> Result<Made> {
        match self {
            Self::Steward => Ok(Made::Steward { efi: read(&images::uefi_loader(workspace, interrupts)?)? }),
            Self::Limine(source) => Ok(Made::Limine(Box::new(source.open(interrupts)?))),
        }
    }
}

/// A loader that is there.
pub enum Made {
    /// Our own.
    Steward {
        /// The UEFI application.
        efi: Vec<u8>,
    },
    /// Limine's files.
    Limine(Box<limine::Release>),
}

/// What goes onto a medium beside the loader.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The kernel's ELF file as it was linked. What only debuggers read is left out.
    pub elf: &'a Path,
    /// The kernel's command line.
    pub command_line: &'a str,
    /// How the log files are called that our loader keeps; `None` for no log files.
    pub keep_log: Option<&'a str>,
}

impl Made {
    /// The least memory with which it starts the kernel, found by trying. With less, our loader says so, and waits for a key;
    /// genuine Limine stops: by UEFI with a word that it is out of memory, by BIOS without one.
    #[must_use]
    pub fn least_memory(&self, uefi: bool) -> Option<Memory> {
        match (self, uefi) {
            // With 52 MiB, OVMF 2022.11 leaves no piece that the kernel of the tests fits into.
            (Self::Steward { .. }, _) => Memory::from_mib(56),
            (Self::Limine(_), uefi) => stored::least_memory(uefi),
        }
    }

    /// Writes a medium to `path`: it appears there whole or not at all.
    ///
    /// # Errors
    /// When the kernel is none, or the medium cannot be made or written; the error names the file and says why.
    pub fn write(&self, content: &Content<'_>, format: Format, path: &Path) -> Result<()> {
        // Its text has its cause already.
        self.with_recipe(content, |recipe| {
            write(recipe, format, path).map_err(|error| anyhow::Error::msg(error.to_string()))
        })
    }

    /// Writes a medium into the directory under a name made of its content; see [`store`](stored::store).
    ///
    /// # Errors
    /// As for [`Made::write`].
    pub fn store(&self, content: &Content<'_>, format: Format, directory: &Path) -> Result<PathBuf> {
        self.with_recipe(content, |recipe| Ok(stored::store(recipe, format, directory)?))
    }

    fn with_recipe<T>(&self, content: &Content<'_>, make: impl FnOnce(&Recipe<'_>) -> Result<T>) -> Result<T> {
        let Content { elf, command_line, keep_log } = *content;
        let kernel = strip(&read(elf)?).map_err(anyhow::Error::msg);
        let kernel = kernel.with_context(|| format!("{} is no kernel that can be booted", elf.display()))?;
        let loader = match self {
            Self::Steward { efi } => steward_boot_media::Loader::Steward { efi },
            Self::Limine(release) => steward_boot_media::Loader::Limine(release),
        };
        make(&Recipe { loader, kernel: &kernel, command_line, modules: &[], keep_log, timeout: 0 })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_kernel_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let elf = directory.path().join("kernel");
        fs::write(&elf, "#!/bin/sh").unwrap();
        let content = Content { elf: &elf, command_line: "", keep_log: None };
        let made = Made::Steward { efi: vec![0; 512] };
        let error = format!("{:#}", made.store(&content, Format::Iso, directory.path()).unwrap_err());
        assert!(error.contains(&elf.display().to_string()) && error.contains("no kernel"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "something was left behind");
    }
}

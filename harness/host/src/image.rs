//! What a machine boots: the loader and an archive with the kernel and its modules, or a medium.

mod archive;
mod boot;
pub(crate) mod cache;
mod directory;
mod foreign;
mod kind;
pub mod limine;
mod loader;
mod made;
mod medium;
mod strip;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, machine::Memory};
pub use boot::Boot;
pub use cache::prune;
pub use directory::cache_directory;
pub use foreign::{Options, Way, foreign};
pub use kind::Kind;
pub use made::made;
pub use medium::{Attach, Firmware};
pub(crate) use medium::{MEDIUM, Medium};
pub use strip::strip;

/// A file that the kernel gets beside itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The name under which the kernel finds it; stored as `modules/<name>`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// What QEMU is given, and where the kernel's symbols are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// How the machine comes to the kernel.
    pub boot: Boot,
    /// The kernel's ELF file as it was linked, with symbols.
    pub elf: PathBuf,
}

impl Image {
    /// Packs a kernel that speaks the Limine protocol for direct boot: stripped, with its modules, in an archive
    /// under `cache` whose name is a hash of its content.
    ///
    /// # Errors
    /// [`Error::Kernel`] when the file is no such kernel, [`Error::Loader`] when the loader is neither there nor can
    /// be built, [`Error::Io`] when a file cannot be read or the archive not be written, as on a full disk.
    pub fn build(elf: &Path, modules: &[Module], cache: &Path) -> Result<Self, Error> {
        let kernel = loader::find(elf)?;
        let initrd = cache::store(&cache.join("images"), "tar", &pack(elf, modules)?)?;
        Ok(Self { boot: Boot::Direct { kernel, initrd: Some(initrd) }, elf: elf.into() })
    }

    /// A kernel that QEMU starts without a loader (PVH).
    #[must_use]
    pub fn bare(elf: &Path) -> Self {
        Self { boot: Boot::Direct { kernel: elf.into(), initrd: None }, elf: elf.into() }
    }

    /// A medium that this firmware boots from; machines read it only. `elf` is the kernel on it, as it was linked.
    #[must_use]
    pub fn on_medium(elf: &Path, file: &Path, attach: Attach, firmware: Firmware) -> Self {
        Self {
            boot: Boot::Medium { file: file.into(), attach, writable: false, firmware, needs: None, screen: false },
            elf: elf.into(),
        }
    }

    /// The same, of which nobody knows what is on it. Boot loaders and kernels of others take a display card for granted,
    /// so the machine has one.
    #[must_use]
    pub fn of_medium(elf: &Path, file: &Path, attach: Attach, firmware: Firmware) -> Self {
        Self {
            boot: Boot::Medium { file: file.into(), attach, writable: false, firmware, needs: None, screen: true },
            elf: elf.into(),
        }
    }

    /// The same, known to need so much memory. A direct boot takes what it gets.
    #[must_use]
    pub fn needing(mut self, memory: Memory) -> Self {
        if let Boot::Medium { needs, .. } = &mut self.boot {
            *needs = Some(memory);
        }
        self
    }

    /// Every file that decides what the machine does.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        self.boot.files()
    }
}

fn pack(elf: &Path, modules: &[Module]) -> Result<Vec<u8>, Error> {
    let read = |path: &Path| fs::read(path).map_err(Error::io(format!("reading {}", path.display())));
    let wrong = |why| Error::Kernel { path: elf.into(), why };
    let stripped = strip(&read(elf)?).map_err(wrong)?;
    let mut archive = archive::Archive::new();
    archive.add("kernel", &stripped).map_err(wrong)?;
    for Module { name, path } in modules {
        let unusable = |why| Error::Request(format!("module {}: {why}", path.display()));
        archive.add(&format!("modules/{name}"), &read(path)?).map_err(unusable)?;
    }
    Ok(archive.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_and_its_modules_are_packed_under_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let (elf, module) = (directory.path().join("k"), directory.path().join("m"));
        fs::write(&elf, crate::test_elf::Builder::default().build()).unwrap();
        fs::write(&module, b"hello").unwrap();
        let packed = pack(&elf, &[Module { name: "greeting".into(), path: module }]).unwrap();
        assert_eq!(&packed[..7], b"kernel\0");
        assert!(packed.windows(16).any(|window| window == b"modules/greeting"));
    }

    #[test]
    fn what_is_no_kernel_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let elf = directory.path().join("not-a-kernel");
        fs::write(&elf, b"#!/bin/sh").unwrap();
        let error = pack(&elf, &[]).unwrap_err().to_string();
        assert!(error.contains("not-a-kernel") && error.contains("ELF"), "{error}");
        let error = pack(&directory.path().join("absent"), &[]).unwrap_err().to_string();
        assert!(error.contains("reading") && error.contains("absent"), "{error}");
    }
}

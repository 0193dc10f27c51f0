//! Genuine Limine, from its binary release.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::{Error, File, Format, partitions};

/// What a BIOS starts from a disc (El Torito).
pub(crate) const BIOS_CD: &str = "limine-bios-cd.bin";
const BIOS_STAGE: &str = "limine-bios.sys";
const UEFI: &str = "BOOTX64.EFI";
/// Limine's installer, which puts its BIOS stages where a BIOS finds them.
const INSTALLER: &str = "limine.c";
const INSTALLER_DATA: &str = "limine-bios-hdd.h";
/// What is taken from a release.
const FILES: [&str; 5] = [UEFI, BIOS_STAGE, BIOS_CD, INSTALLER, INSTALLER_DATA];

/// A binary release of Limine, read from its directory.
#[derive(Debug)]
pub struct Release {
    content: [Vec<u8>; FILES.len()],
    /// The compiled installer, from its first use on.
    installer: OnceLock<Installer>,
}

#[derive(Debug)]
struct Installer {
    /// Removed with the release.
    _directory: TempDir,
    program: PathBuf,
}

impl Release {
    /// The release in this directory: `BOOTX64.EFI`, `limine-bios.sys`, `limine-bios-cd.bin`, and the installer's
    /// sources, `limine.c` and `limine-bios-hdd.h`.
    ///
    /// # Errors
    /// [`Error::NotLimine`], which names the missing file, and [`Error::Io`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let mut content = [const { Vec::new() }; FILES.len()];
        for (name, content) in FILES.iter().zip(&mut content) {
            let path = directory.join(name);
            *content = match fs::read(&path) {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    return Err(Error::NotLimine { directory: directory.into(), missing: name });
                }
                result => result.map_err(Error::io("read", path))?,
            };
        }
        Ok(Self { content, installer: OnceLock::new() })
    }

    /// The UEFI application.
    pub(crate) fn efi(&self) -> &[u8] {
        self.content(UEFI)
    }

    /// What Limine reads from the volume when a BIOS has started it.
    pub(crate) fn files(&self, format: Format) -> Vec<File> {
        let names: &[_] = match format {
            Format::Iso => &[BIOS_STAGE, BIOS_CD],
            Format::Disk => &[BIOS_STAGE],
        };
        names.iter().map(|name| File::new(*name, self.content(name))).collect()
    }

    /// Makes an image start by BIOS from a stick or a disk: puts Limine's first stages into its first block and its
    /// partition for them.
    pub(crate) fn install(&self, image: &Path) -> Result<(), Error> {
        let installer = match self.installer.get() {
            Some(installer) => installer,
            None => {
                let compiler = std::env::var_os("CC").filter(|name| !name.is_empty());
                let installer = self.compile(&compiler.unwrap_or_else(|| OsString::from("cc")))?;
                self.installer.get_or_init(|| installer)
            }
        };
        run(Command::new(&installer.program)
            .args(["bios-install", "--quiet"])
            .arg(image)
            .arg(partitions::BIOS_PARTITION.to_string()))
    }

    /// Limine gives its installer as source, so that it runs anywhere.
    fn compile(&self, compiler: &OsStr) -> Result<Installer, Error> {
        let directory = tempfile::tempdir().map_err(Error::io("make a directory in", std::env::temp_dir()))?;
        for name in [INSTALLER, INSTALLER_DATA] {
            let path = directory.path().join(name);
            fs::write(&path, self.content(name)).map_err(Error::io("write", path))?;
        }
        let program = directory.path().join("limine");
        let mut command = Command::new(compiler);
        run(command.args(["-std=c99", "-O1", "-w", "-o"]).arg(&program).arg(directory.path().join(INSTALLER)))?;
        Ok(Installer { _directory: directory, program })
    }

    fn content(&self, name: &str) -> &[u8] {
        FILES.iter().zip(&self.content).find(|(found, _)| **found == name).map_or(&[], |(_, content)| content)
    }
}

fn run(command: &mut Command) -> Result<(), Error> {
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NoCompiler,
        _ => Error::io("run", command.get_program())(error),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::Installer { command: format!("{command:?}"), said: format!("{}\n{said}", output.status) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn release() -> (TempDir, Release) {
        let directory = tempfile::tempdir().unwrap();
        for name in FILES {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let release = Release::open(directory.path()).unwrap();
        (directory, release)
    }

    #[test]
    fn a_directory_without_limine_is_refused_with_what_it_lacks() {
        let (directory, _) = release();
        for name in FILES {
            let path = directory.path().join(name);
            fs::rename(&path, directory.path().join("away")).unwrap();
            let error = Release::open(directory.path()).unwrap_err();
            assert!(error.to_string().contains(&format!("it has no {name};")), "{error}");
            fs::rename(directory.path().join("away"), &path).unwrap();
        }
        assert!(matches!(Release::open(&directory.path().join(UEFI)), Err(Error::NotLimine { .. })));
        assert!(matches!(Release::open(Path::new("/no/such/directory")), Err(Error::NotLimine { .. })));
    }

    #[test]
    fn without_a_compiler_the_error_says_which_to_install() {
        let (_directory, release) = release();
        let error = release.compile(OsStr::new("no-such-compiler")).unwrap_err();
        assert!(matches!(error, Error::NoCompiler));
        assert!(error.to_string().contains("apt install gcc"), "{error}");
    }

    #[test]
    fn what_the_compiler_says_is_in_the_error() {
        let (directory, release) = release();
        let compiler = directory.path().join("cc");
        fs::write(&compiler, "#!/bin/sh\necho 'limine.c:1: error: expected a program' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
        let error = release.compile(compiler.as_os_str()).unwrap_err().to_string();
        assert!(error.contains("limine.c:1: error: expected a program") && error.contains("exit status: 1"), "{error}");
    }

    #[test]
    fn an_optical_disc_has_both_stages_for_a_bios_and_a_disk_only_the_second() {
        let (_directory, release) = release();
        let names = |format| release.files(format).into_iter().map(|file| file.path).collect::<Vec<_>>();
        assert_eq!(names(Format::Iso), [BIOS_STAGE, BIOS_CD]);
        assert_eq!(names(Format::Disk), [BIOS_STAGE]);
        assert_eq!(release.efi(), UEFI.as_bytes());
    }
}

//! Builds what a machine boots: the kernel and its loaders; and the library for kernels of others.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use steward_harness::image::Image;
use steward_harness::process::{Interrupts, Process};
use xshell::cmd;

use crate::workspace::{BARE_METAL, KERNEL, LIBRARY, LOADER, UEFI, UEFI_LOADER, Workspace};

/// How often a build looks for a signal.
const POLL: Duration = Duration::from_millis(50);

/// Which driver the kernel's serial ports have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Serial {
    /// That of drivers/serial.
    #[default]
    Rust,
    /// That of drivers/serial-c.
    C,
}

/// A kernel build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// With optimization and without debug assertions.
    pub release: bool,
    /// With the kernel's own tests (feature `ktest`).
    pub tests: bool,
    /// With this driver of serial ports.
    pub serial: Serial,
}

/// Builds the kernel; gives its ELF file.
///
/// # Errors
/// When it does not compile, and cargo has printed why, or when it is interrupted.
pub fn kernel(workspace: &Workspace, build: Build, interrupts: &Interrupts) -> Result<PathBuf> {
    let mut arguments = vec!["--package", KERNEL];
    if build.tests {
        arguments.extend(["--features", "ktest"]);
    }
    if build.serial == Serial::C {
        arguments.extend(["--features", "serial-c"]);
    }
    cargo_build(workspace, BARE_METAL, build.release, &arguments, interrupts).context("the kernel does not build")?;
    Ok(directory(workspace, BARE_METAL, build.release).join(KERNEL))
}

/// Builds the direct loader, and beside it the empty kernel that benchmarks compare with; gives the directory of both.
///
/// # Errors
/// As for [`kernel`].
pub fn loader(workspace: &Workspace, interrupts: &Interrupts) -> Result<PathBuf> {
    let arguments = ["--package", LOADER];
    cargo_build(workspace, BARE_METAL, true, &arguments, interrupts).context("the direct loader does not build")?;
    Ok(directory(workspace, BARE_METAL, true))
}

/// Builds the UEFI loader; gives its file.
///
/// # Errors
/// As for [`kernel`].
pub fn uefi_loader(workspace: &Workspace, interrupts: &Interrupts) -> Result<PathBuf> {
    let arguments = ["--package", UEFI_LOADER, "--bin", UEFI_LOADER];
    cargo_build(workspace, UEFI, true, &arguments, interrupts).context("the UEFI loader does not build")?;
    Ok(directory(workspace, UEFI, true).join(UEFI_LOADER).with_extension("efi"))
}

/// Builds the ledger's library for C kernels; gives its archive.
///
/// # Errors
/// As for [`kernel`].
pub fn library(workspace: &Workspace, interrupts: &Interrupts) -> Result<PathBuf> {
    // Kernels are at addresses of all kinds, so the code has to run wherever it is linked to. The compiler takes the last of
    // such flags; .cargo/config.toml has one, too.
    let anywhere = format!("target.{BARE_METAL}.rustflags=['-Crelocation-model=pie']");
    // In one piece, Rust's own names need not be seen by a linker.
    let arguments = ["--config", &anywhere, "--package", LIBRARY, "--", "-Clto=fat", "-Ccodegen-units=1"];
    cargo(workspace, "rustc", BARE_METAL, true, &arguments, interrupts).context("the library does not build")?;
    Ok(directory(workspace, BARE_METAL, true).join(format!("lib{}.a", LIBRARY.replace('-', "_"))))
}

/// Builds loader and kernel, and packs them for direct boot.
///
/// # Errors
/// As for [`kernel`], and when the archive cannot be written.
pub fn image(workspace: &Workspace, build: Build, interrupts: &Interrupts) -> Result<Image> {
    loader(workspace, interrupts)?;
    let elf = kernel(workspace, build, interrupts)?;
    Ok(Image::build(&elf, &[], &workspace.cache())?)
}

fn cargo_build(
    workspace: &Workspace,
    target: &str,
    release: bool,
    arguments: &[&str],
    interrupts: &Interrupts,
) -> Result<()> {
    cargo(workspace, "build", target, release, arguments, interrupts)
}

/// Runs a command of cargo's that builds. It ends with this program, whatever ends that.
fn cargo(
    workspace: &Workspace,
    builds: &str,
    target: &str,
    release: bool,
    arguments: &[&str],
    interrupts: &Interrupts,
) -> Result<()> {
    let shell = workspace.shell()?;
    let profile = if release { "release" } else { "dev" };
    let command = cmd!(shell, "cargo {builds} --quiet --profile {profile} --target {target} {arguments...}");
    let mut cargo = Process::spawn(command.into()).context("starting cargo")?;
    loop {
        // Dropping the process ends it and its group.
        if let Some(signal) = interrupts.signal() {
            return Err(steward_harness::Error::Interrupted(signal).into());
        }
        match cargo.wait_at_most(POLL)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("`cargo {builds}` ended with {status}"),
            None => {}
        }
    }
}

fn directory(workspace: &Workspace, target: &str, release: bool) -> PathBuf {
    workspace.target().join(target).join(if release { "release" } else { "debug" })
}

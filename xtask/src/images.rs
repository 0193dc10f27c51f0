//! Builds what a machine boots: the kernel and the direct loader.

use std::path::PathBuf;

use anyhow::{Context, Result};
use steward_harness::image::Image;
use xshell::cmd;

use crate::workspace::{BARE_METAL, KERNEL, LOADER, Workspace};

/// A kernel build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// With optimization and without debug assertions.
    pub release: bool,
    /// With the kernel's own tests (feature `ktest`).
    pub tests: bool,
}

/// Builds the kernel; gives its ELF file.
///
/// # Errors
/// When it does not compile; cargo has printed why.
pub fn kernel(workspace: &Workspace, build: Build) -> Result<PathBuf> {
    let mut arguments = vec!["--package", KERNEL];
    if build.tests {
        arguments.extend(["--features", "ktest"]);
    }
    cargo_build(workspace, build.release, &arguments).context("the kernel does not build")?;
    Ok(artifact(workspace, build.release, KERNEL))
}

/// Builds the direct loader, and beside it the empty kernel that benchmarks compare with; gives the directory of both.
///
/// # Errors
/// As for [`kernel`].
pub fn loader(workspace: &Workspace) -> Result<PathBuf> {
    cargo_build(workspace, true, &["--package", LOADER]).context("the direct loader does not build")?;
    Ok(directory(workspace, true))
}

/// Builds loader and kernel, and packs them for direct boot.
///
/// # Errors
/// As for [`kernel`], and when the archive cannot be written.
pub fn image(workspace: &Workspace, build: Build) -> Result<Image> {
    loader(workspace)?;
    let elf = kernel(workspace, build)?;
    Ok(Image::build(&elf, &[], &workspace.cache())?)
}

fn cargo_build(workspace: &Workspace, release: bool, arguments: &[&str]) -> Result<()> {
    let shell = workspace.shell()?;
    let profile = if release { "release" } else { "dev" };
    let command = cmd!(shell, "cargo build --quiet --profile {profile} --target {BARE_METAL} {arguments...}");
    // Standard output is for what the user asked for.
    Ok(command.quiet().run()?)
}

fn directory(workspace: &Workspace, release: bool) -> PathBuf {
    workspace.target().join(BARE_METAL).join(if release { "release" } else { "debug" })
}

fn artifact(workspace: &Workspace, release: bool, name: &str) -> PathBuf {
    directory(workspace, release).join(name)
}

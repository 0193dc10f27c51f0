//! The loader that QEMU starts and that starts the kernel.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::target_directory;
use crate::Error;

/// The target that bare-metal programs are built for; also a directory's name.
pub const TARGET: &str = "x86_64-unknown-none";
const PACKAGE: &str = "steward-boot-direct";

/// Finds the loader: the file that `STEWARD_LOADER` names, else the release build in the kernel's target directory,
/// which is built when it is not there and its sources are near.
pub fn find(elf: &Path) -> Result<PathBuf, Error> {
    if let Some(named) = env::var_os("STEWARD_LOADER").map(PathBuf::from) {
        return existing(&named)
            .ok_or_else(|| Error::Loader(format!("STEWARD_LOADER names {}, which is no file", named.display())));
    }
    let target = target_directory(elf);
    let built = target.join(TARGET).join("release").join(PACKAGE);
    if let Some(built) = existing(&built) {
        return Ok(built);
    }
    let workspace = workspace_of(elf).ok_or_else(|| {
        Error::Loader(format!(
            "no loader at {}, and its sources are not near: build it (`cargo build --release --package {PACKAGE} \
             --target {TARGET}`) or name one in STEWARD_LOADER",
            built.display()
        ))
    })?;
    build(&workspace, &target)?;
    existing(&built).ok_or_else(|| Error::Loader(format!("cargo built {PACKAGE}, but not as {}", built.display())))
}

fn existing(path: &Path) -> Option<PathBuf> {
    path.is_file().then(|| path.into())
}

/// The workspace with the loader's sources, above the working directory or above the kernel.
fn workspace_of(elf: &Path) -> Option<PathBuf> {
    let elf = std::path::absolute(elf).ok()?;
    let here = env::current_dir().ok()?;
    let above = here.ancestors().chain(elf.ancestors()).find(|path| path.join("boot/direct/Cargo.toml").is_file());
    above.map(PathBuf::from)
}

fn build(workspace: &Path, target: &Path) -> Result<(), Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", PACKAGE, "--target", TARGET, "--target-dir"])
        .arg(target)
        .current_dir(workspace)
        .output()
        .map_err(Error::io("running cargo to build the loader"))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Error::Loader(format!("cargo could not build the loader {PACKAGE}:\n{}", why.trim_end())))
}

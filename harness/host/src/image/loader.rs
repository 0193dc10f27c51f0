//! The loader that QEMU starts and that starts the kernel.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use super::{cache_directory, target_directory};
use crate::{Error, freshness::Program};

/// The target that bare-metal programs are built for; also a directory's name.
pub const TARGET: &str = "x86_64-unknown-none";
const PACKAGE: &str = "steward-boot-direct";

/// The loaders that this process has brought up to date, by target directory. Several threads ask for the same one.
static BUILT: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());

/// Finds the loader: the file that `STEWARD_LOADER` names, else the release build in the kernel's target directory.
/// When its sources are near and newer, it is built first: a loader older than its sources would be tested in their
/// place.
pub fn find(elf: &Path) -> Result<PathBuf, Error> {
    if let Some(named) = env::var_os("STEWARD_LOADER").map(PathBuf::from) {
        return existing(&named)
            .ok_or_else(|| Error::Loader(format!("STEWARD_LOADER names {}, which is no file", named.display())));
    }
    let target = target_directory(elf);
    let place = |target: &Path| target.join(TARGET).join("release").join(PACKAGE);
    let Some(workspace) = workspace_of(elf) else {
        let built = place(&target);
        return existing(&built).ok_or_else(|| {
            Error::Loader(format!(
                "no loader at {}, and its sources are not near: build it (`cargo build --release --package {PACKAGE} \
                 --target {TARGET}`) or name one in STEWARD_LOADER",
                built.display()
            ))
        });
    };
    let target = workspace.join(target);
    // A thread that panicked here has left no half of an entry.
    let mut fresh = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(built) = fresh.get(&target).and_then(|built| existing(built)) {
        return Ok(built);
    }
    let built = place(&target);
    let program = Program::new(&built, &workspace, &workspace.join(cache_directory(elf)));
    if !program.is_fresh() {
        match program.update(|| build(&workspace, &target)) {
            // Without cargo, what is there cannot be made newer.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound && built.is_file() => {}
            other => other?,
        }
    }
    let built = existing(&built)
        .ok_or_else(|| Error::Loader(format!("cargo built {PACKAGE}, but not as {}", built.display())))?;
    fresh.insert(target, built.clone());
    Ok(built)
}

fn existing(path: &Path) -> Option<PathBuf> {
    path.is_file().then(|| path.into())
}

/// The workspace with the loader's sources, above the kernel or above the working directory.
fn workspace_of(elf: &Path) -> Option<PathBuf> {
    let elf = std::path::absolute(elf).ok()?;
    let here = env::current_dir().ok()?;
    let above = elf.ancestors().chain(here.ancestors()).find(|path| path.join("boot/direct/Cargo.toml").is_file());
    above.map(PathBuf::from)
}

fn build(workspace: &Path, target: &Path) -> Result<(), Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", PACKAGE, "--target", TARGET, "--target-dir"])
        .arg(target)
        .current_dir(workspace)
        // Flags for this process's target, such as those for coverage, would replace those that the loader needs.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .map_err(Error::io("running cargo to build the loader"))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Error::Loader(format!("cargo could not build the loader {PACKAGE}:\n{}", why.trim_end())))
}

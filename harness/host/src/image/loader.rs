//! The loader that QEMU starts and that starts the kernel.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use super::{
    cache,
    directory::{cache_directory, target_directory},
};
use crate::{Error, freshness::Program};

/// The target that bare-metal programs are built for; also a directory's name.
pub const TARGET: &str = "x86_64-unknown-none";
const PACKAGE: &str = "steward-boot-direct";

/// The loader that this program brings with it; empty when it brings none.
static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loader.elf"));
/// Why it brings none.
const NOT_EMBEDDED: &str = include_str!(concat!(env!("OUT_DIR"), "/no-loader.txt"));

/// The loaders that this process has brought up to date, by target directory. Several threads ask for the same one.
static BUILT: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());

/// Finds the loader: the file that `STEWARD_LOADER` names; else, with its sources near, the release build in the kernel's
/// target directory, which is made anew when they are newer, for an older one would be tested in their place; else the
/// loader that this program brings with it.
pub fn find(elf: &Path) -> Result<PathBuf, Error> {
    if let Some(named) = env::var_os("STEWARD_LOADER").map(PathBuf::from) {
        return existing(&named)
            .ok_or_else(|| Error::Loader(format!("STEWARD_LOADER names {}, which is no file", named.display())));
    }
    let target = target_directory(elf).unwrap_or_else(|| PathBuf::from("target"));
    let place = |target: &Path| target.join(TARGET).join("release").join(PACKAGE);
    let Some(workspace) = workspace_of(elf) else {
        let built = place(&target);
        return existing(&built).map_or_else(|| brought(EMBEDDED, &built, elf), Ok);
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

/// Writes the loader that this program brings to where machines can have it.
fn brought(loader: &[u8], looked: &Path, elf: &Path) -> Result<PathBuf, Error> {
    if loader.is_empty() {
        return Err(Error::Loader(format!(
            "this harness has no loader in it ({NOT_EMBEDDED}), there is none at {}, and its sources are not near. Install \
             the harness from a checkout of its repository: `rustup target add {TARGET}`, then `cargo install --path \
             harness/host`. Or build the loader there, by `cargo build --release --package {PACKAGE} --target {TARGET}`, \
             and name the file in STEWARD_LOADER",
            looked.display()
        )));
    }
    cache::store(&cache_directory(elf).join("loaders"), "elf", loader)
}

fn existing(path: &Path) -> Option<PathBuf> {
    path.is_file().then(|| path.into())
}

/// The workspace with the loader's sources, above the kernel or above the working directory.
fn workspace_of(elf: &Path) -> Option<PathBuf> {
    let elf = std::path::absolute(elf).ok()?;
    let here = env::current_dir().ok()?;
    let is_it = |path: &&Path| {
        let manifest = std::fs::read_to_string(path.join("boot/direct/Cargo.toml"));
        manifest.is_ok_and(|manifest| manifest.contains(PACKAGE))
    };
    elf.ancestors().chain(here.ancestors()).find(is_it).map(PathBuf::from)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_that_is_brought_is_written_beside_what_the_harness_keeps() {
        let directory = tempfile::tempdir().unwrap();
        let elf = directory.path().join(TARGET).join("debug/kernel");
        let loader = brought(b"a loader", Path::new("nowhere"), &elf).unwrap();
        assert!(loader.starts_with(directory.path().join("steward/loaders")), "{}", loader.display());
        assert_eq!(std::fs::read(loader).unwrap(), b"a loader");
    }

    #[test]
    fn a_harness_without_a_loader_says_how_to_come_by_one() {
        let error = brought(&[], Path::new("/t/loader"), Path::new("/t/kernel")).unwrap_err().to_string();
        for told in ["/t/loader", "rustup target add", "cargo install --path harness/host", "STEWARD_LOADER"] {
            assert!(error.contains(told), "{error}");
        }
    }
}

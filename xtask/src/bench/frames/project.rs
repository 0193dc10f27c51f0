//! A program that measures LLFree beside ours, from a checkout that somebody else provides.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::workspace::Workspace;

/// The program, which only this compiles.
const PROGRAM: &str = include_str!("llfree.rs");

/// Writes the program, builds it for release and gives what it prints.
///
/// # Errors
/// When there is no checkout, or the program does not build.
pub fn run(workspace: &Workspace, checkout: &Path, rounds: u32) -> Result<String> {
    let library = library(checkout)?;
    let place = tempfile::tempdir().context("there is no room for a program")?;
    let root = workspace.root();
    fs::write(place.path().join("Cargo.toml"), manifest(root, &library))?;
    // The same versions of what both are made of.
    fs::copy(root.join("Cargo.lock"), place.path().join("Cargo.lock"))?;
    fs::create_dir(place.path().join("src"))?;
    fs::write(place.path().join("src/main.rs"), PROGRAM)?;
    let sources = root.join("kernel/frames/examples/pairs");
    for module in ["measure.rs", "peers.rs", "steward.rs"] {
        fs::copy(sources.join(module), place.path().join("src").join(module))?;
    }
    let shell = workspace.shell()?;
    let _directory = shell.push_dir(place.path());
    let target = workspace.target().join("steward/llfree");
    let rounds = rounds.to_string();
    let run = cmd!(shell, "cargo run --quiet --release --target-dir {target} -- {rounds}");
    run.read().with_context(|| format!("{} cannot be measured", library.display()))
}

/// Where the library is: the directory itself, or `core` in it.
fn library(checkout: &Path) -> Result<PathBuf> {
    let found = [checkout.join("core"), checkout.to_owned()].into_iter().find(|directory| {
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|line| line.replace(' ', "") == "name=\"llfree\"")
    });
    match found {
        Some(directory) => Ok(directory.canonicalize()?),
        None => bail!("{} holds no checkout of LLFree", checkout.display()),
    }
}

fn manifest(root: &Path, library: &Path) -> String {
    let (root, library) = (root.display(), library.display());
    format!(
        r#"[package]
name = "pairs"
edition = "2024"

[dependencies]
bitmap-allocator = "0.4"
buddy_system_allocator = {{ version = "0.13", default-features = false, features = ["alloc"] }}
llfree = {{ path = "{library}" }}
rustix = {{ version = "1.0", features = ["time"] }}
spin = {{ version = "0.10", default-features = false, features = ["spin_mutex"] }}
steward-frames = {{ path = "{root}/kernel/frames" }}
steward-ledger = {{ path = "{root}/kernel/ledger" }}

[profile.release]
lto = "thin"
codegen-units = 4
panic = "abort"

[workspace]
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_in_a_checkout_and_by_itself() {
        let place = tempfile::tempdir().unwrap();
        assert!(library(place.path()).is_err());
        let core = place.path().join("core");
        fs::create_dir(&core).unwrap();
        fs::write(core.join("Cargo.toml"), "[package]\nname = \"llfree\"\n").unwrap();
        let expected = core.canonicalize().unwrap();
        assert_eq!(library(place.path()).unwrap(), expected);
        assert_eq!(library(&core).unwrap(), expected);
    }
}

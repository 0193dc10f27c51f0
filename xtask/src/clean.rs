//! `clean`: removes what this program made.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use xshell::cmd;

use crate::out::say;
use crate::workspace::{BARE_METAL, UEFI, Workspace};

/// Removes caches, results and kernel images; says what it removed and how many bytes that freed.
///
/// Removed are target/steward (images, loader archives, machine states, logs, Limine, benchmark peers), and
/// target/x86_64-unknown-none and target/x86_64-unknown-uefi (kernels and loaders). Host programs stay, so that the next
/// `cargo xtask` starts at once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Remove the whole build directory, as `cargo clean` does
    #[arg(long)]
    all: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask clean
  cargo xtask clean --all";

/// Removes what the options say.
///
/// # Errors
/// When a directory is there and cannot be removed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    for directory in [workspace.cache(), workspace.target().join(BARE_METAL), workspace.target().join(UEFI)] {
        match remove(&directory)? {
            Some(bytes) => say!("removed {} ({})", directory.display(), amount(bytes)),
            None => say!("nothing at {}", directory.display()),
        }
    }
    if options.all {
        let bytes = size(workspace.target());
        let shell = workspace.shell()?;
        cmd!(shell, "cargo clean --quiet").quiet().run()?;
        say!("removed {} ({})", workspace.target().display(), amount(bytes));
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes a directory; gives the bytes that it held, or `None` when there was none.
fn remove(directory: &Path) -> Result<Option<u64>> {
    if !directory.exists() {
        return Ok(None);
    }
    let bytes = size(directory);
    fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    Ok(Some(bytes))
}

/// Bytes of all files below a directory; what cannot be read counts as nothing.
fn size(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// A number of bytes for people: exact, and in MiB when that says more.
fn amount(bytes: u64) -> String {
    let mib = bytes / (1 << 20);
    if mib == 0 { format!("{bytes} bytes") } else { format!("{bytes} bytes, {mib} MiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_counts_the_bytes_of_all_files_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("steward");
        fs::create_dir_all(directory.join("a/b")).unwrap();
        fs::write(directory.join("a/one"), [0; 100]).unwrap();
        fs::write(directory.join("a/b/two"), [0; 23]).unwrap();
        assert_eq!(remove(&directory).unwrap(), Some(123));
        assert!(!directory.exists());
        assert_eq!(remove(&directory).unwrap(), None);
    }

    #[test]
    fn amounts_are_exact_and_large_ones_readable() {
        assert_eq!(amount(123), "123 bytes");
        assert_eq!(amount(3 << 20), "3145728 bytes, 3 MiB");
    }
}

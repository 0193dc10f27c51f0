//! `header`: the C headers of the ledger and of its library, made from their Rust sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::out::say;
use crate::workspace::Workspace;

/// Where C code includes them from.
pub const INCLUDE: &str = "kernel/c/include";

/// A header.
struct Header {
    /// Its path below [`INCLUDE`].
    path: &'static str,
    /// The directory of the package whose header it is.
    package: &'static str,
    /// The files of that package which say what is in it.
    files: &'static [&'static str],
}

const HEADERS: [Header; 2] = [
    Header {
        path: "steward/borrow.h",
        package: "kernel/c",
        files: &["code", "snapshot", "process", "pageown", "borrow"],
    },
    Header { path: "steward/host.h", package: "kernel/c/library", files: &["plan", "open", "embedder"] },
];

/// Makes the headers in kernel/c/include anew from the sources of kernel/c.
///
/// Prints the paths of those that it writes: steward/borrow.h, with the calls of the ledger, and steward/host.h, with what a
/// kernel in C and the static library (`cargo xtask library`) want of each other. `cargo xtask check header` says whether one
/// differs from what its sources say, and writes none.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {}

const EXAMPLES: &str = "\
Examples:
  cargo xtask header
  cargo xtask check header";

/// Writes the headers, and says where they are.
///
/// # Errors
/// When the sources cannot be read, or a file not be written.
pub fn run(_: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    for header in &HEADERS {
        let path = header.file(workspace.root());
        fs::write(&path, header.made(workspace.root())?).with_context(|| format!("cannot write {}", path.display()))?;
        say!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The paths of all headers, below [`INCLUDE`].
pub fn paths() -> impl Iterator<Item = &'static str> {
    HEADERS.iter().map(|header| header.path)
}

/// What is wrong with the headers in the repository.
///
/// # Errors
/// When the sources cannot be read, or say something that C cannot.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for header in &HEADERS {
        let there = fs::read_to_string(header.file(root)).unwrap_or_default();
        if there != header.made(root)? {
            faults.push(format!("{INCLUDE}/{} is not what its sources say; run `cargo xtask header`", header.path));
        }
    }
    Ok(faults)
}

impl Header {
    fn file(&self, root: &Path) -> PathBuf {
        root.join(INCLUDE).join(self.path)
    }

    /// The header as the sources say it.
    fn made(&self, root: &Path) -> Result<String> {
        let directory = root.join(self.package);
        let config = cbindgen::Config::from_file(directory.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
        let builder = self.files.iter().fold(cbindgen::Builder::new().with_config(config), |builder, file| {
            builder.with_src(directory.join("src").join(file).with_extension("rs"))
        });
        let mut text = Vec::new();
        builder.generate().with_context(|| format!("{} cannot be made", self.path))?.write(&mut text);
        Ok(String::from_utf8(text)?)
    }
}

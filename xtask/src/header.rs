//! `header`: the C header of the ledger, made from its Rust sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::out::say;
use crate::workspace::Workspace;

/// The package whose header it is.
const PACKAGE: &str = "kernel/c";
/// The header, in the package's directory.
pub const HEADER: &str = "include/steward/borrow.h";

/// Makes kernel/c/include/steward/borrow.h anew from the sources of kernel/c.
///
/// `cargo xtask check header` says whether that is needed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {}

const EXAMPLES: &str = "\
Examples:
  cargo xtask header
  cargo xtask check header";

/// Writes the header, and says where it is.
///
/// # Errors
/// When the sources cannot be read, or the file not be written.
pub fn run(_: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let path = path(workspace.root());
    fs::write(&path, made(workspace.root())?).with_context(|| format!("cannot write {}", path.display()))?;
    say!("{}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// Where the header is.
#[must_use]
pub fn path(root: &Path) -> PathBuf {
    root.join(PACKAGE).join(HEADER)
}

/// The header as the sources say it.
///
/// # Errors
/// When they cannot be read, or say something that C cannot.
pub fn made(root: &Path) -> Result<String> {
    let directory = root.join(PACKAGE);
    let config = cbindgen::Config::from_file(directory.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let files = ["code", "snapshot", "process", "pageown", "borrow"];
    let builder = files.iter().fold(cbindgen::Builder::new().with_config(config), |builder, file| {
        builder.with_src(directory.join("src").join(file).with_extension("rs"))
    });
    let mut text = Vec::new();
    builder.generate().context("the header cannot be made")?.write(&mut text);
    Ok(String::from_utf8(text)?)
}

/// What is wrong with the header in the repository.
///
/// # Errors
/// As [`made`].
pub fn check(root: &Path) -> Result<Vec<String>> {
    let there = fs::read_to_string(path(root)).unwrap_or_default();
    let fault = || format!("{PACKAGE}/{HEADER} is not what its sources say; run `cargo xtask header`");
    Ok((there != made(root)?).then(fault).into_iter().collect())
}

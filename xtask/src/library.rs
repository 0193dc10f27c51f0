//! `library`: the ledger as a static library with its headers, for kernels in C.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use steward_harness::process::Interrupts;

use crate::header;
use crate::images;
use crate::out::say;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::workspace::{BARE_METAL, LIBRARY, Workspace};

mod archive;

/// What kernels link.
const ARCHIVE: &str = "libsteward_c.a";

/// Makes the ledger's static library for kernels in C, and puts its headers beside it.
///
/// The directory then has libsteward_c.a and include/steward/. The library is freestanding x86_64 code without vector
/// registers and without a red zone, and runs wherever a kernel is linked to. docs/rust-and-c.md says how a kernel uses it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Where to put it; the directory is made if it is not there [default: target/steward/library]
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask library
  cargo xtask library --output ../mykernel/steward
  cc -ffreestanding -I ../mykernel/steward/include -c host.c";

/// Builds the library, puts it and its headers where they are wanted, and says where that is.
///
/// # Errors
/// When something needed is missing, it does not build, or a file cannot be written.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    preflight::require(&[Component::RustTarget(BARE_METAL)], options.consent)?;
    let interrupts = Interrupts::install()?;
    let output = options.output.clone().unwrap_or_else(|| near(workspace.cache().join("library")));
    let archive = output.join(ARCHIVE);
    let made = images::library(&workspace, &interrupts)?;
    let reduced = archive::reduced(&read(&made)?, &LIBRARY.replace('-', "_"))?;
    write(&archive, &reduced)?;
    let include = output.join("include");
    for path in header::paths() {
        write(&include.join(path), &read(&workspace.root().join(header::INCLUDE).join(path))?)?;
    }
    say!("{}\n{}", archive.display(), include.display());
    Ok(ExitCode::SUCCESS)
}

/// A path as somebody in the current directory would write it.
fn near(path: PathBuf) -> PathBuf {
    let here = env::current_dir().ok();
    here.and_then(|here| Some(path.strip_prefix(here).ok()?.to_owned())).unwrap_or(path)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file, and makes the directory for it.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, content));
    written.with_context(|| format!("cannot write {}", path.display()))
}

//! The harness as a program, and what it is started on.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use crate::built;

/// The ELF file of this fixture. The first call builds them all.
pub fn fixture(name: &str) -> &'static Path {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    &BUILT.get_or_init(built::build)[name]
}

/// The harness, started as if by no cargo and on no CI system.
pub fn harness() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steward-harness"));
    for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "RUST_TEST_THREADS", "GITHUB_ACTIONS", "NO_COLOR", "NEXTEST"] {
        command.env_remove(name);
    }
    command
}

/// All that it said.
pub fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

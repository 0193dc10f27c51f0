//! Opening machines that were kept.

use std::{path::Path, process::ExitCode};

use steward_harness::{
    Emulator, Error, artifact,
    process::Interrupts,
    replay::{Debugger, replay},
};

/// Opens the machine of a failed test, in gdb or for whatever connects to the address `listen`.
pub fn open(artifacts: &Path, name: &str, listen: Option<&str>, interrupts: &Interrupts) -> Result<ExitCode, Error> {
    let artifact = artifact::find(artifacts, name)?;
    let debugger = listen.map_or(Debugger::Gdb, |address| Debugger::Listen(address.into()));
    replay(&artifact, &Emulator::find()?, &debugger, interrupts).map(ExitCode::from)
}

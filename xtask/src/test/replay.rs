//! Machines of failed tests, opened again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use steward_harness::Emulator;
use steward_harness::artifact;
use steward_harness::process::Interrupts;
use steward_harness::replay::{Debugger, replay};

use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::workspace::Workspace;

/// What looking at a machine in gdb needs.
pub const NEEDED: [Component; 2] = [Component::Qemu, Component::Gdb];

/// Where machines of failed tests are kept.
#[must_use]
pub fn directory(workspace: &Workspace) -> PathBuf {
    artifact::directory(&workspace.cache())
}

/// Opens a kept machine, in gdb or for whatever connects to the address `listen`. Gives gdb's exit code.
///
/// # Errors
/// When there is none of this name, with those that there are; when something needed is missing; and when QEMU cannot
/// load it.
pub fn run(workspace: &Workspace, id: &str, listen: Option<&str>, consent: Consent) -> Result<ExitCode> {
    // Before anything is installed.
    let artifact = artifact::find(&directory(workspace), id)?;
    let debugger = listen.map_or(Debugger::Gdb, |address| Debugger::Listen(address.into()));
    preflight::require(if debugger == Debugger::Gdb { &NEEDED } else { &NEEDED[..1] }, consent)?;
    Ok(replay(&artifact, &Emulator::find()?, &debugger, &Interrupts::install()?)?.into())
}

/// Opens a machine that this run has kept. What gdb exits with says nothing about the run.
///
/// # Errors
/// As [`run`].
pub fn open(workspace: &Workspace, id: &str, interrupts: &Interrupts) -> Result<()> {
    let artifact = artifact::find(&directory(workspace), id)?;
    Ok(replay(&artifact, &Emulator::find()?, &Debugger::Gdb, interrupts).map(drop)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_machine_is_refused_by_its_name() {
        let consent = Consent { yes: false };
        let workspace = Workspace::load().unwrap();
        let error = run(&workspace, "no-such-machine", None, consent).err().unwrap().to_string();
        assert!(error.contains("no-such-machine"), "{error}");
    }
}

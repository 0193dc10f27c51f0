//! `ci`: steps of the workflows that are no tests.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use xshell::{Shell, cmd};

use crate::out::say;

/// Steps that the GitHub workflow takes besides `test` and `check`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(subcommand)]
    step: Step,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask ci kvm";

#[derive(Subcommand)]
enum Step {
    /// Let every user of this machine open /dev/kvm, by a udev rule (GitHub's runners need it)
    ///
    /// Writes /etc/udev/rules.d/99-steward-kvm.rules and reloads the rules, with sudo when not root. Succeeds without
    /// a change when there is no /dev/kvm or when it can be opened already: the tests then run by emulation.
    Kvm,
}

const RULE_FILE: &str = "/etc/udev/rules.d/99-steward-kvm.rules";
const RULE: &str = "KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0666\", OPTIONS+=\"static_node=kvm\"\n";

/// What to do about the device.
#[derive(Debug, PartialEq, Eq)]
enum Access {
    Absent,
    Open,
    Closed,
}

/// Takes the step.
///
/// # Errors
/// When the rule cannot be written or loaded.
pub fn run(options: &Options) -> Result<ExitCode> {
    match options.step {
        Step::Kvm => match access(Path::new("/dev/kvm")) {
            Access::Absent => say!("no /dev/kvm on this machine; tests run by emulation"),
            Access::Open => say!("/dev/kvm can be opened already"),
            Access::Closed => open_kvm()?,
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn access(device: &Path) -> Access {
    match fs::OpenOptions::new().read(true).write(true).open(device) {
        Ok(_) => Access::Open,
        Err(_) if device.exists() => Access::Closed,
        Err(_) => Access::Absent,
    }
}

fn open_kvm() -> Result<()> {
    let shell = Shell::new()?;
    let sudo: &[&str] = if rustix::process::geteuid().is_root() { &["env"] } else { &["sudo", "-n"] };
    let tool = |words: &[&str]| {
        let (program, first) = (sudo[0], &sudo[1..]);
        cmd!(shell, "{program} {first...} {words...}")
    };
    tool(&["tee", RULE_FILE]).stdin(RULE).ignore_stdout().run()?;
    tool(&["udevadm", "control", "--reload-rules"]).run()?;
    tool(&["udevadm", "trigger", "--settle", "--name-match=kvm"]).run()?;
    match access(Path::new("/dev/kvm")) {
        Access::Open => say!("/dev/kvm can be opened now"),
        _ => say!("note: /dev/kvm still cannot be opened; tests run by emulation"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_absent_and_one_that_opens_is_open() {
        assert_eq!(access(Path::new("/dev/no-such-device")), Access::Absent);
        assert_eq!(access(Path::new("/dev/null")), Access::Open);
    }
}

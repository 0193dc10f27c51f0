//! A test program that dies with `cargo test`.
//!
//! SIGKILL of `cargo xtask` reaches cargo, which was started so, but not what cargo has started: test programs would
//! go on, with the machines that they have booted. So cargo starts them through this program, which asks the system to
//! kill it when its parent dies, and then becomes the test program.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Becomes a program that dies when its parent dies; `test` has cargo start test programs so.
#[derive(Args)]
pub struct Options {
    /// Process that this one descends from, as long as its ancestors live
    ancestor: i32,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Name of the subcommand, for [`configuration`].
pub const NAME: &str = "tied-test";

/// A value of cargo's `--config` that has it start the host's programs so. What the user configures for the host's
/// own target goes before it.
#[must_use]
pub fn configuration() -> String {
    let own = std::process::id();
    // By that name this program is found also after a build has put a new one in its place.
    format!("target.'cfg(unix)'.runner=['/proc/{own}/exe', '{NAME}', '{own}']")
}

/// Becomes the program. Returns only when that fails.
///
/// # Errors
/// When the parent is already gone, or the program cannot be started.
pub fn run(options: &Options) -> Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot ask for a signal when the parent dies")?;
    // The parent may have died before that took effect; then somebody else is the parent by now.
    ensure!(descends_from(options.ancestor), "process {} has ended, so its tests are not run", options.ancestor);
    let (program, arguments) = options.command.split_first().context("there is no program to start")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

fn descends_from(ancestor: i32) -> bool {
    let mut next = getppid().map(|parent| parent.as_raw_nonzero().get());
    while let Some(process) = next.filter(|&process| process > 0) {
        if process == ancestor {
            return true;
        }
        next = fs::read_to_string(format!("/proc/{process}/stat")).ok().and_then(|stat| parent_in(&stat));
    }
    false
}

/// Field 4 of `/proc/PID/stat` (proc(5)). The second field is a name that may hold anything, so counting starts behind
/// its last parenthesis.
fn parent_in(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_behind_a_name_full_of_parentheses() {
        assert_eq!(parent_in("7 (a) S 1 (b) R 42 7 7 0"), Some(42));
        assert_eq!(parent_in("7 (a"), None);
    }

    #[test]
    fn a_process_descends_from_its_parent_and_not_from_itself() {
        assert!(descends_from(getppid().unwrap().as_raw_nonzero().get()));
        assert!(!descends_from(i32::try_from(std::process::id()).unwrap()));
    }
}

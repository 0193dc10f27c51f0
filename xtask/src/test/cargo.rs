//! Runs cargo, and hears its lines as they come.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use steward_harness::process::{Interrupts, Process};

use crate::workspace::Workspace;

/// How soon a signal is noticed.
const ATTENTION: Duration = Duration::from_millis(100);

/// `cargo COMMAND`, at the workspace's root.
#[must_use]
pub fn cargo(workspace: &Workspace, command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace.root()).arg(command);
    cargo
}

/// Which of its outputs a command's lines are read from; the other is passed on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Hands each line of the command's output to `each`. `true` when the command succeeded. When a signal asks to stop,
/// the command and all it has started are killed.
///
/// # Errors
/// When the command cannot be started or waited for.
pub fn lines(mut command: Command, from: From, interrupts: &Interrupts, mut each: impl FnMut(&str)) -> Result<bool> {
    std::io::stdout().flush()?;
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null());
    match from {
        From::Stdout => command.stdout(writer),
        From::Stderr => command.stderr(writer),
    };
    let mut process = Process::spawn(command).context("cannot run cargo")?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        match receiver.recv_timeout(ATTENTION) {
            Ok(line) => each(String::from_utf8_lossy(&line).trim_end_matches('\r')),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if interrupts.signal().is_some() {
            process.kill()?;
            return Ok(false);
        }
    }
    loop {
        if let Some(status) = process.wait_at_most(ATTENTION)? {
            return Ok(status.success());
        }
        if interrupts.signal().is_some() {
            process.kill()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, from: From, interrupts: &Interrupts) -> (bool, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut seen = Vec::new();
        let succeeded = lines(command, from, interrupts, |line| seen.push(line.to_owned())).unwrap();
        (succeeded, seen)
    }

    #[test]
    fn lines_arrive_and_the_outcome_of_the_command_is_told() {
        let interrupts = Interrupts::none().unwrap();
        assert_eq!(shell("echo a; printf b", From::Stdout, &interrupts), (true, vec!["a".into(), "b".into()]));
        assert_eq!(shell("echo a >&2; exit 3", From::Stderr, &interrupts), (false, vec!["a".into()]));
    }

    #[test]
    fn a_signal_ends_the_command() {
        let interrupts = Interrupts::none().unwrap();
        interrupts.trigger(15);
        let start = std::time::Instant::now();
        assert!(!shell("sleep 60", From::Stdout, &interrupts).0);
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

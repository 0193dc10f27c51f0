//! Fetches one commit by git, so that it appears whole or not at all.

use std::fs;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use steward_harness::process::{Interrupts, Process};

/// How often a running git looks for a signal.
const POLL: Duration = Duration::from_millis(50);
/// How long git may take in all.
const LIMIT: Duration = Duration::from_secs(180);

/// One commit of a repository.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// The repository, as git names it.
    pub url: &'a str,
    /// The full name of the commit, which is a hash of everything in it.
    pub commit: &'a str,
}

impl Remote<'_> {
    /// Whether [`fetch`] has put this very commit into the directory.
    #[must_use]
    pub fn is_at(&self, directory: &Path) -> bool {
        fs::read_to_string(directory.join(".git/HEAD")).is_ok_and(|head| head.trim() == self.commit)
    }
}

/// Fetches the commit, without its history, into `directory`, in place of what is there. What arrives is compared with
/// the commit's name. Two runs that fetch the same at once do not disturb each other.
///
/// # Errors
/// When git cannot be run or fails, with its complaint; when something else than the commit arrives; when a signal asks
/// to stop.
pub fn fetch(remote: &Remote<'_>, directory: &Path, interrupts: &Interrupts) -> Result<()> {
    let parent = directory.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let made = tempfile::Builder::new().prefix(".limine-").tempdir_in(parent);
    let made = made.with_context(|| format!("cannot make a directory in {}", parent.display()))?;
    let git = |arguments: &[&str]| git(made.path(), arguments, interrupts);
    git(&["init", "--quiet"])?;
    git(&["fetch", "--quiet", "--depth", "1", "--no-tags", remote.url, remote.commit])?;
    git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"])?;
    // Git has hashed what it was sent; this compares the hash with the one that was asked for.
    let arrived = git(&["rev-parse", "--verify", "HEAD"])?;
    ensure!(arrived.trim() == remote.commit, "commit {} arrived in its place", arrived.trim());
    put(made.keep(), directory, remote)
}

/// Gives what was made its place.
fn put(made: PathBuf, directory: &Path, remote: &Remote<'_>) -> Result<()> {
    let renamed = fs::rename(&made, directory).or_else(|error| {
        // Another run was faster; or there is what an older version of this program fetched.
        if remote.is_at(directory) {
            return fs::remove_dir_all(&made);
        }
        fs::remove_dir_all(directory).map_err(|_| error)?;
        fs::rename(&made, directory)
    });
    if renamed.is_err() {
        // At worst it stays until `cargo xtask clean`.
        let _ = fs::remove_dir_all(&made);
    }
    renamed.with_context(|| format!("cannot put what was fetched at {}", directory.display()))
}

/// Runs git in a directory; gives what it prints.
fn git(directory: &Path, arguments: &[&str], interrupts: &Interrupts) -> Result<String> {
    let mut command = Command::new("git");
    command.args(["-c", "protocol.file.allow=always", "-c", "core.autocrlf=false", "-c", "core.hooksPath=/dev/null"]);
    command.args(arguments).current_dir(directory);
    // Whoever calls this from a hook of git has variables set that name another repository.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        command.env_remove(variable);
    }
    // Nobody is asked for a password.
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    let (mut printed, mut complaints) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(printed.try_clone()?).stderr(complaints.try_clone()?);
    let status = ended(command, interrupts)?;
    let text = |file: &mut fs::File| -> Result<String> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let complaints = text(&mut complaints)?;
    let complaints: Vec<_> = complaints.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    ensure!(status, "`git {}` failed: {}", arguments.first().unwrap_or(&""), complaints.join("; "));
    text(&mut printed)
}

/// Runs a command to its end. `true` when it succeeded.
fn ended(command: Command, interrupts: &Interrupts) -> Result<bool> {
    let mut process = Process::spawn(command).context("git cannot be run")?;
    let mut waited = Duration::ZERO;
    loop {
        // Dropping the process ends it and its group.
        if let Some(signal) = interrupts.signal() {
            return Err(steward_harness::Error::Interrupted(signal).into());
        }
        if let Some(status) = process.wait_at_most(POLL)? {
            return Ok(status.success());
        }
        waited += POLL;
        if waited > LIMIT {
            bail!("git has not ended after {} s", LIMIT.as_secs());
        }
    }
}

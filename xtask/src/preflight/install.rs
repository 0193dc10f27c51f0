//! Runs package managers. Their output goes to standard error as it comes; its end is repeated when they fail.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};

use super::packages::Manager;

/// Lists of packages older than this are fetched again before an installation.
const OLD_LISTS: Duration = Duration::from_hours(24);

/// How long to wait for another apt, as that of a machine that has just started, to end. `DPkg::Lock::Timeout` covers
/// neither the lists of packages nor the archives.
const LOCK_LIMIT: Duration = Duration::from_mins(2);
/// How long to wait before trying again.
const LOCK_PAUSE: Duration = Duration::from_secs(5);

/// How many lines of a failed command's output its error repeats.
const TAIL: usize = 12;

/// Installs packages, with `sudo` when `elevate`; `sudo` may ask for a password only on a terminal.
///
/// # Errors
/// When the package manager fails; the error ends with what it said last.
pub fn packages(manager: Manager, packages: &[&str], elevate: bool, terminal: bool) -> Result<()> {
    let run = |words: Vec<String>| {
        let words = elevated(words, elevate, terminal);
        patiently(|| stream(&words), LOCK_LIMIT, LOCK_PAUSE)
    };
    let update = || run(["apt-get", "update"].map(String::from).into());
    let must_update = manager == Manager::Apt && (lists_are_old() || packages.iter().any(|name| !is_known(name)));
    if must_update && let Err(error) = update() {
        // Lists from before may still do; if not, the installation says so.
        eprintln!("note: {error:#}");
    }
    let mut result = run(manager.install(packages));
    if result.is_err() && manager == Manager::Apt && !must_update {
        eprintln!("note: trying once more with new package lists");
        result = update().and_then(|()| run(manager.install(packages)));
    }
    result.with_context(|| format!("could not install {}", packages.join(" and ")))
}

/// Installs the precompiled core library of a target.
///
/// # Errors
/// When rustup fails; the error ends with what it said last.
pub fn rust_target(target: &str) -> Result<()> {
    stream(&["rustup", "target", "add", target].map(String::from))
}

fn elevated(words: Vec<String>, elevate: bool, terminal: bool) -> Vec<String> {
    let mut all: Vec<String> = match (elevate, terminal) {
        (false, _) => Vec::new(),
        (true, true) => vec!["sudo".into()],
        (true, false) => vec!["sudo".into(), "-n".into()],
    };
    // `is_locked` reads English.
    all.extend(["env".into(), "DEBIAN_FRONTEND=noninteractive".into(), "LC_ALL=C".into()]);
    all.extend(words);
    all
}

/// Tries, and tries again as long as it fails because another apt holds a lock.
fn patiently(mut attempt: impl FnMut() -> Result<()>, limit: Duration, pause: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        let result = attempt();
        let locked = result.as_ref().is_err_and(|error| is_locked(&format!("{error:#}")));
        if !locked || start.elapsed() + pause > limit {
            return result;
        }
        eprintln!("note: another apt runs; waiting for it, {} s at most", (limit - start.elapsed()).as_secs());
        thread::sleep(pause);
    }
}

/// Whether apt's or dpkg's last words say that another one holds a lock.
fn is_locked(words: &str) -> bool {
    ["Could not get lock", "Unable to lock", "Unable to acquire the dpkg frontend lock"]
        .iter()
        .any(|sign| words.contains(sign))
}

/// Runs a command, passes its output on, and keeps the end of it for the error.
fn stream(words: &[String]) -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot run {}", words[0]))?;
    // The command holds the writing end; the pipe ends only when nobody does.
    drop(command);
    let tail = pass_on(reader)?;
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status}):\n{}", words.join(" "), tail.join("\n"));
    }
    Ok(())
}

fn pass_on(reader: impl Read) -> Result<Vec<String>> {
    let mut tail = VecDeque::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
        eprintln!("  {line}");
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    Ok(tail.into())
}

/// Whether apt knows a version of the package that it could install.
fn is_known(package: &str) -> bool {
    let mut command = Command::new("apt-cache");
    command.env("LC_ALL", "C").args(["policy", package]);
    let Ok(output) = command.stdin(Stdio::null()).stderr(Stdio::null()).output() else { return false };
    has_candidate(&String::from_utf8_lossy(&output.stdout))
}

fn has_candidate(policy: &str) -> bool {
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate:"));
    candidate.is_some_and(|version| version.trim() != "(none)")
}

/// Whether the newest of apt's lists is older than [`OLD_LISTS`], or there is none.
fn lists_are_old() -> bool {
    let newest = fs::read_dir("/var/lib/apt/lists").ok().and_then(|entries| {
        let files = entries.flatten().filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file);
        files.filter_map(|metadata| metadata.modified().ok()).max()
    });
    newest.is_none_or(|newest| SystemTime::now().duration_since(newest).is_ok_and(|age| age > OLD_LISTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_candidate_is_unknown() {
        assert!(has_candidate("ovmf:\n  Installed: (none)\n  Candidate: 2022.11-6\n"));
        assert!(!has_candidate("ovmf:\n  Installed: (none)\n  Candidate: (none)\n"));
        assert!(!has_candidate(""));
    }

    #[test]
    fn sudo_never_waits_for_a_password_that_nobody_can_type() {
        assert_eq!(elevated(vec!["x".into()], true, false)[..2], ["sudo", "-n"]);
        assert_eq!(elevated(vec!["x".into()], true, true)[..2], ["sudo", "env"]);
        assert_eq!(elevated(vec!["x".into()], false, true)[0], "env");
    }

    #[test]
    fn another_apt_is_waited_for_and_other_failures_are_not() {
        let held = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)";
        let attempts = |words: &'static str, free_at: u32, limit: Duration| {
            let mut count = 0;
            let attempt = || {
                count += 1;
                if count == free_at { Ok(()) } else { bail!(words) }
            };
            let result = patiently(attempt, limit, Duration::from_millis(1));
            (result.is_ok(), count)
        };
        assert_eq!(attempts(held, 3, Duration::from_mins(1)), (true, 3));
        assert_eq!(attempts(held, 3, Duration::ZERO), (false, 1));
        assert_eq!(attempts("E: Unable to locate package", 3, Duration::from_mins(1)), (false, 1));
    }

    #[test]
    fn a_failing_command_is_quoted_with_the_end_of_its_output() {
        let script = "for i in $(seq 40); do echo line $i; done; echo broken >&2; exit 7";
        let error = stream(&["sh", "-c", script].map(String::from)).unwrap_err().to_string();
        assert!(error.contains("line 40\nbroken") && error.contains('7'), "{error}");
        assert!(!error.contains("line 20\n"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = stream(&["no-such-program".into()]).unwrap_err().to_string();
        assert!(error.contains("no-such-program"), "{error}");
    }
}

//! Child processes that never outlive the harness, and the signals that end it.

mod interrupt;
mod spawn;

use std::{
    fs, io,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, kill_process_group, prlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use wait_timeout::ChildExt;

pub(crate) use interrupt::on_second_signal;
pub use interrupt::{Interrupts, Lent, exit_code};

/// How long a killed process may take to be gone. It takes that long only inside a system call that hangs, as a broken
/// `/dev/kvm` can make it.
pub const KILL_LIMIT: Duration = Duration::from_secs(5);

/// The host's CPUs that this process may use, by number.
#[must_use]
pub fn cpus() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

/// A child process, in a process group of its own unless it shares the terminal.
///
/// # Invariants
/// The child is killed by the kernel when the harness dies, however it dies, and by [`Drop`] when this value goes.
#[derive(Debug)]
pub struct Process {
    child: Child,
    status: Option<ExitStatus>,
    /// It leads a group of its own.
    leads: bool,
}

impl Process {
    /// Starts the program.
    ///
    /// # Errors
    /// What the system says when it cannot be started.
    pub fn spawn(mut command: Command) -> io::Result<Self> {
        command.process_group(0);
        Self::start(command, true)
    }

    /// Starts a program that shares this process's terminal: it stays in its group, and so in the foreground.
    ///
    /// # Errors
    /// As [`Process::spawn`].
    pub fn spawn_beside(command: Command) -> io::Result<Self> {
        Self::start(command, false)
    }

    fn start(command: Command, leads: bool) -> io::Result<Self> {
        let child = spawn::spawn(command)?;
        // One that aborts, as QEMU does on a broken `/dev/kvm`, shall not leave its memory in the working directory.
        let nothing = Rlimit { current: Some(0), maximum: Some(0) };
        // At worst it does.
        let _ = prlimit(i32::try_from(child.id()).ok().and_then(Pid::from_raw), Resource::Core, nothing);
        Ok(Self { child, status: None, leads })
    }

    /// Its standard error, when that was piped and not yet taken.
    pub fn take_stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.child.stderr.take()
    }

    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Keeps all its threads on one CPU of the host, and those that they will start. At worst they stay where they were.
    pub fn keep_on(&self, cpu: usize) {
        let mut only = CpuSet::new();
        only.set(cpu);
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.id())) else { return };
        let ids = threads.flatten().filter_map(|thread| thread.file_name().to_str()?.parse().ok());
        for thread in ids.filter_map(Pid::from_raw) {
            let _ = sched_setaffinity(Some(thread), &only);
        }
    }

    /// How much CPU time all its threads have used, to a hundredth of a second; `None` once it was waited for.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        if self.status.is_some() {
            return None;
        }
        cpu_time_in(&fs::read_to_string(format!("/proc/{}/stat", self.id())).ok()?)
    }

    /// Waits at most so long for it to end; `None` when it still runs then.
    ///
    /// # Errors
    /// What the system says when it cannot be waited for.
    pub fn wait_at_most(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.wait_timeout(limit)?;
        }
        Ok(self.status)
    }

    /// Kills it and its group, if it has not ended yet, and waits for it.
    ///
    /// # Errors
    /// What the system says when it cannot be waited for; [`io::ErrorKind::TimedOut`] when it is still there after
    /// [`KILL_LIMIT`]: a driver of the host holds it, and the system ends it when that lets go.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        self.signal(Signal::KILL);
        self.wait_at_most(KILL_LIMIT)?.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// Asks it to end; does not wait.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        // As long as it was not waited for, the number is its own.
        if self.status.is_none()
            && let Some(id) = i32::try_from(self.id()).ok().and_then(Pid::from_raw)
        {
            // It may have ended by itself just now; then there is nothing to signal.
            let _ = if self.leads { kill_process_group(id, signal) } else { kill_process(id, signal) };
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        let _ = self.kill();
    }
}

/// Fields 14 and 15 of `/proc/PID/stat`, in ticks of 1/100 s (proc(5); `USER_HZ` is 100 on every Linux that runs
/// QEMU). The second field is a name that may hold anything, so counting starts behind its last parenthesis.
fn cpu_time_in(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Process {
        let mut command = Command::new("sleep");
        command.arg("60");
        Process::spawn(command).unwrap()
    }

    fn runs(id: u32) -> bool {
        // A zombie is gone but for its name.
        fs::read_to_string(format!("/proc/{id}/stat"))
            .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
    }

    #[test]
    fn cpu_time_is_read_behind_a_name_full_of_parentheses() {
        let stat = "7 (a) 1 (b) S 1 7 7 0 -1 0 1 2 3 4 150 50 0 0 20 0 1 0 9 9 9";
        assert_eq!(cpu_time_in(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu_time_in("7 (a) S 1"), None);
    }

    #[test]
    fn a_dropped_process_is_dead() {
        let process = sleeper();
        let id = process.id();
        assert!(runs(id));
        drop(process);
        assert!(!runs(id));
    }

    #[test]
    fn waiting_is_bounded_and_a_killed_process_states_its_signal() {
        use std::os::unix::process::ExitStatusExt;
        let mut process = sleeper();
        assert_eq!(process.wait_at_most(Duration::from_millis(20)).unwrap(), None);
        assert_eq!(process.kill().unwrap().signal(), Some(9));
        assert_eq!(process.wait_at_most(Duration::ZERO).unwrap().unwrap().signal(), Some(9));
        assert_eq!(process.cpu_time(), None);
    }

    #[test]
    fn a_process_outlives_the_thread_that_asked_for_it() {
        let process = std::thread::spawn(sleeper).join().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(runs(process.id()), "the death signal fired when the asking thread ended");
    }

    #[test]
    fn a_process_beside_shares_the_group_and_is_killed_alone() {
        use std::os::unix::process::ExitStatusExt;
        let beside = || {
            let mut command = Command::new("sleep");
            command.arg("60");
            Process::spawn_beside(command).unwrap()
        };
        let (mut first, mut second) = (beside(), beside());
        let stat = fs::read_to_string(format!("/proc/{}/stat", first.id())).unwrap();
        let group = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap();
        assert_eq!(group, rustix::process::getpgrp().as_raw_nonzero().to_string());
        first.terminate();
        assert_eq!(first.wait_at_most(Duration::from_secs(20)).unwrap().unwrap().signal(), Some(15));
        assert_eq!(second.kill().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_process_is_kept_on_one_cpu() {
        let process = sleeper();
        let cpu = *cpus().last().unwrap();
        process.keep_on(cpu);
        let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        assert_eq!(allowed.trim(), cpu.to_string());
    }

    #[test]
    fn a_process_leaves_no_core_file() {
        let process = sleeper();
        let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    }

    #[test]
    fn a_process_has_a_group_of_its_own() {
        let process = sleeper();
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        let group = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap();
        assert_eq!(group, process.id().to_string());
    }
}

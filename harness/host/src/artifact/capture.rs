//! Taking a machine's state out of a running QEMU.

use std::{
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::fs::fstatvfs;
use serde_json::{Value, json};

use super::{About, Artifact, Record, store};
use crate::{machine::MEMORY_OBJECT, vm::Vm};

/// How long QEMU may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Time between two looks at how far QEMU has come.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
/// Free room, in bytes, below which a disk on which nothing could be written is called full.
const LITTLE: u64 = 1 << 20;

/// How much a machine that is kept may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Largest state, in bytes. Pages of zeros take no room in it.
    pub bytes: u64,
    /// How long QEMU may take to write it.
    pub time: Duration,
}

impl Default for Bounds {
    /// 1 GiB and 20 s. A machine of 128 MiB that has just booted needs 1 MB and 15 ms.
    fn default() -> Self {
        Self { bytes: 1 << 30, time: Duration::from_secs(20) }
    }
}

/// A machine's state in a file without a name: when this value goes, or the harness dies, so does the file.
#[derive(Debug)]
pub struct Capture {
    state: File,
    memory_in_file: bool,
    directory: PathBuf,
}

/// Takes the state of a machine while QEMU still lives, whatever made it stand still. One that runs is stopped.
/// `directory` is where artifacts are kept; it is made when it is not there.
///
/// The machine cannot run afterwards, and QEMU calls its state `postmigrate`: look at it before, and take what QEMU says
/// about it from then on for no evidence.
///
/// # Errors
/// Says why there will be no artifact: QEMU's complaint, a full disk, no answer in time. Nothing is left behind then,
/// but QEMU may still be busy: the caller ends it.
pub fn capture(vm: &mut Vm, directory: &Path) -> Result<Capture, String> {
    capture_within(vm, directory, Bounds::default())
}

/// As [`capture`], with bounds of one's own.
///
/// # Errors
/// As [`capture`].
pub fn capture_within(vm: &mut Vm, directory: &Path, bounds: Bounds) -> Result<Capture, String> {
    let cannot = |error| refusal(directory, &error);
    fs::create_dir_all(directory).map_err(cannot)?;
    let state = tempfile::tempfile_in(directory).map_err(cannot)?;
    let memory_in_file = is_memory_in_file(vm)?;
    migrate(vm, &state, bounds).map_err(|why| {
        // QEMU only knows that it could not write.
        let full = fstatvfs(&state).is_ok_and(|status| status.f_bavail * status.f_frsize < LITTLE);
        if full { cannot(io::ErrorKind::StorageFull.into()) } else { why }
    })?;
    Ok(Capture { state, memory_in_file, directory: directory.into() })
}

fn refusal(directory: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::StorageFull => String::from("the disk is full"),
        _ => error.to_string(),
    };
    format!("{}: {why}", directory.display())
}

impl Capture {
    /// Gives the machine a place among the artifacts, and removes the oldest beyond [`super::MOST_KEPT`].
    ///
    /// # Errors
    /// Says why there is no artifact; nothing is left behind then.
    pub fn keep(self, about: &About<'_>) -> Result<Artifact, String> {
        let record = Record::new(about, self.memory_in_file);
        store::put(&self.directory, self.state, record, about.image).map_err(|error| refusal(&self.directory, &error))
    }
}

/// Whether the machine's memory is the file that [`Backing`](crate::machine::Backing) speaks of.
fn is_memory_in_file(vm: &mut Vm) -> Result<bool, String> {
    let memory = vm.ask("query-memdev", None, ANSWER_LIMIT)?;
    Ok(memory.as_array().is_some_and(|all| all.iter().any(|one| one["id"] == MEMORY_OBJECT)))
}

fn migrate(vm: &mut Vm, state: &File, bounds: Bounds) -> Result<(), String> {
    // A machine that was shut down or has panicked stays in that state.
    vm.ask("stop", None, ANSWER_LIMIT)?;
    // A clone's memory is a view of a file, and is not written when QEMU is told that files keep themselves.
    let all_of_it = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": false }] });
    vm.ask("migrate-set-capabilities", Some(&all_of_it), ANSWER_LIMIT)?;
    // Bytes per second. The default is what a network would like.
    vm.ask("migrate-set-parameters", Some(&json!({ "max-bandwidth": 1u64 << 40 })), ANSWER_LIMIT)?;
    // The file has no name, so the shell opens it as this process's descriptor. `ulimit` counts blocks of 512 bytes
    // (POSIX, ulimit); a state beyond it ends `cat`, and QEMU then says that it cannot write.
    let (process, descriptor, blocks) = (std::process::id(), state.as_raw_fd(), bounds.bytes / 512);
    let uri = format!("exec:ulimit -f {blocks}; exec cat 2>/dev/null >/proc/{process}/fd/{descriptor}");
    vm.ask("migrate", Some(&json!({ "uri": uri })), ANSWER_LIMIT)?;
    let deadline = Instant::now() + bounds.time;
    loop {
        let answer = vm.ask("query-migrate", None, ANSWER_LIMIT)?;
        match progress(&answer) {
            Progress::Done => return Ok(()),
            Progress::Failed(why) => return Err(why),
            Progress::UnderWay if Instant::now() >= deadline => {
                // Whether it obeys does not matter: the machine is about to end.
                let _ = vm.ask("migrate_cancel", None, ANSWER_LIMIT);
                return Err(format!("saving it took more than {} s", bounds.time.as_secs()));
            }
            Progress::UnderWay => sleep(BETWEEN_LOOKS),
        }
    }
}

/// How far QEMU has come with a state, either way.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    UnderWay,
    Done,
    Failed(String),
}

/// Reads the answer to `query-migrate`.
pub fn progress(answer: &Value) -> Progress {
    match answer["status"].as_str() {
        Some("completed") => Progress::Done,
        Some("failed" | "cancelled") => {
            let why = answer["error-desc"].as_str().unwrap_or("QEMU could not write or read its state");
            Progress::Failed(why.into())
        }
        _ => Progress::UnderWay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_qemus_answers() {
        assert_eq!(progress(&json!({})), Progress::UnderWay);
        assert_eq!(progress(&json!({ "status": "active" })), Progress::UnderWay);
        assert_eq!(progress(&json!({ "status": "completed" })), Progress::Done);
        let failed = json!({ "status": "failed", "error-desc": "Unable to write to command: Broken pipe" });
        assert_eq!(progress(&failed), Progress::Failed("Unable to write to command: Broken pipe".into()));
        assert!(matches!(progress(&json!({ "status": "failed" })), Progress::Failed(why) if why.contains("QEMU")));
    }
}

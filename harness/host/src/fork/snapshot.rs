//! A machine saved at its ready point, in one file that appears whole or not at all.
//!
//! ```text
//! file = memory, as many bytes as the machine has (sparse: pages of zeros take no room)
//!        state of the CPUs and devices, as QEMU migrates it without the memory
//!        about: JSON
//!        length of the state, length of about: u64 each, little-endian
//!        MAGIC
//! ```

mod file;

use std::{
    fs::File,
    io::{Seek, SeekFrom},
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Error,
    bounded::BoundedLog,
    fork::memory::Pages,
    machine::{Backing, Configuration, MEMORY, READY_POINT, READY_POINT_FILE, STATE},
    session::{Evidence, Heard, LOG_BYTES, Prelude, Ready, RecordLine, Said, Session, Stand},
    vm::Vm,
};

/// How long QEMU may take to answer a question.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long QEMU may take to save or load a machine's state.
const TRANSFER_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks whether it has.
const POLL: Duration = Duration::from_micros(300);
/// QEMU's name for the place where a clone keeps its ready point, and for what it keeps there.
const NODE: &str = "ready-point";
const TAG: &str = "ready";

/// Bytes of pages that are not zero up to which a reset writes them back: beyond, a clone is faster.
const MOST_TO_RESTORE: u64 = 64 << 20;
/// Bytes of such pages up to which a machine is saved at all that serves the harness: beyond, booting costs less than to
/// keep them, in this process and on the disk.
const MOST_TO_SAVE: u64 = 256 << 20;
/// The same for a machine saved at a text. What comes up until there takes seconds rather than a tenth of one, and leaves
/// more in its memory.
const MOST_TO_SAVE_AT_TEXT: u64 = 1 << 30;

/// A machine saved at its ready point.
#[derive(Debug)]
pub struct Snapshot {
    file: File,
    path: PathBuf,
    memory: u64,
    /// What a reset writes back; `None` when that is too much.
    pages: Option<Arc<Pages>>,
    about: About,
}

#[derive(Debug, Serialize, Deserialize)]
struct About {
    /// Version and number of tests that the kernel's hello stated, where it said one.
    hello: Option<(u16, u32)>,
    boot: Duration,
    log: String,
    /// Of the memory and the state.
    digest: u64,
}

/// Why there is no snapshot.
#[derive(Clone, Debug)]
pub enum NoSnapshot {
    /// It cannot be made or used here; the text says why.
    Impossible(String),
    /// The machine did not come to its ready point.
    Died(Box<Evidence>),
}

impl From<String> for NoSnapshot {
    fn from(why: String) -> Self {
        Self::Impossible(why)
    }
}

impl Snapshot {
    /// The snapshot of this session's machine: the one in `cache` when there is one, else a new one, for which the
    /// machine is booted. Of several processes that want the same one, one makes it and the others wait.
    ///
    /// # Errors
    /// As [`Session::run`]; the inner error says why there is none.
    pub fn obtain(session: &Session<'_>, cache: &Path) -> Result<Result<Self, NoSnapshot>, Error> {
        let path = match file::place(session, cache) {
            Ok(path) => path,
            Err(error) => return Ok(Err(NoSnapshot::Impossible(error.to_string()))),
        };
        let memory = u64::from(session.configuration.shape.memory.mib()) << 20;
        if let Some(found) = Self::open(&path, memory, session.ready) {
            return Ok(Ok(found));
        }
        // A boot and a transfer is what the other process may take.
        let lock = match file::lock(&path, session.interrupts, session.limits.boot + TRANSFER_LIMIT) {
            Ok(lock) => lock,
            Err(Error::Interrupted(signal)) => return Err(Error::Interrupted(signal)),
            Err(error) => return Ok(Err(NoSnapshot::Impossible(error.to_string()))),
        };
        // Another process may have made it while this one waited.
        let made = match Self::open(&path, memory, session.ready) {
            Some(found) => Ok(found),
            None => Self::make(session, &path, memory)?,
        };
        drop(lock);
        Ok(made)
    }

    fn open(path: &Path, memory: u64, ready: Ready<'_>) -> Option<Self> {
        let mut file = File::options().read(true).write(true).open(path).ok()?;
        let (state, about) = file::read_trailer(&mut file, memory)?;
        let about: About = serde_json::from_slice(&about).ok()?;
        file::keep_young(&file);
        let pages = Pages::read(&file, memory, most_to_save(ready)).ok()??;
        if file::digest(&pages, &mut file, memory, state).ok()? != about.digest {
            return None;
        }
        Some(Self::new(file, path, memory, pages, about, ready))
    }

    /// Boots the machine and saves it.
    fn make(session: &Session<'_>, path: &Path, memory: u64) -> Result<Result<Self, NoSnapshot>, Error> {
        let Ok((ram, mut state)) = make_files(memory) else {
            return Ok(Err(String::from("the system gives no file in memory").into()));
        };
        let stand = {
            let configuration = Configuration { backing: Backing::Shared, ..session.configuration.clone() };
            let session = Session { configuration: &configuration, ..session.clone() };
            let files = vec![(duplicate(&ram)?, MEMORY), (duplicate(&state)?, STATE)];
            let mut vm = Vm::launch(session.emulator, &configuration, session.image, session.interrupts, files)?;
            vm.resume();
            session.await_ready(vm, &|_| ())?
        };
        let mut stand = match stand {
            Ok(stand) => stand,
            Err(evidence) => return Ok(Err(NoSnapshot::Died(evidence))),
        };
        if let Err(why) = save(&mut stand.vm) {
            if let Some(signal) = session.interrupts.signal() {
                return Err(Error::Interrupted(signal));
            }
            return Ok(Err(format!("QEMU cannot save a machine: {why}").into()));
        }
        let Prelude { heard, log, boot, .. } = stand.prelude();
        drop(stand);
        let hello = heard.iter().find_map(|heard| match heard {
            Heard::Record { said: Said::Hello { version, tests }, .. } => Some((*version, *tests)),
            _ => None,
        });
        if session.ready.is_hello() && hello.is_none() {
            return Ok(Err(String::from("the kernel said no hello").into()));
        }
        let most = most_to_save(session.ready);
        let unwritten = |error: Error| Err(NoSnapshot::Impossible(error.to_string()));
        let pages = match Pages::read(&ram, memory, most).map_err(Error::io("reading a machine's memory")) {
            Ok(Some(pages)) => pages,
            Ok(None) => {
                let most = most >> 20;
                return Ok(Err(format!("more than {most} MiB of the machine's memory are not zero").into()));
            }
            Err(error) => return Ok(unwritten(error)),
        };
        let digest = state.metadata().and_then(|data| file::digest(&pages, &mut state, 0, data.len()));
        let digest = match digest.map_err(Error::io("reading a machine's state")) {
            Ok(digest) => digest,
            Err(error) => return Ok(unwritten(error)),
        };
        let about = About { hello, boot, log: log.text(), digest };
        let text = serde_json::to_vec(&about).unwrap_or_default();
        Ok(match file::write(path, &pages, memory, &mut state, &text) {
            Ok(file) => Ok(Self::new(file, path, memory, pages, about, session.ready)),
            Err(error) => unwritten(error),
        })
    }

    fn new(file: File, path: &Path, memory: u64, pages: Pages, about: About, ready: Ready<'_>) -> Self {
        // A machine that was stopped wherever it was does not say when it could be put back.
        let pages = (ready.is_hello() && pages.bytes() <= MOST_TO_RESTORE).then(|| Arc::new(pages));
        Self { file, path: path.into(), memory, pages, about }
    }

    /// Removes it from the cache. Machines that were cloned from it are not disturbed.
    pub fn discard(&self) {
        // One that cannot be removed is found again, and found damaged again.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Starts a QEMU that waits for the state of its machine: most of what a clone takes. With `keep` it will keep its
    /// ready point, unless the snapshot is too large or the machine has a disk.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn prepare(&self, session: &Session<'_>, keep: bool) -> Result<Prepared, Error> {
        let failed = || Error::io("opening a snapshot");
        let again =
            |file: &File| File::options().read(true).write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let mut state = again(&self.file).map_err(failed())?;
        state.seek(SeekFrom::Start(self.memory)).map_err(failed())?;
        let mut files = vec![(OwnedFd::from(state), STATE)];
        let mut backing = if session.ready.is_hello() { Backing::Copied } else { Backing::Forked };
        let mut ready_point = None;
        let keep = keep && session.image.boot.lets_keep_states();
        if keep && let Some(pages) = &self.pages {
            let (memory, kept) = make_files(self.memory).map_err(|error| failed()(error.into()))?;
            pages.write(&memory).map_err(failed())?;
            files.extend([(duplicate(&memory)?, MEMORY), (kept.into(), READY_POINT)]);
            ready_point = Some(ReadyPoint { memory, bytes: self.memory, pages: Arc::clone(pages) });
            backing = Backing::Kept;
        } else {
            files.push((again(&self.file).map_err(failed())?.into(), MEMORY));
        }
        let configuration = Configuration { backing, ..session.configuration.clone() };
        let vm = Vm::launch(session.emulator, &configuration, session.image, session.interrupts, files)?;
        Ok(Prepared { vm, ready_point })
    }

    /// Gives a prepared QEMU its machine, which stands still at its ready point then.
    ///
    /// # Errors
    /// What QEMU says.
    pub fn finish(&self, prepared: Prepared) -> Result<Stand, String> {
        let Prepared { mut vm, ready_point } = prepared;
        load(&mut vm).map_err(|error| vm.emulator_messages().last().cloned().unwrap_or(error))?;
        if ready_point.is_some() {
            keep(&mut vm)?;
        }
        vm.forget();
        let About { hello, boot, log, .. } = &self.about;
        let hello = hello.map(|(version, tests)| Heard::Record { sequence: 0, said: Said::Hello { version, tests } });
        let mut kept = BoundedLog::new(LOG_BYTES);
        kept.push(log.as_bytes());
        let heard = hello.into_iter().collect();
        let prelude = Prelude { heard, log: kept, line: RecordLine::default(), boot: *boot, resumes: 0 };
        Ok(Stand::cloned(vm, prelude, ready_point))
    }
}

/// A QEMU that waits for the state of its machine.
#[derive(Debug)]
pub struct Prepared {
    vm: Vm,
    ready_point: Option<ReadyPoint>,
}

/// What the harness holds of a machine's ready point; QEMU keeps the rest.
#[derive(Debug)]
pub struct ReadyPoint {
    memory: File,
    bytes: u64,
    pages: Arc<Pages>,
}

impl ReadyPoint {
    /// Puts a machine that stands still back to its ready point. What it has sent and nobody has read is dropped.
    ///
    /// # Errors
    /// What QEMU or the system says.
    pub fn restore(&self, vm: &mut Vm) -> Result<(), String> {
        vm.forget();
        // QEMU throws away what it has translated of the memory when it loads a state. Before that it resets the machine,
        // which writes the program of `-kernel` into the memory again: so the memory comes last.
        monitor(vm, &format!("loadvm {TAG}"))?;
        self.pages.restore(&self.memory, self.bytes).map_err(|error| error.to_string())?;
        vm.forget();
        Ok(())
    }

    /// Whether the machine's memory is what it was at the ready point.
    pub fn memory_is_untouched(&self) -> bool {
        Pages::read(&self.memory, self.bytes, u64::MAX).is_ok_and(|pages| pages.as_ref() == Some(&*self.pages))
    }
}

const fn most_to_save(ready: Ready<'_>) -> u64 {
    if ready.is_hello() { MOST_TO_SAVE } else { MOST_TO_SAVE_AT_TEXT }
}

fn make_files(memory: u64) -> rustix::io::Result<(File, File)> {
    let ram = memfd_create("steward-memory", MemfdFlags::CLOEXEC)?;
    rustix::fs::ftruncate(&ram, memory)?;
    Ok((ram.into(), memfd_create("steward-state", MemfdFlags::CLOEXEC)?.into()))
}

fn duplicate(file: &File) -> Result<OwnedFd, Error> {
    file.try_clone().map(Into::into).map_err(Error::io("duplicating a descriptor"))
}

/// Sets whether a machine's state is moved without the memory that lies in a file.
fn ignore_memory(vm: &mut Vm, ignore: bool) -> Result<(), String> {
    let capabilities = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": ignore }] });
    vm.ask("migrate-set-capabilities", Some(&capabilities), ANSWER_LIMIT).map(drop)
}

/// Stops the machine and writes its state, without the memory, to [`STATE`].
fn save(vm: &mut Vm) -> Result<(), String> {
    vm.ask("stop", None, ANSWER_LIMIT)?;
    ignore_memory(vm, true)?;
    // QEMU takes a descriptor by number only for what comes in; the shell's parent is QEMU.
    let uri = format!("exec:cat >/proc/$PPID/fd/{STATE}");
    vm.ask("migrate", Some(&json!({ "uri": uri })), ANSWER_LIMIT)?;
    await_status(vm, "query-migrate", |answer| match answer["status"].as_str() {
        Some("completed") => Some(Ok(())),
        Some("failed" | "cancelled") => Some(Err(answer["error-desc"].as_str().unwrap_or("it failed").into())),
        _ => None,
    })
}

fn await_status(
    vm: &mut Vm,
    question: &str,
    done: impl Fn(&Value) -> Option<Result<(), String>>,
) -> Result<(), String> {
    let deadline = Instant::now() + TRANSFER_LIMIT;
    loop {
        if let Some(result) = done(&vm.ask(question, None, ANSWER_LIMIT)?) {
            return result;
        }
        if Instant::now() >= deadline {
            return Err(format!("`{question}` reports no end within {} s", TRANSFER_LIMIT.as_secs()));
        }
        sleep(POLL);
    }
}

/// Loads the machine's state from [`STATE`].
fn load(vm: &mut Vm) -> Result<(), String> {
    ignore_memory(vm, true)?;
    vm.ask("migrate-incoming", Some(&json!({ "uri": format!("fd:{STATE}") })), ANSWER_LIMIT)?;
    await_status(vm, "query-status", |answer| match answer["status"].as_str() {
        Some("inmigrate") => None,
        Some("paused" | "prelaunch") => Some(Ok(())),
        other => Some(Err(format!("a clone came to the state {other:?}"))),
    })
}

/// Lets a machine that has not run yet keep its state, without the memory, at [`READY_POINT`].
fn keep(vm: &mut Vm) -> Result<(), String> {
    let options = json!({ "driver": "qcow2", "file": READY_POINT_FILE, "size": 0 });
    vm.ask("blockdev-create", Some(&json!({ "job-id": TAG, "options": options })), ANSWER_LIMIT)?;
    await_status(vm, "query-jobs", |answer| {
        let job = answer.as_array()?.first()?;
        (job["status"] == "concluded").then(|| job["error"].as_str().map_or(Ok(()), |error| Err(error.into())))
    })?;
    vm.ask("job-dismiss", Some(&json!({ "id": TAG })), ANSWER_LIMIT)?;
    let node = json!({ "driver": "qcow2", "node-name": NODE, "file": READY_POINT_FILE });
    vm.ask("blockdev-add", Some(&node), ANSWER_LIMIT)?;
    monitor(vm, &format!("savevm {TAG}"))
}

/// Asks the monitor for something about which it says nothing when all is well.
fn monitor(vm: &mut Vm, line: &str) -> Result<(), String> {
    match vm.monitor(line, 0, TRANSFER_LIMIT)?.trim() {
        "" => Ok(()),
        complaint => Err(complaint.into()),
    }
}

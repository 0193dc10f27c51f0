//! A machine that was kept, opened again: QEMU holds it as it stood, and a debugger looks at it.
//!
//! What is opened is a copy. Whatever the debugger does to it, even letting it run on, the artifact stays as it was.

mod gdb;
mod scene;

use std::{
    io::{IsTerminal, Write, stdin, stdout},
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Emulator, Error,
    accel::open_kvm,
    artifact::{Artifact, Progress, progress},
    autopsy::registers_of_stopped,
    machine::{Accelerator, Gdb, STATE, Start},
    process::{Interrupts, Process, exit_code},
    vm::{Vm, Wait},
};
use scene::Scene;

/// How long QEMU may take to load a machine's state.
const LOAD_LIMIT: Duration = Duration::from_secs(60);
/// How long QEMU may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Time between two looks at how far QEMU has come.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
/// Time between two looks at whether the debugger has ended.
const BETWEEN_GLANCES: Duration = Duration::from_millis(50);
/// Most that is taken from the machine between two glances: it may never stop sending.
const MOST_EVENTS: usize = 100;
/// How long a debugger that is asked to end may take before it is killed.
const FAREWELL: Duration = Duration::from_secs(2);

/// What looks at the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Debugger {
    /// gdb on this terminal. Where standard input is no terminal, gdb tells what there is to see, and ends.
    Gdb,
    /// Whatever connects to this address, in QEMU's words: `tcp:127.0.0.1:1234`. The machine stands there until the
    /// harness is interrupted.
    Listen(String),
}

/// Opens the machine and lets the debugger look at it. Gives the debugger's exit status.
///
/// Nothing is left when this returns: no QEMU, no debugger, no file.
///
/// # Errors
/// [`Error::Request`] when gdb is not installed, or the artifact describes a machine that this harness does not know;
/// [`Error::Emulator`] when QEMU cannot load the machine, with both versions where they differ; [`Error::Interrupted`].
pub fn replay(
    artifact: &Artifact,
    emulator: &Emulator,
    debugger: &Debugger,
    interrupts: &Interrupts,
) -> Result<u8, Error> {
    match debugger {
        Debugger::Listen(address) => {
            let mut vm = restore(artifact, emulator, address.clone(), interrupts)?;
            announce(artifact)?;
            let kernel = artifact.kernel();
            let target = gdb::target(address);
            eprintln!("it waits for a debugger until Ctrl-C: gdb {} -ex 'target remote {target}'", kernel.display());
            wait_for_interrupt(&mut vm)
        }
        Debugger::Gdb => {
            // Before anything is started: there may be none.
            let program = gdb::find(&artifact.id)?;
            // Only its owner can enter it: who may connect to a debugger's port may do anything in this user's name.
            let place = tempfile::Builder::new().prefix("steward-replay-").tempdir();
            let place = place.map_err(Error::io("making a temporary directory"))?;
            let socket = place.path().join("gdb");
            let address = format!("unix:{},server=on,wait=off", qemu_path(&socket));
            let mut vm = restore(artifact, emulator, address, interrupts)?;
            let cpus = registers_of_stopped(&mut vm).map_err(Error::Emulator)?;
            let scene = Scene::new(&artifact.record, &cpus);
            announce(artifact)?;
            let session =
                gdb::Session { program, artifact, scene: &scene, place: place.path(), batch: !stdin().is_terminal() };
            attend(&mut vm, session.start()?, interrupts, place)
        }
    }
}

/// A path within an option: a comma would end it.
fn qemu_path(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Starts a QEMU that holds the machine as it stood.
fn restore(artifact: &Artifact, emulator: &Emulator, address: String, interrupts: &Interrupts) -> Result<Vm, Error> {
    let wrong = |why| Error::Request(format!("{}: {why}", artifact.path.display()));
    // A medium and its firmware are parts of the machine, though it boots nothing.
    let image = artifact.image().map_err(wrong)?;
    let mut configuration = artifact.record.configuration(emulator.version()).map_err(wrong)?;
    if configuration.accelerator == Accelerator::Kvm && open_kvm().is_err() {
        configuration.accelerator = Accelerator::Tcg;
    }
    configuration.gdb = Some(Gdb { listen: address, start: Start::ByDebugger });
    let path = artifact.state();
    let state = std::fs::File::open(&path).map_err(Error::io(format!("reading {}", path.display())))?;
    let mut vm = Vm::launch(emulator, &configuration, &image, interrupts, vec![(OwnedFd::from(state), STATE)])?;
    load(&mut vm).map_err(|why| match interrupts.signal() {
        Some(signal) => Error::Interrupted(signal),
        None => Error::Emulator(cannot_load(artifact, emulator, &mut vm, &why)),
    })?;
    Ok(vm)
}

fn load(vm: &mut Vm) -> Result<(), String> {
    vm.ask("migrate-incoming", Some(&json!({ "uri": format!("fd:{STATE}") })), ANSWER_LIMIT)?;
    let deadline = Instant::now() + LOAD_LIMIT;
    loop {
        match progress(&vm.ask("query-migrate", None, ANSWER_LIMIT)?) {
            Progress::Done => return Ok(()),
            Progress::Failed(why) => return Err(why),
            Progress::UnderWay if Instant::now() >= deadline => {
                return Err(format!("it took more than {} s", LOAD_LIMIT.as_secs()));
            }
            Progress::UnderWay => sleep(BETWEEN_LOOKS),
        }
    }
}

/// Why QEMU cannot load the machine. It says that on its standard error, and ends.
fn cannot_load(artifact: &Artifact, emulator: &Emulator, vm: &mut Vm, why: &str) -> String {
    vm.kill();
    while !matches!(vm.wait(Instant::now() + ANSWER_LIMIT), Wait::Ended(_) | Wait::TimeOut | Wait::Interrupted) {}
    let said = match vm.emulator_messages() {
        [] => why.into(),
        messages => messages.join("; "),
    };
    let (saved, loads) = (&artifact.record.qemu, emulator.version().to_string());
    let advice = if *saved == loads {
        String::new()
    } else {
        format!(". It was saved by QEMU {saved}, and this is QEMU {loads}: name one of that version in STEWARD_QEMU")
    };
    format!("the machine {} cannot be opened: {said}{advice}", artifact.id)
}

/// Says what is opened.
fn announce(artifact: &Artifact) -> Result<(), Error> {
    let text = scene::headline(&artifact.record);
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::io("writing to standard output"))
}

/// Whether a debugger has connected to the machine, or never will.
fn is_connected(vm: &mut Vm) -> bool {
    let Ok(devices) = vm.ask("query-chardev", None, ANSWER_LIMIT) else { return true };
    let name = |device: &Value| {
        device["label"] == "gdb" && !device["filename"].as_str().unwrap_or("").starts_with("disconnected:")
    };
    devices.as_array().is_some_and(|devices| devices.iter().any(name))
}

fn wait_for_interrupt(vm: &mut Vm) -> Result<u8, Error> {
    loop {
        match vm.wait(Instant::now() + ANSWER_LIMIT) {
            // That is how it is meant to end.
            Wait::Interrupted if vm.interrupted_by() == Signal::INT.as_raw() => return Ok(0),
            Wait::Interrupted => return Err(Error::Interrupted(vm.interrupted_by())),
            // The debugger has killed the machine.
            Wait::Ended(_) => return Ok(0),
            Wait::Event(_) | Wait::Other | Wait::TimeOut => {}
        }
    }
}

/// Waits for the debugger's end, and takes from the machine what it says meanwhile: a debugger may let it run.
///
/// `place` goes as soon as the debugger has connected to the machine and so has read what is there: from then on not even
/// SIGKILL leaves a file.
fn attend(vm: &mut Vm, mut debugger: Process, interrupts: &Interrupts, place: TempDir) -> Result<u8, Error> {
    // Ctrl-C and Ctrl-\ are typed at the debugger. They reach every process on the terminal, this one too.
    let _lent = interrupts.lend_keyboard();
    let mut place = Some(place);
    loop {
        let ended = debugger.wait_at_most(BETWEEN_GLANCES).map_err(Error::io("waiting for gdb"))?;
        if let Some(status) = ended {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.unwrap_or_else(|| exit_code(status.signal().unwrap_or_default())));
        }
        for _ in 0..MOST_EVENTS {
            let Wait::Event(_) = vm.wait(Instant::now()) else { break };
        }
        place = place.filter(|_| !is_connected(vm));
        if let Some(signal) = interrupts.signal() {
            // It puts the terminal's settings back when it may end by itself; dropping kills it.
            debugger.terminate();
            let _ = debugger.wait_at_most(FAREWELL);
            return Err(Error::Interrupted(signal));
        }
    }
}

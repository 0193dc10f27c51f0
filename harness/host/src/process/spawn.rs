//! Starting a child that dies with the harness. The only file of the harness with `unsafe`.
#![expect(unsafe_code, reason = "what runs between fork and exec can only be set through an unsafe function")]

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    sync::{
        OnceLock,
        mpsc::{Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

type Request = (Command, SyncSender<io::Result<Child>>);

/// The thread that starts every child. Linux sends the death signal when the *thread* that started the child ends
/// (prctl(2), `PR_SET_PDEATHSIG`), so it must be one that ends only with the whole process.
static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();

/// Starts the program from the thread that never ends. The command, and the descriptors it owns, are dropped.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    let parent = getpid();
    // SAFETY: `pre_exec` asks that the closure do only what is allowed between fork and exec in a process with
    // threads. `die_with` makes two system calls and builds errors from numbers: no lock, no allocation.
    unsafe { command.pre_exec(move || die_with(parent)) };
    let spawner = SPAWNER.get_or_init(start_spawner);
    let (answer, answered) = sync_channel(1);
    let gone = || io::Error::other("the thread that starts processes is gone");
    spawner.send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn start_spawner() -> Sender<Request> {
    let (sender, requests) = channel::<Request>();
    // The sender lives in a static, so the loop ends with the process.
    thread::spawn(move || {
        for (mut command, answer) in requests {
            let child = command.spawn();
            // The command owns the harness's copies of the child's descriptors: as long as one is open, the other
            // end never reads an end of file.
            drop(command);
            // Whoever asked waits for the answer.
            let _ = answer.send(child);
        }
    });
    sender
}

/// Runs in the child: have the kernel kill it when its parent dies.
fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the line above took effect; then this child has another parent by now.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
}

//! Times how long a fresh QEMU takes until its guest has written something on COM1.

use std::ffi::OsString;
use std::io::{PipeWriter, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use steward_harness::Emulator;
use steward_harness::process::{Interrupts, Process};

/// What runs in the machine.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its name, for people.
    pub name: String,
    /// QEMU's arguments that bring it into the machine.
    pub arguments: Vec<OsString>,
    /// What the guest writes on COM1 when it is there.
    pub marker: &'static str,
    /// How long it may take.
    pub limit: Duration,
}

/// The command that boots the guest on a machine. Everything but what is booted is the same for every guest.
fn command(emulator: &Path, machine: &str, guest: &Guest) -> Command {
    let mut command = Command::new(emulator);
    command.args(["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"]);
    command.args(["-machine", machine, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "128M"]);
    command.args(["-chardev", "stdio,id=com1,signal=off", "-serial", "chardev:com1"]);
    command.args(&guest.arguments);
    command
}

/// Boots the guest; gives the time from starting QEMU to the end of the marker. QEMU is then killed.
///
/// # Errors
/// When QEMU cannot be started, when it ends or the limit passes before the marker, or when a signal asks to stop.
pub fn time_to_marker(emulator: &Emulator, machine: &str, guest: &Guest, interrupts: &Interrupts) -> Result<Duration> {
    let time = time(command(emulator.program(), machine, guest), guest.marker, guest.limit);
    if let Some(signal) = interrupts.signal() {
        bail!("interrupted by signal {signal}");
    }
    time.with_context(|| format!("{} on {machine}", guest.name))
}

/// Boots the guest and talks to it; gives what it wrote until the marker. QEMU is then killed. `answer` gets all that it
/// has written so far, each time when there is more, and its keyboard, which is COM1.
///
/// # Errors
/// As [`time_to_marker`], and what `answer` says.
pub fn converse(
    emulator: &Emulator,
    machine: &str,
    guest: &Guest,
    interrupts: &Interrupts,
    mut answer: impl FnMut(&[u8], &mut PipeWriter) -> std::io::Result<()>,
) -> Result<Vec<u8>> {
    let (keys, mut keyboard) = std::io::pipe()?;
    let mut command = command(emulator.program(), machine, guest);
    command.stdin(keys);
    let heard = listen(command, guest.marker, guest.limit, |seen| answer(seen, &mut keyboard));
    if let Some(signal) = interrupts.signal() {
        bail!("interrupted by signal {signal}");
    }
    Ok(heard.with_context(|| format!("{} on {machine}", guest.name))?.1)
}

fn time(mut command: Command, marker: &str, limit: Duration) -> Result<Duration> {
    command.stdin(Stdio::null());
    Ok(listen(command, marker, limit, |_| Ok(()))?.0)
}

/// Time from the start to the end of the marker, and what came until then.
fn listen(
    mut command: Command,
    marker: &str,
    limit: Duration,
    mut hear: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(Duration, Vec<u8>)> {
    let (mut reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let (sender, receiver) = channel();
    let start = Instant::now();
    let mut process = Process::spawn(command).context("cannot start QEMU")?;
    let listener = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if sender.send((Instant::now(), buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    let mut seen = Vec::new();
    let outcome = loop {
        match receiver.recv_timeout(limit.saturating_sub(start.elapsed())) {
            Ok((when, bytes)) => {
                seen.extend(bytes);
                if contains(&seen, marker.as_bytes()) {
                    break Ok(when.duration_since(start));
                }
                if let Err(error) = hear(&seen) {
                    break Err(format!("it takes no input: {error}"));
                }
            }
            Err(RecvTimeoutError::Timeout) => break Err(format!("no `{marker}` within {} s", limit.as_secs())),
            Err(RecvTimeoutError::Disconnected) => break Err(format!("QEMU ended without `{marker}`")),
        }
    };
    drop(receiver);
    process.kill()?;
    // It ends with the pipe, whose last writer was just killed.
    let _ = listener.join();
    match outcome {
        Ok(time) => Ok((time, seen)),
        Err(why) => bail!("{why}; it wrote:\n{}", tail(&seen)),
    }
}

fn contains(bytes: &[u8], marker: &[u8]) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker)
}

fn tail(seen: &[u8]) -> String {
    let text = String::from_utf8_lossy(seen);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_time_ends_with_the_marker_also_when_it_comes_in_pieces() {
        let script = "printf 'noise rea'; sleep 0.2; printf 'dy'; sleep 30";
        let took = time(shell(script), "ready", Duration::from_secs(20)).unwrap();
        assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(20), "{took:?}");
    }

    #[test]
    fn a_machine_that_ends_or_stays_silent_is_an_error_with_its_last_words() {
        let error = time(shell("echo no such machine >&2; exit 1"), "ready", Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains("ended without") && error.to_string().contains("no such machine"));
        let error = time(shell("sleep 30"), "ready", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("no `ready` within"), "{error}");
    }

    #[test]
    fn guests_differ_in_nothing_but_what_they_boot() {
        let guest = |arguments: &[&str]| Guest {
            name: "x".into(),
            arguments: arguments.iter().map(Into::into).collect(),
            marker: "x",
            limit: Duration::ZERO,
        };
        let words = |guest| {
            let command = command(Path::new("qemu"), "q35", &guest);
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let (ours, peer) = (words(guest(&["-kernel", "ours"])), words(guest(&["-drive", "peer"])));
        assert_eq!(ours[..ours.len() - 2], peer[..peer.len() - 2]);
        assert_eq!(
            (&ours[ours.len() - 2..], &peer[peer.len() - 2..]),
            (&["-kernel".to_owned(), "ours".into()][..], &["-drive".to_owned(), "peer".into()][..])
        );
    }
}

//! Whether a machine works: it comes up, computes the right thing, and takes a plausible time to.

use std::{
    process::ExitStatus,
    time::{Duration, Instant},
};

use steward_harness_wire::{Command, MAX_FRAME, Nonce, encode};

use crate::{
    Emulator, Error,
    image::Image,
    machine::{Accelerator, Configuration, Shape},
    process::Interrupts,
    session::{Heard, RecordLine, Said, fresh_nonce},
    verdict::signal_name,
    vm::{Event, Vm, Wait},
};

/// Steps of the check, enough for more than 20 ms on the machine that limits are stated for. Each depends on the one
/// before, so no host does one in less than a nanosecond.
const ROUNDS: u32 = 2_000_000;
/// How often the check is made. The fastest counts: whatever else the host did meanwhile only slows the others down.
const SAMPLES: u32 = 5;
pub(super) const FASTEST: Duration = Duration::from_micros(ROUNDS as u64 / 1000);
/// How long one check may take.
pub(super) const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// A machine that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// From QEMU's start to the kernel's hello.
    pub boot: Duration,
    /// How long one step of the check took, in the fastest of several.
    pub step: Duration,
}

/// Boots the image and has it compute something. The inner error says what the machine did instead, as in
/// "answers but misbehaves (no hello within 5 s)".
///
/// # Errors
/// [`Error::Interrupted`], and whatever keeps QEMU from being executed.
pub fn probe(
    emulator: &Emulator,
    image: &Image,
    shape: &Shape,
    accelerator: Accelerator,
    boot_limit: Duration,
    interrupts: &Interrupts,
) -> Result<Result<Health, String>, Error> {
    let configuration = Configuration::serving(shape.clone(), accelerator, shape.cpus);
    let mut vm = Vm::start(emulator, &configuration, image, interrupts)?;
    let mut line = RecordLine::default();
    let started = Instant::now();
    let misbehaves = |why: String| Ok(Err(format!("answers but misbehaves ({why})")));
    match listen(&mut vm, &mut line, started + boot_limit, |said| matches!(said, Said::Hello { .. }).then_some(()))? {
        Heeded::Answer(()) => {}
        Heeded::Silence => return misbehaves(format!("no hello within {} s", boot_limit.as_secs())),
        Heeded::End(how) => return misbehaves(format!("no hello: {how}")),
    }
    let boot = started.elapsed();
    let mut fastest = CHECK_LIMIT;
    for _ in 0..SAMPLES {
        match check(&mut vm, &mut line)? {
            Ok(elapsed) => fastest = fastest.min(elapsed),
            Err(why) => return misbehaves(why),
        }
    }
    Ok(Ok(Health { boot, step: fastest / ROUNDS }))
}

/// Has the machine compute something once; gives how long that took, or what is wrong.
fn check(vm: &mut Vm, line: &mut RecordLine) -> Result<Result<Duration, String>, Error> {
    let (nonce, seed) = (fresh_nonce(), fresh_nonce().0);
    let asked = Instant::now();
    ask(vm, nonce, seed);
    let answer = listen(vm, line, asked + CHECK_LIMIT, |said| match said {
        Said::Checked { nonce: bears, ticks, value } if *bears == nonce => Some((*ticks, *value)),
        _ => None,
    })?;
    let elapsed = asked.elapsed();
    Ok(match answer {
        Heeded::Answer((_, value)) if value != Command::check_value(seed, ROUNDS) => Err("it computes wrongly".into()),
        Heeded::Answer((0, _)) => Err("its clock stands still".into()),
        Heeded::Answer(_) if elapsed < FASTEST => Err("it answers before it can have computed".into()),
        Heeded::Answer(_) => Ok(elapsed),
        Heeded::Silence => Err(format!("a computation takes more than {} s", CHECK_LIMIT.as_secs())),
        Heeded::End(how) => Err(format!("it died computing: {how}")),
    })
}

fn ask(vm: &mut Vm, nonce: Nonce, seed: u64) {
    let mut buffer = [0; MAX_FRAME];
    // A command is a few dozen bytes: it always fits.
    if let Ok(frame) = encode(0, &Command::Check { nonce, seed, rounds: ROUNDS }, &mut buffer) {
        vm.send_com2(frame);
    }
}

/// What a machine that was asked something did.
pub(super) enum Heeded<T> {
    Answer(T),
    Silence,
    End(String),
}

fn listen<T>(
    vm: &mut Vm,
    line: &mut RecordLine,
    deadline: Instant,
    wanted: impl Fn(&Said) -> Option<T>,
) -> Result<Heeded<T>, Error> {
    loop {
        match vm.wait(deadline) {
            Wait::Event(Event::Com2(bytes)) => {
                for heard in line.push(&bytes) {
                    if let Heard::Record { said, .. } = heard
                        && let Some(answer) = wanted(&said)
                    {
                        return Ok(Heeded::Answer(answer));
                    }
                }
            }
            // The machine stands still after it: nothing more will come.
            Wait::Event(Event::Machine(event)) if event.name == "SHUTDOWN" => {
                let reason = event.reason.unwrap_or_default();
                return Ok(Heeded::End(format!("the machine stopped ({reason})")));
            }
            Wait::Event(_) | Wait::Other => {}
            Wait::TimeOut => return Ok(Heeded::Silence),
            Wait::Interrupted => return Err(Error::Interrupted(vm.interrupted_by())),
            Wait::Ended(status) => return Ok(Heeded::End(ended(vm, status))),
        }
    }
}

/// How QEMU ended, in words.
pub(super) fn ended(vm: &Vm, status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), vm.emulator_messages().last()) {
        (_, Some(message)) => message.clone(),
        (Some(code), None) => format!("QEMU exited with status {code}"),
        (None, None) => format!("QEMU was ended by {}", signal_name(status.signal().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use steward_harness_wire::{Record, VERSION};

    use super::*;
    use crate::test_emulator::{Fake, printf};

    fn health(body: &str, limit: Duration) -> String {
        let fake = Fake::new(body);
        let interrupts = Interrupts::none().unwrap();
        let probed = probe(&fake.emulator, &fake.image, &Shape::default(), Accelerator::Kvm, limit, &interrupts);
        probed.unwrap().unwrap_err()
    }

    fn record(sequence: u32, record: &Record<'_>) -> String {
        printf(encode(sequence, record, &mut [0; MAX_FRAME]).unwrap())
    }

    #[test]
    fn what_a_sick_machine_does_is_said_in_words() {
        let patience = Duration::from_secs(20);
        let hello = record(0, &Record::Hello { version: VERSION, tests: 0 });
        assert_eq!(health("sleep 60", Duration::from_millis(300)), "answers but misbehaves (no hello within 0 s)");
        let died = health("echo 'qemu: KVM_RUN failed' >&2; exit 1", patience);
        assert_eq!(died, "answers but misbehaves (no hello: qemu: KVM_RUN failed)");
        let killed = health(&format!("{hello} >&4; kill -9 $$"), patience);
        assert!(killed.contains("it died computing: QEMU was ended by signal 9"), "{killed}");
        let reset = health(
            "printf '{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-reset\"}}\\n' >&5; sleep 60",
            patience,
        );
        assert!(reset.contains("the machine stopped (guest-reset)"), "{reset}");
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let hello = record(0, &Record::Hello { version: VERSION, tests: 0 });
        let stale = record(1, &Record::Checked { nonce: Nonce(0), ticks: 1, value: 1 });
        let silent = health(&format!("{hello} >&4; {stale} >&4; exit 0"), Duration::from_secs(20));
        assert!(silent.contains("it died computing: QEMU exited with status 0"), "{silent}");
    }
}

//! Whether a machine works, found out without the kernel: for those that answer no questions.

mod program;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use steward_harness_wire::Command;

use super::probe::{CHECK_LIMIT, FASTEST, Health, Heeded, ended};
use crate::{
    Emulator, Error,
    image::Image,
    machine::{Accelerator, Configuration, Shape},
    process::Interrupts,
    vm::{Event, Vm, Wait},
};
use program::{MARK, ROUNDS, SAMPLES, SEED};

/// Boots a program of the harness's own and has it compute something. The inner error is as that of [`probe`](super::probe()).
///
/// # Errors
/// [`Error::Interrupted`], whatever keeps QEMU from being executed, and [`Error::Io`] when the program cannot be kept in `cache`.
pub fn probe(
    emulator: &Emulator,
    cache: &Path,
    accelerator: Accelerator,
    boot_limit: Duration,
    interrupts: &Interrupts,
) -> Result<Result<Health, String>, Error> {
    let image = Image::bare(&program::store(cache)?);
    let configuration = Configuration::serving(Shape::default(), accelerator, 1);
    let mut vm = Vm::start(emulator, &configuration, &image, interrupts)?;
    let started = Instant::now();
    let misbehaves = |why: String| Ok(Err(format!("answers but misbehaves ({why})")));
    let expected = Command::check_value(SEED, ROUNDS).to_le_bytes();
    let (mut boot, mut fastest) = (Duration::ZERO, CHECK_LIMIT);
    let mut said = Vec::new();
    for sample in 0..SAMPLES {
        let limit = if sample == 0 { boot_limit } else { CHECK_LIMIT };
        match hear(&mut vm, &mut said, 1, Instant::now() + limit)? {
            Heeded::Answer(first) if first == [MARK] => {}
            Heeded::Answer(_) => return misbehaves("it says what it was not told to".into()),
            Heeded::Silence => return misbehaves(format!("nothing said within {} s", limit.as_secs())),
            Heeded::End(how) => return misbehaves(format!("nothing said: {how}")),
        }
        if sample == 0 {
            boot = started.elapsed();
        }
        let asked = Instant::now();
        match hear(&mut vm, &mut said, expected.len(), asked + CHECK_LIMIT)? {
            Heeded::Answer(value) if value == expected => {}
            Heeded::Answer(_) => return misbehaves("it computes wrongly".into()),
            Heeded::Silence => {
                return misbehaves(format!("a computation takes more than {} s", CHECK_LIMIT.as_secs()));
            }
            Heeded::End(how) => return misbehaves(format!("it died computing: {how}")),
        }
        let elapsed = asked.elapsed();
        // What came in one piece with the mark was waiting there while this process was not running.
        if elapsed >= FASTEST {
            fastest = fastest.min(elapsed);
        }
    }
    if fastest == CHECK_LIMIT {
        return misbehaves("it answers before it can have computed".into());
    }
    Ok(Ok(Health { boot, step: fastest / ROUNDS }))
}

/// The next so many bytes that it says on COM1; what came beyond them stays in `said`.
fn hear(vm: &mut Vm, said: &mut Vec<u8>, count: usize, deadline: Instant) -> Result<Heeded<Vec<u8>>, Error> {
    while said.len() < count {
        match vm.wait(deadline) {
            Wait::Event(Event::Com1(bytes)) => said.extend(bytes),
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
    Ok(Heeded::Answer(said.drain(..count).collect()))
}

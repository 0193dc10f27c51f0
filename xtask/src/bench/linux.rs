//! LINUX: shell commands on Debian's Linux, each in a fork of one booted machine, beside booting it for each.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use steward_harness::Emulator;
use steward_harness::accel::Chosen;
use steward_harness::foreign::{Expectation, Foreign, Script};
use steward_harness::image::{Boot, Image};
use steward_harness::machine::{Accelerator, Kind, Shape};
use steward_harness::process::Interrupts;
use steward_harness::session::Limits;
use steward_harness::suite::{Isolation, Policy, Report, Sink, Summary};

use super::Context;
use super::peers;
use super::row::{Row, Subject, median};

/// The commands, which say themselves what each must come to.
const COMMANDS: &str = include_str!("linux/commands.sh");
/// Command line of the kernel, as of P3's.
const COMMAND_LINE: &str = "console=ttyS0,115200 tsc_early_khz=2000000";
/// The machines.
const MACHINES: [Kind; 2] = [Kind::Q35, Kind::Microvm];
/// How many commands of each block are run in machines that boot for them, between as many as there are in forks.
const BOOTED: usize = 2;
/// How many commands make a block of forks.
const FORKED: usize = 10;
/// Commands of a run of forks that do not count: the first finds no machine, and saves one.
const WARM_UP: usize = 1;

/// Measures.
///
/// # Errors
/// When Linux cannot be had or booted, or a command does not come to what it should.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let stage = Stage::new(context.workspace.cache(), &context.emulator)?;
    MACHINES.into_iter().map(|kind| row(&stage, kind, context.rounds, &context.interrupts)).collect()
}

fn row(stage: &Stage<'_>, kind: Kind, rounds: u32, interrupts: &Interrupts) -> Result<Row> {
    let mut script = stage.script()?;
    // What ends its machine is a test of that, and not all machines know how to.
    script.lines.retain(|line| {
        !line.expect.iter().any(|expect| matches!(expect, Expectation::Verdict(_) | Expectation::Exit(_)))
    });
    let lines = script.lines.len();
    let (mut forked, mut booted) = (Vec::new(), Vec::new());
    let mut block = 0;
    while forked.len() < lines.max(rounds as usize) {
        // Each block has other commands, of both kinds the same.
        let of = |count| {
            let mut part = script.clone();
            part.lines.rotate_left(block * FORKED % lines);
            part.lines.truncate(count);
            part
        };
        let fork = stage.times(kind, Isolation::Test, of(FORKED + WARM_UP), interrupts)?;
        forked.extend(&fork[WARM_UP.min(fork.len())..]);
        booted.extend(stage.times(kind, Isolation::Boot, of(BOOTED), interrupts)?);
        block += 1;
    }
    let what = format!("a shell command in a fork of {}, {kind}, median of {}", stage.name, forked.len());
    let peer = format!("booting it for the command, {kind}, median of {}", booted.len());
    let target = "ratio ≤ 0.05 (≥ 20 × faster)".to_owned();
    let subject = Subject { id: "LINUX", what, unit: "ms", peer, target, most: 0.05 };
    Ok(subject.row(median(&forked).unwrap_or(f64::INFINITY), median(&booted)))
}

/// Debian's Linux with a shell, ready to be run.
struct Stage<'a> {
    emulator: &'a Emulator,
    name: String,
    image: Image,
    cache: PathBuf,
    /// Holds the file of commands.
    place: tempfile::TempDir,
}

impl<'a> Stage<'a> {
    fn new(cache: PathBuf, emulator: &'a Emulator) -> Result<Self> {
        let peers = cache.join("peers");
        let linux = peers::linux(&peers)?;
        let boot = Boot::Direct { kernel: linux.kernel.clone(), initrd: Some(peers::shell(&peers)?) };
        let place = tempfile::tempdir()?;
        fs::write(place.path().join("commands.sh"), COMMANDS)?;
        Ok(Self { emulator, name: linux.name, image: Image { boot, elf: linux.kernel }, cache, place })
    }

    fn script(&self) -> Result<Script> {
        Ok(Script::read(&self.place.path().join("commands.sh"), peers::PROMPT.into())?)
    }

    /// How long each command took, in ms, of those that end as they should.
    fn times(&self, kind: Kind, isolation: Isolation, script: Script, interrupts: &Interrupts) -> Result<Vec<f64>> {
        let mut notes = Notes::default();
        let summary = self.run(kind, (isolation, 1), script, &mut notes, interrupts)?;
        ensure!(summary.success(), "Linux does not do what it should: {}", notes.failures.join("; "));
        Ok(notes.times.iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }

    fn run(
        &self,
        kind: Kind,
        (isolation, jobs): (Isolation, u32),
        script: Script,
        notes: &mut Notes,
        interrupts: &Interrupts,
    ) -> Result<Summary> {
        let foreign = Foreign {
            emulator: self.emulator,
            image: &self.image,
            shape: Shape { kind, ..Shape::default() },
            chosen: &Chosen { slowness: 3.0, ..Chosen::unchecked(Accelerator::Tcg) },
            command_line: COMMAND_LINE.into(),
            limits: Limits { boot: Duration::from_secs(60), ..Limits::default() },
            expect: Vec::new(),
            script: Some(script),
            name: String::new(),
            jobs,
            policy: Policy { isolation, ..Policy::default() },
            cache: self.cache.clone(),
        };
        foreign.run(notes, interrupts).context("running commands on Linux")
    }
}

/// What a run tells.
#[derive(Debug, Default)]
struct Notes {
    /// How long each command took.
    times: Vec<Duration>,
    /// Commands that did not come to what they should.
    failures: Vec<String>,
}

impl Sink for Notes {
    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let (name, judgement) = (report.test.name.clone(), &report.judgement);
        if !report.passed() {
            let log = report.evidence.as_ref().map(|evidence| evidence.log.last_lines(5)).unwrap_or_default();
            self.failures.push(format!("`{name}`: {}: {}\n{log}", judgement.verdict, judgement.why));
        }
        self.times.push(report.elapsed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn the_commands_can_be_typed_and_are_fifty() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("commands.sh");
        fs::write(&path, COMMANDS).unwrap();
        assert_eq!(Script::read(&path, peers::PROMPT.into()).unwrap().lines.len(), 50);
    }

    #[test]
    #[ignore = "tier verify"]
    fn verify_fifty_commands_on_linux_each_in_a_fork_of_its_own() {
        let workspace = Workspace::load().unwrap();
        let emulator = Emulator::find().unwrap();
        let stage = Stage::new(workspace.cache(), &emulator).unwrap();
        let mut notes = Notes::default();
        let interrupts = Interrupts::none().unwrap();
        let summary =
            stage.run(Kind::Q35, (Isolation::Test, 2), stage.script().unwrap(), &mut notes, &interrupts).unwrap();
        assert!(summary.success() && summary.passed == 50, "{summary:?}: {}", notes.failures.join("\n"));
    }
}

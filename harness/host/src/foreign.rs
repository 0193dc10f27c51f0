//! Kernels that know nothing of the harness: judged by what they print, and by how their machine ends.

mod answer;
mod crash;
mod decide;
mod diagnosis;
mod echo;
mod expect;
mod ground;
mod judge;
mod lines;
mod results;
mod script;
mod terminal;
mod watch;

use std::{path::PathBuf, time::Instant};

pub use expect::Expectation;
pub use script::{Line, Script};

use crate::{
    Emulator, Error,
    accel::Chosen,
    image::{Boot, Image},
    listing::{Needs, Subject, Test, Tier},
    machine::Shape,
    process::Interrupts,
    session::Limits,
    suite::{Isolation, Plan, Policy, Sink, Summary, dispatch::dispatch},
};
use ground::Ground;

/// What a run of such a kernel needs.
#[derive(Clone, Debug)]
pub struct Foreign<'a> {
    /// The QEMU to use.
    pub emulator: &'a Emulator,
    /// What to boot.
    pub image: &'a Image,
    /// The machine.
    pub shape: Shape,
    /// What executes it.
    pub chosen: &'a Chosen,
    /// The kernel's command line.
    pub command_line: String,
    /// How long it may take to the fork point (`boot`), and from there, or without one from the start, to a test's end
    /// (`test`), on a host of ordinary speed.
    pub limits: Limits,
    /// What the run, or each line that states nothing else, must come to: all of it.
    pub expect: Vec<Expectation>,
    /// What is typed into machines forked at a point of the boot; `None` runs the kernel once, as a test of its own.
    pub script: Option<Script>,
    /// The name of a run without a script.
    pub name: String,
    /// How many host CPUs the run may use, at least 1.
    pub jobs: u32,
    /// How the run treats its tests.
    pub policy: Policy,
    /// Where snapshots are kept.
    pub cache: PathBuf,
}

impl Foreign<'_> {
    /// Runs the kernel, or each line of the script in a machine of its own, and tells `sink` of each test as it goes.
    ///
    /// A test is called as its line is, and stands in the script; results in a log that [`Expectation::Ktap`] expects are
    /// told in the place of the test that printed them. Nothing of any machine is left when this returns. When
    /// `interrupts` is set, no further machine is started and those that run are killed.
    ///
    /// # Errors
    /// [`Error::Request`] when nothing is expected, a status is expected of what no shell is told, or the machine cannot
    /// boot this image; [`Error::Io`] when `sink` fails. What becomes of a kernel is never an error.
    pub fn run(&self, sink: &mut dyn Sink, interrupts: &Interrupts) -> Result<Summary, Error> {
        let started = Instant::now();
        let tests = self.tests()?;
        let tests: Vec<&Test> = tests.iter().collect();
        let total = tests.len() * self.policy.repeat as usize;
        let mut summary = Summary { total, ..Summary::default() };
        let plan = Plan {
            shape: None,
            expect: self.expect.iter().map(Expectation::to_string).collect(),
            tests: total,
            open: self.expect.contains(&Expectation::Ktap),
            ignored: 0,
            filtered_out: 0,
            jobs: self.slots(),
            machine: format!("{}, {}", self.shape, self.chosen.accelerator),
            // Without a script, nothing is forked.
            isolation: if self.script.is_some() { self.policy.isolation } else { Isolation::Boot },
            seed: None,
        };
        let ground = Ground::new(self, interrupts, sink.wants_output());
        let told = sink
            .began(&plan)
            .and_then(|()| dispatch(&tests, &ground, (self.slots(), &self.policy), sink, interrupts, &mut summary));
        drop(ground);
        summary.elapsed = started.elapsed();
        summary.interrupted = interrupts.signal();
        told.and_then(|()| sink.ended(&summary)).map_err(Error::io("reporting on the tests"))?;
        Ok(summary)
    }

    fn slots(&self) -> u32 {
        self.jobs.max(1)
    }

    /// What a line must come to; without a script, what the run must.
    fn expected(&self, line: Option<&Line>) -> Vec<Expectation> {
        match line {
            Some(line) if !line.expect.is_empty() => line.expect.clone(),
            Some(_) if self.expect.is_empty() => vec![Expectation::Status(0)],
            _ => self.expect.clone(),
        }
    }

    fn line(&self, test: &Test) -> Option<&Line> {
        self.script.as_ref()?.lines.get(test.index as usize)
    }

    /// Each line, or the run, as a test.
    fn tests(&self) -> Result<Vec<Test>, Error> {
        self.image.boot.check(&self.shape)?;
        if let Boot::Medium { file, writable: true, .. } = &self.image.boot {
            let file = file.display();
            return Err(Error::Request(format!("{file}: a medium that many machines boot from must not be writable")));
        }
        if self.policy.isolation == Isolation::None {
            let why = "a kernel that knows nothing of the harness cannot share its machine: use isolation test or boot";
            return Err(Error::Request(why.into()));
        }
        let Some(Script { path, lines, .. }) = &self.script else {
            if self.expect.is_empty() {
                return Err(Error::Request(
                    "nothing is expected of the kernel, so nothing could fail: say what it prints or how it ends, as in \
                     `text=all tests passed`, `ktap`, `exit=33` or `verdict=panic`"
                        .into(),
                ));
            }
            if let Some(status) = self.expect.iter().find(|expect| matches!(expect, Expectation::Status(_))) {
                let why = format!("`{status}` is that of a line that is typed, and none is: name a file of lines");
                return Err(Error::Request(why));
            }
            return Ok(vec![test(0, &self.name, Subject::Run, String::new(), 0)]);
        };
        let file = path.display();
        let lines = (0..).zip(lines);
        Ok(lines.map(|(index, line)| test(index, &line.name, Subject::Line, file.to_string(), line.number)).collect())
    }
}

fn test(index: u32, name: &str, subject: Subject, file: String, line: u32) -> Test {
    Test {
        index,
        name: name.into(),
        file,
        line,
        should_panic: false,
        ignored: None,
        tier: Tier::default(),
        timeout: None,
        needs: Needs::default(),
        subject,
    }
}

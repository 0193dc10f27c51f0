//! Many tests, each in a machine of its own, as many at a time as the host has CPUs for.

pub(crate) mod dispatch;
mod events;
mod ground;
pub(crate) mod lane;
mod policy;
mod slots;

use std::{io, path::PathBuf, thread, time::Instant};

pub use crate::session::Origin;
use crate::{
    Emulator, Error,
    accel::Chosen,
    filter::Selection,
    image::{Boot, Image},
    listing::Test,
    machine::Shape,
    process::Interrupts,
    session::Limits,
};
pub use events::{Plan, Report, Sink, Summary};
use ground::Ground;
pub use policy::{Isolation, Policy};

/// What a run of tests needs.
#[derive(Clone, Debug)]
pub struct Suite<'a> {
    /// The QEMU to use.
    pub emulator: &'a Emulator,
    /// What to boot.
    pub image: &'a Image,
    /// How many tests the image's ELF file holds, meant or not: [`Listing::count`](crate::listing::Listing::count).
    pub count: u32,
    /// The machine of a test that asks for nothing.
    pub shape: Shape,
    /// What executes the machines.
    pub chosen: &'a Chosen,
    /// How many host CPUs the run may use, at least 1. A test takes as many as its machine has CPUs, at most all.
    pub jobs: u32,
    /// How long machines may take, on a host of ordinary speed. A test's own limit replaces `test`.
    pub limits: Limits,
    /// Words for the kernel's command line, beside those that make it serve the harness.
    pub command_line: String,
    /// How the run treats its tests.
    pub policy: Policy,
    /// Where snapshots are kept: [`cache_directory`](crate::image::cache_directory).
    pub cache: PathBuf,
}

/// The host's CPUs, as far as this process may use them.
#[must_use]
pub fn host_cpus() -> u32 {
    thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

impl Suite<'_> {
    /// Runs the selected tests and tells `sink` of each as it goes. Tests that need many CPUs go first. A test whose
    /// machine cannot boot this image is ignored, and its reason told.
    ///
    /// Nothing of any machine is left when this returns. When `interrupts` is set, no further test is dispatched and
    /// the machines that run are killed.
    ///
    /// # Errors
    /// [`Error::Request`] when the machine of a test that asks for nothing cannot boot this image, or a medium that all
    /// machines share may be written to; [`Error::Io`] when `sink` fails. What becomes of a test is never an error.
    pub fn run(
        &self,
        selection: &Selection<'_>,
        sink: &mut dyn Sink,
        interrupts: &Interrupts,
    ) -> Result<Summary, Error> {
        let started = Instant::now();
        self.check()?;
        let (selection, skipped) = self.bootable(selection);
        let selection =
            &Selection { ignored: [&selection.ignored[..], &skipped.iter().collect::<Vec<_>>()].concat(), ..selection };
        let mut summary = Summary {
            total: selection.run.len() * self.policy.repeat as usize,
            ignored: selection.ignored.len(),
            filtered_out: selection.filtered_out,
            ..Summary::default()
        };
        let told = self.begin(selection, sink).and_then(|()| self.dispatch(selection, sink, interrupts, &mut summary));
        summary.elapsed = started.elapsed();
        summary.interrupted = interrupts.signal();
        told.and_then(|()| sink.ended(&summary)).map_err(Error::io("reporting on the tests"))?;
        Ok(summary)
    }

    fn check(&self) -> Result<(), Error> {
        if let Boot::Medium { file, writable: true, .. } = &self.image.boot {
            let file = file.display();
            return Err(Error::Request(format!("{file}: a medium that many machines boot from must not be writable")));
        }
        self.image.boot.check(&self.shape)
    }

    /// The selection without the tests whose machines cannot boot this image, and those, each with the reason.
    fn bootable<'l>(&self, selection: &Selection<'l>) -> (Selection<'l>, Vec<Test>) {
        let why = |test: &Test| self.image.boot.check(&test.needs.over(&self.shape)).err();
        let skipped = selection
            .run
            .iter()
            .filter_map(|&test| why(test).map(|error| Test { ignored: Some(error.to_string()), ..test.clone() }));
        let run = selection.run.iter().copied().filter(|test| why(test).is_none()).collect();
        (Selection { run, ..selection.clone() }, skipped.collect())
    }

    /// How many slots there are. Tests that share machines follow each other.
    fn slots(&self) -> u32 {
        if self.policy.isolation == Isolation::None { 1 } else { self.jobs.max(1) }
    }

    fn begin(&self, selection: &Selection<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        sink.began(&Plan {
            tests: selection.run.len() * self.policy.repeat as usize,
            ignored: selection.ignored.len(),
            filtered_out: selection.filtered_out,
            jobs: self.slots(),
            machine: format!("{}, {}", self.shape, self.chosen.accelerator),
            isolation: self.policy.isolation,
            seed: Some(self.policy.seed),
            ..Plan::default()
        })?;
        selection.ignored.iter().try_for_each(|test| sink.ignored(test))
    }

    fn dispatch(
        &self,
        selection: &Selection<'_>,
        sink: &mut dyn Sink,
        interrupts: &Interrupts,
        summary: &mut Summary,
    ) -> io::Result<()> {
        let ground = Ground::new(self, interrupts, sink.wants_output());
        dispatch::dispatch(&selection.run, &ground, (self.slots(), &self.policy), sink, interrupts, summary)
    }
}

#[cfg(test)]
mod tests;

//! Kernels that know nothing of the harness: judged by what they print, and by how their machine ends.

mod expect;
mod script;

use std::path::PathBuf;

pub use expect::Expectation;
pub use script::{Line, Script};

use crate::{
    Emulator, Error,
    accel::Chosen,
    image::Image,
    machine::Shape,
    process::Interrupts,
    session::Limits,
    suite::{Policy, Sink, Summary},
};

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
    /// # Errors
    /// As [`Suite::run`](crate::suite::Suite::run).
    pub fn run(&self, _sink: &mut dyn Sink, _interrupts: &Interrupts) -> Result<Summary, Error> {
        unimplemented!()
    }
}

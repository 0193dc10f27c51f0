//! What is stated in several places, and which of them wins.

use std::path::PathBuf;

use super::{Expect, Firmware, ForkPoint, Seconds};
use crate::{
    accel::Request,
    image::Way,
    machine::{Kind, Memory, Shape},
};

/// What is stated about a run in one place, or in several. What is `None` is not stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The kernel's file.
    pub kernel: Option<PathBuf>,
    /// Its initial file system, or what else it gets beside itself.
    pub initrd: Option<PathBuf>,
    /// Its command line.
    pub append: Option<String>,
    /// How it is booted.
    pub boot: Option<Way>,
    /// What firmware does so.
    pub firmware: Option<Firmware>,
    /// The directory with Limine's files.
    pub limine: Option<PathBuf>,
    /// The command that makes a medium of it.
    pub image: Option<Vec<String>>,
    /// What a run must come to; not empty.
    pub expect: Option<Vec<Expect>>,
    /// How long a run, or a line of the script, may take.
    pub timeout: Option<Seconds>,
    /// How long the machine may take to the fork point.
    pub boot_timeout: Option<Seconds>,
    /// The fork point.
    pub fork_at: Option<ForkPoint>,
    /// The script.
    pub send_file: Option<PathBuf>,
    /// The machine.
    pub machine: Machine,
}

/// What is stated about machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Machine type.
    pub kind: Option<Kind>,
    /// Number of CPUs, from 1 to 255.
    pub cpus: Option<u32>,
    /// Memory.
    pub memory: Option<Memory>,
    /// CPU model, as QEMU names it.
    pub cpu: Option<String>,
    /// What executes them.
    pub accel: Option<Request>,
}

impl Settings {
    /// These, and where they state nothing, those below.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            kernel: self.kernel.or(below.kernel),
            initrd: self.initrd.or(below.initrd),
            append: self.append.or(below.append),
            boot: self.boot.or(below.boot),
            firmware: self.firmware.or(below.firmware),
            limine: self.limine.or(below.limine),
            image: self.image.or(below.image),
            expect: self.expect.or(below.expect),
            timeout: self.timeout.or(below.timeout),
            boot_timeout: self.boot_timeout.or(below.boot_timeout),
            fork_at: self.fork_at.or(below.fork_at),
            send_file: self.send_file.or(below.send_file),
            machine: self.machine.over(below.machine),
        }
    }
}

impl Machine {
    /// This, and where it states nothing, the one below.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            kind: self.kind.or(below.kind),
            cpus: self.cpus.or(below.cpus),
            memory: self.memory.or(below.memory),
            cpu: self.cpu.or(below.cpu),
            accel: self.accel.or(below.accel),
        }
    }

    /// The shape; what is not stated is that of [`Shape::default`].
    #[must_use]
    pub fn shape(&self) -> Shape {
        let usual = Shape::default();
        Shape {
            kind: self.kind.unwrap_or(usual.kind),
            cpus: self.cpus.unwrap_or(usual.cpus),
            memory: self.memory.unwrap_or(usual.memory),
            cpu: self.cpu.clone().unwrap_or(usual.cpu),
        }
    }

    /// What is to execute it; [`Request::Auto`] when that is not stated.
    #[must_use]
    pub fn accel(&self) -> Request {
        self.accel.unwrap_or_default()
    }
}

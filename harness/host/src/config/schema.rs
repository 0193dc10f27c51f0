//! The keys of the file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use super::{
    Expect, Firmware, ForkPoint, Machine, Seconds, Settings,
    value::{Cpus, command, one, path, several},
};
use crate::{
    accel::Request,
    image::Way,
    machine::{Kind, Memory},
};

/// The file as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case", expecting = "a table")]
pub struct Written {
    #[serde(deserialize_with = "path")]
    kernel: Option<PathBuf>,
    #[serde(deserialize_with = "path")]
    initrd: Option<PathBuf>,
    append: Option<String>,
    #[serde(deserialize_with = "one")]
    boot: Option<Way>,
    #[serde(deserialize_with = "one")]
    firmware: Option<Firmware>,
    #[serde(deserialize_with = "path")]
    limine: Option<PathBuf>,
    #[serde(deserialize_with = "command")]
    image: Option<Vec<String>>,
    #[serde(deserialize_with = "several")]
    expect: Option<Vec<Expect>>,
    #[serde(deserialize_with = "one")]
    timeout: Option<Seconds>,
    #[serde(deserialize_with = "one")]
    boot_timeout: Option<Seconds>,
    #[serde(deserialize_with = "one")]
    fork_at: Option<ForkPoint>,
    #[serde(deserialize_with = "path")]
    send_file: Option<PathBuf>,
    machine: WrittenMachine,
    /// The shapes, each with its place in the file.
    pub matrix: BTreeMap<Spanned<String>, WrittenShape>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table with the parts of machines, such as { memory = \"64M\" }")]
struct WrittenMachine {
    #[serde(deserialize_with = "one")]
    kind: Option<Kind>,
    #[serde(deserialize_with = "one")]
    cpus: Option<Cpus>,
    #[serde(deserialize_with = "one")]
    memory: Option<Memory>,
    cpu: Option<String>,
    #[serde(deserialize_with = "one")]
    accel: Option<Request>,
}

/// A table below `[matrix]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table with a shape, such as { memory = \"64M\" }")]
pub struct WrittenShape {
    #[serde(deserialize_with = "one")]
    kind: Option<Kind>,
    #[serde(deserialize_with = "one")]
    cpus: Option<Cpus>,
    #[serde(deserialize_with = "one")]
    memory: Option<Memory>,
    cpu: Option<String>,
    append: Option<String>,
    #[serde(deserialize_with = "path")]
    initrd: Option<PathBuf>,
    #[serde(deserialize_with = "one")]
    firmware: Option<Firmware>,
    #[serde(deserialize_with = "one")]
    boot: Option<Way>,
    #[serde(deserialize_with = "several")]
    expect: Option<Vec<Expect>>,
    #[serde(deserialize_with = "one")]
    timeout: Option<Seconds>,
}

/// As much of a `Cargo.toml` as matters here.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    package: Option<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    steward: Option<Written>,
}

impl Manifest {
    /// The table `[package.metadata.steward]`.
    pub fn steward(self) -> Option<Written> {
        self.package?.metadata?.steward
    }
}

impl Written {
    /// What it states for every run, its paths being relative to `directory`.
    pub fn settings(self, directory: &Path) -> Settings {
        let absolute = |path: Option<PathBuf>| path.map(|path| directory.join(path));
        let WrittenMachine { kind, cpus, memory, cpu, accel } = self.machine;
        Settings {
            kernel: absolute(self.kernel),
            initrd: absolute(self.initrd),
            append: self.append,
            boot: self.boot,
            firmware: self.firmware,
            limine: absolute(self.limine),
            image: self.image,
            expect: self.expect,
            timeout: self.timeout,
            boot_timeout: self.boot_timeout,
            fork_at: self.fork_at,
            send_file: absolute(self.send_file),
            machine: Machine { kind, cpus: cpus.map(|Cpus(count)| count), memory, cpu, accel },
        }
    }
}

impl WrittenShape {
    /// What it states, its paths being relative to `directory`.
    pub fn settings(self, directory: &Path) -> Settings {
        let Self { kind, cpus, memory, cpu, append, initrd, firmware, boot, expect, timeout } = self;
        let machine = Machine { kind, cpus: cpus.map(|Cpus(count)| count), memory, cpu, accel: None };
        let initrd = initrd.map(|path| directory.join(path));
        Settings { append, initrd, firmware, boot, expect, timeout, machine, ..Settings::default() }
    }
}

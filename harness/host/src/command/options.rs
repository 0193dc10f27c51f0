//! The options of `steward-harness run`.

use std::{
    env,
    fmt::Display,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use steward_harness::{
    Error,
    accel::Request,
    config::{Expect, Firmware, ForkPoint, Machine, Project, Seconds, Settings},
    image::Way,
    machine::{Kind, Memory},
    options::seed,
    report::quoted,
    suite::Isolation,
};

const EXAMPLES: &str = "\
Examples:
  A Linux kernel, once, until it has told its KUnit tests:
    steward-harness run --kernel bzImage --append 'console=ttyS0 kunit.enable=1' --expect ktap

  Each line of tests.txt in a machine of its own, forked where the shell prompts; each must end with status 0:
    steward-harness run --kernel vmlinuz --initrd initrd.gz --append 'console=ttyS0 quiet' \\
        --fork-at 'text=/ # ' --send-file tests.txt

  A kernel that writes 0x10 to port 0xf4 when all is well, from the disc that its Makefile makes:
    steward-harness run --kernel build/os.iso --expect exit=33

  Every shape in steward-harness.toml, and a file for CI:
    steward-harness run --matrix --junit results.xml

Exit status: 0 all as expected, 1 something else, 2 it could not be run, 128 and the signal's number when interrupted.";

/// Runs a kernel that need know nothing of the harness, in QEMU, and judges what it prints and how it ends.
///
/// Kernel, machine and what is expected can also stand in a file: steward-harness.toml here or above, or
/// [package.metadata.steward] in Cargo.toml. What is given here wins.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Only lines of --send-file (or with --expect ktest, tests) whose name holds one of these
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,

    /// The kernel: a bzImage, an ELF file, an ISO image or a disk image
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,

    /// What the kernel gets beside itself: Linux its initial RAM disk, others a module
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,

    /// The kernel's command line
    #[arg(long, value_name = "LINE", allow_hyphen_values = true)]
    append: Option<String>,

    /// How it boots: auto (as its file says), direct, linux, iso or disk [default: auto]
    #[arg(long, value_name = "WAY")]
    boot: Option<Way>,

    /// What starts a disc or a disk: bios or uefi [default: bios]
    #[arg(long)]
    firmware: Option<Firmware>,

    /// The directory of a binary release of Limine, to make a disc or a disk of an ELF file
    #[arg(long, value_name = "DIRECTORY")]
    limine: Option<PathBuf>,

    #[command(flatten)]
    machine: MachineOptions,

    /// What it must come to, all of it when given several times: ktap (tests in TAP or KTAP, all passed), text=TEXT,
    /// regex=EXPRESSION, exit=N (QEMU's status), status=N ($? of a line, only with --send-file), verdict=ID (for kernels
    /// meant to fail), or ktest (the kernel's own #[ktest]s) [default with --send-file: status=0]
    #[arg(long, value_name = "WHAT", allow_hyphen_values = true)]
    expect: Vec<Expect>,

    /// Seconds that a run, or each line of --send-file, may take [default: 60]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<Seconds>,

    /// Seconds from the machine's start to the fork point [default: 60]
    #[arg(long, value_name = "SECONDS")]
    boot_timeout: Option<Seconds>,

    /// Boot once, up to where the kernel has printed this text, and fork a machine from there for each line of --send-file
    #[arg(long, value_name = "text=TEXT", allow_hyphen_values = true)]
    fork_at: Option<ForkPoint>,

    /// A file of lines to type, each into a machine of its own; comments that begin with `#:` say what comes of the next
    #[arg(long, value_name = "FILE")]
    send_file: Option<PathBuf>,

    /// How lines are kept apart: test (forked from one machine that was booted) or boot (each boots its own) [default: test]
    #[arg(long, value_name = "HOW")]
    pub isolation: Option<Isolation>,

    /// How many CPUs of the host to use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,

    /// Try what failed again, up to so often; what passes then is flaky
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1000))]
    pub retries: Option<u32>,

    /// Run everything so often
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub repeat: Option<u32>,

    /// With --repeat: stop at the first failure
    #[arg(long, requires = "repeat")]
    pub until_fail: bool,

    /// With --expect ktest: what the tests' own seeds are made of [default: a new one each run]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<u64>,

    /// The configuration to use, and no other: a file like steward-harness.toml, or a Cargo.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Run the whole in every shape that the configuration has as [matrix.NAME]
    #[arg(long)]
    pub matrix: bool,

    /// Open the kept machine of a failed #[ktest] in gdb, under the name that the failure told; nothing is run
    #[arg(long, value_name = "ID")]
    pub replay: Option<String>,

    /// With --replay: no gdb; the machine waits at this address, in QEMU's words (tcp:127.0.0.1:1234), until Ctrl-C
    #[arg(long, value_name = "ADDRESS", requires = "replay")]
    pub listen: Option<String>,

    /// One JSON object a line instead of lines for people
    #[arg(long)]
    pub json: bool,

    /// Write the results to this file as JUnit XML, as CI systems read it
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Write the results to this file as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Show what the kernels print as they print it
    #[arg(long, alias = "no-capture", conflicts_with = "json")]
    pub nocapture: bool,

    /// With colours: auto, always or never
    #[arg(long, value_name = "WHEN", value_enum, hide_possible_values = true)]
    color: Option<Colour>,
}

/// The machine.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
struct MachineOptions {
    /// Machine: q35, pc or microvm [default: q35]
    #[arg(long = "machine", id = "machine", value_name = "MACHINE")]
    kind: Option<Kind>,

    /// Its number of CPUs [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=255))]
    cpus: Option<u32>,

    /// Its memory, such as 64M or 8G [default: 128M]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,

    /// Its CPU model, as QEMU names it [default: max]
    #[arg(long, value_name = "MODEL")]
    cpu: Option<String>,

    /// What executes it: auto (KVM when a self-check passes, else emulation), tcg or kvm [default: auto]
    #[arg(long)]
    accel: Option<Request>,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

impl Options {
    /// The configuration: the named one, or the one that is found from the working directory.
    ///
    /// # Errors
    /// As [`Project::read`] and [`Project::find`].
    pub fn project(&self) -> Result<Project, Error> {
        match &self.config {
            Some(file) => Project::read(file),
            None => Project::find(&working_directory()?),
        }
    }

    /// What was given on the command line.
    pub fn settings(&self) -> Settings {
        let MachineOptions { kind, cpus, memory, cpu, accel } = self.machine.clone();
        Settings {
            kernel: self.kernel.clone(),
            initrd: self.initrd.clone(),
            append: self.append.clone(),
            boot: self.boot,
            firmware: self.firmware,
            limine: self.limine.clone(),
            image: None,
            expect: (!self.expect.is_empty()).then(|| self.expect.clone()),
            timeout: self.timeout,
            boot_timeout: self.boot_timeout,
            fork_at: self.fork_at.clone(),
            send_file: self.send_file.clone(),
            machine: Machine { kind, cpus, memory, cpu, accel },
        }
    }

    /// The options that make another run boot the same, each after a space, as words of a shell.
    pub fn again(&self) -> String {
        let file = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let word = |value: Option<&dyn Display>| value.map(ToString::to_string);
        fn shown(value: &Option<impl Display>) -> Option<&dyn Display> {
            value.as_ref().map(|value| value as &dyn Display)
        }
        let MachineOptions { kind, cpus, memory, cpu, accel } = &self.machine;
        let options = [
            ("--config", file(&self.config)),
            ("--kernel", file(&self.kernel)),
            ("--initrd", file(&self.initrd)),
            ("--append", self.append.clone()),
            ("--boot", word(shown(&self.boot))),
            ("--firmware", word(shown(&self.firmware))),
            ("--limine", file(&self.limine)),
            ("--machine", word(shown(kind))),
            ("--cpus", word(shown(cpus))),
            ("--memory", word(shown(memory))),
            ("--cpu", cpu.clone()),
            ("--accel", word(shown(accel))),
            ("--timeout", word(shown(&self.timeout))),
            ("--boot-timeout", word(shown(&self.boot_timeout))),
            ("--fork-at", word(shown(&self.fork_at))),
            ("--send-file", file(&self.send_file)),
            ("--isolation", word(shown(&self.isolation))),
        ];
        let expect = self.expect.iter().map(|expect| ("--expect", Some(expect.to_string())));
        let given = options.into_iter().chain(expect).filter_map(|(name, value)| Some((name, value?)));
        let words: String = given.map(|(name, value)| format!(" {name} {}", quoted(&value))).collect();
        words + if self.matrix { " --matrix" } else { "" }
    }

    /// Whether to use colours.
    pub fn colour(&self, terminal: bool) -> bool {
        match self.color {
            Some(Colour::Always) => true,
            Some(Colour::Never) => false,
            Some(Colour::Auto) | None => terminal && env::var_os("NO_COLOR").is_none(),
        }
    }
}

/// The working directory.
///
/// # Errors
/// [`Error::Io`] when it is gone.
pub fn working_directory() -> Result<PathBuf, Error> {
    env::current_dir().map_err(|source| Error::Io { doing: "finding the working directory".into(), source })
}

/// The directory that a configuration's paths start from.
pub fn directory_of(project: &Project) -> Result<PathBuf, Error> {
    match project.file.as_deref().and_then(Path::parent) {
        Some(directory) if directory != Path::new("") => Ok(directory.into()),
        _ => working_directory(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn parse(line: &[&str]) -> Result<Options, clap::Error> {
        let mut command = Options::augment_args(Command::new("run"));
        Options::from_arg_matches(&command.try_get_matches_from_mut([&["run"], line].concat())?)
    }

    #[test]
    fn the_definition_is_consistent() {
        Options::augment_args(Command::new("run")).debug_assert();
    }

    #[test]
    fn what_is_not_given_is_not_stated() {
        assert_eq!(parse(&[]).unwrap().settings(), Settings::default());
    }

    #[test]
    fn the_options_that_boot_the_same_are_those_that_were_given() {
        // As they are given, and as a shell takes them.
        let given = [
            ("--config", "a b.toml", "'a b.toml'"),
            ("--kernel", "k", "k"),
            ("--initrd", "i", "i"),
            ("--append", "console=ttyS0 quiet", "'console=ttyS0 quiet'"),
            ("--boot", "linux", "linux"),
            ("--firmware", "bios", "bios"),
            ("--limine", "l", "l"),
            ("--machine", "pc", "pc"),
            ("--cpus", "2", "2"),
            ("--memory", "64M", "64M"),
            ("--cpu", "qemu64", "qemu64"),
            ("--accel", "tcg", "tcg"),
            ("--timeout", "3", "3"),
            ("--boot-timeout", "4", "4"),
            ("--fork-at", "text=/ # ", "'text=/ # '"),
            ("--send-file", "t", "t"),
            ("--isolation", "boot", "boot"),
            ("--expect", "ktap", "ktap"),
            ("--expect", "text=it's", r"'text=it'\''s'"),
        ];
        let words: Vec<_> = given.iter().flat_map(|(name, value, _)| [*name, value]).chain(["--matrix"]).collect();
        let expected: String = given.iter().map(|(name, _, word)| format!(" {name} {word}")).collect();
        assert_eq!(parse(&words).unwrap().again(), expected + " --matrix");
        // Results go where they are wanted, not where they went.
        assert_eq!(parse(&["word", "--junit", "x", "--json"]).unwrap().again(), "");
    }

    #[test]
    fn wrong_values_are_refused_with_the_right_ones() {
        for (words, hint) in [
            (["--expect", "passes"], "ktap, text=TEXT"),
            (["--fork-at", "prompt"], "text=/ # "),
            (["--boot", "grub"], "auto, direct, linux, iso and disk"),
            (["--firmware", "efi"], "bios and uefi"),
            (["--timeout", "0"], "1 to 86400"),
            (["--isolation", "vm"], "test, boot and none"),
            (["--memory", "8T"], "64M"),
            (["--jobs", "0"], "1.."),
        ] {
            let error = parse(&words).unwrap_err();
            assert!(error.to_string().contains(hint) && error.to_string().contains(words[0]), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert!(parse(&["--until-fail"]).unwrap_err().to_string().contains("--repeat"));
    }
}

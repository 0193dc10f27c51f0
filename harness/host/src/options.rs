//! Options of the command line that every program which runs a kernel's tests has.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    accel::Request,
    config,
    filter::Partition,
    listing::Tier,
    machine::{Kind, Memory, ParseError, Shape},
    suite::{Isolation, Policy},
};

/// How tests are run, and where it is told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Options {
    /// The highest tier of tests to run: test, verify or soak
    #[arg(long, default_value_t)]
    pub tier: Tier,

    /// How kernel tests are kept apart: test (a fresh machine each, forked from one that was booted once), boot (a
    /// fresh machine each, booted for it) or none (one machine for all, as long as it lasts)
    #[arg(long, value_name = "HOW", default_value_t)]
    pub isolation: Isolation,

    /// Try a kernel test that failed again, up to so often; one that passes then is flaky
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    pub retries: u32,

    /// Run every kernel test so often
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub repeat: Option<u32>,

    /// With --repeat: stop at the first failure of a kernel test
    #[arg(long, requires = "repeat")]
    pub until_fail: bool,

    /// Only every N-th test, by a hash of its name: hash:1/2 and hash:2/2 together are all tests
    #[arg(long, value_name = "hash:K/N")]
    pub partition: Option<Partition>,

    /// What the kernel tests' own seeds are made of, decimal or 0x… [default: a new one each run]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<u64>,

    /// Write the results to this file as JUnit XML, as CI systems read it
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Write the results to this file as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Open the kept machine of a failed test in gdb, under the name that the failure told; no test is run
    #[arg(long, value_name = "ID", conflicts_with_all = RUN)]
    pub replay: Option<String>,

    /// With --replay: no gdb; the machine waits at this address, in QEMU's words (tcp:127.0.0.1:1234), until Ctrl-C
    #[arg(long, value_name = "ADDRESS", requires = "replay")]
    pub listen: Option<String>,

    /// Stop at the first failure of a kernel test and open its machine in gdb
    #[arg(long)]
    pub gdb_on_fail: bool,

    /// The machine of tests that ask for nothing
    #[command(flatten)]
    pub machine: Machine,
}

/// What only a run of tests can use.
const RUN: [&str; 16] = [
    "tier",
    "isolation",
    "retries",
    "repeat",
    "until_fail",
    "partition",
    "seed",
    "junit",
    "html",
    "gdb_on_fail",
    "machine",
    "cpus",
    "memory",
    "cpu",
    "accel",
    "filters",
];

/// The machine of tests that ask for nothing.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Machine {
    /// Machine of tests that name none: q35, pc or microvm [default: q35]
    #[arg(long = "machine", id = "machine", value_name = "MACHINE")]
    pub kind: Option<Kind>,

    /// CPUs of tests that name no number [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=255))]
    pub cpus: Option<u32>,

    /// Memory of tests that name no amount, such as 64M or 8G [default: 128M]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Memory>,

    /// CPU model of tests that name none, as QEMU names it [default: max]
    #[arg(long, value_name = "MODEL")]
    pub cpu: Option<String>,

    /// What executes the machines: auto (KVM when a self-check passes, else emulation), tcg or kvm [default: auto]
    #[arg(long)]
    pub accel: Option<Request>,
}

impl Machine {
    /// What was given.
    #[must_use]
    pub fn given(&self) -> config::Machine {
        let Self { kind, cpus, memory, ref cpu, accel } = *self;
        config::Machine { kind, cpus, memory, cpu: cpu.clone(), accel }
    }

    /// The machine type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or_default()
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.given().shape()
    }

    /// What is to execute it.
    #[must_use]
    pub fn accel(&self) -> Request {
        self.given().accel()
    }
}

impl Options {
    /// How the run treats its tests. Machines of failed tests are kept in the directory `artifacts`.
    ///
    /// Without `--seed`, each call draws a new seed.
    #[must_use]
    pub fn policy(&self, artifacts: &Path) -> Policy {
        Policy {
            isolation: self.isolation,
            retries: self.retries,
            repeat: self.repeat.unwrap_or(1),
            until_fail: self.until_fail || self.gdb_on_fail,
            seed: self.seed.unwrap_or_else(|| Policy::default().seed),
            artifacts: Some(artifacts.into()),
        }
    }
}

/// Reads a seed: decimal, or hexadecimal behind `0x`. Between digits, `_` is skipped.
///
/// # Errors
/// [`ParseError`] when it is none.
pub fn seed(text: &str) -> Result<u64, ParseError> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    let plain = digits.replace('_', "");
    let digits_only = plain.chars().all(|character| character.is_digit(radix));
    let read = digits_only.then(|| u64::from_str_radix(&plain, radix).ok()).flatten();
    read.ok_or_else(|| ParseError::new(format!("`{text}` is no seed; write a number of 64 bits, such as 7 or 0x1f")))
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        filters: Vec<String>,
        #[command(flatten)]
        options: Options,
    }

    fn parse(words: &[&str]) -> Result<Options, clap::Error> {
        Line::try_parse_from([&["test"], words].concat()).map(|line| line.options)
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Line::command().debug_assert();
    }

    #[test]
    fn without_options_every_test_runs_once_in_a_fresh_machine_with_a_new_seed() {
        let options = parse(&[]).unwrap();
        let (policy, again) = (options.policy(Path::new("kept")), options.policy(Path::new("kept")));
        let expected = Policy { seed: policy.seed, artifacts: Some("kept".into()), ..Policy::default() };
        assert_eq!(policy, expected);
        assert_ne!(policy.seed, again.seed);
        assert_eq!((options.machine.shape(), options.tier), (Shape::default(), Tier::Test));
    }

    #[test]
    fn every_option_reaches_the_policy() {
        let words = ["--isolation", "none", "--retries", "2", "--repeat", "9", "--until-fail", "--seed", "0xAb"];
        let policy = parse(&words).unwrap().policy(Path::new("kept"));
        assert_eq!((policy.isolation, policy.retries, policy.repeat), (Isolation::None, 2, 9));
        assert_eq!((policy.until_fail, policy.seed), (true, 0xab));
        assert!(parse(&["--gdb-on-fail"]).unwrap().policy(Path::new("kept")).until_fail);
    }

    #[test]
    fn every_option_of_the_machine_reaches_its_shape() {
        let words = ["--machine", "microvm", "--cpus", "4", "--memory", "8G", "--cpu", "qemu64", "--accel", "tcg"];
        let machine = parse(&words).unwrap().machine;
        assert_eq!(machine.shape().to_string(), "microvm, 4 CPUs (qemu64), 8G");
        assert_eq!(machine.accel(), Request::Tcg);
    }

    #[test]
    fn seeds_are_read_in_both_notations_and_nothing_else_is_a_seed() {
        assert_eq!(seed("12_000"), Ok(12_000));
        assert_eq!(seed("0xffff_ffff_ffff_ffff"), Ok(u64::MAX));
        for text in ["", "0x", "seven", "-1", "+1", "1.5", "0x1_0000_0000_0000_0000", "18446744073709551616"] {
            assert!(seed(text).unwrap_err().to_string().contains("no seed"), "{text}");
        }
    }

    #[test]
    fn wrong_values_are_refused_with_the_right_ones() {
        for (words, hint) in [
            (["--isolation", "vm"], "test, boot and none"),
            (["--partition", "hash:3/2"], "hash:K/N"),
            (["--seed", "luck"], "0x1f"),
            (["--tier", "nightly"], "soak"),
            (["--repeat", "0"], "1..=1000000"),
            (["--machine", "isapc"], "microvm"),
            (["--cpus", "0"], "1..=255"),
        ] {
            let error = parse(&words).unwrap_err().to_string();
            assert!(error.contains(hint) && error.contains(words[0]), "{error}");
        }
    }

    #[test]
    fn until_fail_makes_sense_only_with_repeat() {
        let error = parse(&["--until-fail"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
        assert!(error.to_string().contains("--repeat"), "{error}");
    }

    #[test]
    fn only_a_replay_listens() {
        assert!(parse(&["--replay", "7f", "--listen", "tcp:127.0.0.1:1234"]).unwrap().listen.is_some());
        assert_eq!(parse(&["--listen", "tcp::1"]).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn a_replay_runs_no_tests_and_takes_no_options_of_a_run() {
        assert_eq!(parse(&["--replay", "7f"]).unwrap().replay.as_deref(), Some("7f"));
        for words in [&["--isolation", "boot"][..], &["--seed", "1"], &["--gdb-on-fail"], &["--html", "x"], &["name"]] {
            let error = parse(&[&["--replay", "7f"], words].concat()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{words:?}");
        }
    }
}

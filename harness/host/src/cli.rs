//! The command line: libtest's, and a few options of the harness's own.

use std::{env, path::PathBuf};

use clap::{Parser, ValueEnum};
use steward_harness::{
    accel::Request,
    filter::{Filter, Ignored},
    machine::{Kind, Memory, Shape},
    suite::host_cpus,
};

/// Runs a kernel's tests in QEMU, each in a machine of its own.
#[derive(Debug, Parser)]
#[command(name = "steward-harness", version, max_term_width = 120)]
pub struct Cli {
    /// The kernel's ELF file, as it was linked
    pub kernel: PathBuf,

    /// Run only tests whose name holds one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,

    /// List the tests instead of running them; nothing is booted
    #[arg(long)]
    pub list: bool,

    /// A filter is a whole name, not a part of one
    #[arg(long)]
    exact: bool,

    /// Run only tests marked `ignore`
    #[arg(long, conflicts_with = "include_ignored")]
    ignored: bool,

    /// Run tests marked `ignore` too
    #[arg(long)]
    include_ignored: bool,

    /// Skip tests whose name holds this; may be given several times
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,

    /// Show what the kernels print as they print it
    #[arg(long, alias = "no-capture", alias = "show-output")]
    pub nocapture: bool,

    /// How many CPUs of the host to use [default: RUST_TEST_THREADS, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    test_threads: Option<u32>,

    /// How to print
    #[arg(long, value_enum, default_value = "pretty")]
    pub format: Format,

    /// With colours
    #[arg(long, value_enum, default_value = "auto")]
    color: Colour,

    /// One character a test in libtest; a line a test here
    #[arg(short, long, hide = true)]
    quiet: bool,

    /// Only `unstable-options` is known; JSON needs no permission here
    #[arg(short = 'Z', value_parser = ["unstable-options"], hide = true)]
    unstable: Option<String>,

    /// Print how long tests take; done anyway
    #[arg(long, hide = true)]
    report_time: bool,

    /// What executes the machines: auto, tcg or kvm
    #[arg(long, default_value = "auto")]
    pub accel: Request,

    /// Machine of tests that name none: q35, pc or microvm
    #[arg(long, default_value_t)]
    machine: Kind,

    /// CPUs of tests that name no number
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    cpus: u32,

    /// Memory of tests that name no amount
    #[arg(long, value_name = "SIZE", default_value = "128M")]
    memory: Memory,

    /// CPU model of tests that name none, as QEMU names it
    #[arg(long, value_name = "MODEL", default_value = "max")]
    cpu: String,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people
    Pretty,
    /// The same, and a list without a total
    Terse,
    /// One JSON object a line, as libtest has them
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

impl Cli {
    /// The choice of tests.
    pub fn filter(&self) -> Filter {
        Filter {
            patterns: self.filters.clone(),
            skip: self.skip.clone(),
            exact: self.exact,
            ignored: match (self.ignored, self.include_ignored) {
                (true, _) => Ignored::Only,
                (false, true) => Ignored::Include,
                (false, false) => Ignored::Skip,
            },
        }
    }

    /// The machine of a test that asks for nothing.
    pub fn shape(&self) -> Shape {
        Shape { kind: self.machine, cpus: self.cpus, memory: self.memory, cpu: self.cpu.clone() }
    }

    /// How many host CPUs may be used.
    pub fn jobs(&self) -> u32 {
        let from_environment = || env::var("RUST_TEST_THREADS").ok()?.parse().ok().filter(|&count: &u32| count > 0);
        self.test_threads.or_else(from_environment).unwrap_or_else(host_cpus)
    }

    /// Whether to use colours.
    pub fn colour(&self, terminal: bool) -> bool {
        match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && env::var_os("NO_COLOR").is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["steward-harness", "kernel"].iter().chain(arguments))
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn what_cargo_nextest_and_rust_analyzer_pass_is_understood() {
        for line in [
            &[][..],
            &["--list", "--format", "terse"],
            &["--list", "--format", "terse", "--ignored"],
            &["--exact", "a::b", "--nocapture"],
            &["--exact", "a::b", "--nocapture", "--ignored"],
            &["--exact", "a::b", "--show-output"],
            &["-Z", "unstable-options", "--format=json", "--show-output"],
            &["a::b", "--test-threads=1", "--quiet", "--color", "never"],
        ] {
            assert!(parse(line).is_ok(), "{line:?}: {}", parse(line).unwrap_err());
        }
    }

    #[test]
    fn unknown_options_and_absurd_values_are_refused_with_status_2() {
        for line in [
            &["--frobnicate"][..],
            &["--test-threads", "0"],
            &["--memory", "8T"],
            &["--machine", "isapc"],
            &["--cpus", "0"],
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn filters_become_a_choice() {
        let filter = parse(&["a", "b", "--skip", "c", "--exact", "--include-ignored"]).unwrap().filter();
        assert_eq!((filter.patterns, filter.skip), (vec!["a".into(), "b".into()], vec![String::from("c")]));
        assert!(filter.exact && filter.ignored == Ignored::Include);
    }
}

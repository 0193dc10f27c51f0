//! The command line: libtest's, and a few options of the harness's own.

use std::{env, io, path::PathBuf};

use clap::{Parser, ValueEnum};
use steward_harness::{
    Error,
    filter::{Filter, Ignored},
    options::Options,
    suite::host_cpus,
};

/// What can be typed, and what each form is for.
const USAGE: &str = "\
steward-harness KERNEL [FILTER]... [OPTIONS]    a kernel's own #[ktest]s, each in a machine of its own
       steward-harness run [FILTER]... [OPTIONS]       any kernel, judged by what it prints and how it ends
       steward-harness ktap FILE [--json]              results of tests in a log: TAP 13, TAP 14 or KTAP";

const COMMANDS: &str = "\
`steward-harness run --help` and `steward-harness ktap --help` tell more about these. What stands above is the first form, \
which cargo, nextest and editors use; a kernel that is called run is ./run. The [machine] and the `image` of a \
steward-harness.toml hold for it, too.";

/// Runs a kernel's tests in QEMU, each in a machine of its own.
#[derive(Debug, Parser)]
#[command(name = "steward-harness", version, max_term_width = 120, override_usage = USAGE, after_help = COMMANDS)]
pub struct Cli {
    /// The kernel's ELF file, as it was linked
    pub kernel: PathBuf,

    /// Run only tests whose name holds one of these
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,

    /// List the tests instead of running them; nothing is booted
    #[arg(long)]
    pub list: bool,

    /// A filter is a whole name, with or without the crate's before it, not a part of one
    #[arg(long)]
    exact: bool,

    /// Only tests of this crate; programs are told their names without it
    #[arg(long = "crate", value_name = "NAME")]
    crate_name: Option<String>,

    /// Run only tests marked `ignore`, and those of a higher tier
    #[arg(long, conflicts_with = "include_ignored")]
    ignored: bool,

    /// Run tests marked `ignore` and those of a higher tier, too
    #[arg(long)]
    include_ignored: bool,

    /// Skip tests whose name holds this; may be given several times
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,

    /// Show what the kernels print as they print it
    #[arg(long, alias = "no-capture", alias = "show-output")]
    pub nocapture: bool,

    /// How many CPUs of the host to use [default: RUST_TEST_THREADS, else 1 under nextest, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    test_threads: Option<u32>,

    /// How to print
    #[arg(long, value_enum, default_value = "pretty")]
    pub format: Format,

    /// With colours
    #[arg(long, value_enum, default_value = "auto")]
    color: Colour,

    #[command(flatten)]
    pub options: Options,

    #[command(flatten)]
    ignored_options: WithoutEffect,

    #[command(flatten)]
    refused: Refused,

    /// The harness is to be as new as its sources in this directory's workspace; cargo's runner passes it
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    pub workspace: Option<PathBuf>,
}

/// What libtest knows and what makes no difference here.
#[derive(Debug, clap::Args)]
struct WithoutEffect {
    /// One character a test in libtest; a line a test here
    #[arg(short, long, hide = true)]
    quiet: bool,

    /// Only `unstable-options` is known; JSON needs no permission here
    #[arg(short = 'Z', value_parser = ["unstable-options"], hide = true)]
    unstable: Option<String>,

    /// Print how long tests take; done anyway
    #[arg(long, hide = true)]
    report_time: bool,

    /// Run tests, as opposed to benchmarks
    #[arg(long, hide = true)]
    test: bool,
}

/// What libtest knows and what cannot be had here. To ignore it would be to lie.
#[derive(Debug, clap::Args)]
struct Refused {
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, hide = true)]
    ensure_time: bool,
    #[arg(long, hide = true)]
    exclude_should_panic: bool,
    #[arg(long, hide = true)]
    force_run_in_process: bool,
    #[arg(long, hide = true)]
    logfile: Option<PathBuf>,
    #[arg(long, hide = true)]
    shuffle: bool,
    #[arg(long, hide = true)]
    shuffle_seed: Option<String>,
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
    /// Refuses what only libtest can do.
    ///
    /// # Errors
    /// [`Error::Request`] says what to use instead.
    pub fn check(&self) -> Result<(), Error> {
        let Refused { bench, ensure_time, exclude_should_panic, force_run_in_process, logfile, shuffle, shuffle_seed } =
            &self.refused;
        let refused = [
            (*bench, "--bench", "a kernel's tests hold no benchmarks; see `cargo xtask bench`"),
            (*ensure_time, "--ensure-time", "a test states its limit itself: #[ktest(timeout = 2000)]"),
            (*exclude_should_panic, "--exclude-should-panic", "a kernel that panics harms no other test"),
            (*force_run_in_process, "--force-run-in-process", "tests run in machines; see --isolation"),
            (logfile.is_some(), "--logfile", "use --junit FILE or --format json"),
            (*shuffle || shuffle_seed.is_some(), "--shuffle", "tests have a machine each, so no order matters to them"),
        ];
        match refused.iter().find(|(given, ..)| *given) {
            Some((_, option, why)) => Err(Error::Request(format!("{option} is not supported: {why}"))),
            None => Ok(()),
        }
    }

    /// The error about a kernel that is not there, with what else its name could have meant.
    pub fn explained(&self, error: Error) -> Error {
        match error {
            Error::Io { doing, source }
                if source.kind() == io::ErrorKind::NotFound && self.kernel.components().count() == 1 =>
            {
                let doing = format!("{doing} (commands are `run` and `ktap`; anything else is a kernel's file)");
                Error::Io { doing, source }
            }
            other => other,
        }
    }

    /// The choice of tests.
    pub fn filter(&self) -> Filter {
        Filter {
            patterns: self.filters.clone(),
            skip: self.skip.clone(),
            exact: self.exact,
            crate_name: self.crate_name.clone(),
            ignored: match (self.ignored, self.include_ignored) {
                (true, _) => Ignored::Only,
                (false, true) => Ignored::Include,
                (false, false) => Ignored::Skip,
            },
            tier: self.options.tier,
            partition: self.options.partition,
        }
    }

    /// The crate whose tests programs know without its name: the one asked for, or the one that cargo runs.
    ///
    /// Rust's own test programs do not say their crate's name, so that is how programs that read JSON know tests.
    pub fn own_crate(&self) -> Option<String> {
        let package = || env::var("CARGO_PKG_NAME").ok();
        self.crate_name.clone().or_else(package).map(|name| name.replace('-', "_"))
    }

    /// How many host CPUs may be used.
    pub fn jobs(&self) -> u32 {
        let number = |text: Result<String, env::VarError>| text.ok()?.parse().ok().filter(|&count: &u32| count > 0);
        // nextest starts as many runners as there is room for, each for one test.
        let under_nextest = env::var_os("NEXTEST").map(|_| 1);
        let from_environment = || number(env::var("RUST_TEST_THREADS")).or(under_nextest);
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
            &["a::b", "--exact", "--nocapture", "--include-ignored"],
            &["--exact", "a::b", "c::d", "--show-output"],
            &["a::b", "-Z", "unstable-options", "--format=json", "--nocapture"],
            &["-Zunstable-options", "--format=json", "--report-time", "--show-output"],
            &["a::b", "--test-threads=1", "--quiet", "--color", "never", "--test"],
        ] {
            assert!(parse(line).is_ok(), "{line:?}: {}", parse(line).unwrap_err());
            assert!(parse(line).unwrap().check().is_ok(), "{line:?}");
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
            &["--format", "junit"],
            &["-Z", "dreams"],
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn what_only_libtest_can_do_is_refused_with_what_to_use_instead() {
        for (line, hint) in [
            (&["--bench"][..], "cargo xtask bench"),
            (&["--ensure-time"], "timeout"),
            (&["--exclude-should-panic"], "no other test"),
            (&["--force-run-in-process"], "--isolation"),
            (&["--logfile", "x"], "--junit"),
            (&["--shuffle"], "order"),
            (&["--shuffle-seed", "1"], "order"),
        ] {
            let error = parse(line).unwrap().check().unwrap_err().to_string();
            assert!(error.contains("--") && error.contains(hint), "{error}");
        }
    }

    #[test]
    fn filters_become_a_choice() {
        let words = ["a", "b", "--skip", "c", "--exact", "--include-ignored", "--crate", "d", "--tier", "verify"];
        let filter = parse(&[&words[..], &["--partition", "hash:1/2"]].concat()).unwrap().filter();
        assert_eq!((filter.patterns, filter.skip), (vec!["a".into(), "b".into()], vec![String::from("c")]));
        assert!(filter.exact && filter.ignored == Ignored::Include);
        assert_eq!((filter.crate_name.as_deref(), filter.tier.name()), (Some("d"), "verify"));
        assert_eq!(filter.partition.unwrap().to_string(), "hash:1/2");
    }

    #[test]
    fn the_crate_asked_for_is_the_own_one() {
        assert_eq!(parse(&["--crate", "a_b"]).unwrap().own_crate().as_deref(), Some("a_b"));
    }
}

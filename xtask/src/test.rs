//! `test`: the tests of this machine and of the kernel.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use steward_harness::process::Interrupts;

use crate::out::say;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::run::interrupted;
use crate::style;
use crate::workspace::{BARE_METAL, Workspace};

mod host;
mod kernel;
mod libtest;
mod scratch;
pub mod tied;

use libtest::Totals;

/// Runs every test: those of the host (`cargo test`) and those of the kernel, each in a QEMU of its own.
///
/// A filter selects the tests, of both kinds, whose names contain it; several select what any of them selects. The
/// last line is `N passed, M failed`, with `, K skipped` when some were; the exit code is 0 only when none failed and
/// at least one was selected.
///
/// Before the kernel's tests run, those in its ELF file are compared with the `#[ktest]` functions in the sources; a
/// test that the linker has dropped counts as failed.
///
/// --json prints one object a line, as libtest does: {"type":"test","event":"started|ok|failed|ignored","name":…},
/// a failure (also that of a build, or of a vanished test) with "why" or "stdout"; and at the end
/// {"type":"total","passed":…,"failed":…,"skipped":…}.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Substrings of names [default: every test]
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// List the tests that would run, and run none
    #[arg(long)]
    list: bool,
    /// How many tests run at once [default: one per CPU]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Only the tests of this machine; QEMU tests of the harness itself are among them
    #[arg(long, conflicts_with = "kernel_only")]
    host_only: bool,
    /// Only the tests of the kernel
    #[arg(long)]
    kernel_only: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask test
  cargo xtask test paging timer
  cargo xtask test --kernel-only --jobs 1
  cargo xtask test --list";

/// Runs or lists the tests.
///
/// # Errors
/// When something needed is missing or the tests cannot be listed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    preflight::require(needed(options), options.consent)?;
    // Not before: a question or a package manager must end at the first Ctrl-C.
    let interrupts = Interrupts::install()?;
    if options.list {
        return list(options, &workspace, &interrupts);
    }
    let jobs = options.jobs;
    let mut totals = Totals::default();
    if !options.kernel_only {
        heading(options, "host tests");
        let run = host::Run { filters: &options.filters, jobs, json: options.json, interrupts: &interrupts };
        totals += host::run(&workspace, &run)?;
    }
    if !options.host_only && interrupts.signal().is_none() {
        heading(options, "kernel tests");
        let run = kernel::Run { filters: &options.filters, jobs, json: options.json, interrupts: &interrupts };
        totals += kernel::run(&workspace, &run).unwrap_or_else(|error| kernel_failed(options, &error));
    }
    // The totals come last, also where standard error is merged into standard output.
    let nothing = nothing_ran(&options.filters, totals).filter(|_| interrupts.signal().is_none());
    if let Some(why) = &nothing {
        eprintln!("error: {why}");
    }
    if options.json {
        let Totals { passed, failed, skipped } = totals;
        say!("{}", json!({"type": "total", "passed": passed, "failed": failed, "skipped": skipped}));
    } else {
        say!("{}", last_line(totals));
    }
    Ok(match (interrupts.signal(), totals.failed) {
        (Some(signal), _) => interrupted(signal),
        (None, 0) if nothing.is_none() => ExitCode::SUCCESS,
        (None, _) => ExitCode::FAILURE,
    })
}

/// What must be there. Listing boots nothing, but builds the kernel.
fn needed(options: &Options) -> &'static [Component] {
    match (options.list, options.host_only) {
        (true, true) => &[],
        (true, false) => &[Component::RustTarget(BARE_METAL)],
        (false, _) => &[Component::Qemu, Component::RustTarget(BARE_METAL)],
    }
}

/// The kernel's tests could not be run, which counts as one failure.
fn kernel_failed(options: &Options, error: &anyhow::Error) -> Totals {
    eprintln!("error: {error:#}");
    if options.json {
        say!("{}", json!({"type": "test", "event": "failed", "name": "kernel", "why": format!("{error:#}")}));
    }
    Totals { failed: 1, ..Totals::default() }
}

/// Why a run that ran nothing is no success.
fn nothing_ran(filters: &[String], totals: Totals) -> Option<String> {
    if totals.sum() > 0 {
        return None;
    }
    let filters: Vec<_> = filters.iter().map(|filter| format!("`{filter}`")).collect();
    Some(match filters.as_slice() {
        [] => "no test was run".to_owned(),
        filters => format!("no test's name contains {}; `cargo xtask test --list` shows them", filters.join(" or ")),
    })
}

fn heading(options: &Options, text: &str) {
    if !options.json {
        say!("{}", style::good(&format!("== {text}")));
    }
}

fn last_line(totals: Totals) -> String {
    let Totals { passed, failed, skipped } = totals;
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{passed} passed, {failed} failed{skipped}")
}

fn list(options: &Options, workspace: &Workspace, interrupts: &Interrupts) -> Result<ExitCode> {
    let host = if options.kernel_only { Vec::new() } else { host::list(workspace, &options.filters, interrupts)? };
    let kernel = if options.host_only { Vec::new() } else { kernel::list(workspace, &options.filters, interrupts)? };
    let names = host.iter().map(|name| ("host", name)).chain(kernel.iter().map(|name| ("kernel", name)));
    for (kind, name) in names {
        if options.json {
            say!("{}", json!({"type": "test", "event": "listed", "kind": kind, "name": name}));
        } else {
            say!("{kind:<7} {name}");
        }
    }
    if !options.json {
        say!("{} host tests, {} kernel tests", host.len(), kernel.len());
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_names_skipped_tests_only_when_there_are_some() {
        assert_eq!(last_line(Totals { passed: 12, failed: 0, skipped: 0 }), "12 passed, 0 failed");
        assert_eq!(last_line(Totals { passed: 1, failed: 2, skipped: 3 }), "1 passed, 2 failed, 3 skipped");
    }

    #[test]
    fn a_filter_that_selects_nothing_is_named_in_the_error() {
        let why = nothing_ran(&["pagign".into(), "tmier".into()], Totals::default()).unwrap();
        assert!(why.contains("`pagign` or `tmier`") && why.contains("--list"), "{why}");
        assert_eq!(nothing_ran(&["x".into()], Totals { skipped: 1, ..Totals::default() }), None);
        assert!(nothing_ran(&[], Totals::default()).is_some());
    }

    #[test]
    fn listing_needs_what_building_needs() {
        use clap::Parser;

        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        let needed = |words: &[&str]| needed(&Line::parse_from([&["test"], words].concat()).options);
        assert_eq!(needed(&["--list"]), [Component::RustTarget(BARE_METAL)]);
        assert_eq!(needed(&["--list", "--host-only"]), []);
        assert!(needed(&["--host-only"]).contains(&Component::Qemu));
    }
}

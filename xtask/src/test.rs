//! `test`: the tests of this machine and of the kernel.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use steward_harness::process::Interrupts;

use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::run::interrupted;
use crate::style;
use crate::workspace::{BARE_METAL, Workspace};

mod host;
mod kernel;

use host::Totals;

/// Runs every test: those of the host (`cargo test`) and those of the kernel, each in a QEMU of its own.
///
/// A filter selects the tests, of both kinds, whose names contain it; several select what any of them selects. The
/// last line is `N passed, M failed`, with `, K skipped` when some were; the exit code is 0 only when none failed.
///
/// Before the kernel's tests run, those in its ELF file are compared with the `#[ktest]` functions in the sources; a
/// test that the linker has dropped counts as failed.
///
/// --json prints one object a line, as libtest does: {"type":"test","event":"started|ok|failed|ignored","name":…},
/// and at the end {"type":"total","passed":…,"failed":…,"skipped":…}.
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
    let interrupts = Interrupts::install()?;
    if options.list {
        return list(options, &workspace, &interrupts);
    }
    preflight::require(&[Component::Qemu, Component::RustTarget(BARE_METAL)], options.consent)?;
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
        totals += kernel::run(&workspace, &run).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Totals { failed: 1, ..Totals::default() }
        });
    }
    if options.json {
        let Totals { passed, failed, skipped } = totals;
        println!("{}", json!({"type": "total", "passed": passed, "failed": failed, "skipped": skipped}));
    } else {
        println!("{}", last_line(totals));
    }
    Ok(match (interrupts.signal(), totals.failed) {
        (Some(signal), _) => interrupted(signal),
        (None, 0) => ExitCode::SUCCESS,
        (None, _) => ExitCode::FAILURE,
    })
}

fn heading(options: &Options, text: &str) {
    if !options.json {
        println!("{}", style::good(&format!("== {text}")));
    }
}

fn last_line(totals: Totals) -> String {
    let Totals { passed, failed, skipped } = totals;
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{passed} passed, {failed} failed{skipped}")
}

fn list(options: &Options, workspace: &Workspace, interrupts: &Interrupts) -> Result<ExitCode> {
    let host = if options.kernel_only { Vec::new() } else { host::list(workspace, &options.filters, interrupts)? };
    let kernel = if options.host_only { Vec::new() } else { kernel::list(workspace, &options.filters)? };
    let names = host.iter().map(|name| ("host", name)).chain(kernel.iter().map(|name| ("kernel", name)));
    for (kind, name) in names {
        if options.json {
            println!("{}", json!({"type": "test", "event": "listed", "kind": kind, "name": name}));
        } else {
            println!("{kind:<7} {name}");
        }
    }
    if !options.json {
        println!("{} host tests, {} kernel tests", host.len(), kernel.len());
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
}

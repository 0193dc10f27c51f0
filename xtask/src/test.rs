//! `test`: the tests of this machine and of the kernel.

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Result, ensure};
use clap::Args;
use steward_harness::filter::Filter;
use steward_harness::options;
use steward_harness::process::Interrupts;
use steward_harness::report::{Line, Outputs, Style};
use steward_harness::suite::Policy;
use steward_harness::symbols::Symbols;

use crate::images::Serial;
use crate::out::say;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::style;
use crate::way::{self, Way};
use crate::workspace::{BARE_METAL, UEFI, Workspace};

pub mod budget;
pub mod cargo;
pub mod end;
pub mod host;
pub mod kernel;
pub mod libtest;
pub mod properties;
pub mod replay;
mod reports;
mod scratch;
pub mod tied;

use budget::Budget;
use kernel::{FirstKept, Kernel};
use libtest::{Test, Totals};
use reports::Reports;

/// Runs every test: those of the host (`cargo test`) and those of the kernel, each in a machine of its own.
///
/// A filter selects the tests, of both kinds, whose names contain it; several select what any of them selects. The
/// last line is `N passed, M failed`, with `, K skipped` when some were; the exit code is 0 only when none failed and
/// at least one was selected.
///
/// Before the kernel's tests run, those in its ELF file are compared with the `#[ktest]` functions in the sources; a
/// test that the linker has dropped counts as failed.
///
/// Running the tests of tier test may take 10 minutes, those of tier verify 30; compiling does not count. The line before
/// the last tells how long it was. More than that counts as a failure, except with --repeat and --gdb-on-fail.
///
/// With --firmware uefi or bios, the machines of the kernel's tests boot from a medium, as real ones do. With --isolation
/// test they are forked from one that has booted so.
///
/// --tier, --partition, --seed, --junit and --jobs are for tests of both kinds. The options of isolation, repetition and
/// machines are for kernel tests. When a kernel test fails, its machine is kept in target/steward/failures.
///
/// --json prints one object a line, as libtest does: {"type":"test","event":"started|ok|failed|ignored","name":…},
/// a failure (also that of a build, or of a vanished test) with "why" or "stdout"; and at the end
/// {"type":"total","passed":…,"failed":…,"skipped":…}. docs/results.md describes every line, docs/results.schema.json is
/// its JSON Schema.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Substrings of names [default: every test]
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// List the tests that would run, and run none
    #[arg(long, conflicts_with_all = ["replay", "gdb_on_fail", "junit", "html"])]
    list: bool,
    /// How many tests run at once [default: one per CPU]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Only the tests of this machine; QEMU tests of the harness itself are among them
    #[arg(long, conflicts_with = "kernel_only", conflicts_with_all = FOR_KERNEL_TESTS)]
    host_only: bool,
    /// Only the tests of the kernel
    #[arg(long)]
    kernel_only: bool,
    /// The language of the driver of the kernel's serial ports. Host tests are the same with either. A kernel with tests
    /// has C programs in it, so it needs a C compiler (`cc`, or what CC names) in either case
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t)]
    serial: Serial,
    /// Print JSON, one object a line
    #[arg(long, conflicts_with_all = ["replay", "gdb_on_fail"])]
    json: bool,
    #[command(flatten)]
    run: options::Options,
    #[command(flatten)]
    way: way::Options,
    #[command(flatten)]
    consent: Consent,
}

/// Options that host tests have no use for.
const FOR_KERNEL_TESTS: [&str; 16] = [
    "isolation",
    "retries",
    "repeat",
    "until_fail",
    "html",
    "replay",
    "gdb_on_fail",
    "machine",
    "cpus",
    "memory",
    "cpu",
    "accel",
    "firmware",
    "bootloader",
    "limine",
    "medium",
];

const EXAMPLES: &str = "\
Examples:
  cargo xtask test
  cargo xtask test paging timer
  cargo xtask test --kernel-only --jobs 1 --machine microvm --cpus 4
  cargo xtask test --kernel-only --repeat 1000 --until-fail timer
  cargo xtask test --kernel-only --firmware uefi
  cargo xtask test --partition hash:1/2 --junit results.xml
  cargo xtask test --replay 7f3a
  cargo xtask test --list";

/// Runs or lists the tests, or opens the machine of one that failed.
///
/// # Errors
/// When something needed is missing, a report cannot be written, or the tests cannot be listed.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let way = options.way.way(options.run.machine.kind(), &workspace)?;
    if let Some(id) = &options.run.replay {
        ensure!(!options.way.are_given(), "--replay opens the machine as it stands; nothing boots it");
        return replay::run(&workspace, id, options.run.listen.as_deref(), options.consent);
    }
    // Before anything is installed, built or run.
    let reports = Reports::open(&options.run, options.way.words())?;
    preflight::require(&needed(options, &way), options.consent)?;
    if options.run.gdb_on_fail {
        preflight::require(&replay::NEEDED, options.consent)?;
    }
    // Not before: a question or a package manager must end at the first Ctrl-C.
    let interrupts = Interrupts::install()?;
    if options.list {
        return list(options, &workspace, &interrupts);
    }
    let policy = options.run.policy(&replay::directory(&workspace));
    let mut all = All { options, way, workspace, interrupts, budget: budget(options), reports, policy };
    let mut totals = Totals::default();
    let mut kept = None;
    if !options.kernel_only {
        totals += all.host()?;
    }
    if !options.host_only && all.interrupts.signal().is_none() {
        let first = FirstKept::default();
        totals += all.kernel(&first).unwrap_or_else(|error| all.kernel_failed(&error));
        kept = first.id().filter(|_| options.run.gdb_on_fail);
    }
    all.reports.finish(totals)?;
    if let Some(id) = kept.filter(|_| all.interrupts.signal().is_none()) {
        replay::open(&all.workspace, &id, &all.interrupts)?;
    }
    // A part of the tests may well be empty.
    let nothing = options.run.partition.is_none().then(|| nothing_ran(&options.filters));
    Ok(end::end(totals, &all.budget, options.json, nothing, &all.interrupts))
}

/// What must be there. Listing boots nothing, but builds the kernel.
fn needed(options: &Options, way: &Way) -> Vec<Component> {
    let kernel = Component::RustTarget(BARE_METAL);
    match (options.list, options.host_only, options.kernel_only) {
        (true, true, _) => Vec::new(),
        (true, false, _) => vec![kernel, Component::Compiler],
        // Its tests contain C programs.
        (false, _, true) => {
            let others = way.components().into_iter().filter(|component| *component != Component::Compiler);
            [Component::Qemu, kernel, Component::Compiler].into_iter().chain(others).collect()
        }
        // Some host tests open kept machines, and some boot by UEFI.
        (false, ..) => {
            let mut needed = way.components();
            let uefi = [Component::Firmware, Component::RustTarget(UEFI)];
            let others = [Component::Qemu, Component::Gdb, Component::Compiler, kernel].into_iter().chain(uefi);
            needed.extend(others.filter(|component| !way.components().contains(component)));
            needed
        }
    }
}

/// What running the tests may take. Who repeats tests, or looks at them in a debugger, says for himself how long it takes.
fn budget(options: &Options) -> Budget {
    let options::Options { tier, repeat, gdb_on_fail, .. } = options.run;
    if repeat.is_some() || gdb_on_fail { Budget::without_limit(tier) } else { Budget::of(tier) }
}

/// A run of the tests.
struct All<'a> {
    options: &'a Options,
    way: Way,
    workspace: Workspace,
    interrupts: Interrupts,
    budget: Budget,
    reports: Reports,
    policy: Policy,
}

impl All<'_> {
    fn host(&mut self) -> Result<Totals> {
        let Options { json, jobs, .. } = *self.options;
        heading(json, "host tests");
        let (seed, budget, interrupts) = (self.options.run.seed, &self.budget, &self.interrupts);
        let print = if json { host::Print::Json } else { host::Print::Text };
        let run = host::Run { choice: host_choice(self.options), jobs, seed, print, budget, interrupts };
        let host::Results { totals, tests } = host::run(&self.workspace, &run)?;
        self.reports.add(tests);
        Ok(totals)
    }

    fn kernel(&mut self, first_kept: &FirstKept) -> Result<Totals> {
        let Options { json, jobs, .. } = *self.options;
        heading(
            json,
            if self.options.serial == Serial::C { "kernel tests, serial ports driven in C" } else { "kernel tests" },
        );
        let machine = &self.options.run.machine;
        let kernel = Kernel::build(&self.workspace, &self.way, self.options.serial, machine.accel(), &self.interrupts)?;
        let symbols = Rc::new(Symbols::of(&kernel.image.elf));
        let mut outputs = outputs(json);
        outputs.style.options = self.options.way.words();
        let mut sinks = outputs.open(stdout(), Rc::clone(&symbols))?;
        for recorder in self.reports.recorders(&symbols, &kernel.facts())? {
            sinks.push(recorder);
        }
        sinks.push(first_kept.clone());
        let (policy, shape) = (self.policy.clone(), machine.shape());
        let run = kernel::Run { shape, policy, jobs, budget: &self.budget, interrupts: &self.interrupts };
        let selection = filter(self.options).select(&kernel.listing);
        let summary = kernel.run(&self.workspace, &selection, &run, &mut sinks)?;
        let mut totals = kernel::totals(&summary, &self.policy);
        totals.failed += kernel.tell_differences(json);
        Ok(totals)
    }

    /// The kernel's tests could not be run, which counts as one failure.
    fn kernel_failed(&mut self, error: &anyhow::Error) -> Totals {
        let why = format!("{error:#}");
        eprintln!("error: {why}");
        if self.options.json {
            say!("{}", Line::problem("kernel", &why));
        }
        self.reports.add(vec![Test::failed("kernel", why)]);
        Totals { failed: 1, ..Totals::default() }
    }
}

/// What is printed of kernel tests.
#[must_use]
pub fn outputs(json: bool) -> Outputs {
    let progress = stdout().is_terminal();
    let style = Style { colour: style::coloured(), progress, command: reports::COMMAND.into(), ..Style::default() };
    Outputs { json, style, ..Outputs::default() }
}

fn host_choice(options: &Options) -> host::Choice<'_> {
    host::Choice { filters: &options.filters, partition: options.run.partition, ..host::Choice::default() }
}

fn filter(options: &Options) -> Filter {
    let options::Options { tier, partition, .. } = options.run;
    Filter { patterns: options.filters.clone(), tier, partition, ..Filter::default() }
}

/// Why a run that ran nothing is no success.
fn nothing_ran(filters: &[String]) -> String {
    let filters: Vec<_> = filters.iter().map(|filter| format!("`{filter}`")).collect();
    match filters.as_slice() {
        [] => "no test was run".to_owned(),
        filters => format!("no test's name contains {}; `cargo xtask test --list` shows them", filters.join(" or ")),
    }
}

/// A heading, for people.
pub fn heading(json: bool, text: &str) {
    if !json {
        say!("{}", style::good(&format!("== {text}")));
    }
}

fn list(options: &Options, workspace: &Workspace, interrupts: &Interrupts) -> Result<ExitCode> {
    let host = if options.kernel_only { Vec::new() } else { host::list(workspace, &host_choice(options), interrupts)? };
    let kernel = if options.host_only { Vec::new() } else { kernel::list(workspace, &filter(options), interrupts)? };
    let names = host.iter().map(|name| ("host", name)).chain(kernel.iter().map(|name| ("kernel", name)));
    for (kind, name) in names {
        if options.json {
            say!("{}", Line::listed(name, kind));
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
#[path = "../../harness/host/tests/schema/mod.rs"]
mod schema;
#[cfg(test)]
mod tests;

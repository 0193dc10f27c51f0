//! `soak`: random tests, for as long as somebody likes.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use clap::Args;
use steward_harness::accel::Request;
use steward_harness::filter::Filter;
use steward_harness::listing::Tier;
use steward_harness::machine::Shape;
use steward_harness::process::Interrupts;
use steward_harness::suite::Policy;
use steward_harness::symbols::Symbols;

use crate::check::sources;
use crate::images::Serial;
use crate::out::say;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::test::budget::Budget;
use crate::test::end::{self, last_line};
use crate::test::kernel::{self, Kernel};
use crate::test::libtest::Totals;
use crate::test::{host, outputs, properties, replay};
use crate::verify::MACHINES;
use crate::way::Way;
use crate::workspace::{BARE_METAL, Workspace};

/// Runs kernel tests of all tiers, property tests, and host tests of tier soak, in rounds, each with a seed of its own.
///
/// A round prints one line for the kernel tests, which get another machine in each round, and one for the host tests. The
/// first failure is told in full, and ends the soak. When the time is over, the round that runs is finished.
///
/// The last line is `N passed, M failed`, and the exit code is 0 only when nothing failed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// How long tests are run; compiling does not count
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: u32,
    /// How many tests run at once [default: one per CPU]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// What executes the machines: auto (KVM when a self-check passes, else emulation), tcg or kvm
    #[arg(long, default_value_t)]
    accel: Request,
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask soak
  cargo xtask soak --minutes 480";

/// Runs rounds until the time is over.
///
/// # Errors
/// When something needed is missing, or a round cannot be run.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    preflight::require(&[Component::Qemu, Component::RustTarget(BARE_METAL)], options.consent)?;
    let interrupts = Interrupts::install()?;
    let budget = Budget::asked(options.minutes);
    let kernel = Kernel::build(&workspace, &Way::Direct, Serial::default(), options.accel, &interrupts)?;
    let mut names = properties::names(&sources::all(workspace.root())?);
    names.push("soak_".to_owned());
    let soak = Soak { jobs: options.jobs, workspace, kernel, names, budget: &budget, interrupts: &interrupts };
    let mut totals = Totals { failed: soak.kernel.tell_differences(false), ..Totals::default() };
    for (round, (kind, cpus)) in (1..).zip(MACHINES.into_iter().cycle()) {
        let shape = Shape { kind, cpus, ..Shape::default() };
        for step in [Soak::machines, Soak::host] {
            let counts = |totals: &Totals| totals.failed == 0 && interrupts.signal().is_none() && budget.lasts();
            if counts(&totals) {
                totals += step(&soak, round, &shape)?;
            }
        }
        if totals.failed > 0 || interrupts.signal().is_some() || !budget.lasts() {
            break;
        }
    }
    Ok(end::end(totals, &budget, false, Some("no test was run".into()), &interrupts))
}

struct Soak<'a> {
    jobs: Option<u32>,
    workspace: Workspace,
    kernel: Kernel,
    /// Substrings of the names of the host tests.
    names: Vec<String>,
    budget: &'a Budget,
    interrupts: &'a Interrupts,
}

impl Soak<'_> {
    fn machines(&self, round: u32, shape: &Shape) -> Result<Totals> {
        let policy = Policy { artifacts: Some(replay::directory(&self.workspace)), ..Policy::default() };
        let (jobs, budget, interrupts) = (self.jobs, self.budget, self.interrupts);
        let run = kernel::Run { shape: shape.clone(), policy: policy.clone(), jobs, budget, interrupts };
        let selection = Filter { tier: Tier::Soak, ..Filter::default() }.select(&self.kernel.listing);
        let held = Held::default();
        let mut outputs = outputs(false);
        outputs.style.progress = false;
        let mut sinks = outputs.open(held.clone(), Symbols::of(&self.kernel.image.elf))?;
        let totals = kernel::totals(&self.kernel.run(&self.workspace, &selection, &run, &mut sinks)?, &policy);
        if totals.failed > 0 {
            say!("{}", held.text());
        }
        say!("round {round}: kernel tests ({shape}), seed {:#x}: {}", policy.seed, last_line(totals));
        Ok(totals)
    }

    fn host(&self, round: u32, _: &Shape) -> Result<Totals> {
        let seed = Policy::default().seed;
        let choice = host::Choice { filters: &self.names, no_examples: true, ..host::Choice::default() };
        let (jobs, budget, interrupts) = (self.jobs, self.budget, self.interrupts);
        let print = host::Print::Failures;
        let run = host::Run { choice, jobs, seed: Some(seed), print, budget, interrupts };
        let totals = host::run(&self.workspace, &run)?.totals;
        say!("round {round}: host tests, seed {seed:#x}: {}", last_line(totals));
        Ok(totals)
    }
}

/// Text that is printed when something fails.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Vec<u8>>>);

impl Held {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_a_copy_is_read_from_the_first() {
        let held = Held::default();
        held.clone().write_all(b"why it failed").unwrap();
        assert_eq!(held.text(), "why it failed");
    }
}

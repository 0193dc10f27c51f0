//! `verify`: what is too slow for every change, and shall hold before one is published.

use std::collections::HashSet;
use std::io::stdout;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use steward_harness::accel::Request;
use steward_harness::filter::{Filter, Selection};
use steward_harness::listing::{Listing, Tier};
use steward_harness::machine::{Kind, Shape};
use steward_harness::process::Interrupts;
use steward_harness::report::in_github_actions;
use steward_harness::suite::Policy;
use steward_harness::symbols::Symbols;

use crate::check::sources;
use crate::images::Serial;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::test::budget::Budget;
use crate::test::kernel::{self, Kernel};
use crate::test::libtest::Totals;
use crate::test::{end, heading, host, outputs, properties, replay};
use crate::way::Way;
use crate::workspace::{BARE_METAL, UEFI, Workspace};

mod miri;
mod nextest;

/// Runs what is too slow for `test`: the same questions, asked more often and of more machines.
///
/// - host tests of tier verify: among them the kernels that misbehave on purpose, on every machine and in every way to
///   keep tests apart, and a thousand machines in a row; and property tests with a million cases in all;
/// - every kernel test of the tiers test and verify on q35, pc and microvm, and with 1, 2, 4 and 64 CPUs;
/// - kernel tests of a kernel whose serial ports are driven in C;
/// - kernel tests by cargo-nextest, where that is installed;
/// - threads of the ledger, the frames and the slabs under Miri.
///
/// Running them may take 30 minutes; compiling does not count. More than that counts as a failure. The last line is
/// `N passed, M failed`, and the exit code is 0 only when nothing failed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
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
  cargo xtask verify
  cargo xtask verify --jobs 1";

/// The machines of kernel tests that name none.
pub const MACHINES: [(Kind, u32); 6] =
    [(Kind::Q35, 1), (Kind::Pc, 1), (Kind::Microvm, 1), (Kind::Q35, 2), (Kind::Q35, 4), (Kind::Q35, 64)];

/// Some host tests of the tier boot by UEFI, some put proofs to Z3.
const NEEDED: [Component; 5] = [
    Component::Qemu,
    Component::Firmware,
    Component::Prover,
    Component::RustTarget(BARE_METAL),
    Component::RustTarget(UEFI),
];

/// Runs all of it.
///
/// # Errors
/// When something needed is missing, or a step cannot be begun.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    preflight::require(&NEEDED, options.consent)?;
    let interrupts = Interrupts::install()?;
    let budget = Budget::of(Tier::Verify);
    let verify = Verify { options, workspace, interrupts: &interrupts, budget: &budget };
    let steps: [(&str, Step<'_>); 5] = [
        ("host tests of tier verify, property tests", Verify::properties),
        ("kernel tests on every machine", Verify::machines),
        ("kernel tests with the serial ports driven in C", Verify::driver_in_c),
        ("kernel tests by cargo-nextest", Verify::nextest),
        ("threads of the ledger, the frames and the slabs under Miri", Verify::miri),
    ];
    let mut totals = Totals::default();
    for (what, step) in steps {
        if interrupts.signal().is_none() {
            heading(false, what);
            totals += step(&verify).unwrap_or_else(|error| {
                eprintln!("error: {error:#}");
                Totals { failed: 1, ..Totals::default() }
            });
        }
    }
    Ok(end::end(totals, &budget, false, Some("no test was run".into()), &interrupts))
}

type Step<'a> = fn(&Verify<'a>) -> Result<Totals>;

struct Verify<'a> {
    options: &'a Options,
    workspace: Workspace,
    interrupts: &'a Interrupts,
    budget: &'a Budget,
}

impl Verify<'_> {
    fn properties(&self) -> Result<Totals> {
        let mut names = properties::names(&sources::all(self.workspace.root())?);
        let properties = names.len();
        names.push("verify_".to_owned());
        let totals = self.host(host::Choice { filters: &names, no_examples: true, ..host::Choice::default() })?;
        anyhow::ensure!(
            totals.sum() >= properties,
            "the sources have {properties} property tests, and only {} tests were run: is one of them no test any more?",
            totals.sum()
        );
        Ok(totals)
    }

    fn host(&self, choice: host::Choice<'_>) -> Result<Totals> {
        let Self { budget, interrupts, .. } = *self;
        let (jobs, print) = (self.options.jobs, host::Print::Text);
        let run = host::Run { choice, jobs, seed: None, print, budget, interrupts };
        Ok(host::run(&self.workspace, &run)?.totals)
    }

    fn machines(&self) -> Result<Totals> {
        self.kernel_tests(Serial::default(), &MACHINES)
    }

    fn driver_in_c(&self) -> Result<Totals> {
        self.kernel_tests(Serial::C, &MACHINES[..1])
    }

    fn kernel_tests(&self, serial: Serial, machines: &[(Kind, u32)]) -> Result<Totals> {
        let kernel = Kernel::build(&self.workspace, &Way::Direct, serial, self.options.accel, self.interrupts)?;
        let mut totals = Totals { failed: kernel.tell_differences(false), ..Totals::default() };
        let mut done = Done::default();
        for &(kind, cpus) in machines {
            if self.interrupts.signal().is_some() {
                break;
            }
            let shape = Shape { kind, cpus, ..Shape::default() };
            heading(false, &shape.to_string());
            let selection = done.select(&kernel.listing, &shape);
            let policy = Policy { artifacts: Some(replay::directory(&self.workspace)), ..Policy::default() };
            let mut outputs = outputs(false);
            outputs.github = in_github_actions();
            outputs.facts = kernel.facts();
            let mut sinks = outputs.open(stdout(), Symbols::of(&kernel.image.elf))?;
            let (jobs, budget, interrupts) = (self.options.jobs, self.budget, self.interrupts);
            let run = kernel::Run { shape, policy: policy.clone(), jobs, budget, interrupts };
            totals += kernel::totals(&kernel.run(&self.workspace, &selection, &run, &mut sinks)?, &policy);
        }
        Ok(totals)
    }

    fn nextest(&self) -> Result<Totals> {
        nextest::run(&self.workspace, self.budget, self.interrupts)
    }

    fn miri(&self) -> Result<Totals> {
        miri::run(&self.workspace, self.budget, self.interrupts)
    }
}

/// The machines on which tests have run.
#[derive(Default)]
struct Done(HashSet<(u32, Shape)>);

impl Done {
    /// The tests that have not yet run on the machine that they get when this one is offered: a test that names all of
    /// its machine is run once.
    fn select<'l>(&mut self, listing: &'l Listing, shape: &Shape) -> Selection<'l> {
        let mut selection = Filter { tier: Tier::Verify, ..Filter::default() }.select(listing);
        selection.run.retain(|test| self.0.insert((test.index, test.needs.over(shape))));
        selection
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_harness::listing::{Needs, Subject, Test};

    fn test(index: u32, tier: Tier, needs: Needs) -> Test {
        let (name, file) = (format!("a::t{index}"), String::new());
        let (should_panic, ignored, timeout, subject) = (false, None, None, Subject::Ktest);
        Test { index, name, file, line: 1, should_panic, ignored, tier, timeout, needs, subject }
    }

    #[test]
    fn a_test_runs_once_on_each_machine_that_it_can_get() {
        let wants = |kind, cpus| Needs { kind, cpus, ..Needs::default() };
        let listing = Listing {
            tests: vec![
                test(0, Tier::Test, Needs::default()),
                test(1, Tier::Verify, wants(Some(Kind::Pc), Some(2))),
                test(2, Tier::Test, wants(None, Some(1))),
                test(3, Tier::Soak, Needs::default()),
            ],
        };
        let mut done = Done::default();
        let runs = MACHINES.map(|(kind, cpus)| {
            let shape = Shape { kind, cpus, ..Shape::default() };
            done.select(&listing, &shape).run.iter().map(|test| test.index).collect::<Vec<_>>()
        });
        assert_eq!(runs, [vec![0, 1, 2], vec![0, 2], vec![0, 2], vec![0], vec![0], vec![0]]);
    }

    #[test]
    fn every_machine_type_is_among_those_that_are_tried() {
        for kind in Kind::ALL {
            assert!(MACHINES.iter().any(|machine| machine.0 == kind), "{kind}");
        }
    }
}

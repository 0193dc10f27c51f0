//! Preflight: what a command needs is there before it starts, or is installed, or the user is told how.

use std::env;
use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Result, bail};
use clap::Args;

pub mod components;
mod decision;
mod install;
pub mod packages;

use components::{Component, FIRMWARE_VARIABLE, PROVER_VARIABLE};
use decision::{Decision, Situation};
use packages::Manager;

/// The option of every command that may install something.
#[derive(Args, Clone, Copy)]
pub struct Consent {
    /// Install what is missing (QEMU, firmware) without asking; the environment variable CI does the same
    #[arg(long)]
    pub yes: bool,
}

/// Makes sure that `needed` is there. Installs what is missing when the user, or the situation, allows it.
///
/// # Errors
/// When something is missing and was not installed; the error has the exact command that installs it.
pub fn require(needed: &[Component], consent: Consent) -> Result<()> {
    let missing = faults(needed);
    if missing.is_empty() {
        return Ok(());
    }
    for (component, fault) in &missing {
        eprintln!("missing: {component}: {fault}");
    }
    let manager = Manager::detect();
    for plan in plans(&missing, manager)? {
        carry_out(&plan, consent, manager)?;
    }
    let still = faults(needed);
    match still.first() {
        None => Ok(()),
        Some((component, fault)) => bail!("{component} is still not usable after the installation: {fault}"),
    }
}

fn faults(needed: &[Component]) -> Vec<(Component, String)> {
    needed.iter().filter_map(|component| component.find().err().map(|fault| (*component, fault))).collect()
}

/// Commands that install some components.
struct Plan {
    /// What they install, for people.
    what: String,
    /// The command as a person would type it.
    command: String,
    needs_root: bool,
    kind: PlanKind,
}

enum PlanKind {
    Packages(Vec<&'static str>),
    RustTarget(&'static str),
}

/// What to run for the missing components.
///
/// # Errors
/// When there is no way to install one of them.
fn plans(missing: &[(Component, String)], manager: Option<Manager>) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    let from_system: Vec<Component> =
        missing.iter().map(|(component, _)| *component).filter(|c| c.is_system()).collect();
    if !from_system.is_empty() {
        if let Some((variable, what)) = named_by_the_user(&from_system) {
            bail!("{variable} names the {what} to use; point it to one that is there, or unset it");
        }
        let Some(manager) = manager else {
            let missing = from_system.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            bail!("no known package manager (apt-get, dnf, pacman, zypper, apk); install {missing} by hand");
        };
        let packages = manager.packages(&from_system);
        let command = manager.command_line(&packages, rustix::process::geteuid().is_root());
        plans.push(Plan {
            what: packages.join(" and "),
            command,
            needs_root: true,
            kind: PlanKind::Packages(packages),
        });
    }
    for (component, _) in missing {
        if let Component::RustTarget(target) = component {
            if !components::on_path("rustup") {
                bail!("there is no rustup to install Rust's {target} target; install it with your Rust distribution");
            }
            let command = format!("rustup target add {target}");
            let what = format!("Rust's {target} target");
            plans.push(Plan { what, command, needs_root: false, kind: PlanKind::RustTarget(target) });
        }
    }
    Ok(plans)
}

/// The variable by which the user has named one of these components, and what it is. It is never replaced.
fn named_by_the_user(missing: &[Component]) -> Option<(&'static str, &'static str)> {
    let variables = [
        (Component::Qemu, "STEWARD_QEMU", "QEMU (7.2 or newer)"),
        (Component::Firmware, FIRMWARE_VARIABLE, "code image of OVMF"),
        (Component::Compiler, "CC", "C compiler"),
        (Component::Prover, PROVER_VARIABLE, "Z3"),
    ];
    let is_set = |variable: &str| env::var_os(variable).is_some_and(|value| !value.is_empty());
    let named = variables.into_iter().find(|(component, variable, _)| missing.contains(component) && is_set(variable));
    named.map(|(_, variable, what)| (variable, what))
}

/// How to get whatever of `needed` is missing: the command line that installs it, or why there is none. `None` when
/// nothing is missing.
#[must_use]
pub fn fix(needed: &[Component]) -> Option<String> {
    let missing = faults(needed);
    let commands = |plans: Vec<Plan>| plans.into_iter().map(|plan| plan.command).collect::<Vec<_>>().join(" && ");
    let fix = || plans(&missing, Manager::detect()).map_or_else(|error| error.to_string(), commands);
    (!missing.is_empty()).then(fix)
}

fn carry_out(plan: &Plan, consent: Consent, manager: Option<Manager>) -> Result<()> {
    let situation = Situation {
        forbidden: is_set("STEWARD_NO_INSTALL"),
        consented: consent.yes || is_set("CI"),
        terminal: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        root: rustix::process::geteuid().is_root(),
        sudo: components::on_path("sudo"),
        needs_root: plan.needs_root,
    };
    match decision::decide(situation) {
        Decision::Refuse(reason) => bail!("{reason}; install {} with\n  {}", plan.what, plan.command),
        Decision::Ask if !ask(plan)? => bail!("not installed; the command is\n  {}", plan.command),
        Decision::Ask | Decision::Install => {}
    }
    eprintln!("installing {}: {}", plan.what, plan.command);
    let elevate = plan.needs_root && !situation.root;
    match (&plan.kind, manager) {
        (PlanKind::Packages(packages), Some(manager)) => {
            install::packages(manager, packages, elevate, situation.terminal)
        }
        (PlanKind::Packages(_), None) => bail!("no known package manager"),
        (PlanKind::RustTarget(target), _) => install::rust_target(target),
    }
}

/// Whether a switch of the environment is on: set, and neither empty nor `0` nor `false`.
fn is_set(name: &str) -> bool {
    env::var(name).is_ok_and(|value| decision::is_on(&value))
}

fn ask(plan: &Plan) -> Result<bool> {
    eprint!("install {} with `{}`? [Y/n] ", plan.what, plan.command);
    std::io::stderr().flush()?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer)?;
    Ok(read > 0 && decision::is_yes(&answer))
}

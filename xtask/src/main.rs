//! `cargo xtask`: everything a person or CI runs in this workspace.
//!
//! This crate decides and prints. What it knows of emulators, kernels and verdicts comes from `steward-harness`;
//! what it knows of the workspace comes from `cargo metadata`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod check;
mod ci;
mod clean;
mod doctor;
mod header;
mod image;
mod images;
mod library;
mod limine;
mod media;
mod out;
mod preflight;
mod run;
mod soak;
mod style;
mod test;
mod verify;
mod way;
mod workspace;

/// Runs, tests, measures and checks Steward.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask run                         boot the kernel and talk to it at its prompt
  cargo xtask run --command help          type one line at the prompt, print what it prints
  cargo xtask run --firmware uefi         the same, by UEFI firmware and from a disc
  cargo xtask image                       make that disc, to boot a real machine from
  cargo xtask test                        every test, on this machine and in QEMU
  cargo xtask check                       every static check that CI runs
  cargo xtask verify                      what is too slow for every change
  cargo xtask doctor                      what is installed, what is missing

QEMU 7.2 or newer is needed to run a kernel; what is missing is installed after asking (see `doctor --help`).";

#[derive(Subcommand)]
enum Command {
    Run(run::Options),
    Image(image::Options),
    Test(test::Options),
    Verify(verify::Options),
    Soak(soak::Options),
    Bench(bench::Options),
    Check(check::Options),
    Header(header::Options),
    Library(library::Options),
    Doctor(doctor::Options),
    Clean(clean::Options),
    Ci(ci::Options),
    #[command(name = test::tied::NAME, hide = true)]
    Tied(test::tied::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Image(options) => image::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Header(options) => header::run(&options),
        Command::Library(options) => library::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Clean(options) => clean::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Tied(options) => test::tied::run(&options),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        match error.downcast_ref() {
            Some(steward_harness::Error::Interrupted(signal)) => run::interrupted(*signal),
            _ => ExitCode::FAILURE,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_explains_itself_and_gives_examples() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(command.get_about().is_some(), "`{}` says nothing about itself", command.get_name());
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.contains("cargo xtask "), "`{}` gives no example", command.get_name());
        }
    }
}

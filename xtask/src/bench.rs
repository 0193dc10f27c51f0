//! `bench`: the targets of docs/benchmarks.md, measured.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use steward_harness::Emulator;
use steward_harness::process::Interrupts;

use crate::out::say;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::workspace::{BARE_METAL, Workspace};

mod boot;
mod cpio;
mod machine;
mod peers;
mod row;
mod size;

use row::Row;

/// Measures Steward beside its peers and compares with the targets of docs/benchmarks.md.
///
/// Measurements of a pair are interleaved in one run, after a warm-up, and reported as medians. A row's ratio is its
/// value divided by its peer's. Benchmarks report; the exit code is 0 also when a target is not met.
///
/// A peer that cannot be had gives a row with "peer_value":null and "met":false, and a line on standard error.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// What to measure [default: everything]
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Print one JSON array of rows with the keys id, what, value, unit, peer, peer_value, ratio, target and met
    #[arg(long)]
    json: bool,
    /// Measurements of each kind, after the warm-up
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Benchmarks:
  P3   direct boot to the prompt on q35, pc and microvm, beside an empty PVH
       kernel and beside Debian's Linux with a static init, which apt downloads
       once (about 30 MB) into target/steward/peers
  P16  size of the kernel image, release, stripped

Examples:
  cargo xtask bench
  cargo xtask bench P3 P16 --json
  cargo xtask bench P3 --rounds 50";

/// What a benchmark may use.
struct Context {
    workspace: Workspace,
    emulator: Emulator,
    rounds: u32,
    interrupts: Interrupts,
}

struct Bench {
    id: &'static str,
    run: fn(&Context) -> Result<Vec<Row>>,
}

const BENCHES: &[Bench] = &[Bench { id: "P3", run: boot::run }, Bench { id: "P16", run: size::run }];

/// Measures what was asked for.
///
/// # Errors
/// When an ID is unknown, or a kernel does not build or does not boot.
pub fn run(options: &Options) -> Result<ExitCode> {
    let chosen = choose(&options.ids)?;
    preflight::require(&[Component::Qemu, Component::RustTarget(BARE_METAL)], options.consent)?;
    let context = Context {
        workspace: Workspace::load()?,
        emulator: Emulator::find()?,
        rounds: options.rounds,
        interrupts: Interrupts::install()?,
    };
    let mut rows = Vec::new();
    for bench in chosen {
        rows.extend((bench.run)(&context)?);
    }
    if options.json {
        say!("{}", serde_json::to_string(&rows)?);
    } else {
        say!("{}", row::table(&rows).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// The benchmarks of these IDs, in the order asked for, each once; all of them when none is named.
fn choose(ids: &[String]) -> Result<Vec<&'static Bench>> {
    let mut chosen: Vec<&Bench> = Vec::new();
    for id in ids {
        let Some(bench) = BENCHES.iter().find(|bench| bench.id.eq_ignore_ascii_case(id)) else {
            let known: Vec<_> = BENCHES.iter().map(|bench| bench.id).collect();
            bail!("there is no benchmark `{id}`; known are {}", known.join(", "));
        };
        if !chosen.iter().any(|other| other.id == bench.id) {
            chosen.push(bench);
        }
    }
    if chosen.is_empty() { Ok(BENCHES.iter().collect()) } else { Ok(chosen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(asked: &[&str]) -> Result<Vec<&'static str>> {
        let asked: Vec<String> = asked.iter().map(|&id| id.into()).collect();
        Ok(choose(&asked)?.into_iter().map(|bench| bench.id).collect())
    }

    #[test]
    fn benchmarks_are_chosen_by_id_each_once() {
        assert_eq!(ids(&["P16", "p3", "P16"]).unwrap(), ["P16", "P3"]);
        assert_eq!(ids(&[]).unwrap(), ["P3", "P16"]);
    }

    #[test]
    fn an_unknown_id_is_refused_with_the_known_ones() {
        let error = ids(&["P99"]).unwrap_err().to_string();
        assert!(error.contains("`P99`") && error.contains("P3, P16"), "{error}");
    }
}

//! `bench`: the targets of docs/benchmarks.md, measured.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use steward_harness::Emulator;
use steward_harness::process::Interrupts;

use crate::limine::Source;
use crate::media::Loader;
use crate::out::say;
use crate::preflight::components::Component;
use crate::preflight::{self, Consent};
use crate::workspace::{BARE_METAL, Workspace};

mod boot;
mod border;
mod costs;
mod cpio;
mod frames;
mod heap;
mod isolation;
mod keys;
mod ktap;
mod linux;
mod loans;
mod machine;
mod peers;
mod row;
mod size;

use isolation::{Figures, Parts};
use row::Row;

/// Measures Steward beside its peers and compares with the targets of docs/benchmarks.md.
///
/// Measurements of a pair are interleaved in one run, after a warm-up, and reported as medians. A row's ratio is its
/// value divided by its peer's. Benchmarks report; the exit code is 0 also when a target is not met.
///
/// A peer that cannot be had gives a row with "peer_value":null and "met":false, and a line on standard error. A row
/// whose target is "none" is there for scale; its "met" is true.
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
    /// A directory with a binary release of Limine, for P1 [default: what STEWARD_LIMINE names, or none]
    #[arg(long, value_name = "DIR")]
    limine: Option<PathBuf>,
    /// A directory with a checkout of LLFree (the version 0.2 of its crate), to be compiled and measured for P4 to P6
    /// [default: none]
    #[arg(long, value_name = "DIR")]
    llfree: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Benchmarks:
  P1   one test in a fresh machine, on q35 and microvm, from dispatch to verdict,
       beside booting a machine for it: directly, by UEFI from a disc with our
       loader, and by UEFI and BIOS from one with genuine Limine (--limine)
  P2   300 such tests on all CPUs, beside 300 times one of them
  P3   direct boot to the prompt on q35, pc and microvm, beside an empty PVH
       kernel and beside Debian's Linux with a static init, which apt downloads
       once (about 30 MB) into target/steward/peers
  P4   taking a frame and giving it back, tracked, beside other allocators, which
       track nothing, and beside itself when memory is half full
  P5   the same by two threads
  P6   taking half of the memory at once, giving it back in order and in random
       order
  P7   lending and returning one page and 512, beside a pair of compare-exchanges;
       and what it costs to track each frame
  P8   a key that has no entry of its own, which comes and goes, beside a spin
       lock and a hash map for each bucket
  P11  memory spent on knowing of each frame
  P16  size of the kernel image, release, stripped
  LINUX
       a shell command on Debian's Linux, in a fork of a machine that was booted
       once, beside booting one for each, on q35 and microvm
  COSTS
       instructions of each operation of the ledger, the frame allocator and the
       heap, in a machine that counts them
  HEAP
       ten million objects of mixed sizes, taken and freed by two threads, beside
       the allocator talc
  BORDER
       instructions of calls between C and Rust, of the ledgers asked from C and from
       Rust, and of bytes sent by the serial drivers in Rust and in C; times of the
       former on this computer; the size of kernels with either driver; and what
       their sources are made of (docs/rust-and-c.md)
  KTAP
       reading logs of 100 MB with results of tests

Examples:
  cargo xtask bench
  cargo xtask bench P1 P2 --json
  cargo xtask bench P1 --limine ~/limine-8.2.0-binary
  cargo xtask bench P3 --rounds 50
  cargo xtask bench P4 P5 P6 --llfree ~/llfree-rs";

/// What a benchmark may use.
struct Context {
    workspace: Workspace,
    emulator: Emulator,
    rounds: u32,
    interrupts: Interrupts,
    /// What is on the discs that P1 boots.
    loaders: Vec<Loader>,
    /// What P1 and P2 need of the figures that they share.
    parts: Parts,
    isolation: OnceCell<Figures>,
    /// A checkout of LLFree.
    llfree: Option<PathBuf>,
    frames: OnceCell<frames::Figures>,
}

impl Context {
    /// The figures of P1 and P2, measured when they are asked for first.
    fn isolation(&self) -> Result<&Figures> {
        if let Some(figures) = self.isolation.get() {
            return Ok(figures);
        }
        let figures = isolation::measure(self, self.parts)?;
        Ok(self.isolation.get_or_init(|| figures))
    }

    /// The figures of P4 to P6, likewise.
    fn frames(&self) -> Result<&frames::Figures> {
        if let Some(figures) = self.frames.get() {
            return Ok(figures);
        }
        let figures = frames::measure(self)?;
        Ok(self.frames.get_or_init(|| figures))
    }
}

struct Bench {
    id: &'static str,
    run: fn(&Context) -> Result<Vec<Row>>,
}

const BENCHES: &[Bench] = &[
    Bench { id: P1, run: isolation::one },
    Bench { id: P2, run: isolation::many },
    Bench { id: "P3", run: boot::run },
    Bench { id: "P4", run: frames::pairs },
    Bench { id: "P5", run: frames::pairs_of_two },
    Bench { id: "P6", run: frames::bulk },
    Bench { id: "P7", run: loans::run },
    Bench { id: "P8", run: keys::run },
    Bench { id: "P11", run: frames::metadata },
    Bench { id: "P16", run: size::run },
    Bench { id: "LINUX", run: linux::run },
    Bench { id: "COSTS", run: costs::run },
    Bench { id: "HEAP", run: heap::run },
    Bench { id: "BORDER", run: border::run },
    Bench { id: "KTAP", run: ktap::run },
];
const P1: &str = "P1";
const P2: &str = "P2";

/// Measures what was asked for.
///
/// # Errors
/// When an ID is unknown, or a kernel does not build or does not boot.
pub fn run(options: &Options) -> Result<ExitCode> {
    let chosen = choose(&options.ids)?;
    let is_chosen = |id| chosen.iter().any(|bench| bench.id == id);
    let parts = Parts { boots: is_chosen(P1), many: is_chosen(P2) };
    let workspace = Workspace::load()?;
    let loaders = if parts.boots { loaders(Source::choose(options.limine.as_deref(), &workspace)) } else { Vec::new() };
    preflight::require(&needed(&loaders), options.consent)?;
    let context = Context {
        loaders,
        parts,
        isolation: OnceCell::new(),
        llfree: options.llfree.clone(),
        frames: OnceCell::new(),
        workspace,
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

/// What boots the discs: our loader, and Limine where a directory with it is named. It is not fetched for this.
fn loaders(limine: Source) -> Vec<Loader> {
    let limine = limine.is_named().then_some(Loader::Limine(limine));
    [Loader::Steward].into_iter().chain(limine).collect()
}

/// What must be installed.
fn needed(loaders: &[Loader]) -> Vec<Component> {
    let always = [Component::Qemu, Component::RustTarget(BARE_METAL)];
    let for_discs = (!loaders.is_empty()).then_some(Component::Firmware);
    always.into_iter().chain(for_discs).chain(loaders.iter().flat_map(Loader::components)).collect()
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
    use crate::workspace::UEFI;

    fn ids(asked: &[&str]) -> Result<Vec<&'static str>> {
        let asked: Vec<String> = asked.iter().map(|&id| id.into()).collect();
        Ok(choose(&asked)?.into_iter().map(|bench| bench.id).collect())
    }

    #[test]
    fn benchmarks_are_chosen_by_id_each_once() {
        assert_eq!(ids(&["P16", "p3", "P16"]).unwrap(), ["P16", "P3"]);
        let all =
            ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P11", "P16", "LINUX", "COSTS", "HEAP", "BORDER", "KTAP"];
        assert_eq!(ids(&[]).unwrap(), all);
    }

    #[test]
    fn firmware_and_what_discs_are_made_of_is_needed_only_where_it_is_used() {
        assert_eq!(needed(&[]).len(), 2);
        let ours = loaders(Source::Git("/l".into()));
        assert_eq!(needed(&ours)[2..], [Component::Firmware, Component::RustTarget(UEFI)]);
        let both = loaders(Source::Option("/l".into()));
        assert!(needed(&both).ends_with(&[Component::Compiler]), "{both:?}");
    }

    #[test]
    fn an_unknown_id_is_refused_with_the_known_ones() {
        let error = ids(&["P99"]).unwrap_err().to_string();
        assert!(error.contains("`P99`") && error.contains("P11, P16"), "{error}");
    }
}

//! BORDER: what it costs that C and Rust work together, and the same driver in both; docs/rust-and-c.md has the answers.

mod sources;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::{Object, ObjectSection};
use xshell::cmd;

use super::Context;
use super::costs;
use super::frames::Figures;
use super::row::{Row, Subject};
use crate::images::{self, Build, Serial};

const ID: &str = "BORDER";
/// The kernel test that measures, and logs what it finds.
const TEST: &str = "steward_machine::ktests::border::what_crosses_the_border_is_measured";
/// What it logs before a figure.
const MARK: &str = "at the border, ";

/// How what C does is named, and the same in Rust.
const PEERS: [(&str, &str); 3] = [
    ("driver in C, port instructions in C", "driver in Rust"),
    ("driver in C, registers in Rust", "driver in Rust"),
    ("from C", "from Rust"),
];
/// What a call is set beside.
const CALL: &str = "a call, Rust to Rust, not inlined";

/// Measurements of each kind on this computer, for each round that is asked for: they take some dozen microseconds each.
const MEASUREMENTS: u32 = 25;
/// What is measured so, by its name there.
const TIMES: [(&str, &str); 2] = [("key", "a key taken and given up"), ("loan", "a key lent and returned")];

/// A figure of the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cost {
    what: String,
    instructions: u32,
    times: u32,
}

impl Cost {
    fn each(&self) -> f64 {
        f64::from(self.instructions) / f64::from(self.times)
    }
}

/// Counts instructions in a machine, times on this computer, sizes of kernels, and lines.
///
/// # Errors
/// As [`costs::counted`], when a program does not build, and when a source is missing.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let mut rows = rows(&costs::counted(context, TEST, read)?);
    rows.extend(times(context)?);
    rows.push(sizes(context)?);
    rows.extend(sources::rows(context.workspace.root())?);
    Ok(rows)
}

/// Nanoseconds on this computer, where C is linked to the ledger as in a kernel, and no interrupts are turned off.
fn times(context: &Context) -> Result<Vec<Row>> {
    let shell = context.workspace.shell()?;
    let program = ["--release", "--package", "steward-c", "--example", "border"];
    let rounds = (context.rounds * MEASUREMENTS).to_string();
    let text =
        cmd!(shell, "cargo run --quiet {program...} -- {rounds}").read().context("the border cannot be measured")?;
    let figures = Figures::parse(&text)?;
    let row = |(measured, what): (&str, &str)| -> Result<Row> {
        let median = |whose| figures.get(measured, whose).map(|figure| figure.median);
        let (what, peer) = (format!("{what}, from C, time"), format!("{what}, from Rust, time"));
        Ok(Subject::for_scale(ID, what, "ns", peer).row(median("c")?, Some(median("rust")?)))
    };
    TIMES.into_iter().map(row).collect()
}

/// The kernel's machine code with the driver in C beside that with the one in Rust.
fn sizes(context: &Context) -> Result<Row> {
    let size = |serial| -> Result<u32> {
        let build = Build { release: true, tests: false, serial };
        text(&images::kernel(&context.workspace, build, &context.interrupts)?)
    };
    let (in_c, in_rust) = (size(Serial::C)?, size(Serial::Rust)?);
    let subject = Subject::for_scale(
        ID,
        "machine code of the release kernel (.text), driver in C".to_owned(),
        "bytes",
        "machine code of the release kernel (.text), driver in Rust".to_owned(),
    );
    Ok(subject.row(f64::from(in_c), Some(f64::from(in_rust))))
}

/// Bytes of an ELF file's machine code.
fn text(elf: &Path) -> Result<u32> {
    let data = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let file = object::File::parse(&*data)?;
    let section = file.section_by_name(".text").context("the kernel has no machine code")?;
    Ok(section.size().try_into()?)
}

/// The figures in a log.
fn read(log: &str) -> Vec<Cost> {
    log.lines().filter_map(|line| parse(line.split_once(MARK)?.1)).collect()
}

fn parse(text: &str) -> Option<Cost> {
    let (what, figures) = text.rsplit_once(": ")?;
    let (instructions, times) = figures.trim().split_once(" for ")?;
    Some(Cost { what: what.to_owned(), instructions: instructions.parse().ok()?, times: times.parse().ok()? })
}

/// What stands beside a figure: the same from Rust, or in Rust.
fn peer(what: &str) -> Option<String> {
    if what.starts_with("a call, ") && what != CALL {
        return Some(CALL.to_owned());
    }
    PEERS.iter().find_map(|(in_c, in_rust)| Some(format!("{}{in_rust}", what.strip_suffix(in_c)?)))
}

fn rows(costs: &[Cost]) -> Vec<Row> {
    let row = |cost: &Cost| {
        // There is none of what only C does: to be refused.
        let other = peer(&cost.what).and_then(|peer| costs.iter().find(|cost| cost.what == peer));
        let name = other.map(|other| other.what.clone()).unwrap_or_default();
        Subject::for_scale(ID, cost.what.clone(), "instructions", name).row(cost.each(), other.map(Cost::each))
    };
    costs.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[    0.27] INFO  steward_machine::ktests::border: at the border, a call, Rust to Rust, not inlined: 64 for 64\r
[    0.28] INFO  steward_machine::ktests::border: at the border, a call, Rust to C: 96 for 64\r
[    0.30] INFO  something: else";

    #[test]
    fn figures_are_read_from_the_log_and_set_beside_their_peers() {
        let rows = rows(&read(LOG));
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].value, rows[0].peer_value), (1.0, None));
        assert_eq!((rows[1].value, rows[1].peer_value, rows[1].ratio), (1.5, Some(1.0), Some(1.5)));
    }

    #[test]
    fn what_is_done_from_c_or_in_c_is_set_beside_the_same_in_rust() {
        let same = |what: &str| peer(what).unwrap_or_default();
        assert_eq!(same("a byte sent, driver in C, registers in Rust"), "a byte sent, driver in Rust");
        assert_eq!(same("a key lent and returned, from C"), "a key lent and returned, from Rust");
        assert_eq!(same("a loop in C, without a call"), "");
        assert_eq!(same("a key lent and returned, from Rust"), "");
    }
}

//! BORDER: what it costs that C and Rust work together, and the same driver in both; docs/rust-and-c.md has the answers.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::{Object, ObjectSection};

use super::Context;
use super::costs;
use super::row::{Row, Subject};
use crate::check::sources;
use crate::images::{self, Build, Serial};

const ID: &str = "BORDER";
/// The kernel test that measures, and logs what it finds.
const TEST: &str = "steward_machine::ktests::border::what_crosses_the_border_is_measured";
/// What it logs before a figure.
const MARK: &str = "at the border, ";

/// Lists the files that may have unsafe code.
const UNSAFE_FILES: &str = "xtask/allow/unsafe-files.txt";

/// Figures that are set beside one another.
const PEERS: [(&str, &str); 9] = [
    ("a call, Rust to C", "a call, Rust to Rust, not inlined"),
    ("a call, C to Rust", "a call, Rust to Rust, not inlined"),
    ("a key taken and given up, from C", "a key taken and given up, from Rust"),
    ("a key lent and returned, from C", "a key lent and returned, from Rust"),
    ("a byte sent, driver in C, port instructions in C", "a byte sent, driver in Rust"),
    ("a byte sent, driver in C, registers in Rust", "a byte sent, driver in Rust"),
    ("a byte of 256 sent, driver in C, port instructions in C", "a byte of 256 sent, driver in Rust"),
    ("a byte of 256 sent, driver in C, registers in Rust", "a byte of 256 sent, driver in Rust"),
    (
        "a byte asked for when there is none, driver in C, port instructions in C",
        "a byte asked for when there is none, driver in Rust",
    ),
];

/// A driver's sources: what it does, and what is needed to reach it from Rust.
const SOURCES: [(&str, &[&str]); 3] = [
    ("driver in Rust", &["drivers/serial/src/uart.rs", "drivers/serial/src/registers.rs"]),
    ("driver in C", &["drivers/serial-c/c/uart16550.c", "drivers/serial-c/c/uart16550.h"]),
    ("border of the driver in C", &["drivers/serial-c/src/border.rs", "drivers/serial-c/src/uart.rs"]),
];

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

/// Counts instructions in a machine, sizes of kernels, and lines.
///
/// # Errors
/// As [`costs::counted`], and when a source is missing.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let mut rows = rows(&costs::counted(context, TEST, read)?);
    rows.push(sizes(context)?);
    rows.push(unsafe_files(context)?);
    let lines = |(what, files): &(&str, &[&str])| -> Result<Row> {
        let count = |file: &&str| -> Result<u32> {
            let text = fs::read_to_string(context.workspace.root().join(file)).with_context(|| (*file).to_owned())?;
            Ok(lines(&text))
        };
        let total: u32 = files.iter().map(count).sum::<Result<u32>>()?;
        Ok(Subject::for_scale(ID, format!("lines, {what}"), "lines", String::new()).row(f64::from(total), None))
    };
    for source in &SOURCES {
        rows.push(lines(source)?);
    }
    Ok(rows)
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
        "machine code (.text) of the kernel, release, driver in C".to_owned(),
        "bytes",
        "the same, driver in Rust".to_owned(),
    );
    Ok(subject.row(f64::from(in_c), Some(f64::from(in_rust))))
}

/// Files of the kernel that have unsafe code, beside all of them.
fn unsafe_files(context: &Context) -> Result<Row> {
    let root = context.workspace.root();
    let is_kernel = |path: &&str| path.starts_with("kernel/");
    let list = sources::read(root, UNSAFE_FILES)?;
    let listed = list.lines().filter(is_kernel).count();
    let all = sources::all(root)?.iter().filter(|source| is_kernel(&source.path.as_str())).count();
    let what = "files of kernel/ that may have unsafe code".to_owned();
    let subject = Subject::for_scale(ID, what, "files", "all files of kernel/".to_owned());
    Ok(subject.row(f64::from(u32::try_from(listed)?), Some(f64::from(u32::try_from(all)?))))
}

/// Bytes of an ELF file's machine code.
fn text(elf: &Path) -> Result<u32> {
    let data = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let file = object::File::parse(&*data)?;
    let section = file.section_by_name(".text").context("the kernel has no machine code")?;
    Ok(section.size().try_into()?)
}

/// Lines that are neither empty nor comments alone. Tests in the same file count; there are none in these.
fn lines(text: &str) -> u32 {
    let is_code = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !["//", "/*", "*"].iter().any(|mark| line.starts_with(mark))
    };
    text.lines().filter(is_code).count() as u32
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

fn rows(costs: &[Cost]) -> Vec<Row> {
    let row = |cost: &Cost| {
        let peer = PEERS.iter().find(|(what, _)| *what == cost.what).map(|(_, peer)| *peer);
        let peers = peer.and_then(|peer| costs.iter().find(|cost| cost.what == peer)).map(Cost::each);
        Subject::for_scale(ID, cost.what.clone(), "instructions", peer.unwrap_or_default().to_owned())
            .row(cost.each(), peers)
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
    fn comments_and_empty_lines_are_no_lines() {
        assert_eq!(lines("/* one\n * two */\n\nint x; /* three */\n\t// four\n#endif\n"), 2);
    }
}

//! COSTS: instructions of each operation of the ledger and the frame allocator, counted by the machine.

use std::fmt::Debug;
use std::io::{PipeWriter, Write};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::machine::{Guest, converse};
use super::row::{Row, Subject};
use crate::images::{self, Build};

const ID: &str = "COSTS";
/// The kernel test that measures, and logs what it finds.
const TEST: &str = "steward_machine::ktests::ledger::costs::each_operation_costs_something_and_says_how_much";
/// What it logs before a figure.
const MARK: &str = ": cost of ";
const PROMPT: &str = "steward> ";
/// What the kernel prints behind its last test.
const END: &str = "# Totals: ";
/// One instruction takes a nanosecond of the machine's time, by which its counter counts.
const COUNTING: [&str; 2] = ["-icount", "shift=0,sleep=off"];

/// A figure of the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cost {
    operation: String,
    pages: u32,
    instructions: u32,
}

/// Runs the kernel's test twice, in machines that count instructions.
///
/// # Errors
/// When the kernel does not build or boot, its test fails, or the two runs differ: then these are no instructions.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    Ok(rows(&counted(context, TEST, read)?))
}

/// What a kernel test logs in a machine that counts instructions, twice, and read twice alike.
///
/// # Errors
/// As [`run`].
pub fn counted<T: PartialEq + Debug>(context: &Context, test: &str, read: fn(&str) -> Vec<T>) -> Result<Vec<T>> {
    let build = Build { release: true, tests: true, ..Build::default() };
    let image = images::image(&context.workspace, build, &context.interrupts)?;
    let guest = Guest {
        name: "Steward".to_owned(),
        arguments: image.boot.arguments("").into_iter().chain(COUNTING.map(Into::into)).collect(),
        marker: END,
        limit: Duration::from_secs(120),
    };
    let run = || -> Result<Vec<T>> {
        let mut asked = false;
        let seen =
            converse(&context.emulator, "q35", &guest, &context.interrupts, |seen, keyboard: &mut PipeWriter| {
                if !asked && String::from_utf8_lossy(seen).contains(PROMPT) {
                    asked = true;
                    write!(keyboard, "ktest {test}\r")?;
                }
                Ok(())
            })?;
        let costs = read(&String::from_utf8_lossy(&seen));
        ensure!(!costs.is_empty(), "the kernel's test told no costs");
        Ok(costs)
    };
    let (costs, again) = (run()?, run()?);
    ensure!(costs == again, "two runs differ:\n{costs:?}\n{again:?}");
    Ok(costs)
}

/// The figures in a log.
fn read(log: &str) -> Vec<Cost> {
    let lines = log.lines().filter_map(|line| line.split_once(MARK));
    lines.filter_map(|(_, rest)| parse(rest).ok()).collect()
}

fn parse(text: &str) -> Result<Cost> {
    let (what, instructions) = text.rsplit_once(": ").context("no figure")?;
    let (operation, pages) = what.rsplit_once(", pages ").context("no number of pages")?;
    Ok(Cost { operation: operation.to_owned(), pages: pages.parse()?, instructions: instructions.trim().parse()? })
}

/// Figures of several pages beside as many times those of one.
fn rows(costs: &[Cost]) -> Vec<Row> {
    let row = |cost: &Cost| {
        let one = costs.iter().find(|one| one.operation == cost.operation && one.pages == 1 && cost.pages > 1);
        let plural = if cost.pages == 1 { "page" } else { "pages" };
        let what = format!("{}, {} {plural}", cost.operation, cost.pages);
        let peer = one.map_or_else(String::new, |_| format!("{} × the same of 1 page", cost.pages));
        let peers = one.map(|one| f64::from(one.instructions) * f64::from(cost.pages));
        Subject::for_scale(ID, what, "instructions", peer).row(f64::from(cost.instructions), peers)
    };
    costs.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[    0.27] INFO  steward_machine::ktests::ledger::costs: cost of lend shared, pages 1: 100\r
[    0.28] INFO  steward_machine::ktests::ledger::costs: cost of take, pages 512: 9\r
[    0.29] INFO  steward_machine::ktests::ledger::costs: cost of lend shared, pages 512: 12800\r
[    0.30] INFO  something: else";

    #[test]
    fn figures_are_read_from_the_log_and_those_of_many_pages_are_set_beside_those_of_one() {
        let costs = read(LOG);
        assert_eq!(costs[0], Cost { operation: "lend shared".into(), pages: 1, instructions: 100 });
        let rows = rows(&costs);
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].what.as_str(), rows[0].peer_value), ("lend shared, 1 page", None));
        assert_eq!((rows[1].value, rows[1].peer_value), (9.0, None));
        assert_eq!((rows[2].peer_value, rows[2].ratio, rows[2].met), (Some(51200.0), Some(0.25), true));
    }
}

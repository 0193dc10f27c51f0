//! P7: what loans cost, and what it costs to track each frame.

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::Context;
use super::frames::{Figures, OURS};
use super::row::{Row, Subject};

const PAIR: &str = "a pair of compare-exchanges";
/// Measurements of each kind, for each round that is asked for: they take some microseconds each.
const MEASUREMENTS: u32 = 50;

/// Measures.
///
/// # Errors
/// When a program does not build, or prints something else than figures.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let shell = context.workspace.shell()?;
    let program = ["--release", "--package", "steward-ledger", "--example", "costs"];
    let rounds = (context.rounds * MEASUREMENTS).to_string();
    let text =
        cmd!(shell, "cargo run --quiet {program...} -- {rounds}").read().context("the ledger cannot be measured")?;
    let figures = Figures::parse(&text)?;
    let median = |what: &str| figures.get(what, OURS).map(|figure| figure.median);
    let pair = median("pair")?;
    let row = |what: &str, measured: &str, most: f64| -> Result<Row> {
        Ok(held(what, PAIR, most).row(median(measured)?, Some(pair)))
    };
    let mut rows = vec![
        row("lend + return, shared, 1 page", "loan-shared", 6.0)?,
        row("lend + return, mutable, 1 page", "loan-mut", 6.0)?,
        row("lend + return, shared, for each of 512 pages", "loan-shared-512", 1.5)?,
        row("lend + return, mutable, for each of 512 pages", "loan-mut-512", 1.5)?,
    ];
    let own = Subject::for_scale("P7", "acquire + release, 1 page".to_owned(), "ns", PAIR.to_owned());
    rows.push(own.row(median("own")?, Some(pair)));
    // Two threads are measured only where both had a CPU all the time.
    for (what, measured) in [
        ("lend + return, shared, 2 threads, pages of their own", "loan-shared-apart-2"),
        ("lend + return, shared, 2 threads, the same page", "loan-shared-hot-2"),
    ] {
        if let Some(figure) = figures.find(measured, OURS) {
            let scale = Subject::for_scale("P7", what.to_owned(), "ns", PAIR.to_owned());
            rows.push(scale.row(figure.median, Some(pair)));
        }
    }
    let tracked = context.frames()?.get("pair", OURS)?.median;
    let untracked = tracked - median("claims")?;
    let tax = held("take + put of a frame, tracked", "the same without the two claims of its entry", 1.6);
    rows.push(tax.row(tracked, Some(untracked)));
    Ok(rows)
}

fn held(what: &str, peer: &str, most: f64) -> Subject {
    let (what, peer) = (what.to_owned(), peer.to_owned());
    Subject { id: "P7", what, unit: "ns", peer, target: format!("ratio ≤ {most}"), most }
}

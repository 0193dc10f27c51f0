//! P8: what a key costs that has no entry of its own.

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::Context;
use super::frames::{Figures, OURS};
use super::row::{Row, Subject};

const MAP: &str = "a spin lock and a hashbrown map for each bucket";
const TABLE: &str = "the same with hashbrown's table, hashed once";
/// Measurements of each kind, for each round that is asked for: they take some dozen microseconds each.
const MEASUREMENTS: u32 = 25;

/// Measures.
///
/// # Errors
/// When a program does not build, or prints something else than figures.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let shell = context.workspace.shell()?;
    let program = ["--release", "--package", "steward-ledger", "--example", "keys"];
    let rounds = (context.rounds * MEASUREMENTS).to_string();
    let text =
        cmd!(shell, "cargo run --quiet {program...} -- {rounds}").read().context("the ledger cannot be measured")?;
    let figures = Figures::parse(&text)?;
    let median = |what: &str, whose: &str| figures.get(what, whose).map(|figure| figure.median);
    let scale = |what: &str, peer: &str| Subject::for_scale("P8", what.to_owned(), "ns", peer.to_owned());
    let (key, map) = (median("key", OURS)?, median("key", "hashbrown-map")?);
    let held = Subject { target: "ratio ≤ 0.8".to_owned(), most: 0.8, ..scale("insert + remove of a key", MAP) };
    let owned = scale("acquire + release of a key, with its owner's account", MAP);
    let two = scale("insert + remove of a key, 2 threads", MAP);
    Ok(vec![
        held.row(key, Some(map)),
        scale("insert + remove of a key", TABLE).row(key, Some(median("key", "hashbrown-table")?)),
        owned.row(median("key-owned", OURS)?, Some(map)),
        two.row(median("key-2", OURS)?, Some(median("key-2", "hashbrown-map")?)),
    ])
}

//! KTAP: how fast logs with results of tests are read.

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::Context;
use super::row::Row;

/// The target, in megabytes a second.
const LEAST: f64 = 200.0;

/// Reads logs of 100 MB on one core, built for release.
///
/// # Errors
/// When the program that reads them does not build, or prints something else than rates.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let shell = context.workspace.shell()?;
    let rounds = context.rounds.to_string();
    let program = ["--release", "--package", "steward-ktap", "--example", "rate"];
    let rates = cmd!(shell, "cargo run --quiet {program...} -- {rounds}").read().context("the logs cannot be read")?;
    rates.lines().map(row).collect()
}

/// A row, of a line with a rate, a tab, and what was read.
fn row(line: &str) -> Result<Row> {
    let (rate, what) = line.split_once('\t').with_context(|| format!("`{line}` is no rate"))?;
    let value: f64 = rate.parse().with_context(|| format!("`{rate}` is no rate"))?;
    Ok(Row {
        id: "KTAP",
        what: format!("100 MB to JSON on one core: {what}"),
        value,
        unit: "MB/s",
        peer: "what is wanted".to_owned(),
        peer_value: Some(LEAST),
        ratio: Some((value / LEAST * 1e4).round() / 1e4),
        target: "≥ 200 MB/s".to_owned(),
        met: value >= LEAST,
    })
}

#[cfg(test)]
mod tests {
    use super::row;

    #[test]
    fn two_hundred_megabytes_a_second_are_enough() {
        let enough = row("200.0\tresults").unwrap();
        assert!(enough.met && enough.what.ends_with("results"));
        assert!(!row("199.9\tresults").unwrap().met);
        assert!(row("fast").is_err() && row("fast\tresults").is_err());
    }
}

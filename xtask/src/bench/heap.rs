//! HEAP: the heap's caches beside `talc`, over ten million objects of mixed sizes.

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::Context;
use super::frames::{Figures, OURS};
use super::row::{Row, Subject};

const ID: &str = "HEAP";
const TALC: &str = "talc";
const PEER: &str = "talc behind a spin lock";
/// What each measurement takes and frees in all rounds, in millions.
const MILLIONS: &str = "10";

/// Measures.
///
/// # Errors
/// When the program does not build, or prints something else than figures.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let shell = context.workspace.shell()?;
    let program = ["--release", "--package", "steward-slab", "--example", "mixed"];
    let rounds = context.rounds.to_string();
    let text = cmd!(shell, "cargo run --quiet {program...} -- {rounds} {MILLIONS}")
        .read()
        .context("the heap cannot be measured")?;
    rows(&Figures::parse(&text)?)
}

fn rows(figures: &Figures) -> Result<Vec<Row>> {
    let median = |what: &str, whose: &str| figures.get(what, whose).map(|figure| figure.median);
    let timed = |what: &str, measured: &str| -> Result<Row> {
        let (what, peer, target) = (what.to_owned(), PEER.to_owned(), "ratio ≤ 1.2".to_owned());
        let subject = Subject { id: ID, what, unit: "ns", peer, target, most: 1.2 };
        Ok(subject.row(median(measured, OURS)?, Some(median(measured, TALC)?)))
    };
    let scale = |what: &str, unit: &'static str, measured: &str| -> Result<Row> {
        let subject = Subject::for_scale(ID, what.to_owned(), unit, PEER.to_owned());
        Ok(subject.row(median(measured, OURS)?, Some(median(measured, TALC)?)))
    };
    Ok(vec![
        timed("an object of mixed sizes, 2 threads, each frees its own", "own-of-two")?,
        timed("an object of mixed sizes, 2 threads, either frees it", "any-of-two")?,
        timed("an object of mixed sizes, 1 thread", "own-of-one")?,
        scale("held and not asked for (fragmentation)", "‰", "unasked")?,
        left(median("left", OURS)?),
        scale("kept when all are freed", "bytes", "kept")?,
    ])
}

/// What lives when everything has been freed, which is to be nothing.
fn left(objects: f64) -> Row {
    let what = "objects left of 10 million for each measurement".to_owned();
    let none = Subject { id: ID, what, unit: "objects", peer: "none".to_owned(), target: "0".to_owned(), most: 0.0 };
    // A ratio to nothing is no number.
    Row { met: objects == 0.0, ratio: None, ..none.row(objects, Some(0.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_is_left_misses_the_target() {
        assert!(left(0.0).met && !left(1.0).met);
        assert!(serde_json::to_string(&left(0.0)).unwrap().contains("\"ratio\":null"));
    }

    #[test]
    fn times_are_held_to_talc_and_the_rest_is_for_scale() {
        let figures: String = ["own-of-two", "any-of-two", "own-of-one", "unasked", "left", "kept"]
            .iter()
            .flat_map(|what| [format!("{what}\tsteward\t12.2\t10\n"), format!("{what}\ttalc\t10\t10\n")])
            .collect();
        let rows = rows(&Figures::parse(&figures).unwrap()).unwrap();
        assert_eq!(rows.iter().map(|row| row.met).collect::<Vec<_>>(), [false, false, false, true, false, true]);
    }
}

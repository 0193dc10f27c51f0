//! P4, P5, P6 and P11: the frame allocator beside others.

use std::collections::BTreeMap;
use std::io::{PipeWriter, Write};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use super::Context;
use super::machine::{Guest, converse};
use super::row::{Row, Subject};
use crate::images::{self, Build};

mod project;

const UNIT: &str = "ns";
pub(super) const OURS: &str = "steward";
const LARGE: &str = "steward-1g";
const BUDDY: &str = "buddy_system_allocator behind a spin lock";
const BITMAP: &str = "bitmap-allocator behind a spin lock";

/// Median and least of what was measured of somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) median: f64,
    least: f64,
}

/// Everything that was measured, by what and whose it is.
#[derive(Debug)]
pub struct Figures(BTreeMap<(String, String), Figure>);

impl Figures {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let figure = |line: &str| {
            let [what, whose, median, least] = line.split('\t').collect::<Vec<_>>()[..] else {
                bail!("`{line}` is no figure")
            };
            Ok(((what.to_owned(), whose.to_owned()), Figure { median: median.parse()?, least: least.parse()? }))
        };
        Ok(Self(text.lines().map(figure).collect::<Result<_>>()?))
    }

    pub(super) fn find(&self, what: &str, whose: &str) -> Option<Figure> {
        self.0.get(&(what.to_owned(), whose.to_owned())).copied()
    }

    pub(super) fn get(&self, what: &str, whose: &str) -> Result<Figure> {
        self.find(what, whose)
            .with_context(|| format!("`{what}` of {whose} could not be measured: the computer is busy"))
    }
}

/// Runs the measurements, with LLFree where a checkout of it is named.
///
/// # Errors
/// When a program does not build, or prints something else than figures.
pub fn measure(context: &Context) -> Result<Figures> {
    let text = match &context.llfree {
        Some(checkout) => project::run(&context.workspace, checkout, context.rounds)?,
        None => example(context, context.rounds)?,
    };
    Figures::parse(&text)
}

fn example(context: &Context, rounds: u32) -> Result<String> {
    let shell = context.workspace.shell()?;
    let program = ["--release", "--package", "steward-frames", "--example", "pairs"];
    let rounds = rounds.to_string();
    cmd!(shell, "cargo run --quiet {program...} -- {rounds}").read().context("the frame allocator cannot be measured")
}

/// What a figure is held to.
struct Held<'a> {
    id: &'static str,
    what: &'a str,
    peer: &'a str,
    /// The largest ratio, if there is a target.
    most: Option<f64>,
}

impl Held<'_> {
    fn row(&self, ours: f64, peers: f64) -> Row {
        let (what, peer) = (self.what.to_owned(), self.peer.to_owned());
        let subject = match self.most {
            Some(most) => Subject { id: self.id, what, unit: UNIT, peer, target: format!("ratio ≤ {most}"), most },
            None => Subject::for_scale(self.id, what, UNIT, peer),
        };
        subject.row(ours, Some(peers))
    }
}

/// A figure without a peer.
fn alone(id: &'static str, what: &str, value: f64) -> Row {
    Subject::for_scale(id, what.to_owned(), UNIT, String::new()).row(value, None)
}

/// P4: a pair, by one thread.
///
/// # Errors
/// As [`measure`].
pub fn pairs(context: &Context) -> Result<Vec<Row>> {
    let figures = context.frames()?;
    let median = |what, whose| figures.get(what, whose).map(|figure| figure.median);
    let pair = "take + put, tracked, 1 thread";
    let held = |what, peer, most| Held { id: "P4", what, peer, most };
    let (ours, half, buddy) = (median("pair", OURS)?, median("pair-at-power", OURS)?, median("pair", "buddy")?);
    let mut rows = vec![
        held(pair, BUDDY, Some(1.3)).row(ours, buddy),
        held("the same, half of memory taken", "itself elsewhere", Some(1.2)).row(half, ours),
        held(pair, BITMAP, None).row(ours, median("pair", "bitmap")?),
        held(pair, "a pair of compare-exchanges", None).row(ours, median("pair", "canary")?),
        held(BUDDY, "itself elsewhere", None).row(median("pair-at-power", "buddy")?, buddy),
    ];
    if let Some(peer) = figures.find("pair", "llfree") {
        rows.insert(0, held(pair, "LLFree, untracked", Some(0.6)).row(ours, peer.median));
    }
    if let Some(row) = rows.iter_mut().find(|row| row.what == BUDDY) {
        row.what = "buddy_system_allocator, half of memory taken".to_owned();
    }
    Ok(rows)
}

/// P5: a pair, by two threads.
///
/// # Errors
/// As [`measure`].
pub fn pairs_of_two(context: &Context) -> Result<Vec<Row>> {
    let figures = context.frames()?;
    let of_two = |whose| figures.get("pair-of-two", whose);
    let (one, two, buddy) = (figures.get("pair", OURS)?, of_two(OURS)?, of_two("buddy")?);
    let held = |what, peer, most| Held { id: "P5", what, peer, most };
    let (median, least) = ("take + put, tracked, 2 threads, median", "take + put, tracked, 2 threads, least");
    let canary = of_two("canary")?;
    let mut rows = vec![
        held(median, "its own 1 thread", Some(1.15)).row(two.median, one.median),
        held(least, "its own 1 thread", Some(1.15)).row(two.least, one.least),
        held(median, BUDDY, Some(0.2)).row(two.median, buddy.median),
        held(least, BUDDY, Some(0.2)).row(two.least, buddy.least),
        held(median, BITMAP, None).row(two.median, of_two("bitmap")?.median),
        alone("P5", "canary: a word to the other CPU and back, median", canary.median),
        alone("P5", "canary: a word to the other CPU and back, least", canary.least),
    ];
    if let Some(peer) = figures.find("pair-of-two", "llfree") {
        rows.insert(0, held(median, "LLFree, untracked", None).row(two.median, peer.median));
    }
    Ok(rows)
}

/// P6: many at once, and in random order.
///
/// # Errors
/// As [`measure`].
pub fn bulk(context: &Context) -> Result<Vec<Row>> {
    let figures = context.frames()?;
    let median = |what, whose| figures.get(what, whose).map(|figure| figure.median);
    let held = |what, peer, most| Held { id: "P6", what, peer, most };
    let (get, put) = ("bulk take, a frame", "bulk put, a frame");
    let mut rows = Vec::new();
    if let (Some(get_peer), Some(put_peer)) = (figures.find("get", "llfree"), figures.find("put", "llfree")) {
        rows.push(held(get, "LLFree, untracked", Some(1.0)).row(median("get", OURS)?, get_peer.median));
        rows.push(held(put, "LLFree, untracked", Some(1.0)).row(median("put", OURS)?, put_peer.median));
    }
    let in_order = "itself in order";
    let random = |whose| Ok::<_, anyhow::Error>((median("put-random-one", whose)?, median("put-one", whose)?));
    let (ours, large) = (random(OURS)?, random(LARGE)?);
    rows.extend([
        held("put in random order, frame by frame, 128 MiB", in_order, Some(1.3)).row(ours.0, ours.1),
        held("put in random order, in bulk, 128 MiB", in_order, None)
            .row(median("put-random", OURS)?, median("put", OURS)?),
        held("put in random order, frame by frame, 1 GiB", in_order, None).row(large.0, large.1),
        held("put in random order, in bulk, 1 GiB", in_order, None)
            .row(median("put-random", LARGE)?, median("put", LARGE)?),
        held(get, BUDDY, None).row(median("get", OURS)?, median("get", "buddy")?),
        held(put, BUDDY, None).row(median("put", OURS)?, median("put", "buddy")?),
        held("put in random order, in bulk, 128 MiB", BUDDY, None)
            .row(median("put-random", OURS)?, median("put-random", "buddy")?),
    ]);
    if let Some(peer) = figures.find("put-random-one", "llfree") {
        rows.push(
            held("put in random order, frame by frame, 128 MiB", "LLFree, untracked", None).row(ours.0, peer.median),
        );
    }
    Ok(rows)
}

/// P11: what it costs to know of each frame, in thousandths of memory: by the allocator's own word, and all that a kernel
/// has put aside for the ledger, with processes and loans.
///
/// # Errors
/// As [`measure`], and when the kernel does not come up.
pub fn metadata(context: &Context) -> Result<Vec<Row>> {
    let row = |what: String, bytes: f64, memory: f64| {
        let subject = Subject {
            id: "P11",
            what,
            unit: "bytes",
            peer: "0.4 % of memory".to_owned(),
            target: "ratio ≤ 1".to_owned(),
            most: 1.0,
        };
        subject.row(bytes, Some(memory * 0.004))
    };
    let figures = Figures::parse(&example(context, 0)?)?.0.into_iter();
    let mut rows: Vec<_> = figures
        .map(|((_, machine), figure)| row(format!("entries, bitmap and slots, {machine}"), figure.median, figure.least))
        .collect();
    for mebibytes in [128, 1024, 4096] {
        let bytes = in_the_kernel(context, mebibytes)?;
        let memory = f64::from(mebibytes) * f64::from(1 << 20);
        rows.push(row(format!("all of the kernel's ledger, {mebibytes} MiB"), bytes, memory));
    }
    Ok(rows)
}

/// What the command `mem` of a kernel says that the ledger takes, in bytes.
fn in_the_kernel(context: &Context, mebibytes: u32) -> Result<f64> {
    const PROMPT: &str = "steward> ";
    let image = images::image(&context.workspace, Build { release: true, ..Build::default() }, &context.interrupts)?;
    let memory = ["-m".into(), format!("{mebibytes}M").into()];
    let guest = Guest {
        name: "Steward".to_owned(),
        arguments: image.boot.arguments("").into_iter().chain(memory).collect(),
        marker: "not memory: ",
        limit: Duration::from_secs(60),
    };
    let mut asked = false;
    let seen = converse(&context.emulator, "q35", &guest, &context.interrupts, |seen, keyboard: &mut PipeWriter| {
        if !asked && String::from_utf8_lossy(seen).contains(PROMPT) {
            asked = true;
            write!(keyboard, "mem\r")?;
        }
        Ok(())
    })?;
    ledger_row(&String::from_utf8_lossy(&seen)).context("`mem` has no row `ledger`")
}

/// The bytes of the row `ledger`.
fn ledger_row(text: &str) -> Option<f64> {
    let row = text.lines().find_map(|line| line.strip_prefix("ledger "))?;
    row.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledgers_row_is_found_among_those_of_mem() {
        let text = "steward> mem\r\nkind      bytes   KiB\r\nfree  127598592 124608\r\nledger    552960   540\r\n";
        assert_eq!(ledger_row(text), Some(552_960.0));
        assert_eq!(ledger_row("ledgers 5\n"), None);
    }

    #[test]
    fn figures_are_found_by_what_and_whose_they_are() {
        let figures = Figures::parse("pair\tsteward\t12.5\t12.1\npair\tbuddy\t16\t15\n").unwrap();
        assert_eq!(figures.get("pair", OURS).unwrap(), Figure { median: 12.5, least: 12.1 });
        assert_eq!(figures.find("pair", "llfree"), None);
        assert!(figures.get("get", OURS).unwrap_err().to_string().contains("`get` of steward"));
        assert!(Figures::parse("pair\tsteward\t12.5").is_err() && Figures::parse("a\tb\tc\td").is_err());
    }

    #[test]
    fn a_row_without_a_target_is_there_for_scale() {
        let held = |most| Held { id: "P4", what: "pair", peer: "peer", most };
        assert!(held(None).row(3.0, 1.0).met);
        assert!(!held(Some(1.3)).row(3.0, 1.0).met);
        assert_eq!(held(Some(1.3)).row(1.3, 1.0).target, "ratio ≤ 1.3");
    }
}

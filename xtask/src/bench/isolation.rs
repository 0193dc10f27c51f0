//! P1 and P2: a fresh machine for each test, beside booting one for each.

use anyhow::Result;
use steward_harness::machine::Kind;
use steward_harness::suite::Origin;

use super::Context;
use super::row::{Row, Subject, median};

mod figures;
mod stage;

pub use figures::{Figures, Parts, measure};
use figures::{MACHINES, MANY, OfMachine, times_of};
use stage::Sample;

/// P1: one isolated test beside one in a machine that was booted for it.
///
/// # Errors
/// When something does not build, a machine does not come up, or a test does not pass.
pub fn one(context: &Context) -> Result<Vec<Row>> {
    if context.loaders.len() < 2 {
        eprintln!("note: P1 is not compared with an ISO under Limine: neither --limine nor STEWARD_LIMINE names one");
    }
    let figures = context.isolation()?;
    let pairs = MACHINES.into_iter().zip(&figures.machines);
    let mut rows: Vec<Row> = pairs.flat_map(|(kind, machine)| rows_of_one(kind, machine, figures)).collect();
    rows.push(for_scale(
        format!("isolated test, q35, 4 CPUs, 1 GiB, {}", described(&figures.large)),
        &times(&figures.large),
    ));
    Ok(rows)
}

/// P2: a large run of isolated tests beside as many single ones.
///
/// # Errors
/// As for [`one`].
pub fn many(context: &Context) -> Result<Vec<Row>> {
    let figures = context.isolation()?;
    let pairs = MACHINES.into_iter().zip(&figures.machines);
    Ok(pairs.map(|(kind, machine)| row_of_many(kind, machine, figures.workers)).collect())
}

fn rows_of_one(kind: Kind, machine: &OfMachine, figures: &Figures) -> Vec<Row> {
    let isolated = times(&machine.isolated);
    let value = median(&isolated).unwrap_or(f64::INFINITY);
    let what = format!("isolated test, {kind}, {}", described(&machine.isolated));
    let compare = |peer: String, peers: &[f64], times_faster: u32| {
        let subject = Subject {
            id: "P1",
            what: what.clone(),
            unit: "ms",
            peer: format!("{peer}, median of {}", peers.len()),
            target: format!("ratio ≤ {} (≥ {times_faster} × faster)", 1.0 / f64::from(times_faster)),
            most: 1.0 / f64::from(times_faster),
        };
        subject.row(value, median(peers))
    };
    // A microvm has no drive to boot from.
    let q35 = if kind == Kind::Q35 { "q35" } else { "q35 (a microvm boots from no disc)" };
    let mut rows = Vec::new();
    for disc in &figures.discs {
        rows.push(compare(format!("booting the ISO for it by UEFI (OVMF, {}), {q35}", disc.loader), &disc.uefi, 100));
        if !disc.bios.is_empty() {
            rows.push(compare(format!("booting the ISO for it by BIOS ({}), {q35}", disc.loader), &disc.bios, 20));
        }
    }
    rows.push(compare("booting directly for it, q35".to_owned(), &figures.machines[0].booted, 4));
    if kind != Kind::Q35 {
        let peer = format!("booting directly for it, {kind}, median of {}", machine.booted.len());
        rows.push(Subject::for_scale("P1", what.clone(), "ms", peer).row(value, median(&machine.booted)));
    }
    rows.extend(origins(&machine.isolated).filter(|(_, of)| of.len() < isolated.len()).map(|(origin, of)| {
        for_scale(format!("isolated test, {kind}, by {}, median of {}", origin.id(), of.len()), &of)
    }));
    rows.push(for_scale(format!("isolated tests, {kind}, from dispatch to dispatch"), &machine.in_a_row));
    rows
}

fn row_of_many(kind: Kind, machine: &OfMachine, workers: u32) -> Row {
    let of_one = median(&times(&machine.isolated));
    let subject = Subject {
        id: "P2",
        what: format!("{MANY} isolated tests, {kind}, {workers} workers, median of {}", machine.many.len()),
        unit: "ms",
        peer: format!("{MANY} × the P1 median ÷ {workers} workers"),
        target: "ratio ≤ 1.3".to_owned(),
        most: 1.3,
    };
    let value = median(&machine.many).unwrap_or(f64::INFINITY);
    subject.row(value, of_one.map(|one| one * f64::from(MANY) / f64::from(workers.max(1))))
}

fn for_scale(what: String, times: &[f64]) -> Row {
    Subject::for_scale("P1", what, "ms", String::new()).row(median(times).unwrap_or(f64::INFINITY), None)
}

/// How the machines came about, and how many there were, as in "13 reset, 2 clone, median of 15".
fn described(samples: &[Sample]) -> String {
    let origins: Vec<_> = origins(samples).map(|(origin, of)| format!("{} {}", of.len(), origin.id())).collect();
    format!("{}, median of {}", origins.join(", "), samples.len())
}

/// The times by the machines' origin; only origins that occur.
fn origins(samples: &[Sample]) -> impl Iterator<Item = (Origin, Vec<f64>)> {
    let of = |origin| {
        let samples = samples.iter().filter(move |sample| sample.origin == origin);
        (origin, samples.map(|sample| sample.time).collect::<Vec<_>>())
    };
    [Origin::Reset, Origin::Clone, Origin::Boot, Origin::Shared].into_iter().map(of).filter(|(_, of)| !of.is_empty())
}

fn times(samples: &[Sample]) -> Vec<f64> {
    times_of(samples).collect()
}

#[cfg(test)]
mod tests {
    use super::figures::OfDisc;
    use super::*;

    fn samples(times: &[(f64, Origin)]) -> Vec<Sample> {
        times.iter().map(|&(time, origin)| Sample { started: 0.0, time, origin }).collect()
    }

    fn figures() -> Figures {
        let machine = OfMachine {
            isolated: samples(&[(20.0, Origin::Reset), (22.0, Origin::Reset), (60.0, Origin::Clone)]),
            in_a_row: vec![25.0],
            booted: vec![100.0],
            many: vec![4000.0, 4300.0, 5000.0],
        };
        let other = OfMachine { booted: vec![44.0], ..machine.clone() };
        let discs = vec![OfDisc { loader: "our loader", uefi: vec![3000.0], bios: Vec::new() }];
        Figures { machines: [machine, other], discs, workers: 2, ..Figures::default() }
    }

    fn rows(figures: &Figures, machine: usize) -> Vec<Row> {
        rows_of_one(MACHINES[machine], &figures.machines[machine], figures)
    }

    #[test]
    fn without_limine_the_iso_with_our_loader_is_compared_with() {
        let rows = rows(&figures(), 0);
        assert_eq!((rows[0].value, rows[0].peer_value, rows[0].met), (22.0, Some(3000.0), true));
        assert!(
            rows[0].peer.contains("OVMF, our loader") && rows[0].what.contains("2 reset, 1 clone"),
            "{:?}",
            rows[0]
        );
        assert!(!rows.iter().any(|row| row.peer.contains("BIOS")));
        assert_eq!((rows[1].peer_value, rows[1].met), (Some(100.0), true));
    }

    #[test]
    fn with_limine_both_firmwares_are_compared_with_their_own_targets() {
        let mut figures = figures();
        figures.discs.push(OfDisc { loader: "Limine", uefi: vec![2200.0], bios: vec![430.0] });
        let rows = rows(&figures, 0);
        let (ours, rows) = rows.split_first().unwrap();
        assert_eq!((ours.peer_value, ours.peer.contains("our loader")), (Some(3000.0), true));
        assert_eq!(
            (rows[0].peer_value, rows[0].target.as_str(), rows[0].met),
            (Some(2200.0), "ratio ≤ 0.01 (≥ 100 × faster)", true)
        );
        assert_eq!(
            (rows[1].peer_value, rows[1].target.as_str(), rows[1].met),
            (Some(430.0), "ratio ≤ 0.05 (≥ 20 × faster)", false)
        );
    }

    #[test]
    fn a_microvm_is_compared_with_boots_of_q35_and_for_scale_with_its_own() {
        let rows = rows(&figures(), 1);
        assert!(rows[0].peer.contains("q35 (a microvm boots from no disc)"));
        assert_eq!((rows[1].peer_value, rows[1].target.as_str()), (Some(100.0), "ratio ≤ 0.25 (≥ 4 × faster)"));
        assert_eq!((rows[2].peer_value, rows[2].ratio, rows[2].target.as_str()), (Some(44.0), Some(0.5), "none"));
    }

    #[test]
    fn origins_are_told_apart_where_there_are_several() {
        let mut figures = figures();
        let by = |figures: &Figures| rows(figures, 0).iter().filter(|row| row.what.contains(", by ")).count();
        assert_eq!(by(&figures), 2);
        figures.machines[0].isolated.pop();
        assert_eq!(by(&figures), 0);
    }

    #[test]
    fn a_large_run_may_take_a_third_more_than_its_tests() {
        let row = row_of_many(Kind::Q35, &figures().machines[0], 2);
        assert_eq!((row.value, row.peer_value, row.met), (4300.0, Some(3300.0), false));
        let quick = OfMachine { many: vec![4290.0], ..figures().machines[0].clone() };
        assert!(row_of_many(Kind::Q35, &quick, 2).met);
    }
}

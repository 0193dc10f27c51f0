//! P3: direct boot to the prompt.

use std::time::Duration;

use anyhow::Result;
use steward_harness::image::Boot;

use super::Context;
use super::machine::{Guest, time_to_marker};
use super::peers::{self, Linux};
use super::row::{Row, Subject, median};
use crate::images::{self, Build};

const MACHINES: [&str; 3] = ["q35", "pc", "microvm"];
/// Boots of each kind before the first that counts.
const WARM_UP: u32 = 2;

/// Command line of the peer. It logs on the serial line as Steward does. Without a given frequency, a Linux that a
/// busy host keeps from calibrating its clock hangs on a microvm; how exact the number is does not matter.
const LINUX: &str = "console=ttyS0 tsc_early_khz=2000000";

const PROMPT: &str = "steward> ";

/// Measures on every machine.
///
/// # Errors
/// When our kernels do not build or do not boot. A Linux that cannot be had or booted is no error.
pub fn run(context: &Context) -> Result<Vec<Row>> {
    let loader = images::loader(&context.workspace, &context.interrupts)?;
    let image = images::image(
        &context.workspace,
        Build { release: true, tests: false, ..Build::default() },
        &context.interrupts,
    )?;
    let steward = Guest {
        name: "Steward".to_owned(),
        arguments: image.boot.arguments(""),
        marker: PROMPT,
        limit: Duration::from_secs(30),
    };
    let empty = Guest {
        name: "the empty PVH kernel".to_owned(),
        arguments: Boot::Direct { kernel: loader.join("empty-pvh"), initrd: None }.arguments(""),
        marker: "R\r\n",
        limit: Duration::from_secs(30),
    };
    let linux = peers::linux(&context.workspace.cache().join("peers"))
        .inspect_err(|error| eprintln!("note: P3 has no Linux to compare with: {error:#}"))
        .ok();
    let mut rows = Vec::new();
    for machine in MACHINES {
        rows.extend(compare(context, machine, &steward, &empty, linux.as_ref())?);
    }
    Ok(rows)
}

fn guest(linux: &Linux) -> Guest {
    let boot = Boot::Direct { kernel: linux.kernel.clone(), initrd: Some(linux.initrd.clone()) };
    Guest {
        name: linux.name.clone(),
        arguments: boot.arguments(LINUX),
        marker: peers::MARKER,
        limit: Duration::from_secs(60),
    }
}

fn compare(
    context: &Context,
    machine: &str,
    steward: &Guest,
    empty: &Guest,
    linux: Option<&Linux>,
) -> Result<[Row; 2]> {
    let measure = |guest: &Guest| -> Result<f64> {
        Ok(time_to_marker(&context.emulator, machine, guest, &context.interrupts)?.as_secs_f64() * 1e3)
    };
    let mut peer = linux.map(guest);
    let (mut ours, mut floor, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..WARM_UP + context.rounds {
        let (value, empty) = (measure(steward)?, measure(empty)?);
        let linux = peer.as_ref().map(measure);
        if round >= WARM_UP {
            ours.push(value);
            floor.push(empty);
            theirs.extend(linux.as_ref().and_then(|time| time.as_ref().ok()).copied());
        }
        if let Some(Err(error)) = linux {
            if context.interrupts.signal().is_some() {
                return Err(error);
            }
            eprintln!("note: P3 has no Linux to compare with on {machine}: {error:#}");
            peer = None;
            theirs.clear();
        }
    }
    Ok(rows(machine, &ours, &floor, &theirs, linux))
}

fn rows(machine: &str, ours: &[f64], floor: &[f64], theirs: &[f64], linux: Option<&Linux>) -> [Row; 2] {
    let subject = |peer: String, most: f64, target: &str| Subject {
        id: "P3",
        what: format!("direct boot to prompt, {machine}, median of {}", ours.len()),
        unit: "ms",
        peer,
        target: target.to_owned(),
        most,
    };
    let value = median(ours).unwrap_or(f64::INFINITY);
    let name = linux.map_or("Debian's Linux", |linux| linux.name.as_str());
    let peer = format!("{name} to a static init, median of {}", theirs.len());
    [
        subject(format!("empty PVH kernel, median of {}", floor.len()), 2.0, "ratio ≤ 2").row(value, median(floor)),
        subject(peer, 1.0 / 20.0, "ratio ≤ 0.05 (≥ 20 × faster)").row(value, median(theirs)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_is_compared_with_the_floor_and_with_linux() {
        let [floor, linux] = rows("q35", &[100.0, 90.0, 110.0], &[60.0, 70.0, 65.0], &[5000.0], None);
        assert_eq!((floor.value, floor.peer_value, floor.met), (100.0, Some(65.0), true));
        assert_eq!((linux.value, linux.ratio, linux.met), (100.0, Some(0.02), true));
        assert!(floor.what.contains("q35"));
    }

    #[test]
    fn twenty_times_faster_is_the_least() {
        let met = |theirs: f64| rows("pc", &[100.0], &[60.0], &[theirs], None)[1].met;
        assert!(met(2000.0) && !met(1999.0));
    }

    #[test]
    fn without_linux_its_row_stays_and_is_not_met() {
        let [_, linux] = rows("pc", &[100.0], &[60.0], &[], None);
        assert_eq!((linux.peer_value, linux.met), (None, false));
    }
}

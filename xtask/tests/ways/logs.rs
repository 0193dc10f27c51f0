//! Images that run the tests by themselves.

use std::fs;

use steward_boot_media::read_file;
use steward_harness::image::Attach;

use crate::built::autorun;
use crate::ktap;
use crate::machine::{Machine, Parts};
use crate::picture::{firmware_shows, has, rows};

#[test]
fn a_stick_runs_the_tests_and_keeps_the_log_and_the_screen_shows_the_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let stick = directory.path().join("stick");
    fs::copy(autorun(), &stick).unwrap();
    let mut machine = Machine::start(Parts { writable: true, screen: true, ..Parts::new(&stick, Attach::Usb) });
    machine.may_reset();
    machine.hears("KTAP version 1");
    let shown = machine.hears("# Totals: ");
    machine.hears("ktest-001.log: PASSED");
    machine.shows("verdict", |picture| firmware_shows(picture, "ktest-001.log: PASSED (Totals: pass:").then_some(()));
    machine.hears("Press R to run again");
    drop(machine);
    let log = String::from_utf8(read_file(&stick, "ktest-001.log").unwrap()).unwrap();
    let results = ktap::read(&log).unwrap_or_else(|fault| panic!("{fault} in\n{log}"));
    assert!(results.failed.is_empty() && results.passed.len() > 50, "{results:?}");
    assert!(results.passed.iter().any(|name| name.starts_with("steward_machine::")), "{results:?}");
    for line in shown.lines().filter(|line| line.starts_with("ok ")) {
        assert!(log.contains(line.trim_end()), "`{line}` was shown and is not in the log");
    }
    assert!(!log.contains("a run is under way") && !log.contains("did not come to its end"), "{log}");
}

#[test]
fn a_disc_keeps_no_log_and_leaves_the_verdict_on_the_screen() {
    let mut machine = Machine::start(Parts { serial: false, screen: true, ..Parts::new(autorun(), Attach::Cd) });
    let rows = machine.shows("verdict with a prompt below it", |picture| {
        let prompt = rows(picture).iter().rfind(|row| !row.is_empty()).is_some_and(|row| row.trim() == "steward>");
        (prompt && has(picture, "Totals: pass:")).then(|| rows(picture))
    });
    let totals = rows.iter().find(|row| row.contains("Totals: pass:")).unwrap();
    assert!(totals.contains(" fail:0 "), "{}", rows.join("\n"));
}

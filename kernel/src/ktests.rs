//! Kernel tests of the prompt's commands on the real machine.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use core::hint::black_box;

use steward_core::{
    command::{self, Context, UNKNOWN, USAGE},
    log::LOGGER,
    monitor,
    platform::Platform,
};
use steward_frames::{Request, Use};
use steward_harness_guest::{Balance, ktest, seed, under_test};
use steward_machine as machine;

use crate::{platform::Pc, serve};

/// Runs a line as the prompt does; gives its status and output.
fn run(line: &str) -> (u8, String) {
    let mut out = String::new();
    let mut context = Context { out: &mut out, platform: &Pc, table: monitor::COMMANDS };
    let status = command::execute(line, &mut context).expect("a String takes any text");
    (status, out)
}

#[ktest]
fn help_names_every_command() {
    let (status, out) = run("help");
    assert_eq!(status, 0);
    for command in monitor::COMMANDS.0 {
        assert!(out.contains(command.name), "{} is missing in:\n{out}", command.name);
    }
}

#[ktest(memory = 96)]
fn mem_sums_to_the_machine() {
    let (status, out) = run("mem");
    assert_eq!(status, 0);
    let number = |line: &str| line.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
    let rows = out.lines().take_while(|line| !line.starts_with("total"));
    let sum: u64 = rows.filter_map(number).sum();
    let total = out.lines().find(|line| line.starts_with("total")).and_then(number);
    assert_eq!((total, sum), (Some(96 << 20), 96 << 20), "{out}");
}

#[ktest]
fn slabs_tells_what_the_heap_has() {
    let kept = black_box(Box::new([0_u8; 3000]));
    let (status, out) = run("slabs");
    assert_eq!(status, 0);
    let row = |name: &str| {
        let line = out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in\n{out}"));
        line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect::<Vec<usize>>()
    };
    let (large, total) = (row("heap-3072"), row("total"));
    assert!(large[0] == 3072 && large[1] >= 1 && large[2] >= 3000 && large[3] >= 8 * 3072, "{out}");
    assert!(total[0] >= large[1] && total[1] >= large[2] && total[2] >= total[1], "{out}");
    drop(kept);
}

#[ktest(cpus = 3)]
fn cpu_lists_each_cpu_and_marks_this_one() {
    let (status, out) = run("cpu");
    assert_eq!(status, 0);
    assert_eq!(
        out.lines().filter(|line| line.starts_with("cpu ") && line.contains("enabled  runs")).count(),
        3,
        "{out}"
    );
    assert!((0..3).all(|number| out.contains(&format!("cpu {number}  "))), "{out}");
    assert_eq!(out.matches("this CPU").count(), 1, "{out}");
}

#[ktest]
fn acpi_lists_the_tables_and_how_to_switch_off() {
    let (status, out) = run("acpi");
    assert_eq!(status, 0);
    assert!(out.contains("FACP") && out.contains("APIC") && out.contains("DSDT"), "{out}");
    assert!(!out.contains("no way known"), "{out}");
}

#[ktest]
fn uptime_rises() {
    let before = Pc.now_ns();
    let (status, out) = run("uptime");
    assert_eq!(status, 0);
    assert!(out.starts_with("up ") && out.contains("calibrated against"), "{out}");
    assert!(Pc.now_ns() > before);
}

#[ktest]
fn what_is_logged_is_in_the_log() {
    let mark = format!("mark {:#x}", machine::clock::ticks());
    log::warn!("{mark}");
    let (status, out) = run("log warn");
    assert_eq!(status, 0);
    let line = out.lines().find(|line| line.contains(&mark)).expect("the line is kept");
    assert!(line.starts_with('[') && line.contains("WARN"), "{line}");
    let mut kept = 0;
    LOGGER
        .read(log::LevelFilter::Error, |line| {
            kept += usize::from(line.contains(&mark));
            Ok::<(), ()>(())
        })
        .expect("counting does not fail");
    assert_eq!(kept, 0, "a warning is not an error");
}

#[ktest]
fn a_write_to_a_freed_object_is_logged_in_debug_builds() {
    let told = || run("log error").1.matches("memory of the heap was written to while it was free").count();
    let before = told();
    assert!(machine::fault::write_to_freed_object(), "what was freed last is taken first");
    assert_eq!(told() - before, usize::from(cfg!(debug_assertions)));
    drop(black_box(Box::new([0_u8; 96])));
    assert_eq!(told() - before, usize::from(cfg!(debug_assertions)), "freed again, it is as it should be");
}

#[ktest]
fn a_breakpoint_is_logged_and_execution_continues() {
    // Not caught: it is the kernel's own handling that is looked at. In the prompt's suite a catch is under way and
    // would take it, so there the test has nothing to look at.
    if machine::trap::is_catching() {
        return;
    }
    let (status, out) = run("fault breakpoint");
    assert_eq!(status, 0, "{out}");
    assert!(run("log").1.contains("breakpoint before 0xffffffff8"));
}

#[ktest]
fn wrong_commands_are_told_apart() {
    assert_eq!(run("nonsense").0, UNKNOWN);
    assert_eq!(run("fault").0, USAGE);
    assert_eq!(run("fault nonsense").0, USAGE);
    assert_eq!(run("mem please").0, USAGE);
}

#[ktest]
fn a_test_that_the_host_asked_for_has_a_seed() {
    // Tests of the prompt's suite have none: nobody could give them the same one again.
    assert_eq!(seed() != 0, under_test());
}

#[ktest]
fn an_audit_takes_nothing_and_misses_what_a_leak_would_leave() {
    let audit = || {
        let mut balance = Balance::new();
        serve::audit(&mut balance);
        balance
    };
    let before = audit();
    assert!(audit().difference_from(&before).is_none());
    let kept = black_box(Box::new([0_u8; 100]));
    let told = audit().difference_from(&before).expect("a box more is in use");
    assert!(told.as_str().contains("heap allocations") && told.as_str().contains("heap bytes"), "{}", told.as_str());
    assert!(told.as_str().contains("heap-112: "), "what kind of object it is: {}", told.as_str());
    drop(kept);
    let run = machine::frames::take(Request::run(3, Use::Tests)).expect("there are frames");
    let told = audit().difference_from(&before).expect("three frames are in use");
    assert!(told.as_str().contains("frames of tests: 0 before, 3 after"), "{}", told.as_str());
    machine::frames::give_back(run).expect("the source takes back what it gave");
    assert!(audit().difference_from(&before).is_none());
}

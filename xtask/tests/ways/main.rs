//! The kernel by every way to boot it: images are made as a person makes them, and machines are started with them as
//! firmware starts real ones.
#![forbid(unsafe_code)]

mod broken;
mod built;
mod ktap;
mod limine;
mod logs;
mod machine;
mod memory;
mod picture;

use std::fs;

use steward_harness::image::Attach;
use steward_harness::machine::{Memory, Shape};

use built::{disk, image, iso, text, xtask};
use machine::{Machine, Parts};
use picture::{has, rows};

#[test]
fn the_same_sources_give_the_same_bytes() {
    for (first, options) in [(iso(), &[][..]), (disk(), &["--format", "disk"])] {
        let name = format!("again-{}", first.file_name().unwrap().display());
        let second = image(&name, options);
        assert!(fs::read(first).unwrap() == fs::read(&second).unwrap(), "{} differs", second.display());
    }
}

#[test]
fn run_boots_by_uefi_and_prints_nothing_but_what_its_commands_do() {
    let output = xtask(&["run", "--firmware", "uefi", "--accel", "tcg", "--command", "mem"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    memory::sums_to(128, &text(&output.stdout));
}

#[test]
fn the_iso_boots_from_a_stick_with_four_cpus() {
    let shape = Shape { cpus: 4, ..Shape::default() };
    let mut machine = Machine::start(Parts { shape, ..Parts::new(iso(), Attach::Usb) });
    memory::sums_to(128, &machine.answers("mem"));
    assert!(machine.answers("cpu").contains('3'), "the fourth CPU is not listed");
}

#[test]
fn the_disk_boots_from_virtio_with_64_mib() {
    with_memory(Attach::Virtio, 64);
}

#[test]
fn the_disk_boots_from_ahci_with_8_gib() {
    with_memory(Attach::Ahci, 8 << 10);
}

#[test]
fn the_disk_boots_from_nvme() {
    with_memory(Attach::Nvme, 128);
}

#[test]
fn the_disk_boots_from_a_stick() {
    with_memory(Attach::Usb, 256);
}

fn with_memory(attach: Attach, mib: u32) {
    let shape = Shape { memory: Memory::from_mib(mib).unwrap(), ..Shape::default() };
    let mut machine = Machine::start(Parts { shape, ..Parts::new(disk(), attach) });
    memory::sums_to(mib.into(), &machine.answers("mem"));
}

#[test]
fn without_a_serial_line_screen_and_keyboard_are_enough() {
    let mut machine = Machine::start(Parts { serial: false, screen: true, ..Parts::new(iso(), Attach::Cd) });
    let prompt = |rows: &[String]| rows.iter().rfind(|row| !row.is_empty()).is_some_and(|row| row.trim() == "steward>");
    machine.shows("prompt", |picture| prompt(&rows(picture)).then_some(()));
    machine.types("help\r");
    machine.shows("help", |picture| has(picture, "say what the machine's memory is used for").then_some(()));
    machine.types("mem\r");
    let table = machine.shows("table of memory", |picture| {
        let rows = rows(picture);
        let start = rows.iter().rposition(|row| row.contains("steward> mem"))? + 1;
        prompt(&rows).then(|| rows[start..].join("\n"))
    });
    memory::sums_to(128, &table);
    machine.types("panic \"It's over & done!\"\r");
    machine.shows("report of a panic with a backtrace", |picture| {
        let rows = rows(picture);
        let told = rows.iter().any(|row| row.contains("It's over & done!") && !row.contains("steward>"));
        // The report may be on its way to the screen still.
        let frames = rows.iter().filter(|row| row.contains("0xffffffff8")).count();
        (told && frames >= 3).then_some(())
    });
}

#[test]
#[ignore = "tier verify"]
fn verify_the_kernel_passes_its_tests_whatever_has_booted_it() {
    let limine = limine::directory().map(|directory| directory.to_str().unwrap().to_owned());
    let with_limine = limine.iter().flat_map(|directory| {
        ["uefi", "bios"].map(|firmware| vec!["--firmware", firmware, "--limine", directory.as_str()])
    });
    let disk = vec!["--firmware", "uefi", "--medium", "virtio"];
    for words in [vec!["--firmware", "uefi"], disk].into_iter().chain(with_limine) {
        let output = xtask(&[&["test", "--kernel-only", "--accel", "tcg"], words.as_slice()].concat());
        let told = text(&output.stdout);
        let last = told.lines().last().unwrap_or_default();
        assert!(output.status.success() && last.contains(" passed, 0 failed"), "{words:?}: {told}");
    }
}

#[test]
fn a_machine_with_too_little_memory_is_refused_before_it_is_started() {
    let mut ways = vec![("2M", vec!["--firmware", "direct"]), ("52M", vec!["--firmware", "uefi"])];
    let limine = limine::directory().map(|directory| directory.to_str().unwrap().to_owned());
    if let Some(directory) = &limine {
        ways.push(("64M", vec!["--firmware", "uefi", "--limine", directory]));
        ways.push(("4M", vec!["--firmware", "bios", "--limine", directory]));
    }
    for (memory, way) in ways {
        for command in [&["run", "--command", "mem"][..], &["test", "--kernel-only"]] {
            let output = xtask(&[command, &["--accel", "tcg", "--memory", memory], &way].concat());
            let errors = text(&output.stderr);
            let told = errors.contains("needs at least") && errors.contains(&format!("this machine has {memory}"));
            assert!(!output.status.success() && told, "{command:?} {way:?}: {errors}");
        }
    }
}

#[test]
fn output_that_cannot_be_written_is_named_with_the_reason() {
    for (place, why) in [
        ("/no/such/directory/steward.iso", "No such file or directory"),
        ("/proc/self/steward.iso", "/proc/self"),
        ("/dev/null", "/dev/null"),
        (env!("CARGO_TARGET_TMPDIR"), env!("CARGO_TARGET_TMPDIR")),
    ] {
        let output = xtask(&["image", "--output", place]);
        let errors = text(&output.stderr);
        assert!(!output.status.success() && errors.starts_with("error: ") && errors.contains(why), "{place}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

//! A machine made of vectors, kernels made of bytes, and eyes that see what a kernel would see.
#![expect(dead_code, reason = "each test file uses its part of the support")]

pub mod elf;
pub mod machine;
pub mod tar;
pub mod view;

use steward_boot_protocol::archive::{File, Name};
use steward_boot_protocol::map::{Kind, MemoryMap, Range};
use steward_boot_protocol::paging::Features;
use steward_boot_protocol::{Handover, Input, LoadError, load};

use machine::Machine;

pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;

/// What most machines can do.
pub const FEATURES: Features = Features { gib_pages: false, no_execute: true };

/// UNIX time that the tests' clock shows.
pub const NOW: i64 = 1_800_000_000;

/// A PC with memory below and above 4 GiB, ACPI tables, and a loader at 1 MiB.
pub fn pc_ranges() -> Vec<Range> {
    let range = |base, length, kind| Range { base, length, kind };
    vec![
        range(0, 0x9_fc00, Kind::Usable),
        range(0x9_fc00, 0x400, Kind::Reserved),
        range(0xf_0000, 0x1_0000, Kind::Reserved),
        range(MIB, 64 * MIB, Kind::Usable),
        range(MIB, MIB / 4, Kind::BootloaderReclaimable),
        range(65 * MIB, MIB, Kind::AcpiReclaimable),
        range(66 * MIB, MIB, Kind::AcpiNvs),
        range(0xfec0_0000, 0x1000, Kind::Reserved),
        range(4 * GIB, 3 * GIB, Kind::Usable),
        range(9 * GIB, 4 * MIB, Kind::BadMemory),
        range(10 * GIB, 2 * MIB, Kind::AcpiNvs),
    ]
}

pub fn input(kernel: &[u8]) -> Input<'_> {
    Input {
        kernel: File { name: Name::new(b"kernel"), data: kernel, string: b"" },
        modules: &[],
        command_line: b"serve=com2 log=debug",
        loader_name: "Test loader",
        loader_version: "1.2.3",
        rsdp: Some(0xf_5a00),
        firmware: None,
        clock: || Some(NOW),
        framebuffers: &[],
        features: FEATURES,
        limit: 4 * GIB,
    }
}

/// What is left after loading.
#[derive(Debug)]
pub struct Loaded {
    pub machine: Machine,
    pub map: MemoryMap,
    pub handover: Handover,
}

/// Loads on a machine with these ranges.
pub fn load_on(ranges: &[Range], input: &Input<'_>) -> Result<Loaded, LoadError> {
    let mut map = MemoryMap::new(ranges.iter().copied())?;
    let mut machine = Machine::new(&map);
    let handover = load(&mut machine, &mut map, input);
    if handover.is_err() {
        assert!(machine.is_untouched(), "a failed load has written to memory");
    }
    let taken = |kind| matches!(kind, Kind::KernelAndModules | Kind::BootloaderReclaimable);
    for page in machine.written().filter(|_| handover.is_ok()) {
        let entry = map.entries().iter().find(|entry| entry.start <= page && page < entry.end);
        assert!(entry.is_some_and(|entry| taken(entry.kind)), "{page:#x} was written but not taken from the map");
    }
    Ok(Loaded { machine, map, handover: handover? })
}

/// Loads on [`pc_ranges`], which must work.
pub fn load_pc(input: &Input<'_>) -> Loaded {
    load_on(&pc_ranges(), input).expect("this kernel loads")
}

/// The text of the error with which a kernel is refused.
pub fn refusal(kernel: &[u8]) -> String {
    load_on(&pc_ranges(), &input(kernel)).expect_err("this kernel is refused").to_string()
}

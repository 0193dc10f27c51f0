use proptest::prelude::*;

use super::machines::EMULATED;
use super::*;
use crate::{FRAME_SIZE, FrameSource, MemoryUse, Request, Use, Zone};

fn account(entries: &[RawEntry]) -> MemoryUse {
    FrameSource::new(&map(entries)).memory_use()
}

#[test]
fn the_rows_of_a_q35_sum_to_the_memory_it_was_given() {
    let account = account(&q35_8g());
    assert_eq!(account.total(), 8 * GIB);
    assert_eq!(account.bytes("first-mib"), Some(MIB));
    assert_eq!(account.bytes("kernel-image"), Some(2 * MIB));
    assert_eq!(account.bytes("boot-loader"), Some(MIB));
    assert_eq!(account.bytes("firmware"), Some(0x2_0000));
    assert_eq!(account.device_windows(), 0x1000_0000 + 0x4000 + 0x4_0000 + 0x3_0000_0000);
}

#[test]
fn a_window_that_follows_memory_directly_is_not_memory() {
    let account = account(&[entry(0, 0xb000_0000, USABLE), entry(0xb000_0000, 0xc000_0000, RESERVED)]);
    assert_eq!(account.total(), 0xb000_0000);
    assert_eq!(account.device_windows(), 0x1000_0000);
}

#[test]
fn reserved_memory_between_memory_is_the_firmwares_on_either_side_of_4_gib() {
    let account = account(&[
        entry(0, 16 * MIB, USABLE),
        entry(20 * MIB, 24 * MIB, RESERVED),
        entry(24 * MIB, 32 * MIB, ACPI_RECLAIMABLE),
        entry(32 * MIB, 33 * MIB, ACPI_NVS),
        entry(3 * GIB, 3 * GIB + MIB, RESERVED),
        entry(4 * GIB, 5 * GIB, USABLE),
        entry(5 * GIB + MIB, 5 * GIB + 2 * MIB, RESERVED),
        entry(6 * GIB, 7 * GIB, BAD),
    ]);
    assert_eq!(account.bytes("firmware"), Some(5 * MIB));
    assert_eq!(account.bytes("acpi-tables"), Some(8 * MIB));
    assert_eq!(account.bytes("acpi-storage"), Some(MIB));
    assert_eq!(account.bytes("bad"), Some(GIB));
    assert_eq!(account.device_windows(), MIB);
}

#[test]
fn the_rows_sum_to_the_memory_of_every_machine_by_every_firmware_and_loader() {
    for machine in EMULATED {
        let account = account(machine.map);
        assert_eq!((account.total(), account.device_windows()), (machine.memory, machine.windows), "{}", machine.name);
        assert_eq!(account.bytes("first-mib"), Some(MIB), "{}", machine.name);
    }
}

#[test]
fn every_machine_has_the_same_kinds_of_memory() {
    let kinds = |entries: &[RawEntry]| -> Vec<_> { account(entries).rows().iter().map(|row| row.kind).collect() };
    for machine in EMULATED {
        assert_eq!(kinds(machine.map), kinds(&q35_8g()), "{}", machine.name);
    }
}

#[test]
fn firmware_memory_that_runs_into_a_window_ends_where_the_window_can_begin() {
    let account = account(&[entry(0, 0xaff0_0000, USABLE), entry(0xaff0_0000, 0xc000_0000, RESERVED)]);
    assert_eq!((account.total(), account.bytes("firmware")), (0xb000_0000, Some(MIB)));
    assert_eq!(account.device_windows(), 256 * MIB);
}

#[test]
fn firmware_memory_at_the_end_may_be_large_but_not_apart() {
    // As a laptop might have it: pieces of the firmware's among the last memory, what it keeps for system management
    // and graphics behind that, some of it with a gap before; then the configuration window.
    let account = account(&[
        entry(0, 0x9_f000, USABLE),
        entry(MIB, 0x3000_0000, USABLE),
        entry(0x3000_0000, 0x3300_0000, RESERVED),
        entry(0x3300_0000, 0x3310_0000, ACPI_NVS),
        entry(0x3310_0000, 0x3318_0000, ACPI_RECLAIMABLE),
        entry(0x3318_0000, 0x3800_0000, RESERVED),
        entry(0x3880_0000, 0x4000_0000, RESERVED),
        entry(0xc000_0000, 0xd000_0000, RESERVED),
        entry(0xfe00_0000, 0xfe01_1000, RESERVED),
        entry(4 * GIB, 9 * GIB, USABLE),
        entry(9 * GIB, 9 * GIB + 192 * MIB, RESERVED),
    ]);
    assert_eq!(account.total(), 0x3800_0000 + 5 * GIB + 192 * MIB);
    assert_eq!(account.device_windows(), 0x780_0000 + 256 * MIB + 0x1_1000);
}

#[test]
fn a_reserved_region_with_no_memory_below_it_is_a_window() {
    let account = account(&[entry(2 * MIB, 3 * MIB, RESERVED), entry(4 * MIB, 8 * MIB, USABLE)]);
    assert_eq!((account.total(), account.device_windows()), (4 * MIB, MIB));
}

#[test]
fn a_window_up_to_4_gib_and_firmware_memory_from_there_on_are_told_apart() {
    let account = account(&[
        entry(0, 16 * MIB, USABLE),
        entry(0xfffc_0000, 4 * GIB + MIB, RESERVED),
        entry(4 * GIB + MIB, 5 * GIB, USABLE),
    ]);
    assert_eq!((account.total(), account.bytes("firmware")), (GIB + 16 * MIB, Some(MIB)));
    assert_eq!(account.device_windows(), 0x4_0000);
}

#[test]
fn a_framebuffer_is_a_devices_memory() {
    let account = account(&[entry(0, 16 * MIB, USABLE), entry(16 * MIB, 20 * MIB, FRAMEBUFFER)]);
    assert_eq!((account.total(), account.device_windows()), (16 * MIB, 4 * MIB));
}

#[test]
fn every_row_has_a_name_of_its_own() {
    let account = account(&q35_8g());
    for row in account.rows() {
        assert_eq!(account.rows().iter().filter(|other| other.kind == row.kind).count(), 1, "{}", row.kind);
        assert!(!row.kind.contains(char::is_whitespace));
    }
}

proptest! {
    #[test]
    fn whatever_a_firmware_takes_for_itself_the_total_is_the_machines_memory(
        which in 0..EMULATED.len(),
        taken in proptest::collection::vec((any::<proptest::sample::Index>(), 1..200_u64, 0..8_u64, any::<bool>()), 0..12),
    ) {
        let machine = &EMULATED[which];
        let mut entries = machine.map.to_vec();
        for (at, frames, kind, at_the_end) in taken {
            // Any kind that is memory, at either end of a usable stretch that stays longer than this.
            let usable: Vec<_> = (0..entries.len())
                .filter(|n| entries[*n].kind == USABLE && entries[*n].length > page(frames))
                .collect();
            let Some(chosen) = (!usable.is_empty()).then(|| usable[at.index(usable.len())]) else { continue };
            let length = page(frames);
            let (start, end) = (entries[chosen].base, entries[chosen].base + entries[chosen].length);
            let kind = if kind == FRAMEBUFFER { RESERVED } else { kind };
            entries[chosen].length -= length;
            let base = if at_the_end { end - length } else { start };
            entries[chosen].base += if at_the_end { 0 } else { length };
            entries.push(RawEntry { base, length, kind });
        }
        prop_assert_eq!(account(&entries).total(), machine.memory);
    }

    #[test]
    fn taking_and_giving_back_moves_bytes_between_rows_and_never_changes_the_total(
        steps in proptest::collection::vec((any::<bool>(), 1..40_u64, 0..Use::ALL.len(), any::<bool>()), 1..60),
    ) {
        let mut source = FrameSource::new(&map(&q35_8g()));
        let total = source.memory_use().total();
        let mut held = Vec::new();
        let mut expected = [0; Use::ALL.len()];
        for (take, frames, usage, low) in steps {
            if take {
                let zone = if low { Zone::Below4GiB } else { Zone::Any };
                held.push(source.take_run(Request::run(frames, Use::ALL[usage]).within(zone)).unwrap());
                expected[usage] += frames * FRAME_SIZE;
            } else if !held.is_empty() {
                let run = held.swap_remove(frames as usize % held.len());
                expected[run.usage() as usize] -= run.range().bytes();
                source.give_back(run).unwrap();
            }
            let account = source.memory_use();
            prop_assert_eq!(account.total(), total);
            for usage in Use::ALL {
                prop_assert_eq!(account.bytes(usage.name()), Some(expected[usage as usize]));
            }
        }
    }
}

use proptest::prelude::*;

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

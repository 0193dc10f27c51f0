use steward_frames::RawEntry;

use super::*;

const KERNEL: Range<u64> = 0x20_0000..0x28_0000;
const LOG: u64 = 0x200_0000;

fn map() -> MemoryMap {
    let entry = |base, length, kind| RawEntry { base, length, kind };
    let entries = [
        entry(0x10_0000, 0x10_0000, 0),
        entry(KERNEL.start, KERNEL.end - KERNEL.start, 6),
        entry(0x40_0000, 0x1c0_0000, 0),
        // The log, and a module right behind it.
        entry(LOG, BYTES as u64, 6),
        entry(LOG + BYTES as u64, 0x1000, 6),
        entry(LOG + BYTES as u64 + 0x1000, 0x100_0000, 0),
    ];
    MemoryMap::from_entries(entries).expect("the map is sound").0
}

fn checked(physical: u64) -> Result<Region, Unfit> {
    Region::check(physical, &map(), &KERNEL)
}

#[test]
fn memory_that_is_set_aside_is_a_place_for_a_log() {
    assert_eq!(checked(LOG), Ok(Region { physical: LOG }));
    assert_eq!(checked(LOG + 0x1000), Ok(Region { physical: LOG + 0x1000 }));
}

#[test]
fn memory_that_is_not_wholly_set_aside_is_none() {
    for physical in [0, 0x10_0000, 0x40_0000, LOG - 0x1000, LOG + 0x2000, LOG + BYTES as u64, 1 << 40] {
        assert_eq!(checked(physical), Err(Unfit::NotKept), "{physical:#x}");
    }
}

#[test]
fn an_address_that_wraps_round_is_refused() {
    assert_eq!(checked(!0xfff), Err(Unfit::NotKept));
}

#[test]
fn a_log_begins_at_a_page() {
    for physical in [LOG + 1, LOG + 64, LOG - 8, u64::MAX] {
        assert_eq!(checked(physical), Err(Unfit::Misaligned), "{physical:#x}");
    }
}

#[test]
fn the_kernel_is_no_place_for_a_log() {
    for physical in [KERNEL.start, KERNEL.start + 0x1000, KERNEL.end - BYTES as u64] {
        assert_eq!(checked(physical), Err(Unfit::InKernel), "{physical:#x}");
    }
}

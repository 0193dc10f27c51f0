//! The memory map against an oracle that decides page by page.

use proptest::collection::vec;
use proptest::prelude::*;
use steward_boot_protocol::map::{Kind, MAP_CAPACITY, MapError, MemoryMap, Range};

const PAGE: u64 = 4096;
/// Pages that the oracle looks at.
const PAGES: u64 = 64;

/// All kinds, the winner of any overlap last.
const BY_STRENGTH: [Kind; 8] = [
    Kind::Usable,
    Kind::BootloaderReclaimable,
    Kind::KernelAndModules,
    Kind::AcpiReclaimable,
    Kind::AcpiNvs,
    Kind::Reserved,
    Kind::Framebuffer,
    Kind::BadMemory,
];

/// What a page is: a usable range must hold all of it, any other only touch it.
fn oracle(ranges: &[Range], page: u64) -> Option<Kind> {
    let (start, end) = (u128::from(page * PAGE), u128::from((page + 1) * PAGE));
    let applies = |range: &&Range| {
        let (from, to) = (u128::from(range.base), u128::from(range.base) + u128::from(range.length));
        match range.kind {
            Kind::Usable => page != 0 && from <= start && end <= to,
            _ => range.length != 0 && from < end && start < to,
        }
    };
    let strength = |range: &&Range| BY_STRENGTH.iter().position(|kind| *kind == range.kind);
    ranges.iter().filter(applies).max_by_key(strength).map(|range| range.kind)
}

fn kind_at(map: &MemoryMap, page: u64) -> Option<Kind> {
    let holds = |start: u64, end: u64| start <= page * PAGE && page * PAGE < end;
    map.entries().iter().find(|entry| holds(entry.start, entry.end)).map(|entry| entry.kind)
}

fn check_invariants(map: &MemoryMap) {
    for entry in map.entries() {
        assert!(entry.start < entry.end && entry.end <= 1 << 52, "{entry:?}");
        assert!(entry.start.is_multiple_of(PAGE) && entry.end.is_multiple_of(PAGE), "{entry:?}");
        assert!(entry.kind != Kind::Usable || entry.start >= PAGE, "{entry:?}");
    }
    for pair in map.entries().windows(2) {
        assert!(pair[0].end <= pair[1].start, "{pair:?}");
        assert!(pair[0].end < pair[1].start || pair[0].kind != pair[1].kind, "{pair:?} are one");
    }
}

/// Mostly short ranges among the oracle's pages, some at the edges of what can be written down.
fn ranges() -> impl Strategy<Value = Vec<Range>> {
    let base = prop_oneof![8 => 0..PAGES * PAGE, 1 => Just(0), 1 => any::<u64>(), 1 => Just((1 << 52) - PAGE)];
    let length = prop_oneof![8 => 0..8 * PAGE, 1 => Just(0), 1 => any::<u64>(), 1 => Just(u64::MAX)];
    let kind = prop_oneof![3 => Just(Kind::Usable), 2 => (0usize..8).prop_map(|index| BY_STRENGTH[index])];
    vec((base, length, kind).prop_map(|(base, length, kind)| Range { base, length, kind }), 0..24)
}

proptest! {
    #![proptest_config({
        let usual = ProptestConfig::default();
        ProptestConfig { cases: usual.cases.max(2000), failure_persistence: None, ..usual }
    })]

    #[test]
    fn every_page_is_what_the_oracle_says(ranges in ranges()) {
        let map = MemoryMap::new(ranges.iter().copied()).expect("few ranges");
        check_invariants(&map);
        for page in 0..PAGES + 16 {
            prop_assert_eq!(kind_at(&map, page), oracle(&ranges, page), "page {}", page);
        }
    }

    #[test]
    fn order_of_ranges_does_not_matter(ranges in ranges().prop_shuffle(), seed in any::<usize>()) {
        let mut other = ranges.clone();
        if !other.is_empty() {
            other.rotate_left(seed % ranges.len());
        }
        let maps = [ranges, other].map(|ranges| MemoryMap::new(ranges).expect("few ranges"));
        prop_assert_eq!(maps[0].entries(), maps[1].entries());
    }

    #[test]
    fn what_is_taken_was_usable_and_is_nobody_elses(
        ranges in ranges(),
        takes in vec((1u64..12 * PAGE, 0u32..4, any::<bool>()), 1..12),
    ) {
        // Allocation begins at 1 MiB, so the oracle's pages are moved there.
        let moved = ranges.iter().map(|range| Range { base: range.base.saturating_add(1 << 20), ..*range });
        let mut map = MemoryMap::new(moved).expect("few ranges");
        for (size, align, ours) in takes {
            let before = map.clone();
            let kind = if ours { Kind::BootloaderReclaimable } else { Kind::KernelAndModules };
            let limit = (1 << 20) + PAGES * PAGE;
            match map.allocate("test", size, PAGE << align, kind, limit) {
                Ok(base) => {
                    let end = base + size.next_multiple_of(PAGE);
                    prop_assert!(base.is_multiple_of(PAGE << align) && end <= limit && base >= 1 << 20);
                    for page in 0..(1 << 20) / PAGE + PAGES + 16 {
                        let inside = base <= page * PAGE && page * PAGE < end;
                        let expected = if inside { Some(kind) } else { kind_at(&before, page) };
                        prop_assert_eq!(kind_at(&map, page), expected);
                        prop_assert!(!inside || kind_at(&before, page) == Some(Kind::Usable));
                    }
                }
                Err(_) => prop_assert_eq!(map.entries(), before.entries()),
            }
            check_invariants(&map);
        }
    }
}

#[test]
fn more_ranges_than_fit_are_an_error() {
    let range = |index: u64| Range { base: index * 2 * PAGE, length: PAGE, kind: Kind::Reserved };
    let full = MemoryMap::new((1..=MAP_CAPACITY as u64).map(range)).expect("as many as fit");
    assert_eq!(full.entries().len(), MAP_CAPACITY);
    let error = MemoryMap::new((1..=MAP_CAPACITY as u64 + 1).map(range)).expect_err("one too many");
    assert_eq!(error, MapError::TooManyEntries);
    assert!(error.to_string().contains("more than 512 entries"));
}

#[test]
fn taking_from_a_full_map_is_an_error_and_changes_nothing() {
    let range = |index: u64| Range { base: (1 << 20) + index * 4 * PAGE, length: 3 * PAGE, kind: Kind::Usable };
    let mut map = MemoryMap::new((0..MAP_CAPACITY as u64).map(range)).expect("as many as fit");
    let before = map.clone();
    assert_eq!(map.allocate("test", 1, PAGE, Kind::KernelAndModules, !0), Err(MapError::TooManyEntries));
    assert_eq!(map.entries(), before.entries());
}

#[test]
fn the_highest_memory_that_fits_is_taken() {
    let usable = |base, length| Range { base, length, kind: Kind::Usable };
    let mut map = MemoryMap::new([usable(0x10_0000, 0x10_0000), usable(0x40_0000, 0x3000)]).expect("two ranges");
    let mut take = |size, limit| map.allocate("test", size, PAGE, Kind::BootloaderReclaimable, limit);
    assert_eq!(take(0x3000, !0), Ok(0x40_0000));
    assert_eq!(take(0x1001, !0), Ok(0x1f_e000));
    assert_eq!(take(PAGE, 0x18_0fff), Ok(0x17_f000));
    let missing = MapError::OutOfMemory { purpose: "test", needed: 0x10_0000, largest: 0x7_f000 };
    assert_eq!(take(0x10_0000, !0), Err(missing));
}

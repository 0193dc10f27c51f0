use std::{collections::BTreeMap, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::{FRAME_SIZE, FrameNumber, MAX_ENTRIES, MapError, RegionKind, Repairs};

/// A usable entry that makes any map valid, far above what the tests vary.
const SPARE: RawEntry = entry(GIB, GIB + MIB, USABLE);

fn read(entries: &[RawEntry]) -> (MemoryMap, Repairs) {
    MemoryMap::from_entries(entries.iter().copied().chain([SPARE])).expect("the map has the spare entry")
}

fn kind_at(map: &MemoryMap, address: u64) -> Option<RegionKind> {
    map.kind_of(FrameNumber::new(address / FRAME_SIZE).unwrap())
}

#[test]
fn a_sound_map_needs_no_repair() {
    let entries = [entry(0, page(16), USABLE), entry(page(16), page(32), RESERVED), entry(page(32), page(40), KERNEL)];
    let (map, repairs) = read(&entries);
    assert!(repairs.is_empty(), "{repairs}");
    assert_eq!(map.regions().len(), 4);
    assert_eq!(map.bytes(RegionKind::KernelAndModules), 8 * FRAME_SIZE);
}

#[test]
fn a_map_without_usable_memory_above_the_first_mib_is_refused() {
    let refused = |entries: &[RawEntry]| MemoryMap::from_entries(entries.iter().copied()).unwrap_err();
    assert_eq!(refused(&[]), MapError::NoUsableMemory);
    assert_eq!(refused(&[entry(0, MIB, USABLE)]), MapError::NoUsableMemory);
    assert_eq!(refused(&[entry(MIB, 2 * MIB, USABLE), entry(MIB, 2 * MIB, BAD)]), MapError::NoUsableMemory);
    assert_eq!(refused(&[entry(MIB + 1, MIB + page(1), USABLE)]), MapError::NoUsableMemory);
}

#[test]
fn the_stated_number_of_entries_fits_and_one_more_does_not() {
    let every_other = |count: usize| (0..count as u64).map(|n| entry(MIB + page(2 * n), MIB + page(2 * n + 1), USABLE));
    let (map, _) = MemoryMap::from_entries(every_other(MAX_ENTRIES)).unwrap();
    assert_eq!(map.regions().len(), MAX_ENTRIES);
    assert_eq!(MemoryMap::from_entries(every_other(MAX_ENTRIES + 1)).unwrap_err(), MapError::TooManyEntries);
}

#[test]
fn nested_entries_make_as_many_regions_as_there_can_be() {
    // Alternating kinds, each inside the one before: every entry but the innermost shows on both sides.
    let count = MAX_ENTRIES as u64;
    let kinds = [USABLE, LOADER, ACPI_RECLAIMABLE, KERNEL, ACPI_NVS, FRAMEBUFFER, RESERVED, BAD];
    let nested = (0..count).map(|n| {
        let kind = kinds[(n * kinds.len() as u64 / count) as usize];
        entry(MIB + page(n), MIB + page(2 * count - n), kind)
    });
    let (map, repairs) = MemoryMap::from_entries(nested).unwrap();
    assert_eq!(map.regions().len(), 2 * kinds.len() - 1);
    assert!(repairs.contested_frames > 0);
}

#[test]
fn usable_memory_shrinks_to_whole_frames_and_the_rest_grows() {
    let (map, repairs) = read(&[entry(page(1) + 1, page(4) - 1, USABLE), entry(page(8) + 1, page(9) + 1, ACPI_NVS)]);
    assert_eq!(repairs.unaligned, 2);
    assert_eq!(kind_at(&map, page(1)), None);
    assert_eq!(kind_at(&map, page(2)), Some(RegionKind::Usable));
    assert_eq!(kind_at(&map, page(3)), None);
    assert_eq!(kind_at(&map, page(8)), Some(RegionKind::AcpiNvs));
    assert_eq!(kind_at(&map, page(9)), Some(RegionKind::AcpiNvs));
    assert_eq!(kind_at(&map, page(10)), None);
}

#[test]
fn entries_past_the_last_physical_address_never_wrap() {
    let top = 1 << 52;
    let (map, repairs) = read(&[
        RawEntry { base: page(16), length: u64::MAX, kind: USABLE },
        RawEntry { base: top - page(1), length: u64::MAX, kind: RESERVED },
        RawEntry { base: u64::MAX, length: u64::MAX, kind: RESERVED },
        RawEntry { base: top - page(2), length: page(1), kind: RESERVED },
    ]);
    assert_eq!(repairs.past_limit, 3);
    assert_eq!(kind_at(&map, page(16)), None);
    let last = map.regions().last().unwrap();
    assert_eq!((last.range.end_address(), last.kind), (top, RegionKind::Reserved));
    assert_eq!(last.range.count(), 2);
}

#[test]
fn empty_and_unknown_and_unsorted_entries_are_counted() {
    let (map, repairs) = read(&[
        entry(page(8), page(9), 99),
        RawEntry { base: page(5), length: 0, kind: USABLE },
        entry(page(4), page(5), USABLE),
    ]);
    assert_eq!((repairs.empty, repairs.unknown_kind, repairs.out_of_order), (1, 1, 2));
    assert_eq!(kind_at(&map, page(8)), Some(RegionKind::Reserved));
    assert_eq!(kind_at(&map, page(5)), None);
}

#[test]
fn neighbours_of_one_kind_are_one_region() {
    let (map, repairs) = read(&[entry(page(1), page(2), USABLE), entry(page(2), page(3), USABLE)]);
    assert!(repairs.is_empty());
    assert_eq!(map.regions()[0].range.count(), 2);
}

#[test]
fn repairs_are_named_in_words() {
    let (_, repairs) = read(&[entry(page(1), page(3), USABLE), entry(page(2), page(3), BAD)]);
    assert_eq!(std::format!("{repairs}"), "1 frames claimed by several kinds");
    assert_eq!(std::format!("{}", Repairs::default()), "nothing to repair");
}

/// Every byte's kinds, from which each page's kind follows by the rule in words: usable only if a usable entry
/// covers all of it and no other touches it; else the most restrictive kind that touches it.
fn model(entries: &[RawEntry], page_size: u64, pages: u64) -> BTreeMap<u64, RegionKind> {
    let restriction = |kind: RegionKind| RegionKind::ALL.iter().position(|&other| other == kind).unwrap();
    let mut result = BTreeMap::new();
    for page in 0..pages {
        let bytes: Vec<u64> = (page * page_size..(page + 1) * page_size).collect();
        let covers = |entry: &RawEntry, byte: u64| entry.base <= byte && byte - entry.base < entry.length;
        let mut kind = None;
        for entry in entries {
            let entry_kind = RegionKind::from_limine(entry.kind).unwrap_or(RegionKind::Reserved);
            let counts = match entry_kind {
                RegionKind::Usable => bytes.iter().all(|&byte| covers(entry, byte)),
                _ => bytes.iter().any(|&byte| covers(entry, byte)),
            };
            if counts && kind.is_none_or(|before| restriction(entry_kind) > restriction(before)) {
                kind = Some(entry_kind);
            }
        }
        result.extend(kind.map(|kind| (page, kind)));
    }
    result
}

/// The model's pages have four bytes, so that it can afford to look at each; entries are scaled up for the real thing.
const MODEL_PAGE: u64 = 4;
const MODEL_PAGES: u64 = 64;
const SCALE: u64 = FRAME_SIZE / MODEL_PAGE;

fn small_entries() -> impl Strategy<Value = Vec<RawEntry>> {
    let small = (0..MODEL_PAGES * MODEL_PAGE, 0..80_u64, 0..10_u64).prop_map(|(base, length, kind)| RawEntry {
        base,
        length: length.min(MODEL_PAGES * MODEL_PAGE - base),
        kind,
    });
    proptest::collection::vec(small, 0..24)
}

proptest! {
    #[test]
    fn every_page_is_classified_by_the_most_restrictive_entry(entries in small_entries()) {
        let expected = model(&entries, MODEL_PAGE, MODEL_PAGES);
        let scaled: Vec<_> = entries
            .iter()
            .map(|entry| RawEntry { base: entry.base * SCALE, length: entry.length * SCALE, kind: entry.kind })
            .collect();
        let (map, _) = read(&scaled);
        for number in 0..MODEL_PAGES {
            let kind = map.kind_of(FrameNumber::new(number).unwrap());
            prop_assert_eq!(kind, expected.get(&number).copied(), "page {}", number);
        }
    }

    #[test]
    fn any_entries_give_sorted_disjoint_merged_regions(
        raw in proptest::collection::vec(any::<(u64, u64, u8)>(), 0..MAX_ENTRIES),
        shifts in proptest::collection::vec((0..64_u32, 0..64_u32), MAX_ENTRIES),
    ) {
        let entries = raw.iter().zip(&shifts).map(|(&(base, length, kind), &(a, b))| RawEntry {
            base: base >> a,
            length: length >> b,
            kind: u64::from(kind % 9),
        });
        let Ok((map, _)) = MemoryMap::from_entries(entries) else { return Ok(()) };
        for region in map.regions() {
            prop_assert!(!region.range.is_empty());
            prop_assert!(region.range.end_address() <= 1 << 52);
        }
        for pair in map.regions().windows(2) {
            prop_assert!(pair[0].range.end() <= pair[1].range.start());
            prop_assert!(pair[0].range.end() < pair[1].range.start() || pair[0].kind != pair[1].kind);
        }
    }

    #[test]
    fn the_order_of_entries_does_not_matter(entries in small_entries(), seed: u64) {
        let mut shuffled = entries.clone();
        shuffled.sort_by_key(|entry| (entry.base ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (one, other) = (read(&entries).0, read(&shuffled).0);
        prop_assert_eq!(one.regions(), other.regions());
    }
}

#[test]
fn the_model_itself_knows_the_rule() {
    let entries = vec![entry(0, 6, USABLE), entry(7, 9, BAD)];
    let expected = BTreeMap::from([(0, RegionKind::Usable), (1, RegionKind::Bad), (2, RegionKind::Bad)]);
    assert_eq!(model(&entries, 4, 4), expected);
}

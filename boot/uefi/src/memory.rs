//! What the firmware's memory map means to a kernel (UEFI 2.10, section 7.2.3, GetMemoryMap).

use core::iter;

use steward_boot_protocol::PAGE_SIZE;
use steward_boot_protocol::map::{Kind, Range};

/// Memory that caches may hold back writes to: what ordinary memory is.
const WRITE_BACK: u64 = 0x8;
/// Memory that the firmware means for a purpose of its own.
const SPECIFIC_PURPOSE: u64 = 0x4_0000;

/// An entry of the firmware's map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The firmware's type.
    pub kind: u32,
    /// First byte.
    pub start: u64,
    /// Pages of 4096 bytes.
    pub pages: u64,
    /// Attribute bits.
    pub attributes: u64,
}

/// A piece of memory: `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First byte.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

/// What a descriptor is to a kernel. What loader and firmware used while they ran (stacks, page
/// tables, the files) is free once the kernel no longer needs what the loader left.
#[must_use]
pub fn kind(descriptor: &Descriptor) -> Kind {
    match descriptor.kind {
        // Code and data of loaders and of boot services.
        1..=4 => Kind::BootloaderReclaimable,
        7 if descriptor.attributes & (WRITE_BACK | SPECIFIC_PURPOSE) == WRITE_BACK => Kind::Usable,
        8 => Kind::BadMemory,
        9 => Kind::AcpiReclaimable,
        10 => Kind::AcpiNvs,
        _ => Kind::Reserved,
    }
}

/// The firmware's map as ranges, neighbours of a kind joined. `workspace`, which lies in memory that
/// the loader took from the firmware, is usable again.
pub fn ranges(descriptors: impl Iterator<Item = Descriptor>, workspace: Piece) -> impl Iterator<Item = Range> {
    let ranges = descriptors.map(|descriptor| Range {
        base: descriptor.start,
        length: descriptor.pages.saturating_mul(PAGE_SIZE),
        kind: kind(&descriptor),
    });
    join(ranges).flat_map(move |range| carve(range, workspace))
}

/// Joins ranges that follow each other in memory and agree.
fn join(ranges: impl Iterator<Item = Range>) -> impl Iterator<Item = Range> {
    let mut ranges = ranges.peekable();
    iter::from_fn(move || {
        let mut joined = ranges.next()?;
        while let Some(next) =
            ranges.next_if(|next| next.kind == joined.kind && Some(next.base) == joined.base.checked_add(joined.length))
        {
            joined.length = joined.length.saturating_add(next.length);
        }
        Some(joined)
    })
}

/// What is before, in and behind the workspace; only the loader's own memory can be workspace.
fn carve(range: Range, workspace: Piece) -> impl Iterator<Item = Range> {
    let end = range.base.saturating_add(range.length);
    let (low, high) = match range.kind {
        Kind::BootloaderReclaimable => (workspace.start.clamp(range.base, end), workspace.end.clamp(range.base, end)),
        _ => (end, end),
    };
    [(range.base, low, range.kind), (low, high, Kind::Usable), (high, end, range.kind)]
        .into_iter()
        .filter(|(start, end, _)| start < end)
        .map(|(base, end, kind)| Range { base, length: end - base, kind })
}

#[cfg(test)]
mod tests {
    use super::{Descriptor, Piece, WRITE_BACK, kind, ranges};
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use steward_boot_protocol::map::{Kind, MemoryMap, Range};

    const NOWHERE: Piece = Piece { start: 0, end: 0 };

    fn descriptor(kind: u32, start: u64, pages: u64) -> Descriptor {
        Descriptor { kind, start: start * 4096, pages, attributes: 0xf }
    }

    fn told(descriptors: &[Descriptor], workspace: Piece) -> Vec<(u64, u64, Kind)> {
        let ranges = ranges(descriptors.iter().copied(), workspace);
        ranges.map(|Range { base, length, kind }| (base / 4096, length / 4096, kind)).collect()
    }

    #[test]
    fn every_type_of_the_firmware_has_its_kind() {
        let kinds: Vec<_> = (0..=16).map(|number| kind(&descriptor(number, 0, 1))).collect();
        let ours = Kind::BootloaderReclaimable;
        let expected: [&[Kind]; 3] = [
            &[Kind::Reserved, ours, ours, ours, ours, Kind::Reserved, Kind::Reserved, Kind::Usable],
            &[Kind::BadMemory, Kind::AcpiReclaimable, Kind::AcpiNvs, Kind::Reserved, Kind::Reserved],
            // PAL code, persistent memory, unaccepted memory, and what no one knows.
            &[Kind::Reserved; 4],
        ];
        assert_eq!(kinds, expected.concat());
        assert_eq!(kind(&descriptor(0x8000_0000, 0, 1)), Kind::Reserved);
    }

    #[test]
    fn memory_that_is_uncached_or_for_a_purpose_is_not_usable() {
        let free = descriptor(7, 0, 1);
        assert_eq!(kind(&Descriptor { attributes: 0x1, ..free }), Kind::Reserved);
        assert_eq!(kind(&Descriptor { attributes: WRITE_BACK | 0x4_0000, ..free }), Kind::Reserved);
        assert_eq!(kind(&Descriptor { attributes: WRITE_BACK, ..free }), Kind::Usable);
    }

    #[test]
    fn neighbours_of_a_kind_are_joined_whatever_the_firmware_calls_them() {
        let map = [descriptor(3, 1, 2), descriptor(4, 3, 1), descriptor(2, 4, 4), descriptor(7, 8, 8)];
        let told = told(&map, NOWHERE);
        assert_eq!(told, [(1, 7, Kind::BootloaderReclaimable), (8, 8, Kind::Usable)]);
    }

    #[test]
    fn a_gap_keeps_neighbours_apart() {
        let map = [descriptor(7, 1, 2), descriptor(7, 4, 1)];
        assert_eq!(told(&map, NOWHERE), [(1, 2, Kind::Usable), (4, 1, Kind::Usable)]);
    }

    #[test]
    fn the_workspace_is_usable_again_and_nothing_else() {
        let map = [descriptor(4, 1, 4), descriptor(2, 5, 5), descriptor(7, 10, 2)];
        let workspace = Piece { start: 6 * 4096, end: 9 * 4096 };
        let ours = Kind::BootloaderReclaimable;
        assert_eq!(told(&map, workspace), [(1, 5, ours), (6, 3, Kind::Usable), (9, 1, ours), (10, 2, Kind::Usable)]);
        let map = [descriptor(0, 1, 10)];
        assert_eq!(told(&map, workspace), [(1, 10, Kind::Reserved)]);
    }

    #[test]
    fn three_hundred_descriptors_of_a_real_machine_fit() {
        let map: Vec<_> =
            [7, 3, 4].into_iter().cycle().zip(1..=300).map(|(kind, at)| descriptor(kind, at, 1)).collect();
        let map = MemoryMap::new(ranges(map.into_iter(), NOWHERE)).expect("it fits once neighbours are joined");
        assert_eq!(map.entries().len(), 200);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_told_twice(
            kinds in prop::collection::vec((0u32..17, 0u64..3, 1u64..5), 0..40),
            (start, length) in (0u64..200, 0u64..50),
        ) {
            let mut next = 0;
            let map: Vec<_> = kinds.iter().map(|&(kind, gap, pages)| {
                let at = next + gap;
                next = at + pages;
                descriptor(kind, at, pages)
            }).collect();
            let workspace = Piece { start: start * 4096, end: (start + length) * 4096 };
            let told = told(&map, workspace);
            for page in 0..next {
                let given = map.iter().find(|entry| (entry.start / 4096..entry.start / 4096 + entry.pages).contains(&page));
                let expected = given.map(kind).map(|kind| match kind {
                    Kind::BootloaderReclaimable if (start..start + length).contains(&page) => Kind::Usable,
                    kind => kind,
                });
                let covering: Vec<_> = told.iter().filter(|(at, pages, _)| (*at..at + pages).contains(&page)).collect();
                prop_assert!(covering.len() <= 1);
                prop_assert_eq!(covering.first().map(|(_, _, kind)| *kind), expected);
            }
        }
    }
}

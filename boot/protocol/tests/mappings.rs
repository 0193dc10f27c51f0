//! The address space that the kernel is entered in.

mod support;

use steward_boot_protocol::map::{Kind, Range};
use steward_boot_protocol::paging::Features;
use steward_boot_protocol::{HHDM_BASE, Input};

use support::elf::{BASE, DATA, ZEROS, kernel, tag};
use support::{FEATURES, GIB, Loaded, MIB, input, load_on, load_pc, pc_ranges};

fn load_revision(revision: u64, features: Features) -> Loaded {
    let file = kernel(&tag(revision)).bytes();
    load_pc(&Input { features, ..input(&file) })
}

const GIB_PAGES: Features = Features { gib_pages: true, no_execute: true };

#[test]
fn kernel_is_mapped_as_its_segments_say() {
    let loaded = load_revision(3, FEATURES);
    for (address, writable, executable) in
        [(BASE, false, true), (BASE + 0x1233, false, true), (BASE + 0x2000, false, false), (DATA, true, false)]
    {
        let leaf = loaded.walk(address).expect("mapped");
        assert_eq!((leaf.writable, leaf.executable, leaf.size, leaf.attribute), (writable, executable, 4096, 0));
    }
}

#[test]
fn image_holds_the_files_bytes_and_zeros_behind_them() {
    let loaded = load_revision(3, FEATURES);
    assert!((0..0x1234).all(|index| loaded.byte(BASE + index) == 0x90));
    // The loader's memory was full of garbage; nothing of that may be left on the kernel's pages.
    assert!((0x1234..0x2000).all(|index| loaded.byte(BASE + index) == 0));
    let data: Vec<_> = (0..4).map(|index| loaded.byte(DATA + 24 + index)).collect();
    assert_eq!(data, b"data");
    assert!((28..28 + ZEROS).all(|index| loaded.byte(DATA + index) == 0));
    assert!((DATA + 28 + ZEROS..DATA + 0x3000).all(|address| loaded.byte(address) == 0));
}

#[test]
fn nothing_is_mapped_around_the_kernel() {
    for features in [FEATURES, GIB_PAGES] {
        let loaded = load_revision(3, features);
        for address in [BASE - 1, DATA + 0x3000, !0] {
            assert_eq!(loaded.walk(address), None, "{address:#x}");
        }
    }
}

/// Physical addresses with what lies there in [`pc_ranges`], and the revisions that map it directly.
const COVERAGE: [(u64, &str, [bool; 4]); 13] = [
    (0, "first page", [true, true, true, false]),
    (0x1000, "low memory", [true, true, true, true]),
    (0xf_5000, "firmware", [true, true, true, false]),
    (MIB, "loader", [true, true, true, true]),
    (63 * MIB, "memory", [true, true, true, true]),
    (65 * MIB, "ACPI tables", [true, true, true, false]),
    (66 * MIB, "ACPI NVS", [true, true, true, false]),
    (0xfec0_0000, "I/O APIC", [true, true, true, false]),
    (4 * GIB - 1, "end of the low 4 GiB", [true, true, true, false]),
    (7 * GIB - 1, "end of high memory", [true, true, true, true]),
    (7 * GIB, "a hole", [false, false, false, false]),
    (9 * GIB, "bad memory", [true, false, false, false]),
    (10 * GIB + MIB, "high ACPI NVS", [true, true, true, false]),
];

#[test]
fn direct_map_covers_what_the_base_revision_says() {
    for features in [FEATURES, GIB_PAGES] {
        for revision in 0..=3 {
            let loaded = load_revision(revision, features);
            for (physical, what, covered) in COVERAGE {
                let leaf = loaded.walk(HHDM_BASE + physical);
                assert_eq!(leaf.is_some(), covered[revision as usize], "{what}, revision {revision}");
                if let Some(leaf) = leaf {
                    assert_eq!(leaf.physical, physical);
                    assert!(leaf.writable && leaf.executable && leaf.attribute == 0, "{what}: {leaf:?}");
                }
            }
        }
    }
}

#[test]
fn only_revision_0_has_an_identity_map_and_its_first_page_stays_empty() {
    for revision in 0..=3 {
        let loaded = load_revision(revision, FEATURES);
        for (physical, what, covered) in COVERAGE {
            let expected = revision == 0 && physical != 0 && covered[0];
            let leaf = loaded.walk(physical);
            assert_eq!(leaf.map(|leaf| leaf.physical), expected.then_some(physical), "{what}, revision {revision}");
        }
    }
}

#[test]
fn direct_map_uses_the_largest_pages_that_fit() {
    let size_at = |loaded: &Loaded, physical| loaded.walk(HHDM_BASE + physical).expect("mapped").size;
    let loaded = load_revision(2, GIB_PAGES);
    assert_eq!([0, 3 * GIB, 6 * GIB].map(|at| size_at(&loaded, at)), [GIB; 3]);
    let loaded = load_revision(2, FEATURES);
    assert_eq!([0, 3 * GIB, 6 * GIB].map(|at| size_at(&loaded, at)), [2 * MIB; 3]);
    // Revision 3 maps memory alone: small pages at its uneven edges, large ones between.
    let loaded = load_revision(3, GIB_PAGES);
    assert_eq!(size_at(&loaded, 0x1000), 4096);
    assert_eq!([2 * MIB, 62 * MIB].map(|at| size_at(&loaded, at)), [2 * MIB; 2]);
    assert_eq!(size_at(&loaded, 64 * MIB + 4096), 4096);
}

#[test]
fn without_no_execute_the_bit_stays_clear() {
    let loaded = load_revision(3, Features { gib_pages: false, no_execute: false });
    assert!(loaded.walk(DATA).expect("mapped").executable, "the bit is reserved on such a processor");
    assert!(!loaded.walk(BASE).expect("mapped").writable);
}

#[test]
fn what_cannot_be_mapped_directly_is_left_out() {
    let file = kernel(&tag(0)).bytes();
    let mut ranges = pc_ranges();
    // The last GiB that the direct map has room for, and a page at the end of the physical space.
    let room = 0x7f80_0000_0000;
    ranges.push(Range { base: room - GIB, length: 4 * GIB, kind: Kind::Reserved });
    ranges.push(Range { base: (1 << 52) - 4096, length: 4096, kind: Kind::Reserved });
    let loaded = load_on(&ranges, &Input { features: GIB_PAGES, ..input(&file) }).expect("loads");
    assert_eq!(loaded.walk(HHDM_BASE + room - 1).map(|leaf| leaf.physical), Some(room - 1));
    assert_eq!(loaded.walk(HHDM_BASE + room), None);
}

#[test]
fn wide_reserved_ranges_end_in_an_error_instead_of_hours_of_mapping() {
    let file = kernel(&tag(0)).bytes();
    let ranges = [pc_ranges(), vec![Range { base: 1 << 40, length: !0, kind: Kind::Reserved }]].concat();
    let error = load_on(&ranges, &input(&file)).expect_err("125 TiB of 2 MiB pages");
    assert!(error.to_string().starts_with("not enough memory: the page tables need"), "{error}");
}

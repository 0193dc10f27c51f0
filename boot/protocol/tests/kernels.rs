//! Kernels that are refused, with the reason, and unusual ones that are not.

mod support;

use support::elf::{BASE, DATA, DYNAMIC, EXECUTE, Elf, INTERPRETER, READ, Segment, WRITE, kernel, segment, tag, words};
use support::{input, load_on, load_pc, pc_ranges, refusal};

/// The refusal of a kernel that is changed before it is written.
fn refused(change: impl FnOnce(&mut Elf)) -> String {
    let mut elf = kernel(&tag(3));
    change(&mut elf);
    refusal(&elf.bytes())
}

/// The refusal of a kernel whose file is changed.
fn refused_file(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut file = kernel(&tag(3)).bytes();
    change(&mut file);
    refusal(&file)
}

#[test]
fn what_is_not_an_x86_64_executable_is_refused_by_name() {
    let cases: [(String, &str); 9] = [
        (refusal(b""), "kernel: 0 bytes are too short"),
        (refusal(b"#!/bin/sh\necho no kernel\n"), "kernel: not an ELF file"),
        (refused_file(|file| file.truncate(50)), "kernel: an ELF header or table runs past the end"),
        (refused_file(|file| file.truncate(100)), "kernel: an ELF header or table runs past the end"),
        (refused_file(|file| file[4] = 1), "kernel: a 32-bit ELF file"),
        (refused_file(|file| file[5] = 2), "kernel: big-endian"),
        (refused_file(|file| file[18] = 183), "kernel: built for ELF machine 183"),
        (refused_file(|file| file[16] = 1), "kernel: ELF type 1"),
        (refused(|elf| elf.segments.clear()), "kernel: it has no loadable segment"),
    ];
    for (text, expected) in cases {
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn every_fault_of_a_segment_is_named_with_its_number() {
    type Change = fn(&mut Elf);
    let cases: [(Change, &str); 9] = [
        (|elf| elf.segments[1].flags = READ | WRITE | EXECUTE, "segment 1 at 0xffffffff80002000 is both writable"),
        (|elf| elf.segments[0].address = 0x10_0000, "segment 0 at 0x100000 lies below 0xffffffff80000000"),
        (|elf| elf.segments[2].memory_size = 3, "segment 2 at 0xffffffff80003000 has more data than memory"),
        (|elf| elf.segments[2].memory_size = !0, "segment 2 at 0xffffffff80003000 runs past the end of the address"),
        (|elf| elf.segments[1].address = BASE + 0x1000, "segment 1 at 0xffffffff80001000 overlaps or shares a page"),
        (|elf| elf.segments[1].address = BASE + 0x1800, "segment 1 at 0xffffffff80001800 overlaps or shares a page"),
        (|elf| elf.segments.swap(0, 1), "segment 1 at 0xffffffff80000000 overlaps"),
        (|elf| elf.segments[1].align = 12345, "segment 1 at 0xffffffff80002000 asks for an alignment"),
        (|elf| elf.segments[1].align = 1 << 40, "segment 1 at 0xffffffff80002000 asks for an alignment"),
    ];
    for (change, expected) in cases {
        let text = refused(change);
        assert!(text.starts_with(&format!("kernel: loadable {expected}")), "{text}");
    }
}

#[test]
fn data_past_the_end_of_the_file_is_refused() {
    let text = refused_file(|file| file.truncate(file.len() - 1));
    assert!(text.contains("segment 2 at 0xffffffff80003000 has data past the end of the file"), "{text}");
}

#[test]
fn entry_points_outside_executable_segments_are_refused() {
    for entry in [0, BASE + 0x1234, BASE + 0x2000, DATA, BASE - 1] {
        let text = refused(|elf| elf.entry = entry);
        assert!(text.contains("is not in an executable segment"), "{text}");
    }
}

#[test]
fn kernels_that_need_a_dynamic_linker_are_refused() {
    let text = refused(|elf| elf.segments.push(Segment { kind: INTERPRETER, ..segment(READ, 0, b"/lib/ld.so") }));
    assert!(text.contains("dynamic linker"), "{text}");
}

#[test]
fn too_many_segments_are_refused_rather_than_dropped() {
    let text = refused(|elf| {
        elf.segments.extend((0..14).map(|index| segment(READ, DATA + 0x10_0000 + index * 0x1000, b"more")));
    });
    assert!(text.contains("more than 16 loadable segments"), "{text}");
}

#[test]
fn empty_segments_are_passed_over() {
    let mut elf = kernel(&tag(3));
    elf.segments.insert(0, segment(READ | WRITE | EXECUTE, 0, b""));
    load_pc(&input(&elf.bytes()));
}

#[test]
fn alignment_of_a_segment_holds_in_physical_memory() {
    let mut elf = kernel(&tag(3));
    elf.segments[2].align = 2 << 20;
    elf.segments[2].address = DATA;
    let loaded = load_pc(&input(&elf.bytes()));
    assert!(loaded.walk(BASE).expect("mapped").physical.is_multiple_of(2 << 20));
}

#[test]
fn too_little_memory_is_said_with_what_it_was_for_and_how_much() {
    let text = refused(|elf| elf.segments[2].memory_size = 1 << 30);
    let expected = "not enough memory: the kernel's image needs 1048588 KiB in one piece, the largest usable piece has";
    assert!(text.starts_with(expected), "{text}");
    let ranges = &pc_ranges()[..3];
    let error = load_on(ranges, &input(&kernel(&tag(3)).bytes())).expect_err("no memory above 1 MiB");
    assert!(error.to_string().contains("the largest usable piece has 0 KiB"), "{error}");
}

/// A position-independent kernel linked at `base` whose word at `base + 0x3000` points to its code.
fn position_independent(base: u64, kind: u64) -> Elf {
    let dynamic = words(&[7, base + 0x2100, 8, 24, 9, 24, 0, 0]);
    let table = words(&[base + 0x3000, kind, base + 0x40]);
    let mut constants = segment(READ, base + 0x2000, &dynamic);
    constants.data.resize(0x100, 0);
    constants.data.extend_from_slice(&table);
    constants.memory_size = constants.data.len() as u64;
    Elf {
        kind: 3,
        entry: base + 0x10,
        segments: vec![
            segment(READ | EXECUTE, base, &[0x90; 64]),
            constants,
            segment(READ | WRITE, base + 0x3000, &[0; 16]),
            Segment { kind: DYNAMIC, ..segment(READ, base + 0x2000, &dynamic) },
        ],
    }
}

#[test]
fn position_independent_kernels_are_relocated_where_they_are_linked_or_slid_up() {
    for base in [BASE, BASE + 0x20_0000] {
        let loaded = load_pc(&input(&position_independent(base, 8).bytes()));
        assert_eq!((loaded.word(base + 0x3000), loaded.handover.entry), (base + 0x40, base + 0x10));
    }
    let loaded = load_pc(&input(&position_independent(0, 8).bytes()));
    assert_eq!((loaded.word(BASE + 0x3000), loaded.handover.entry), (BASE + 0x40, BASE + 0x10));
}

#[test]
fn relocations_that_cannot_be_applied_are_refused() {
    let text = refusal(&position_independent(0, 6).bytes());
    assert!(text.starts_with("kernel: relocation of type 6 at 0xffffffff80003000"), "{text}");
    let mut elf = position_independent(0, 8);
    elf.segments[1].data[0x100..0x108].copy_from_slice(&0x9000u64.to_le_bytes());
    let text = refusal(&elf.bytes());
    assert!(text.starts_with("kernel: relocation of type 8 at 0xffffffff80009000"), "{text}");
    let mut elf = position_independent(0, 8);
    elf.segments[1].data[8..16].copy_from_slice(&0x9000u64.to_le_bytes());
    let text = refusal(&elf.bytes());
    assert!(text.contains("relocation table is not in the file's loadable data"), "{text}");
}

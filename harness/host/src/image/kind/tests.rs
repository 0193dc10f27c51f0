use proptest::prelude::*;

use super::*;
use crate::test_elf::Builder;

impl Source for &[u8] {
    fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(place).ok().and_then(|place| self.get(place..)).unwrap_or_default();
        // Readers get what there is in pieces, as from a pipe.
        let count = rest.len().min(buffer.len()).min(5000);
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

fn kind(bytes: &[u8]) -> Kind {
    Kind::in_bytes(&bytes).unwrap()
}

/// An empty file with these bytes at these places.
fn with(parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; 40 << 10];
    for (at, bytes) in parts {
        file[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    file
}

const LIMINE: [u8; 16] =
    [0x88, 0x8b, 0x4c, 0xdf, 0x30, 0xdd, 0xb1, 0xc7, 0x7b, 0xf0, 0x94, 0xa1, 0x83, 0xe8, 0x82, 0x0a];
const PVH: [u8; 20] = [4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, b'X', b'e', b'n', 0, 0, 0, 16, 0];

fn multiboot1(flags: u32) -> Vec<u8> {
    let magic = 0x1bad_b002_u32;
    [magic, flags, 0u32.wrapping_sub(magic).wrapping_sub(flags)].iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn multiboot2() -> Vec<u8> {
    let (magic, length) = (0xe852_50d6_u32, 24);
    let words = [magic, 0, length, 0u32.wrapping_sub(magic).wrapping_sub(length), 0, 8];
    words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect()
}

/// An ELF file with one segment of this type, that stands at this place of the file.
fn elf(wide: bool, segment: u32, at: usize, content: &[u8]) -> Vec<u8> {
    let mut file = vec![0; at];
    let (class, machine) = if wide { (2, 62) } else { (1, 3) };
    let word = |number: usize| {
        if wide { (number as u64).to_le_bytes().to_vec() } else { (number as u32).to_le_bytes().to_vec() }
    };
    let size: u16 = if wide { 56 } else { 32 };
    let table = if wide { 64 } else { 52 };
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF");
    put(4, &[class, 1, 1]);
    put(16, &[2, 0, machine, 0]);
    put(if wide { 32 } else { 28 }, &word(table));
    put(if wide { 54 } else { 42 }, &[size.to_le_bytes(), 1u16.to_le_bytes()].concat());
    put(table, &segment.to_le_bytes());
    put(table + word(0).len(), &word(at));
    put(table + if wide { 32 } else { 16 }, &word(content.len()));
    file.extend_from_slice(content);
    file
}

const LOAD: u32 = 1;
const NOTE: u32 = 4;

#[test]
fn media_and_linux_are_known_by_their_magic_words() {
    let boot: (usize, &[u8]) = (510, &[0x55, 0xaa]);
    assert_eq!(kind(&with(&[boot, (0x202, b"HdrS")])), Kind::Linux);
    // One that UEFI firmware can start too.
    assert_eq!(kind(&with(&[(0, b"MZ"), boot, (0x202, b"HdrS")])), Kind::Linux);
    assert_eq!(kind(&with(&[boot])), Kind::Disk);
    assert_eq!(kind(&with(&[(512, b"EFI PART")])), Kind::Disk);
    assert_eq!(kind(&with(&[(0x8001, b"CD001")])), Kind::Iso { hybrid: false });
    assert_eq!(kind(&with(&[(0x8001, b"CD001"), boot])), Kind::Iso { hybrid: true });
    assert_eq!(kind(&[vec![0; 510], vec![0x55, 0xaa]].concat()), Kind::Disk, "a boot sector alone");
}

#[test]
fn what_cannot_be_booted_is_known_all_the_same() {
    assert_eq!(kind(&with(&[(0, b"MZ")])), Kind::Pe);
    assert_eq!(kind(&with(&[(0, b"QFI\xfb")])), Kind::Packed("qcow2"));
    assert_eq!(kind(&with(&[(0, b"vhdxfile")])), Kind::Packed("VHDX"));
    assert_eq!(kind(&with(&[(0x40, b"\x7f\x10\xda\xbe")])), Kind::Packed("VDI"));
    for bytes in [&b""[..], b"#!/bin/sh\n", &[0; 4096]] {
        assert_eq!(kind(bytes), Kind::Unknown);
    }
}

#[test]
fn limine_requests_are_found_anywhere_in_what_is_loaded() {
    // Across the pieces in which a segment is read, too.
    for place in [0, 8, 4992, 65528, 65536, 200_000] {
        let content = [vec![0x90; place], LIMINE.to_vec(), vec![0; 40]].concat();
        assert_eq!(kind(&elf(true, LOAD, 0x1000, &content)), Kind::Limine, "at {place}");
    }
    let content = [LIMINE.to_vec(), vec![0; 40]].concat();
    assert_eq!(kind(&elf(true, NOTE, 0x1000, &content)), Kind::PlainElf, "not loaded");
    assert_eq!(kind(&elf(true, LOAD, 0x1004, &content)), Kind::PlainElf, "not at a multiple of 8");
    assert_eq!(kind(&elf(true, LOAD, 0x1000, &LIMINE[..12])), Kind::PlainElf, "half of one");
}

#[test]
fn a_pvh_note_is_found_behind_others() {
    let other = [&[4, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0][..], b"GNU\0", &[1, 2, 3, 0]].concat();
    for wide in [true, false] {
        assert_eq!(kind(&elf(wide, NOTE, 0x1000, &[&other[..], &PVH].concat())), Kind::Pvh);
        assert_eq!(kind(&elf(wide, NOTE, 0x1000, &other)), Kind::PlainElf);
        assert_eq!(kind(&elf(wide, LOAD, 0x1000, &PVH)), Kind::PlainElf);
    }
}

#[test]
fn multiboot_is_what_qemu_takes_for_it() {
    let one = multiboot1(3);
    assert_eq!(kind(&elf(false, LOAD, 0x1000, &one)), Kind::Multiboot);
    assert_eq!(kind(&elf(true, LOAD, 0x1000, &one)), Kind::Multiboot64);
    assert_eq!(kind(&elf(false, LOAD, 0x2000, &one)), Kind::PlainElf, "behind the first 8192 bytes");
    assert_eq!(kind(&elf(false, LOAD, 0x1000, &[&one[..11], &[0]].concat())), Kind::PlainElf, "a wrong sum");
    assert_eq!(kind(&elf(true, LOAD, 0x1000, &multiboot2())), Kind::Multiboot2);
    assert_eq!(kind(&elf(false, LOAD, 0x1000, &[multiboot2(), one.clone()].concat())), Kind::Multiboot, "both");
    // Without an ELF header only by the addresses in the header.
    assert_eq!(kind(&with(&[(0, &multiboot1(1 << 16))])), Kind::Multiboot);
    assert_eq!(kind(&with(&[(0, &one)])), Kind::Unknown);
    assert_eq!(kind(&with(&[(64, &multiboot2())])), Kind::Multiboot2);
}

#[test]
fn a_kernel_for_limine_is_one_whatever_else_it_is() {
    let content = [LIMINE.to_vec(), multiboot1(3), vec![0; 4], multiboot2()].concat();
    assert_eq!(kind(&elf(true, LOAD, 0x1000, &content)), Kind::Limine);
}

#[test]
fn files_of_other_machines_and_unlinked_ones_are_none() {
    let mut arm = elf(true, LOAD, 0x1000, &LIMINE);
    arm[18] = 183;
    assert_eq!(kind(&arm), Kind::OtherElf);
    let mut object = elf(true, LOAD, 0x1000, &LIMINE);
    object[16] = 1;
    assert_eq!(kind(&object), Kind::OtherElf);
    assert_eq!(kind(&Builder::default().tests(2).build()), Kind::PlainElf);
}

#[test]
fn a_cut_elf_file_is_some_elf_file() {
    let file = elf(true, LOAD, 0x200, &LIMINE);
    for length in 4..file.len() {
        assert!(matches!(kind(&file[..length]), Kind::OtherElf | Kind::PlainElf), "cut to {length} bytes");
    }
}

#[test]
fn directories_and_empty_and_absent_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let why = |path: &Path| Kind::of(path).unwrap_err().to_string();
    assert!(why(directory.path()).contains("a directory"));
    assert!(why(&empty).ends_with("empty: the file is empty"));
    assert!(why(&directory.path().join("absent")).contains("absent"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        kind(&bytes);
    }

    #[test]
    fn no_damage_to_an_elf_file_makes_it_panic(
        wide in any::<bool>(),
        segment in prop::sample::select(vec![LOAD, NOTE]),
        damage in prop::collection::vec((0usize..0x130, any::<u8>()), 0..12),
        place in prop::sample::select(vec![0x18usize, 0x20, 0x28, 0x36, 0x48, 0x60]),
        number in any::<u64>(),
    ) {
        let mut file = elf(wide, segment, 0x100, &[&PVH[..], &LIMINE].concat());
        file[place..place + 8].copy_from_slice(&number.to_le_bytes());
        for (at, byte) in damage {
            if at > 4 && at < file.len() {
                file[at] = byte;
            }
        }
        kind(&file);
    }
}

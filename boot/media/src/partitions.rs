//! Partition tables: a protective MBR, a GPT, and its copy at the end (UEFI 2.10, chapter 5).

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use gpt::GptConfig;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use gpt::partition_types::{self, Type};

use crate::identity::Identity;

/// Bytes of a block of a disk or a stick. Partition tables count in them.
pub(crate) const BLOCK: u64 = 512;
/// Where partitions begin, and what an image's size is a multiple of: what flash memory erases at once divides it, and so
/// do blocks of any size.
pub(crate) const ALIGNMENT: u64 = 1 << 20;
/// Bytes of the partition for the stages that a BIOS loads. Limine has at most 128 KiB of them.
const BIOS_STAGES: u64 = ALIGNMENT;
/// The number of that partition.
pub(crate) const BIOS_PARTITION: u32 = 2;

/// What a BIOS starts from a stick or a disk (16-bit code at 0:7c00; UEFI 2.10, 5.2.1 leaves it to us) until a boot
/// loader puts its own there: shows [`ONLY_UEFI`], and halts.
const BOOT_CODE: [u8; 28] = [
    0x31, 0xc0, // xor ax, ax
    0x8e, 0xd8, // mov ds, ax
    0xfc, // cld
    0xbe, 0x1c, 0x7c, // mov si, 0x7c00 + 28
    0xac, // next: lodsb
    0x84, 0xc0, // test al, al
    0x74, 0x09, // jz halt
    0xb4, 0x0e, // mov ah, 14: a character to the screen
    0xbb, 0x07, 0x00, // mov bx, 7
    0xcd, 0x10, // int 0x10
    0xeb, 0xf2, // jmp next
    0xf4, // halt: hlt
    0xeb, 0xfd, // jmp halt
    0x00, 0x00, 0x00, // up to the text
];
const ONLY_UEFI: &[u8] = b"This medium starts by UEFI. Choose its UEFI entry in the firmware's boot menu.\0";

/// Where on an image what stands, in bytes. It has one partition, the system partition, or a second one for a BIOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    system: Range<u64>,
    bios: Option<Range<u64>>,
    /// How large the image is.
    pub(crate) image: u64,
}

impl Places {
    /// An image whose system partition has this many bytes from `start` on.
    ///
    /// INVARIANT: both are multiples of [`ALIGNMENT`], and not zero.
    pub(crate) fn new(start: u64, bytes: u64, bios: bool) -> Self {
        assert!(start > 0 && bytes > 0 && start.is_multiple_of(ALIGNMENT) && bytes.is_multiple_of(ALIGNMENT));
        let system = start..start + bytes;
        let bios = bios.then(|| system.end..system.end + BIOS_STAGES);
        let end = bios.as_ref().map_or(system.end, |bios| bios.end);
        Self { image: end + ALIGNMENT, system, bios }
    }
}

/// Writes the tables.
///
/// INVARIANT: the image's size is that of `places`.
pub(crate) fn write(image: &mut [u8], places: &Places, identity: Identity) {
    let Places { system, bios, .. } = places.clone();
    let partition = |part: u8, kind: Type, name: &str, bytes: Range<u64>| Partition {
        part_type_guid: kind,
        part_guid: identity.guid(part).parse().expect("a GUID is 32 hexadecimal digits"),
        first_lba: bytes.start / BLOCK,
        last_lba: bytes.end / BLOCK - 1,
        flags: 0,
        name: name.into(),
    };
    let mut partitions = BTreeMap::from([(1, partition(1, partition_types::EFI, "EFI system", system))]);
    if let Some(bytes) = bios {
        partitions.insert(BIOS_PARTITION, partition(2, partition_types::BIOS, "BIOS boot", bytes));
    }

    let in_memory = "memory of a fitting size takes all writes";
    let disk = identity.guid(0).parse().expect("a GUID is 32 hexadecimal digits");
    let protective = u32::try_from(places.image / BLOCK - 1).unwrap_or(u32::MAX);
    let mut device = Cursor::new(image);
    let mut mbr = ProtectiveMBR::with_lb_size(protective);
    mbr.set_bootcode(boot_code());
    mbr.overwrite_lba0(&mut device).expect(in_memory);
    let mut table = GptConfig::new().writable(true).create_from_device(device, Some(disk)).expect(in_memory);
    table.update_partitions(partitions).expect(in_memory);
    table.write().expect(in_memory);
}

fn boot_code() -> [u8; 440] {
    let mut code = [0; 440];
    code[..BOOT_CODE.len()].copy_from_slice(&BOOT_CODE);
    code[BOOT_CODE.len()..][..ONLY_UEFI.len()].copy_from_slice(ONLY_UEFI);
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    #[test]
    fn the_partition_for_a_bios_lies_behind_the_other_and_clear_of_the_tables() {
        let places = Places::new(3 * ALIGNMENT, 2 * ALIGNMENT, true);
        let mut image = vec![0; places.image as usize];
        write(&mut image, &places, Identity::of([&File::new("a", "a")]));
        let disk = GptConfig::new().open_from_device(Cursor::new(image)).unwrap();
        let partitions: Vec<_> = disk.partitions().values().map(|found| (found.first_lba, found.last_lba)).collect();
        assert_eq!(partitions, [(6144, 10239), (10240, 12287)]);
        assert_eq!(disk.partitions()[&BIOS_PARTITION].part_type_guid, partition_types::BIOS);
        assert!(disk.primary_header().unwrap().last_usable >= 12287);
        assert_eq!(disk.backup_header().unwrap().current_lba, places.image / BLOCK - 1);
    }

    #[test]
    fn a_bios_that_starts_the_medium_is_told_what_does() {
        let code = boot_code();
        // mov si, text: where the text is when the block is loaded at 0x7c00.
        let text = usize::from(u16::from_le_bytes([code[6], code[7]])) - 0x7c00;
        assert!(code[text..].starts_with(ONLY_UEFI));
        assert!(ONLY_UEFI.ends_with(b"\0") && ONLY_UEFI[..ONLY_UEFI.len() - 1].iter().all(|byte| *byte >= b' '));
    }
}

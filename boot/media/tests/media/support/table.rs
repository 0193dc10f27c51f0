//! Partition tables (UEFI 2.10, chapter 5), read and held to the specification's rules.

use std::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc};

const BLOCK: usize = 512;

/// A partition.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// As on the disk.
    pub kind: [u8; 16],
    /// As on the disk.
    pub guid: [u8; 16],
    /// Its bytes of the image.
    pub bytes: Range<usize>,
    pub name: String,
}

/// The type GUID of a system partition, as it stands on a disk.
pub const EFI: [u8; 16] = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";

/// The disk's GUID and its partitions. Panics when a rule is broken.
pub fn read(image: &[u8]) -> ([u8; 16], Vec<Partition>) {
    assert_eq!(image.len() % BLOCK, 0);
    let last = image.len() / BLOCK - 1;
    protective_mbr(image, last);
    let (primary, copy) = (header(image, 1), header(image, last));
    assert_eq!((primary.other, copy.other), (last, 1));
    assert_eq!(primary.same, copy.same, "both headers say the same");
    assert_eq!((primary.entries_at, copy.entries_at), (2, last - 32));
    assert_eq!(image[2 * BLOCK..34 * BLOCK], image[(last - 32) * BLOCK..last * BLOCK]);
    let entries = image[2 * BLOCK..34 * BLOCK].chunks(128);
    let partitions: Vec<_> = entries.filter(|entry| entry[..16] != [0; 16]).map(partition).collect();
    let mut end = primary.usable.start * BLOCK;
    for Partition { bytes, .. } in &partitions {
        assert!(bytes.start >= end && bytes.end > bytes.start && bytes.end <= primary.usable.end * BLOCK);
        end = bytes.end;
    }
    (primary.disk, partitions)
}

struct Header {
    other: usize,
    usable: Range<usize>,
    disk: [u8; 16],
    entries_at: usize,
    /// What both headers have.
    same: Vec<u8>,
}

fn header(image: &[u8], block: usize) -> Header {
    let mut bytes = image[block * BLOCK..][..92].to_vec();
    let number = |bytes: &[u8], place: usize| long(&bytes[place..place + 8]);
    assert_eq!(&bytes[..16], b"EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00");
    assert_eq!(number(&bytes, 24), block);
    assert_eq!(bytes[80..88], [128, 0, 0, 0, 128, 0, 0, 0], "128 entries of 128 bytes");
    let entries_at = number(&bytes, 72);
    assert_eq!(bytes[88..], sum(&image[entries_at * BLOCK..][..128 * 128]), "the entries' checksum");
    let found = bytes[16..20].to_vec();
    bytes[16..20].fill(0);
    assert_eq!(found, sum(&bytes), "the header's checksum");
    assert!(image[block * BLOCK + 92..(block + 1) * BLOCK].iter().all(|byte| *byte == 0));
    Header {
        other: number(&bytes, 32),
        usable: number(&bytes, 40)..number(&bytes, 48) + 1,
        disk: bytes[56..72].try_into().unwrap(),
        entries_at,
        same: [&bytes[40..72], &bytes[80..]].concat(),
    }
}

fn partition(entry: &[u8]) -> Partition {
    let name = entry[56..].chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).take_while(|unit| *unit != 0);
    Partition {
        kind: entry[..16].try_into().unwrap(),
        guid: entry[16..32].try_into().unwrap(),
        bytes: long(&entry[32..40]) * BLOCK..(long(&entry[40..48]) + 1) * BLOCK,
        name: char::decode_utf16(name).map(Result::unwrap).collect(),
    }
}

fn protective_mbr(image: &[u8], last: usize) {
    assert_eq!(image[510..512], [0x55, 0xaa]);
    let entry = &image[446..462];
    assert_eq!((entry[0], entry[4]), (0, 0xee), "not active, protective");
    assert_eq!(entry[8..12], [1, 0, 0, 0]);
    assert_eq!(entry[12..16], u32::try_from(last).unwrap().to_le_bytes());
    assert_eq!(image[462..510], [0; 48]);
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes).to_le_bytes()
}

fn long(bytes: &[u8]) -> usize {
    usize::try_from(u64::from_le_bytes(bytes.try_into().unwrap())).unwrap()
}

//! Discs made of bytes.

use std::string::{String, ToString as _};
use std::vec::Vec;
use std::{format, vec};

use crate::iso9660::{SECTOR, Sectors};

pub const DIRECTORY: u8 = 1 << 1;
pub const ASSOCIATED: u8 = 1 << 2;
pub const IN_PIECES: u8 = 1 << 7;

/// The sectors of a disc. Reading past its end is an error, and so is a read of part of a sector.
#[derive(Clone, Debug, Default)]
pub struct Disc {
    pub bytes: Vec<u8>,
    pub reads: u64,
}

impl Sectors for Disc {
    type Error = String;

    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<(), String> {
        assert!(!buffer.is_empty() && buffer.len().is_multiple_of(SECTOR));
        self.reads += (buffer.len() / SECTOR) as u64;
        let start = usize::try_from(first).map_err(|error| error.to_string())?.saturating_mul(SECTOR);
        let end = start.saturating_add(buffer.len());
        let found = self.bytes.get(start..end).ok_or_else(|| format!("sector {first} cannot be read"))?;
        buffer.copy_from_slice(found);
        Ok(())
    }
}

impl Disc {
    /// A disc of so many sectors whose primary descriptor, in sector 16, has its root directory in sector 18.
    pub fn new(sectors: usize, root_bytes: u32) -> Self {
        let mut disc = Self { bytes: vec![0; sectors * SECTOR], reads: 0 };
        let primary = disc.sector(16);
        primary[..7].copy_from_slice(b"\x01CD001\x01");
        primary[80..84].copy_from_slice(&u32::try_from(sectors).unwrap().to_le_bytes());
        primary[128..130].copy_from_slice(&2048_u16.to_le_bytes());
        primary[156..190].copy_from_slice(&record(b"\0", 18, root_bytes, DIRECTORY, b""));
        disc.sector(17)[..7].copy_from_slice(b"\xffCD001\x01");
        disc
    }

    pub fn sector(&mut self, number: usize) -> &mut [u8] {
        &mut self.bytes[number * SECTOR..][..SECTOR]
    }

    /// Puts records into a sector, after a directory's records of itself and its parent.
    pub fn directory(&mut self, number: usize, own_system_use: &[u8], records: &[Vec<u8>]) {
        let place = u32::try_from(number).unwrap();
        let own = record(b"\0", place, 2048, DIRECTORY, own_system_use);
        let parent = record(b"\x01", place, 2048, DIRECTORY, b"");
        let bytes = [own, parent, records.concat()].concat();
        self.sector(number)[..bytes.len()].copy_from_slice(&bytes);
    }
}

/// A directory record.
pub fn record(identifier: &[u8], extent: u32, length: u32, flags: u8, system_use: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 33];
    bytes[2..6].copy_from_slice(&extent.to_le_bytes());
    bytes[6..10].copy_from_slice(&extent.to_be_bytes());
    bytes[10..14].copy_from_slice(&length.to_le_bytes());
    bytes[14..18].copy_from_slice(&length.to_be_bytes());
    bytes[25] = flags;
    bytes[32] = identifier.len().try_into().unwrap();
    bytes.extend(identifier);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes.extend(system_use);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes[0] = bytes.len().try_into().unwrap();
    bytes
}

/// The field that says that there are Rock Ridge fields, after so many other bytes.
pub fn sp(skip: u8) -> Vec<u8> {
    vec![b'S', b'P', 7, 1, 0xbe, 0xef, skip]
}

/// A piece of a Rock Ridge name.
pub fn nm(flags: u8, piece: &str) -> Vec<u8> {
    let length = u8::try_from(5 + piece.len()).unwrap();
    [&[b'N', b'M', length, 1, flags], piece.as_bytes()].concat()
}

/// The fields go on there.
pub fn ce(sector: u32, offset: u32, length: u32) -> Vec<u8> {
    let twice = |number: u32| [number.to_le_bytes(), number.to_be_bytes()].concat();
    [vec![b'C', b'E', 28, 1], twice(sector), twice(offset), twice(length)].concat()
}

//! The volume descriptors (ECMA-119, clause 8).

use super::SECTOR;
use super::bytes::{both_16, both_32};
use super::layout::Layout;
use super::record::{self, Record};

/// ECMA-119, 8.1.2: the standard's identifier, and the version of the descriptor.
const STANDARD: &[u8; 6] = b"CD001\x01";
/// ECMA-119, 8.1.1: kinds of descriptors.
const BOOT_RECORD: u8 = 0;
const PRIMARY: u8 = 1;
const END: u8 = 255;
/// El Torito 1.0, figure 7: what the boot record belongs to.
const EL_TORITO: &[u8] = b"EL TORITO SPECIFICATION";
/// ECMA-119, 8.4.26.1: no date and time.
const NO_TIME: [u8; 17] = *b"0000000000000000\0";

/// Primary descriptor, boot record and end, for a disc of this many sectors whose boot catalogue stands there.
pub(super) fn all(layout: &Layout<'_>, sectors: u32, catalogue: u32) -> Vec<u8> {
    let mut boot = sector(BOOT_RECORD);
    put(&mut boot, 7, EL_TORITO);
    put(&mut boot, 71, &catalogue.to_le_bytes());
    [primary(layout, sectors), boot, sector(END)].concat()
}

/// ECMA-119, 8.4. Positions are those of the standard, less one.
fn primary(layout: &Layout<'_>, sectors: u32) -> Vec<u8> {
    let mut bytes = sector(PRIMARY);
    let tables = layout.path_tables();
    put(&mut bytes, 8, &[b' '; 32]);
    put(&mut bytes, 40, format!("{:32}", "STEWARD").as_bytes());
    put(&mut bytes, 80, &both_32(sectors));
    put(&mut bytes, 120, &both_16(1));
    put(&mut bytes, 124, &both_16(1));
    put(&mut bytes, 128, &both_16(SECTOR as u16));
    put(&mut bytes, 132, &both_32(tables.bytes));
    put(&mut bytes, 140, &tables.little_endian.to_le_bytes());
    put(&mut bytes, 148, &tables.big_endian.to_be_bytes());
    put(&mut bytes, 156, &Record { identifier: record::SELF, directory: true, extent: layout.root() }.plain());
    put(&mut bytes, 190, &[b' '; 128 * 4 + 37 * 3]); // identifiers of the set, publisher, preparer, application; files
    for position in [813, 830, 847, 864] {
        put(&mut bytes, position, &NO_TIME);
    }
    bytes[881] = 1; // version of the file structure
    bytes
}

fn sector(kind: u8) -> Vec<u8> {
    let mut bytes = vec![0; SECTOR as usize];
    bytes[0] = kind;
    put(&mut bytes, 1, STANDARD);
    bytes
}

fn put(bytes: &mut [u8], position: usize, value: &[u8]) {
    bytes[position..position + value.len()].copy_from_slice(value);
}

//! Writes a FAT volume whose files and directories each lie in one piece (Microsoft, FAT32 File System Specification
//! 1.03).

use std::ops::Range;

use crate::tree::{Directory, Node, Tree};

use super::names::{self, ENTRY};
use super::shape::{FIRST_CLUSTER, Kind, SECTOR, Shape, TABLES};

const LABEL: &[u8; 11] = b"STEWARD    ";
/// Attributes of entries (page 22).
const READ_WRITE: u8 = 0x20;
const VOLUME: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
/// The first of January 1980, the first day that FAT knows (page 25).
const DATE: [u8; 2] = 0x0021_u16.to_le_bytes();
/// Entries of a root directory that cannot grow, beyond those that are in it.
const SPARE_ENTRIES: usize = 256;
/// Where FAT32 has its information sector and the copy of the boot sector (page 12).
const INFORMATION: u32 = 1;
const BOOT_COPY: u32 = 6;
/// A fixed disk (page 10).
const MEDIUM: u8 = 0xf8;

/// A volume that is being written.
pub(super) struct Writer<'a> {
    image: &'a mut [u8],
    shape: Shape,
    tree: Tree<'a>,
    /// For each directory of the tree, and for each file.
    directories: Vec<Range<u32>>,
    files: Vec<Range<u32>>,
    /// The first cluster that is free.
    next: u32,
}

/// The files do not fit.
#[derive(Debug)]
pub(super) struct Full;

impl<'a> Writer<'a> {
    /// Places the files. Nothing is written yet.
    pub(super) fn new(image: &'a mut [u8], tree: Tree<'a>) -> Result<Self, Full> {
        let sectors = image.len() as u32 / SECTOR;
        let entries = root_entries(&tree.directories[0]);
        let shape = Shape::new(sectors, (entries * ENTRY) as u32).ok_or(Full)?;
        let mut writer = Self { image, shape, tree, directories: Vec::new(), files: Vec::new(), next: FIRST_CLUSTER };
        for number in 0..writer.tree.directories.len() {
            let in_clusters = number > 0 || shape.kind == Kind::Fat32;
            let bytes = if in_clusters { writer.directory_entries(number) * ENTRY } else { 0 };
            let place = writer.place(bytes)?;
            writer.directories.push(place);
        }
        for number in 0..writer.tree.files.len() {
            let place = writer.place(writer.tree.files[number].content.len())?;
            writer.files.push(place);
        }
        Ok(writer)
    }

    /// Clusters for this many bytes.
    fn place(&mut self, bytes: usize) -> Result<Range<u32>, Full> {
        let clusters = u32::try_from(bytes).map_err(|_| Full)?.div_ceil(self.shape.cluster_bytes());
        if clusters > FIRST_CLUSTER + self.shape.clusters - self.next {
            return Err(Full);
        }
        let place = self.next..self.next + clusters;
        self.next = place.end;
        Ok(place)
    }

    /// Writes the volume. The image was all zero.
    pub(super) fn write(mut self, serial: u32) {
        self.boot_sectors(serial);
        self.tables();
        for number in 0..self.directories.len() {
            let content = self.directory(number);
            let sector = match self.directories[number].start {
                _ if self.directories[number].is_empty() => self.shape.root_start(),
                cluster => self.shape.cluster_start(cluster),
            };
            self.put(sector, &content);
        }
        for (number, place) in self.files.clone().into_iter().enumerate().filter(|(_, place)| !place.is_empty()) {
            let file = self.tree.files[number];
            self.put(self.shape.cluster_start(place.start), &file.content);
        }
    }

    /// Page 9 to 13, and for FAT32 page 21.
    fn boot_sectors(&mut self, serial: u32) {
        let boot = self.boot_sector(serial);
        self.put(0, &boot);
        if self.shape.kind == Kind::Fat32 {
            self.put(BOOT_COPY, &boot);
            let mut information = [0; SECTOR as usize];
            information[..4].copy_from_slice(b"RRaA");
            information[484..488].copy_from_slice(b"rrAa");
            let free = FIRST_CLUSTER + self.shape.clusters - self.next;
            information[488..492].copy_from_slice(&free.to_le_bytes());
            information[492..496].copy_from_slice(&self.next.to_le_bytes());
            information[510..].copy_from_slice(&[0x55, 0xaa]);
            self.put(INFORMATION, &information);
            self.put(BOOT_COPY + INFORMATION, &information);
        }
    }

    fn boot_sector(&self, serial: u32) -> [u8; SECTOR as usize] {
        let Shape { kind, sectors, per_cluster, reserved, table, root, .. } = self.shape;
        let mut bytes = [0; SECTOR as usize];
        let mut put = |place: usize, value: &[u8]| bytes[place..place + value.len()].copy_from_slice(value);
        put(3, b"MSWIN4.1"); // the name that the fewest programs object to (page 9)
        put(11, &(SECTOR as u16).to_le_bytes());
        put(13, &[per_cluster as u8]);
        put(14, &(reserved as u16).to_le_bytes());
        put(16, &[TABLES as u8]);
        put(17, &((root * SECTOR) as usize / ENTRY).to_le_bytes()[..2]);
        match u16::try_from(sectors) {
            Ok(sectors) if kind != Kind::Fat32 => put(19, &sectors.to_le_bytes()),
            _ => put(32, &sectors.to_le_bytes()),
        }
        put(21, &[MEDIUM]);
        put(24, &[32, 0, 64, 0]); // sectors of a track, and heads: nobody asks for them any more
        let (extended, name, jump) = match kind {
            Kind::Fat12 => (36, b"FAT12   ", 0x3c),
            Kind::Fat16 => (36, b"FAT16   ", 0x3c),
            Kind::Fat32 => (64, b"FAT32   ", 0x58),
        };
        if kind == Kind::Fat32 {
            put(36, &table.to_le_bytes());
            put(44, &FIRST_CLUSTER.to_le_bytes());
            put(48, &(INFORMATION as u16).to_le_bytes());
            put(50, &(BOOT_COPY as u16).to_le_bytes());
        } else {
            put(22, &(table as u16).to_le_bytes());
        }
        put(extended, &[0x80, 0, 0x29]);
        put(extended + 3, &serial.to_le_bytes());
        put(extended + 7, LABEL);
        put(extended + 18, name);
        // Code, which nothing runs on a disk with a GPT: int 0x18 gives the firmware its turn again.
        put(0, &[0xeb, jump, 0x90]);
        put(2 + usize::from(jump), &[0xcd, 0x18, 0xf4, 0xeb, 0xfd]);
        put(510, &[0x55, 0xaa]);
        bytes
    }

    /// The file allocation tables (page 13 to 18). The first two entries are the medium and clean flags.
    fn tables(&mut self) {
        let end = 0x0fff_ffff;
        let mut entries = vec![end & !0xff | u32::from(MEDIUM), end];
        for place in self.directories.iter().chain(&self.files).filter(|place| !place.is_empty()) {
            entries.extend(place.start + 1..place.end);
            entries.push(end);
        }
        let bytes: Vec<u8> = match self.shape.kind {
            Kind::Fat12 => entries.chunks(2).flat_map(pair_of_12).collect(),
            Kind::Fat16 => entries.iter().flat_map(|entry| (*entry as u16).to_le_bytes()).collect(),
            Kind::Fat32 => entries.iter().flat_map(|entry| entry.to_le_bytes()).collect(),
        };
        for table in 0..TABLES {
            self.put(self.shape.reserved + table * self.shape.table, &bytes);
        }
    }

    fn directory_entries(&self, number: usize) -> usize {
        used_entries(&self.tree.directories[number]) + if number == 0 { 1 } else { 2 }
    }

    /// A directory's content. The root has the volume's label, the others have themselves and their parent.
    fn directory(&self, number: usize) -> Vec<u8> {
        let directory = &self.tree.directories[number];
        let mut entries = match number {
            0 => vec![entry(LABEL, VOLUME, &(0..0), 0)],
            _ => {
                let root = directory.parent == 0;
                let parent = if root { 0..0 } else { self.directories[directory.parent].clone() };
                let own = entry(b".          ", DIRECTORY, &self.directories[number], 0);
                vec![own, entry(b"..         ", DIRECTORY, &parent, 0)]
            }
        };
        for found in &directory.entries {
            entries.extend(names::long(found.name, &found.identifier));
            entries.push(match found.node {
                Node::Directory(number) => entry(&found.identifier, DIRECTORY, &self.directories[number], 0),
                Node::File(number) => {
                    let bytes = self.tree.files[number].content.len() as u32;
                    entry(&found.identifier, READ_WRITE, &self.files[number], bytes)
                }
            });
        }
        entries.concat()
    }

    fn put(&mut self, sector: u32, bytes: &[u8]) {
        let start = sector as usize * SECTOR as usize;
        self.image[start..start + bytes.len()].copy_from_slice(bytes);
    }
}

/// How many entries a root directory of fixed size has: a full sector, and what each program expects at least (page 11).
fn root_entries(root: &Directory<'_>) -> usize {
    (1 + used_entries(root) + SPARE_ENTRIES).next_multiple_of(SECTOR as usize / ENTRY).max(512)
}

fn used_entries(directory: &Directory<'_>) -> usize {
    directory.entries.iter().map(|entry| names::entries(entry.name, &entry.identifier)).sum()
}

/// A directory entry (page 22).
fn entry(name: &[u8], attributes: u8, place: &Range<u32>, bytes: u32) -> [u8; ENTRY] {
    let cluster = if place.is_empty() { 0 } else { place.start }.to_le_bytes();
    let mut entry = [0; ENTRY];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    for date in [16, 18, 24] {
        entry[date..date + 2].copy_from_slice(&DATE);
    }
    entry[20..22].copy_from_slice(&cluster[2..]);
    entry[26..28].copy_from_slice(&cluster[..2]);
    entry[28..].copy_from_slice(&bytes.to_le_bytes());
    entry
}

/// Two entries of FAT12 in three bytes.
fn pair_of_12(entries: &[u32]) -> [u8; 3] {
    let second = entries.get(1).copied().unwrap_or_default();
    let bytes = (entries[0] & 0xfff | (second & 0xfff) << 12).to_le_bytes();
    [bytes[0], bytes[1], bytes[2]]
}

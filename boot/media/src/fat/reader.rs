//! Reads a FAT volume that others may have written to, or damaged (Microsoft, FAT32 File System Specification 1.03).

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use super::entries::{Found, found_in};
use super::shape::FIRST_CLUSTER;

const SECTOR: u64 = super::shape::SECTOR as u64;
/// How many directories may lie in one another. A damaged volume can have one within itself.
const MAX_DEPTH: usize = 16;

/// Why a volume cannot be read: what is wrong with it, or with the file that it is in.
#[derive(Debug)]
pub(crate) enum Fault {
    Damage(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A volume in a file.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: &'a fs::File,
    bytes: Range<u64>,
    /// The number that stands for each cluster: the next one of its file.
    table: Vec<u32>,
    cluster_bytes: u64,
    /// Where the first cluster's bytes are in the volume.
    data: u64,
    root: Root,
    /// How many bytes may still be read. A damaged volume can lead in circles; nothing that is done here reads a sound
    /// one more than a few times over.
    budget: u64,
}

#[derive(Clone, Debug)]
enum Root {
    /// Bytes of the volume.
    Fixed(Range<u64>),
    Cluster(u32),
}

impl<'a> Reader<'a> {
    /// The volume in these bytes of a file, which are all there.
    pub(crate) fn open(file: &'a fs::File, bytes: Range<u64>) -> Result<Self, Fault> {
        let size = bytes.end - bytes.start;
        if size < SECTOR {
            return Err(Fault::Damage("it is no FAT volume"));
        }
        let mut boot = [0; SECTOR as usize];
        file.read_exact_at(&mut boot, bytes.start)?;
        let short = |place: usize| u64::from(u16::from_le_bytes([boot[place], boot[place + 1]]));
        let long = |place: usize| short(place) | short(place + 2) << 16;
        if boot[510..] != [0x55, 0xaa] || short(11) != SECTOR || boot[13] == 0 || boot[16] == 0 || short(14) == 0 {
            return Err(Fault::Damage("it is no FAT volume"));
        }
        let either = |small: u64, large: u64| if small == 0 { large } else { small };
        let (sectors, table) = (either(short(19), long(32)), either(short(22), long(36)));
        let root = (short(14) + u64::from(boot[16]) * table) * SECTOR;
        let data = root + (short(17) * 32).next_multiple_of(SECTOR);
        let cluster_bytes = u64::from(boot[13]) * SECTOR;
        let clusters = (sectors * SECTOR).checked_sub(data).map(|bytes| bytes / cluster_bytes);
        let clusters = clusters.filter(|_| sectors * SECTOR <= size && table > 0);
        let clusters = clusters.ok_or(Fault::Damage("its FAT volume has impossible measures"))?;

        let mut bytes_of_table = vec![0; (table * SECTOR) as usize];
        file.read_exact_at(&mut bytes_of_table, bytes.start + short(14) * SECTOR)?;
        let entry = clusters as usize + FIRST_CLUSTER as usize;
        let mut table = entries_of(&bytes_of_table, clusters);
        table.truncate(entry);
        let root = if short(17) == 0 { Root::Cluster(long(44) as u32) } else { Root::Fixed(root..data) };
        Ok(Self { file, bytes, table, cluster_bytes, data, root, budget: 4 * size + (1 << 20) })
    }

    /// The content of the file of this path, whose names are compared without case; none if there is no such file.
    pub(crate) fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        let mut directory = self.root_directory()?;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let Some(found) = found_in(&directory).find(|found| found.is(name)) else { return Ok(None) };
            match (names.peek(), found.is_directory) {
                (Some(_), true) => directory = self.chain(found.cluster, None)?,
                (None, false) => return self.content(&found).map(Some),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Path and size of each file.
    pub(crate) fn list(&mut self) -> Result<Vec<(String, u64)>, Fault> {
        let mut files = Vec::new();
        let root = self.root_directory()?;
        self.list_in(&root, "", MAX_DEPTH, &mut files)?;
        Ok(files)
    }

    fn list_in(&mut self, bytes: &[u8], path: &str, depth: usize, files: &mut Vec<(String, u64)>) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::Damage("its directories lie too deep in one another"))?;
        for found in found_in(bytes) {
            let path = format!("{path}{}", found.name);
            if found.is_directory {
                let inner = self.chain(found.cluster, None)?;
                self.list_in(&inner, &format!("{path}/"), depth, files)?;
            } else {
                files.push((path, u64::from(found.bytes)));
            }
        }
        Ok(())
    }

    fn root_directory(&mut self) -> Result<Vec<u8>, Fault> {
        match self.root.clone() {
            Root::Fixed(bytes) => self.piece(bytes.start, bytes.end - bytes.start),
            Root::Cluster(first) => self.chain(first, None),
        }
    }

    fn content(&mut self, found: &Found) -> Result<Vec<u8>, Fault> {
        match found.bytes {
            0 => Ok(Vec::new()),
            bytes => self.chain(found.cluster, Some(u64::from(bytes))),
        }
    }

    /// What is in the chain of clusters that begins with `first`: this many bytes, or all.
    fn chain(&mut self, first: u32, bytes: Option<u64>) -> Result<Vec<u8>, Fault> {
        let (mut content, mut cluster) = (Vec::new(), first);
        loop {
            let next = self.table.get(cluster as usize).copied();
            let next = next.filter(|_| cluster >= FIRST_CLUSTER);
            let next = next.ok_or(Fault::Damage("its file allocation table leads out of it"))?;
            let left = bytes.map_or(u64::MAX, |bytes| bytes - content.len() as u64);
            let place = self.data + u64::from(cluster - FIRST_CLUSTER) * self.cluster_bytes;
            content.extend(self.piece(place, self.cluster_bytes.min(left))?);
            match (next, bytes) {
                (_, Some(bytes)) if content.len() as u64 == bytes => return Ok(content),
                (END, None) => return Ok(content),
                (END, Some(_)) => return Err(Fault::Damage("a file on it ends before its size")),
                (next, _) => cluster = next,
            }
        }
    }

    fn piece(&mut self, place: u64, bytes: u64) -> Result<Vec<u8>, Fault> {
        let left = self.budget.checked_sub(bytes.max(SECTOR));
        self.budget = left.ok_or(Fault::Damage("its file allocation table leads in circles"))?;
        let mut piece = vec![0; bytes as usize];
        self.file.read_exact_at(&mut piece, self.bytes.start + place)?;
        Ok(piece)
    }
}

/// Stands for any entry that ends a chain. No volume has so many clusters.
const END: u32 = u32::MAX;

/// The table's entries (page 14 to 18).
fn entries_of(table: &[u8], clusters: u64) -> Vec<u32> {
    let end = |entry: u32, least: u32| if entry >= least { END } else { entry };
    match clusters {
        ..4085 => {
            let three = table.chunks_exact(3).map(|three| u32::from_le_bytes([three[0], three[1], three[2], 0]));
            three.flat_map(|pair| [pair & 0xfff, pair >> 12]).map(|entry| end(entry, 0xff8)).collect()
        }
        4085..65525 => {
            let two = table.chunks_exact(2).map(|two| u32::from(u16::from_le_bytes([two[0], two[1]])));
            two.map(|entry| end(entry, 0xfff8)).collect()
        }
        _ => {
            let four = table.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
            four.map(|entry| end(entry & 0x0fff_ffff, 0x0fff_fff8)).collect()
        }
    }
}

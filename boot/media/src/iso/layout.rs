//! Where on the disc files and directories stand, and their names by ECMA-119.

use crate::File;
use crate::tree::{Node, Tree};

use super::record::{self, Record};
use super::{SECTOR, put};

/// ECMA-119, 7.5.1 and 7.6.3: how long a name may be. Of a file's, at most ten characters are for its extension.
const MAX_IDENTIFIER: usize = 30;
const MAX_EXTENSION: usize = 10;

/// The files, and where on the disc they stand.
pub(super) struct Layout<'a> {
    tree: Tree<'a>,
    tables: PathTables,
    /// For each directory of the tree.
    directories: Vec<Extent>,
    /// For each file of the tree.
    files: Vec<Extent>,
    end: u32,
}

/// Where the path tables stand, in sectors.
#[derive(Clone, Copy)]
pub(super) struct PathTables {
    pub(super) bytes: u32,
    pub(super) little_endian: u32,
    pub(super) big_endian: u32,
}

/// Where something stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) sector: u32,
    pub(super) bytes: u32,
}

impl<'a> Layout<'a> {
    /// The layout of these files, with path tables from sector `start` on, then directories, then the files' content.
    pub(super) fn new(files: &[&'a File], start: u32) -> Self {
        let tree = Tree::new(files, identifier);
        let nowhere = |count| vec![Extent { sector: 0, bytes: 0 }; count];
        let (directories, files) = (nowhere(tree.directories.len()), nowhere(tree.files.len()));
        let tables = PathTables { bytes: 0, little_endian: start, big_endian: start };
        let mut layout = Self { tree, tables, directories, files, end: start };

        let bytes = layout.path_table(u32::to_le_bytes, u16::to_le_bytes).len() as u32;
        let [little, big] = [layout.place(bytes), layout.place(bytes)];
        layout.tables = PathTables { bytes, little_endian: little.sector, big_endian: big.sector };
        for number in 0..layout.directories.len() {
            let bytes = layout.content(number).len() as u32; // the same for any places
            layout.directories[number] = layout.place(bytes);
        }
        for number in 0..layout.files.len() {
            layout.files[number] = layout.place(layout.tree.files[number].content.len() as u32);
        }
        layout
    }

    fn place(&mut self, bytes: u32) -> Extent {
        let sector = self.end;
        self.end += bytes.div_ceil(SECTOR as u32);
        Extent { sector, bytes }
    }

    /// The first sector behind it all.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn path_tables(&self) -> PathTables {
        self.tables
    }

    pub(super) fn root(&self) -> Extent {
        self.directories[0]
    }

    /// Where a file is.
    pub(super) fn extent(&self, path: &str) -> Option<Extent> {
        let number = self.tree.files.iter().position(|file| file.path == path)?;
        Some(self.files[number])
    }

    pub(super) fn write(&self, image: &mut [u8]) {
        put(image, self.tables.little_endian, &self.path_table(u32::to_le_bytes, u16::to_le_bytes));
        put(image, self.tables.big_endian, &self.path_table(u32::to_be_bytes, u16::to_be_bytes));
        for (number, extent) in self.directories.iter().enumerate() {
            put(image, extent.sector, &self.content(number));
        }
        for (file, extent) in self.tree.files.iter().zip(&self.files) {
            put(image, extent.sector, &file.content);
        }
    }

    /// ECMA-119, 9.4.
    fn path_table(&self, long: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (directory, extent) in self.tree.directories.iter().zip(&self.directories) {
            let identifier = if directory.identifier.is_empty() { record::SELF } else { &directory.identifier };
            bytes.extend([identifier.len() as u8, 0]);
            bytes.extend(long(extent.sector));
            bytes.extend(short(directory.parent as u16 + 1)); // INVARIANT: `crate::files` lets so few files through
            bytes.extend(identifier);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
        }
        bytes
    }

    /// The records of a directory. None crosses a sector's end.
    fn content(&self, number: usize) -> Vec<u8> {
        let own = self.directory(number, record::SELF);
        let own = if number == 0 { own.root() } else { own.relative() };
        let directory = &self.tree.directories[number];
        let parent = self.directory(directory.parent, record::PARENT).relative();
        let entries = directory.entries.iter().map(|entry| match entry.node {
            Node::Directory(number) => self.directory(number, &entry.identifier).named(entry.name),
            Node::File(number) => self.file(number, &[&entry.identifier[..], b";1"].concat()).named(entry.name),
        });
        let mut bytes = Vec::new();
        for record in [own, parent].into_iter().chain(entries) {
            let left = SECTOR as usize - bytes.len() % SECTOR as usize;
            if record.len() > left {
                bytes.resize(bytes.len() + left, 0);
            }
            bytes.extend(record);
        }
        bytes.resize(bytes.len().next_multiple_of(SECTOR as usize), 0);
        bytes
    }

    fn directory<'i>(&self, number: usize, identifier: &'i [u8]) -> Record<'i> {
        Record { identifier, directory: true, extent: self.directories[number] }
    }

    fn file<'i>(&self, number: usize, identifier: &'i [u8]) -> Record<'i> {
        Record { identifier, directory: false, extent: self.files[number] }
    }
}

/// A name by ECMA-119 for readers that know no Rock Ridge: capitals, digits and `_`, of a file with a full stop before
/// its extension. It is none of those already `taken`.
fn identifier(name: &str, is_directory: bool, taken: &dyn Fn(&[u8]) -> bool) -> Vec<u8> {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    let (base, extension) = match name.rsplit_once('.') {
        Some((base, extension)) if !is_directory && !base.is_empty() => (plain(base), plain(extension)),
        _ => (plain(name), String::new()),
    };
    let extension = &extension[..extension.len().min(MAX_EXTENSION)];
    let separator = if is_directory { "" } else { "." };
    let candidate = |suffix: &str| {
        let base = &base[..base.len().min(MAX_IDENTIFIER - extension.len() - suffix.len())];
        format!("{base}{suffix}{separator}{extension}").into_bytes()
    };
    let numbered = (1_u32..).map(|number| candidate(&format!("_{number}")));
    let mut all = std::iter::once(candidate("")).chain(numbered);
    all.find(|identifier| !taken(identifier)).expect("there are more numbers than names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_capitals_and_stay_apart() {
        let free = |_: &[u8]| false;
        assert_eq!(identifier("limine.conf", false, &free), b"LIMINE.CONF");
        assert_eq!(identifier("kernel", false, &free), b"KERNEL.");
        assert_eq!(identifier("limine-bios-cd.bin", false, &free), b"LIMINE_BIOS_CD.BIN");
        assert_eq!(identifier(".hidden", false, &free), b"_HIDDEN.");
        assert_eq!(identifier("a.b", true, &free), b"A_B");
        let taken = |found: &[u8]| [&b"A_B.C"[..], b"A_B_1.C"].contains(&found);
        assert_eq!(identifier("a b.c", false, &taken), b"A_B_2.C");
        let long = identifier(&format!("{}.{}", "n".repeat(100), "e".repeat(27)), false, &free);
        assert_eq!(long.len(), 31);
        assert_eq!(identifier(&"d".repeat(128), true, &free).len(), 30);
    }
}

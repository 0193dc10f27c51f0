//! Directory records (ECMA-119, 9.1) with Rock Ridge's fields (RRIP 1.09, by SUSP 1.10).

use super::bytes::{both_16, both_32};
use super::layout::Extent;

/// ECMA-119, 7.6.2: the identifiers by which a directory names itself and its parent.
pub(super) const SELF: &[u8] = &[0];
pub(super) const PARENT: &[u8] = &[1];
/// ECMA-119, 9.1.5: the first of January 1980, as on FAT volumes.
const TIME: [u8; 7] = [80, 1, 1, 0, 0, 0, 0];
/// ECMA-119, 9.1.6: file flags.
const DIRECTORY: u8 = 2;
/// SUSP 1.10, 5.3: that the volume has such fields at all. The first of the root directory's own record.
const SHARING: &[u8] = b"SP\x07\x01\xbe\xef\x00";
/// SUSP 1.10, 5.5, and RRIP 1.09, 4.3: whose fields they are (without the two descriptions).
const EXTENSION: &[u8] = b"ER\x12\x01\x0a\x00\x00\x01RRIP_1991A";
/// POSIX file modes: kind and permissions. On a disc nothing can be written.
const MODE_DIRECTORY: u32 = 0o040_555;
const MODE_FILE: u32 = 0o100_444;

/// What a directory says of one file or directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// The name by ECMA-119, with its version if it is a file.
    pub(super) identifier: &'a [u8],
    pub(super) directory: bool,
    pub(super) extent: Extent,
}

impl Record<'_> {
    /// The record alone, as the primary volume descriptor has it.
    pub(super) fn plain(&self) -> Vec<u8> {
        self.with(&[])
    }

    /// The record in a directory, with its real name.
    pub(super) fn named(&self, name: &str) -> Vec<u8> {
        let length = 5 + name.len() as u8; // INVARIANT: `crate::files` has no name of more than 128 bytes
        let name = [&[b'N', b'M', length, 1, 0], name.as_bytes()].concat();
        self.with(&[self.attributes(), name].concat())
    }

    /// A directory's record of itself or of its parent.
    pub(super) fn relative(&self) -> Vec<u8> {
        self.with(&self.attributes())
    }

    /// The root directory's record of itself, which says that the others have Rock Ridge's fields.
    pub(super) fn root(&self) -> Vec<u8> {
        self.with(&[SHARING, &self.attributes(), EXTENSION].concat())
    }

    fn with(&self, fields: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0];
        bytes.extend(both_32(self.extent.sector));
        bytes.extend(both_32(self.extent.bytes));
        bytes.extend(TIME);
        bytes.extend([if self.directory { DIRECTORY } else { 0 }, 0, 0]);
        bytes.extend(both_16(1));
        bytes.push(self.identifier.len() as u8);
        bytes.extend(self.identifier);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes.extend(fields);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes[0] = u8::try_from(bytes.len()).expect("names are bounded such that their records fit");
        bytes
    }

    /// RRIP 1.09, 4.1.1: mode, links, user, group.
    fn attributes(&self) -> Vec<u8> {
        let (mode, links) = if self.directory { (MODE_DIRECTORY, 2) } else { (MODE_FILE, 1) };
        let mut bytes = b"PX\x24\x01".to_vec();
        bytes.extend([mode, links, 0, 0].into_iter().flat_map(both_32));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_fit_into_a_record() {
        let identifier = [b'A'; 33];
        let record = Record { identifier: &identifier, directory: false, extent: Extent { sector: 1, bytes: 2 } };
        let bytes = record.named(&"n".repeat(128));
        assert_eq!((usize::from(bytes[0]), bytes.len() % 2), (bytes.len(), 0));
    }
}

//! Directory records (ECMA-119, 9.1).

use super::Extent;

/// Bytes of a record before the file's identifier.
const FIXED: usize = 33;

/// A directory record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) extent: Extent,
    flags: u8,
    /// Unit size or gap of an interleaved file; 0 for all others.
    interleave: u8,
    identifier: &'a [u8],
    /// What follows the identifier: Rock Ridge's fields.
    pub(super) system_use: &'a [u8],
}

/// A record whose lengths contradict each other.
#[derive(Debug)]
pub(super) struct BadRecord;

/// The records in (a part of) a sector, up to and including the first bad one. No record crosses sectors; a length of 0
/// says that the rest of the sector has none.
pub(super) fn records(sector: &[u8]) -> impl Iterator<Item = Result<Record<'_>, BadRecord>> {
    let mut rest = sector;
    core::iter::from_fn(move || {
        let length = usize::from(*rest.first()?);
        if length == 0 {
            return None;
        }
        let read = rest.split_at_checked(length).and_then(|(bytes, after)| Some((parse(bytes)?, after)));
        let (record, after) = read.map_or((Err(BadRecord), &[][..]), |(record, after)| (Ok(record), after));
        rest = after;
        Some(record)
    })
}

fn parse(bytes: &[u8]) -> Option<Record<'_>> {
    let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..at + 4)?.first_chunk()?));
    let length = usize::from(*bytes.get(FIXED - 1)?);
    let identifier = bytes.get(FIXED..FIXED + length).filter(|identifier| !identifier.is_empty())?;
    // An identifier of even length is followed by a byte of padding.
    let system_use = bytes.get(FIXED + (length | 1)..).unwrap_or_default();
    // An extended attribute record lies before the file.
    let sector = u64::from(number(2)?) + u64::from(bytes[1]);
    let extent = Extent { sector, bytes: u64::from(number(10)?) };
    Some(Record { extent, flags: bytes[25], interleave: bytes[26] | bytes[27], identifier, system_use })
}

impl Record<'_> {
    pub(super) fn is_directory(&self) -> bool {
        self.flags & 1 << 1 != 0
    }

    /// Whether it is a second file of a name, with attributes of the first.
    pub(super) fn is_associated(&self) -> bool {
        self.flags & 1 << 2 != 0
    }

    /// Whether this is not the whole file, or the file is interleaved.
    pub(super) fn is_in_pieces(&self) -> bool {
        self.flags & 1 << 7 != 0 || self.interleave != 0
    }

    /// Whether it is that of the directory itself or of its parent.
    pub(super) fn is_own_or_parent(&self) -> bool {
        matches!(self.identifier, [0 | 1])
    }

    /// Whether the identifier, without version and a trailing dot, is this name; case does not count.
    pub(super) fn has_iso_name(&self, name: &str) -> bool {
        let end = self.identifier.iter().rposition(|byte| *byte == b';').unwrap_or(self.identifier.len());
        let identifier = &self.identifier[..end];
        identifier.strip_suffix(b".").unwrap_or(identifier).eq_ignore_ascii_case(name.as_bytes())
    }
}

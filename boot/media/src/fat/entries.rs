//! The entries of a directory, read (Microsoft, FAT32 File System Specification 1.03, pages 22 to 32).

use super::names::{CHARACTERS, ENTRY, LAST, LONG, checksum};

/// The first byte of an entry that is not used, and of the first of those that never were.
const DELETED: u8 = 0xe5;
const END: u8 = 0;
/// Attributes.
const VOLUME: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
/// Flags (from Windows NT on, and in EDK II) of short names that are meant in small letters: base, and extension.
const SMALL_BASE: u8 = 0x08;
const SMALL_EXTENSION: u8 = 0x10;

/// A file or directory in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its long name, or the short one if it has none.
    pub(super) name: String,
    short: String,
    pub(super) is_directory: bool,
    /// The first; 0 for none.
    pub(super) cluster: u32,
    pub(super) bytes: u32,
}

impl Found {
    /// Whether it is meant by this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.short.eq_ignore_ascii_case(name)
    }
}

/// What is in the directory with these bytes, except itself and its parent.
pub(super) fn found_in(directory: &[u8]) -> impl Iterator<Item = Found> {
    let (entries, _) = directory.as_chunks::<ENTRY>();
    let mut long = Long::default();
    entries.iter().take_while(|entry| entry[0] != END).filter_map(move |entry| {
        if entry[0] == DELETED {
            long = Long::default();
            return None;
        }
        if entry[11] & 0x3f == LONG {
            long.add(entry);
            return None;
        }
        let long = std::mem::take(&mut long).name(&entry[..11]);
        if entry[11] & VOLUME != 0 || entry[0] == b'.' {
            return None;
        }
        let short = short(entry);
        Some(Found {
            name: long.unwrap_or_else(|| short.clone()),
            short,
            is_directory: entry[11] & DIRECTORY != 0,
            cluster: u32::from_le_bytes([entry[26], entry[27], entry[20], entry[21]]),
            bytes: u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]]),
        })
    })
}

/// A long name, of which entries have been seen: the last part first.
#[derive(Default)]
struct Long {
    parts: Vec<Vec<u16>>,
    /// The number of the entry that was seen last, and the sum in all of them.
    number: u8,
    sum: u8,
}

impl Long {
    fn add(&mut self, entry: &[u8; ENTRY]) {
        let number = entry[0] & !LAST;
        if entry[0] & LAST != 0 {
            *self = Self { parts: Vec::new(), number: number.saturating_add(1), sum: entry[13] };
        }
        if number == 0 || number + 1 != self.number || entry[13] != self.sum {
            *self = Self::default();
            return;
        }
        self.number = number;
        self.parts.push(CHARACTERS.iter().map(|place| u16::from_le_bytes([entry[*place], entry[place + 1]])).collect());
    }

    /// The name, if it is whole and belongs to this short name.
    fn name(self, short: &[u8]) -> Option<String> {
        if self.number != 1 || self.sum != checksum(short) {
            return None;
        }
        let units = self.parts.into_iter().rev().flatten().take_while(|unit| *unit != 0);
        Some(char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }
}

fn short(entry: &[u8; ENTRY]) -> String {
    let part = |bytes: &[u8], small: u8| -> String {
        let text = bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '_' });
        let text: String = text.collect();
        let text = text.trim_end();
        if entry[12] & small != 0 { text.to_ascii_lowercase() } else { text.into() }
    };
    match (part(&entry[..8], SMALL_BASE), part(&entry[8..11], SMALL_EXTENSION)) {
        (base, extension) if extension.is_empty() => base,
        (base, extension) => format!("{base}.{extension}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    fn entry(name: &[u8; 11], flags: u8) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        entry[..11].copy_from_slice(name);
        entry[12] = flags;
        entry[26] = 5;
        entry
    }

    fn names_in(entries: &[[u8; ENTRY]]) -> Vec<String> {
        found_in(&entries.concat()).map(|found| found.name).collect()
    }

    #[test]
    fn short_names_are_read_in_the_letters_that_are_meant() {
        let entries =
            [0, SMALL_BASE, SMALL_EXTENSION, SMALL_BASE | SMALL_EXTENSION].map(|flags| entry(b"KTEST   LOG", flags));
        assert_eq!(names_in(&entries), ["KTEST.LOG", "ktest.LOG", "KTEST.log", "ktest.log"]);
        assert_eq!(names_in(&[entry(b"KERNEL     ", 0)]), ["KERNEL"]);
    }

    #[test]
    fn a_long_name_counts_only_whole_and_with_its_short_name() {
        let [last, first] = names::long("ktest-001.logfile", b"KTEST-~1LOG").try_into().unwrap();
        let short = entry(b"KTEST-~1LOG", 0);
        assert_eq!(names_in(&[last, first, short]), ["ktest-001.logfile"]);
        for damaged in [vec![first, short], vec![last, short], vec![first, last, short], vec![last, last, first, short]]
        {
            let expected = if damaged.len() == 4 { "ktest-001.logfile" } else { "KTEST-~1.LOG" };
            assert_eq!(names_in(&damaged), [expected]);
        }
        assert_eq!(names_in(&[last, first, entry(b"OTHER   LOG", 0)]), ["OTHER.LOG"]);
        assert_eq!(names_in(&[last, first, entry(b"\xe5OTHER  LOG", 0), short]), ["KTEST-~1.LOG"]);
    }

    #[test]
    fn what_lies_behind_the_end_is_not_there() {
        assert_eq!(names_in(&[entry(b"A          ", 0), [0; ENTRY], entry(b"B          ", 0)]), ["A"]);
    }
}

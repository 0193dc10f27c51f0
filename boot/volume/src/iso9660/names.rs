//! Rock Ridge names, in the system use fields of directory records.

use core::ops::Range;

/// How the volume's files are named.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    /// By their ISO identifiers.
    Iso,
    /// By Rock Ridge names, where a record has one.
    RockRidge {
        /// Bytes of a record's system use area before the first field.
        skip: usize,
    },
}

impl Names {
    /// By the system use area of the root directory's record of itself, where a field `SP` begins the area if the volume
    /// has such fields at all (IEEE P1281, 5.3).
    pub(super) fn of_volume(system_use: &[u8]) -> Self {
        match system_use {
            [b'S', b'P', 7, 1, 0xbe, 0xef, skip, ..] => Self::RockRidge { skip: usize::from(*skip) },
            _ => Self::Iso,
        }
    }
}

/// Where the system use area goes on (IEEE P1281, 5.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Continuation {
    pub(super) sector: u64,
    offset: u32,
    length: u32,
}

impl Continuation {
    /// The bytes within its sector; may reach beyond it.
    pub(super) fn range(self) -> Range<usize> {
        let [start, length] = [self.offset, self.length].map(|number| number as usize);
        start..start.saturating_add(length)
    }
}

/// Compares a record's Rock Ridge name, which may come in pieces, with the one that is looked for.
#[derive(Debug)]
pub(super) struct Matching<'n> {
    /// What of the name is not matched yet.
    rest: &'n [u8],
    /// Whether all pieces matched so far; `None` before the first.
    equal: Option<bool>,
}

impl<'n> Matching<'n> {
    pub(super) fn new(name: &'n str) -> Self {
        Self { rest: name.as_bytes(), equal: None }
    }

    /// Looks at the fields of an area; says where they go on.
    pub(super) fn take(&mut self, area: &[u8]) -> Option<Continuation> {
        let mut rest = area;
        let mut continuation = None;
        // Each field: two letters, length, version.
        while let [one, two, length, _version, ..] = *rest {
            let Some((field, after)) = rest.split_at_checked(usize::from(length)) else { break };
            match ([one, two], field.get(4..)) {
                (_, None) | ([b'S', b'T'], _) => break,
                // The name of the directory itself or its parent (bits 1 and 2) is none.
                ([b'N', b'M'], Some([flags, piece @ ..])) if flags & 0b110 == 0 => self.piece(piece),
                ([b'C', b'E'], Some(body)) => continuation = continued(body),
                _ => {}
            }
            rest = after;
        }
        continuation
    }

    fn piece(&mut self, piece: &[u8]) {
        let rest = self.rest.strip_prefix(piece);
        self.equal = Some(self.equal.unwrap_or(true) && rest.is_some());
        self.rest = rest.unwrap_or_default();
    }

    /// Whether the record has the name; `None` when it has no Rock Ridge name.
    pub(super) fn result(&self) -> Option<bool> {
        self.equal.map(|equal| equal && self.rest.is_empty())
    }
}

/// Each number of a field `CE` stands there twice, little-endian first.
fn continued(body: &[u8]) -> Option<Continuation> {
    let number = |at: usize| Some(u32::from_le_bytes(*body.get(at..at + 4)?.first_chunk()?));
    Some(Continuation { sector: u64::from(number(0)?), offset: number(8)?, length: number(16)? })
}

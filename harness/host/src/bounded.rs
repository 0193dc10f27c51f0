//! A log in bounded memory.

use std::collections::VecDeque;

/// Keeps the first and the last bytes of a stream, and counts those between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundedLog {
    capacity: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    lost: u64,
}

impl BoundedLog {
    /// A log that keeps `capacity` bytes from the start and as many from the end.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.capacity - self.head.len()));
        self.head.extend_from_slice(first);
        // Of what comes in one go, only the last bytes can stay.
        let (gone, kept) = rest.split_at(rest.len().saturating_sub(self.capacity));
        let dropped = (self.tail.len() + kept.len()).saturating_sub(self.capacity);
        self.tail.drain(..dropped);
        self.tail.extend(kept);
        self.lost += gone.len() as u64 + dropped as u64;
    }

    /// Whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// The log as text, with one line in place of what was lost. Bytes that are not UTF-8 become U+FFFD, and
    /// carriage returns before a line's end go.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.lost > 0 {
            bytes.extend_from_slice(format!("\n[… {} bytes left out …]\n", self.lost).as_bytes());
        }
        bytes.extend(&self.tail);
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }

    /// The last `count` lines of [`BoundedLog::text`], without what is meant for a terminal: firmware writes each
    /// character to its place on the screen, and a line where the first column's turn comes.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        let text = without_sequences(&self.text());
        let lines: Vec<&str> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

/// Leaves out control sequences (ECMA-48, 5.4: CSI, parameters, a final byte); one that moves to a line's first column
/// becomes that line's start.
fn without_sequences(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let Some(end) = piece.find(|character| matches!(character, '@'..='~')) else { break };
        let (parameters, rest) = piece.split_at(end);
        let column = parameters.split_once(';').map_or("", |(_, column)| column);
        if rest.starts_with('H') && matches!(column, "" | "1" | "01") && !plain.ends_with('\n') {
            plain.push('\n');
        }
        plain.push_str(&rest[1..]);
    }
    plain.trim_start_matches('\n').into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn last_lines_are_plain_whatever_firmware_wrote_where() {
        let mut log = BoundedLog::new(1000);
        log.push(b"\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: starting\r\n\x1b[2J\x1b[01;01HP\x1b[01;02HA\x1b[02;01Hend\x1b[1m.\x1b[0m\x1b[");
        assert_eq!(log.last_lines(9), "BdsDxe: starting\nPA\nend.");
        assert!(log.text().contains("\x1b[2J"), "the log itself is as it came");
    }

    #[test]
    fn a_short_log_is_kept_whole() {
        let mut log = BoundedLog::new(8);
        log.push(b"one\r\ntwo\r\n");
        assert_eq!(log.text(), "one\ntwo\n");
        assert_eq!(log.last_lines(1), "two");
    }

    #[test]
    fn the_middle_of_a_long_log_goes_and_is_counted() {
        let mut log = BoundedLog::new(4);
        log.push(b"abcdefghijkl");
        assert_eq!(log.text(), "abcd\n[… 4 bytes left out …]\nijkl");
    }

    proptest! {
        #[test]
        fn any_pieces_leave_the_first_and_the_last_bytes(pieces: Vec<Vec<u8>>, capacity in 0usize..20) {
            let mut log = BoundedLog::new(capacity);
            pieces.iter().for_each(|piece| log.push(piece));
            let all = pieces.concat();
            prop_assert_eq!(&log.head, &all[..all.len().min(capacity)]);
            let rest = &all[all.len().min(capacity)..];
            prop_assert_eq!(Vec::from(log.tail.clone()), &rest[rest.len().saturating_sub(capacity)..]);
            prop_assert_eq!(log.lost as usize + log.head.len() + log.tail.len(), all.len());
        }
    }
}

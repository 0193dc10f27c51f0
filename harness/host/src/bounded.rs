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

    /// The last `count` lines of [`BoundedLog::text`].
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

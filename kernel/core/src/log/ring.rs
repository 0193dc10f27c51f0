//! The last lines of the log, in a fixed number of bytes.

use ::log::Level;

use super::MAX_LINE;

/// Bytes before each line: its level, and its length as two bytes, little-endian.
const HEADER: usize = 3;

/// A ring of lines; new ones push out the oldest, whole.
///
/// Positions count all bytes ever written, so that a reader's position stays meaningful while lines are pushed out.
///
/// # Invariants
/// `start <= end <= start + BYTES`, and the bytes between them are whole entries: header, then at most [`MAX_LINE`]
/// bytes of UTF-8.
pub(super) struct Ring<const BYTES: usize> {
    bytes: [u8; BYTES],
    start: u64,
    end: u64,
}

impl<const BYTES: usize> Ring<BYTES> {
    pub(super) const fn new() -> Self {
        assert!(BYTES > HEADER + MAX_LINE, "the longest line must fit");
        Self { bytes: [0; BYTES], start: 0, end: 0 }
    }

    /// Position after the newest line.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Adds a line. One that is longer than [`MAX_LINE`] is cut at a character boundary.
    pub(super) fn push(&mut self, level: Level, line: &str) {
        let line = &line[..line.floor_char_boundary(MAX_LINE)];
        let needed = (HEADER + line.len()) as u64;
        while self.end + needed > self.start + BYTES as u64 {
            self.start = self.next(self.start);
        }
        let [low, high, ..] = line.len().to_le_bytes();
        let header = [level as u8, low, high];
        for &byte in header.iter().chain(line.as_bytes()) {
            self.bytes[Self::index(self.end)] = byte;
            self.end += 1;
        }
    }

    /// Copies the line at `position`, or the oldest if that one is gone, into `buffer`; gives its level, its text
    /// and the position of the line after it. `None` when there are no more.
    pub(super) fn copy_line<'b>(&self, position: u64, buffer: &'b mut [u8; MAX_LINE]) -> Option<(Level, &'b str, u64)> {
        let position = position.max(self.start);
        if position >= self.end {
            return None;
        }
        let next = self.next(position);
        let text = position + HEADER as u64..next;
        let length = buffer.iter_mut().zip(text).map(|(place, position)| *place = self.byte(position)).count();
        let text = str::from_utf8(&buffer[..length]).expect("an entry's text is UTF-8");
        Some((self.level(position), text, next))
    }

    fn next(&self, position: u64) -> u64 {
        let length = u16::from_le_bytes([self.byte(position + 1), self.byte(position + 2)]);
        position + HEADER as u64 + u64::from(length)
    }

    fn level(&self, position: u64) -> Level {
        let number = usize::from(self.byte(position));
        Level::iter().find(|&level| level as usize == number).expect("an entry starts with its level")
    }

    fn byte(&self, position: u64) -> u8 {
        self.bytes[Self::index(position)]
    }

    fn index(position: u64) -> usize {
        (position % BYTES as u64) as usize
    }
}

#[cfg(test)]
mod tests;

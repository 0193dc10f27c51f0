//! What a kernel prints, cut into lines that know which part of them is an echo.

use std::ops::Range;

use super::echo::{Change, Echo};

/// Longest line that is kept in one piece.
const LONGEST: usize = 64 << 10;

/// Characters of a line that a reason shows.
const SHOWN: usize = 200;

/// As much of a line as a reason shows.
pub fn shown(line: &str) -> String {
    line.trim().chars().take(SHOWN).collect()
}

/// A line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'l> {
    /// As it was printed.
    pub bytes: &'l [u8],
    /// Which parts of it a terminal echoed.
    pub echoes: &'l [Range<usize>],
}

impl Line<'_> {
    /// The line without what was echoed.
    pub fn without_echoes(&self) -> Vec<u8> {
        let kept = |place| !self.echoes.iter().any(|echo| echo.contains(&place));
        let own = self.bytes.iter().enumerate().filter(|(place, _)| self.echoes.is_empty() || kept(*place));
        own.map(|(_, byte)| *byte).collect()
    }

    /// Whether a part of it is not just a part of an echo.
    pub fn owns(&self, part: &Range<usize>) -> bool {
        !self.echoes.iter().any(|echo| echo.start <= part.start && part.end <= echo.end)
    }
}

/// The line that is being printed.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Place of its first byte.
    start: u64,
    echoes: Vec<Range<usize>>,
}

impl Lines {
    /// Takes the byte that the echo has just seen, and what became known by it; gives the lines that it ends.
    pub fn push(&mut self, byte: u8, change: Change, echo: Option<&Echo>, take: &mut impl FnMut(Line<'_>)) {
        if let Change::Before(start, end) = change {
            self.note(start, end);
            self.split(self.within(end), take);
        }
        self.bytes.push(byte);
        if let Change::Upto(start, end) = change {
            self.note(start, end);
        }
        let goes_on = echo.is_some_and(|echo| byte == b'\n' && echo.is_broken());
        if byte == b'\n' && !goes_on {
            self.split(self.bytes.len() - 1, take);
        } else if self.bytes.len() > LONGEST {
            self.end(self.bytes.len(), take);
        }
    }

    /// Nothing more comes.
    pub fn finish(&mut self, take: &mut impl FnMut(Line<'_>)) {
        self.split(0, take);
        if !self.bytes.is_empty() {
            self.end(self.bytes.len(), take);
        }
    }

    fn within(&self, place: u64) -> usize {
        usize::try_from(place.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.bytes.len())
    }

    fn note(&mut self, start: u64, end: u64) {
        let echo = self.within(start)..self.within(end);
        if !echo.is_empty() {
            self.echoes.push(echo);
        }
    }

    /// Ends a line at each end of one that stands there from a place on.
    fn split(&mut self, mut from: usize, take: &mut impl FnMut(Line<'_>)) {
        while let Some(at) = self.bytes[from..].iter().position(|&byte| byte == b'\n') {
            self.end(from + at, take);
            self.bytes.remove(0);
            self.start += 1;
            from = 0;
        }
    }

    /// Ends the line before a place.
    fn end(&mut self, at: usize, take: &mut impl FnMut(Line<'_>)) {
        take(Line { bytes: &self.bytes[..at], echoes: &self.echoes });
        self.bytes.drain(..at);
        self.echoes.clear();
        self.start += at as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(stream: &[u8], typed: &str) -> Vec<(String, String)> {
        let mut echo = Echo::of(typed);
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut take = |line: Line<'_>| seen.push((text(line.bytes), text(&line.without_echoes())));
        for (place, byte) in (0..).zip(stream.iter().copied()) {
            let change = echo.as_mut().map_or(Change::None, |echo| echo.push(byte, place, None));
            lines.push(byte, change, echo.as_ref(), &mut take);
        }
        lines.finish(&mut take);
        seen
    }

    fn pairs(seen: &[(String, String)]) -> Vec<(&str, &str)> {
        seen.iter().map(|(all, own)| (all.as_str(), own.as_str())).collect()
    }

    #[test]
    fn lines_end_where_they_end_and_the_last_one_with_the_stream() {
        assert_eq!(pairs(&lines(b"a\n\nb", "x")), [("a", "a"), ("", ""), ("b", "b")]);
    }

    #[test]
    fn an_echo_is_left_out_of_its_line_even_where_the_terminal_broke_it() {
        assert_eq!(pairs(&lines(b"$ ls\nls: x\n", "ls")), [("$ ls", "$ "), ("ls: x", "ls: x")]);
        let long = "echo one two three four";
        let seen = lines(b"$ echo one two three\n four\nfour\n", long);
        assert_eq!(pairs(&seen), [("$ echo one two three\n four", "$ "), ("four", "four")]);
        let cut = lines(b"$ echo one two three\nfour\n", long);
        assert_eq!(pairs(&cut), [("$ echo one two three", "$ "), ("four", "four")]);
        let last = lines(b"$ echo one two three\n", long);
        assert_eq!(last[0].0, "$ echo one two three");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let seen = lines(&vec![b'x'; 3 * LONGEST], "y");
        assert!(seen.len() == 3 && seen.iter().all(|(line, _)| line.len() <= LONGEST + 1));
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_line(typed in "[a-c]{1,24}", stream in "[a-c\n]{0,300}") {
            let seen = lines(stream.as_bytes(), &typed);
            let joined = seen.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(joined.trim_end_matches('\n'), stream.trim_end_matches('\n'));
        }
    }
}

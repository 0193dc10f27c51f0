//! What a kernel prints, as a reader sees it, and whether a certain text is among it.

/// Longest sequence for a terminal that is believed to be one; what follows is text again.
const LONGEST_SEQUENCE: u32 = 256;
const ESCAPE: u8 = 0x1b;

/// Leaves out what is meant for a terminal: control sequences (ECMA-48, section 5.4, and the strings of section 5.6) and
/// control characters, but for tabs and ends of lines.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    inside: Inside,
    length: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Text,
    /// After ESC, and intermediate bytes.
    Escape,
    /// After ESC and `[`.
    Control,
    /// In a string for the terminal, as after ESC and `]`.
    String,
    /// The same, after an ESC that may end it.
    StringEscape,
}

impl Plain {
    /// Takes the next byte; gives it back when a reader sees it.
    pub fn push(&mut self, byte: u8) -> Option<u8> {
        self.length = if self.inside == Inside::Text { 0 } else { self.length + 1 };
        // No sequence reaches over the end of a line: one that seems to is cut, or none.
        if byte == b'\n' || self.length > LONGEST_SEQUENCE {
            self.inside = Inside::Text;
        }
        let (next, seen) = match (self.inside, byte) {
            (Inside::String, ESCAPE) => (Inside::StringEscape, false),
            (_, ESCAPE) => (Inside::Escape, false),
            (Inside::Text, b'\n' | b'\t' | b' '..=b'~' | 0x80..) => (Inside::Text, true),
            (Inside::Text, _) | (Inside::StringEscape, _) | (Inside::String, 0x07) => (Inside::Text, false),
            (Inside::Escape, b'[') => (Inside::Control, false),
            (Inside::Escape, b']' | b'P' | b'X' | b'^' | b'_') => (Inside::String, false),
            (Inside::Escape, b' '..=b'/') => (Inside::Escape, false),
            (Inside::Escape, _) => (Inside::Text, false),
            (Inside::Control, b' '..=b'?') => (Inside::Control, false),
            (Inside::Control, b'@'..=b'~') => (Inside::Text, false),
            // No byte of a sequence: there was none.
            (Inside::Control, _) => (Inside::Text, byte >= 0x80),
            (Inside::String, _) => (Inside::String, false),
        };
        self.inside = next;
        seen.then_some(byte)
    }
}

/// Finds every place at which a text ends, however the bytes are cut (the algorithm of Knuth, Morris and Pratt).
#[derive(Clone, Debug)]
pub struct Finder {
    text: Vec<u8>,
    /// For each length of a beginning of the text: that of the longest shorter one with which it ends, too.
    shorter: Vec<usize>,
    matched: usize,
}

impl Finder {
    /// # Panics
    /// For an empty text.
    pub fn new(text: &[u8]) -> Self {
        assert!(!text.is_empty(), "an empty text is everywhere");
        let mut shorter = vec![0; text.len() + 1];
        let mut matched = 0;
        for (place, byte) in text.iter().enumerate().skip(1) {
            while matched > 0 && text[matched] != *byte {
                matched = shorter[matched];
            }
            matched += usize::from(text[matched] == *byte);
            shorter[place + 1] = matched;
        }
        Self { text: text.into(), shorter, matched: 0 }
    }

    /// Takes the next byte; whether the text ends with it.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.matched == self.text.len() {
            self.matched = self.shorter[self.matched];
        }
        while self.matched > 0 && self.text[self.matched] != byte {
            self.matched = self.shorter[self.matched];
        }
        self.matched += usize::from(self.text[self.matched] == byte);
        self.matched == self.text.len()
    }

    /// Forgets what came.
    pub fn restart(&mut self) {
        self.matched = 0;
    }

    /// How many of the last bytes may be the beginning of the text.
    pub fn matched(&self) -> usize {
        self.matched
    }

    /// How many bytes the text has.
    pub fn length(&self) -> usize {
        self.text.len()
    }
}

/// Whether a text was printed.
#[derive(Clone, Debug)]
pub struct Printed {
    plain: Plain,
    finder: Finder,
}

impl Printed {
    pub fn of(text: &str) -> Self {
        Self { plain: Plain::default(), finder: Finder::new(text.as_bytes()) }
    }

    /// Takes what came; whether the text has ended in it.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let seen = bytes.iter().filter_map(|&byte| self.plain.push(byte));
        // All of them are taken, wherever it ended.
        seen.fold(false, |found, byte| self.finder.push(byte) | found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(bytes: &[u8]) -> String {
        let mut plain = Plain::default();
        String::from_utf8(bytes.iter().filter_map(|&byte| plain.push(byte)).collect()).unwrap()
    }

    #[test]
    fn what_is_meant_for_a_terminal_is_left_out() {
        assert_eq!(plain(b"\x1b[1;32mok\x1b[0m\r\n\x07a\tb\x08"), "ok\na\tb");
        assert_eq!(plain(b"/ # \x1b[6n"), "/ # ");
        assert_eq!(plain(b"\x1b]0;title\x07a\x1b]0;title\x1b\\b\x1b(Bc\x1bcd"), "abcd");
        assert_eq!(plain("é".as_bytes()), "é");
    }

    #[test]
    fn a_sequence_that_does_not_end_ends_with_its_line_or_after_some_bytes() {
        assert_eq!(plain(b"\x1b]0;title\nready"), "\nready");
        assert_eq!(plain(b"\x1b[12\nready"), "\nready");
        let endless = [b"\x1b]".to_vec(), vec![b'x'; 1000]].concat();
        assert!(plain(&endless).len() > 700);
    }

    #[test]
    fn a_text_is_found_through_colours_and_cuts() {
        for cut in 0..12 {
            let bytes = b"r\x1b[1meady> ";
            let mut printed = Printed::of("ready> ");
            let (first, rest) = bytes.split_at(cut.min(bytes.len()));
            assert_eq!((printed.push(first), printed.push(rest)), (cut >= bytes.len(), cut < bytes.len()));
        }
    }

    proptest! {
        #[test]
        fn every_end_of_a_text_is_found(text in "[ab]{1,6}", stream in "[ab]{0,60}") {
            let mut finder = Finder::new(text.as_bytes());
            for (place, byte) in stream.bytes().enumerate() {
                prop_assert_eq!(finder.push(byte), stream[..=place].ends_with(&text));
            }
        }

        #[test]
        fn a_reader_sees_no_control_characters_and_every_end_of_a_line(bytes: Vec<u8>) {
            let mut plain = Plain::default();
            let seen: Vec<u8> = bytes.iter().filter_map(|&byte| plain.push(byte)).collect();
            prop_assert!(seen.iter().all(|&byte| byte >= b' ' && byte != 0x7f || byte == b'\n' || byte == b'\t'));
            let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
            prop_assert_eq!(lines(&seen), lines(&bytes));
        }
    }
}

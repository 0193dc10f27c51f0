//! What a terminal answers: a program may ask it where its cursor stands (ECMA-48, 8.3.35, DSR 6), and wait for that.

use crate::session::printed::{Finder, Plain};

/// Where the cursor of a terminal with 24 lines stands once it has shown as many. Where it really stands, nobody knows;
/// the first row would make the answer look like a key (`ESC [ 1 ; 5` begins an arrow with Ctrl).
const ROW: u32 = 24;
/// How a program asks.
const QUESTION: &[u8] = b"\x1b[6n";

/// A terminal, as far as it is asked.
#[derive(Clone, Debug)]
pub struct Terminal {
    plain: Plain,
    question: Finder,
    /// Characters between the line's start and the cursor.
    column: usize,
    /// It was asked, and has not answered.
    asked: bool,
}

impl Terminal {
    /// A terminal that has shown `before`.
    pub fn new(before: &str) -> Self {
        let mut terminal = Self { plain: Plain::default(), question: Finder::new(QUESTION), column: 0, asked: false };
        terminal.show(before.as_bytes());
        terminal
    }

    /// Shows what came.
    pub fn show(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.asked |= self.question.push(byte);
            match self.plain.push(byte) {
                Some(b'\n') => self.column = 0,
                Some(_) => self.column += 1,
                None if byte == b'\r' => self.column = 0,
                None => {}
            }
        }
    }

    /// Whether it was asked, and has not answered.
    pub fn is_asked(&self) -> bool {
        self.asked
    }

    /// The answer (ECMA-48, 8.3.14, CPR), if it was asked.
    pub fn answer(&mut self) -> Option<String> {
        std::mem::take(&mut self.asked).then(|| format!("\x1b[{ROW};{}R", self.column + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_once_and_only_when_asked() {
        let mut terminal = Terminal::new("boot\r\n/ # \x1b[6n");
        assert!(terminal.is_asked());
        assert_eq!((terminal.answer().as_deref(), terminal.answer()), (Some("\x1b[24;5R"), None));
        terminal.show(b"ls\r\nbin\r\n/ # \x1b[");
        assert!(!terminal.is_asked());
        terminal.show(b"6n");
        assert_eq!(terminal.answer().as_deref(), Some("\x1b[24;5R"));
        assert_eq!(Terminal::new("/ # ").answer(), None);
    }

    #[test]
    fn colours_take_no_room_and_a_line_begins_again_where_it_is_told_to() {
        let mut terminal = Terminal::new("wide\r\x1b[32mab\x1b[0m\x1b[6n");
        assert_eq!(terminal.answer().as_deref(), Some("\x1b[24;3R"));
    }
}

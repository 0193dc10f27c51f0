//! A tiny terminal: just what the editor may send, and a failure for everything else.

use std::{fmt, format, string::String, vec, vec::Vec};

use crate::line::width::width;

/// Second cell of a character that takes two.
const SECOND: char = '\0';

/// A cell that nothing was written to since it was erased.
const BLANK: char = '\u{1}';

pub(super) struct Screen {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Bytes of a sequence whose end has not come.
    pending: String,
    /// All that was written since the last call of [`Screen::take_written`].
    written: String,
    /// The texts of operating-system commands.
    pub(super) marks: Vec<String>,
    pub(super) bells: usize,
}

impl Screen {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            columns,
            rows: vec![vec![BLANK; columns]],
            row: 0,
            column: 0,
            pending: String::new(),
            written: String::new(),
            marks: Vec::new(),
            bells: 0,
        }
    }

    /// What is written in the cursor's row.
    pub(super) fn row(&self) -> String {
        self.row_at(self.row)
    }

    pub(super) fn row_at(&self, row: usize) -> String {
        let cells = &self.rows[row];
        let end = cells.iter().position(|&cell| cell == BLANK).unwrap_or(cells.len());
        assert!(cells[end..].iter().all(|&cell| cell == BLANK), "a hole in the row: {cells:?}");
        cells[..end].iter().filter(|&&cell| cell != SECOND).collect()
    }

    pub(super) fn rows(&self) -> Vec<String> {
        (0..self.rows.len()).map(|row| self.row_at(row)).collect()
    }

    pub(super) fn column(&self) -> usize {
        self.column
    }

    pub(super) fn take_written(&mut self) -> String {
        std::mem::take(&mut self.written)
    }

    fn put(&mut self, character: char) {
        let width = width(character).unwrap_or_else(|| panic!("sent {character:?}, which takes no column"));
        assert!(self.column + width < self.columns, "{character:?} would wrap, or leave the cursor past the row");
        self.erase_half_characters(self.column, width);
        let row = &mut self.rows[self.row];
        row[self.column] = character;
        row[self.column + 1..self.column + width].fill(SECOND);
        self.column += width;
    }

    /// Terminals erase the other half of a wide character when one half is written over.
    fn erase_half_characters(&mut self, column: usize, width: usize) {
        let row = &mut self.rows[self.row];
        if row[column] == SECOND {
            row[column - 1] = BLANK;
        }
        if row.get(column + width) == Some(&SECOND) {
            row[column + width] = BLANK;
        }
    }

    fn control_sequence(&mut self, parameters: &str, last: char) {
        let count = || parameters.parse::<usize>().unwrap_or_else(|_| panic!("sent CSI {parameters}{last}"));
        match (parameters, last) {
            ("", 'K') => {
                self.erase_half_characters(self.column, 1);
                self.rows[self.row][self.column..].fill(BLANK);
            }
            ("", 'H') => (self.row, self.column) = (0, 0),
            ("2", 'J') => self.rows.iter_mut().for_each(|row| row.fill(BLANK)),
            (_, 'C') => {
                assert!(count() > 0 && self.column + count() < self.columns, "moved right past the row");
                self.column += count();
            }
            (_, 'D') => {
                assert!(count() > 0 && self.column >= count(), "moved left past the row");
                self.column -= count();
            }
            _ => panic!("sent CSI {parameters}{last}"),
        }
    }

    /// Acts on `pending` if it is whole.
    fn act(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut characters = pending.chars();
        match (characters.next(), characters.next()) {
            (Some('\x1b'), Some('[')) => match pending[2..].char_indices().find(|(_, c)| matches!(c, '@'..='~')) {
                Some((end, last)) => self.control_sequence(&pending[2..2 + end], last),
                None => self.pending = pending,
            },
            (Some('\x1b'), Some(']')) => match pending[2..].strip_suffix("\x1b\\") {
                Some(text) => self.marks.push(text.into()),
                None => self.pending = pending,
            },
            (Some('\x1b'), None) => self.pending = pending,
            (Some('\r'), _) => self.column = 0,
            (Some('\n'), _) => {
                self.row += 1;
                if self.row == self.rows.len() {
                    self.rows.push(vec![BLANK; self.columns]);
                }
            }
            (Some('\x08'), _) => self.column = self.column.checked_sub(1).expect("backspace past the row's start"),
            (Some('\x07'), _) => self.bells += 1,
            (Some(character), None) => self.put(character),
            _ => panic!("{}", format!("sent {pending:?}")),
        }
    }
}

impl fmt::Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written.push_str(text);
        for character in text.chars() {
            self.pending.push(character);
            self.act();
        }
        Ok(())
    }
}

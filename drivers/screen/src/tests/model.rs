//! A terminal as plain as can be, and what it may be told: the oracle for the real one.

extern crate std;
use std::{format, string::String, vec, vec::Vec};

use proptest::prelude::*;

use crate::width::width;

/// What a cell shows: a character (`'\0'` in the second cell of a wide one), foreground, background, underline.
pub(super) type Shown = (char, u8, u8, bool);

/// Something that a terminal can be told.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Text(String),
    Return,
    Feed,
    ReverseFeed,
    Backspace,
    Tab,
    /// A letter that ends a control sequence, and its parameter.
    Control(char, Option<u16>),
    Position(u16, u16),
    Colours {
        foreground: u8,
        background: u8,
    },
    Attribute {
        code: u8,
    },
    Save,
    Restore,
    /// Something that changes nothing that can be seen.
    Ignored(&'static str),
}

impl Operation {
    /// The bytes that tell it.
    pub(super) fn bytes(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Return => "\r".into(),
            Self::Feed => "\n".into(),
            Self::ReverseFeed => "\x1bM".into(),
            Self::Backspace => "\x08".into(),
            Self::Tab => "\t".into(),
            Self::Control(last, None) => format!("\x1b[{last}"),
            Self::Control(last, Some(parameter)) => format!("\x1b[{parameter}{last}"),
            Self::Position(row, column) => format!("\x1b[{row};{column}H"),
            Self::Colours { foreground, background } => format!("\x1b[{};{}m", 30 + foreground, 40 + background),
            Self::Attribute { code } => format!("\x1b[{code}m"),
            Self::Save => "\x1b7".into(),
            Self::Restore => "\x1b8".into(),
            Self::Ignored(bytes) => (*bytes).into(),
        }
    }

    /// Any of them.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let character = prop_oneof![
            6 => proptest::char::range('!', '~'),
            1 => prop::sample::select(vec!['é', 'ÿ', '→', '漢', '🦀', '한', '\u{301}', '\u{200b}', '\u{7f}']),
        ];
        let text = prop::collection::vec(character, 1..12).prop_map(|text| Self::Text(text.into_iter().collect()));
        let parameter = prop_oneof![Just(None), (0..9_u16).prop_map(Some), Just(Some(u16::MAX))];
        let letters: Vec<char> = "ABCDEFGHJKLMPSTX@dae`f".chars().collect();
        let ignored = vec![
            "\x07",
            "\0",
            "\x1b]133;A\x1b\\",
            "\x1b]0;title\x07",
            "\x1b[?2004h",
            "\x1b[>c",
            "\x1b[6n",
            "\x1b[5q",
            "\x1b(B",
            "\x1b[1;2\x18",
            "\x1b_x\x1b\\",
            "\x1bPq#1\x1b\\",
            "\x1b[ q",
            "\x1b[?1K",
            "\u{9b}",
        ];
        prop_oneof![
            8 => text,
            2 => Just(Self::Return),
            2 => Just(Self::Feed),
            1 => Just(Self::ReverseFeed),
            1 => Just(Self::Backspace),
            1 => Just(Self::Tab),
            8 => (prop::sample::select(letters), parameter).prop_map(|(last, parameter)| Self::Control(last, parameter)),
            2 => (0..9_u16, 0..9_u16).prop_map(|(row, column)| Self::Position(row, column)),
            1 => (0..8_u8, 0..8_u8).prop_map(|(foreground, background)| Self::Colours { foreground, background }),
            1 => prop::sample::select(vec![0, 1, 4, 7, 22, 24, 27, 39, 49, 93, 104])
                .prop_map(|code| Self::Attribute { code }),
            1 => Just(Self::Save),
            1 => Just(Self::Restore),
            1 => prop::sample::select(ignored).prop_map(Self::Ignored),
        ]
    }
}

#[derive(Clone, Copy)]
struct Style {
    foreground: u8,
    background: u8,
    bold: bool,
    underline: bool,
    inverse: bool,
}

const PLAIN: Style = Style { foreground: 7, background: 0, bold: false, underline: false, inverse: false };

/// A terminal made of vectors. The cursor stands in column `columns` after the last one was written.
pub(super) struct Model {
    columns: usize,
    pub(super) rows: Vec<Vec<Shown>>,
    /// Rows that left at the top, oldest first.
    pub(super) left: Vec<Vec<Shown>>,
    row: usize,
    column: usize,
    style: Style,
    saved: (usize, usize, Style),
}

impl Model {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let rows = vec![vec![(' ', 7, 0, false); columns]; rows];
        Self { columns, rows, left: Vec::new(), row: 0, column: 0, style: PLAIN, saved: (0, 0, PLAIN) }
    }

    pub(super) fn cursor(&self) -> (usize, usize) {
        (self.row, self.column.min(self.columns - 1))
    }

    pub(super) fn obey(&mut self, operation: &Operation) {
        match operation {
            Operation::Text(text) => text.chars().for_each(|character| self.put(character)),
            Operation::Return => self.column = 0,
            Operation::Feed => self.feed(),
            Operation::ReverseFeed => {
                self.place(self.row, self.column);
                if self.row > 0 {
                    self.row -= 1;
                } else {
                    self.rows.pop();
                    self.rows.insert(0, self.blank_row());
                }
            }
            Operation::Backspace => self.place(self.row, self.cursor().1.saturating_sub(1)),
            Operation::Tab => {
                let column = self.cursor().1;
                self.place(self.row, (column + 1..).find(|column| column % 8 == 0).unwrap());
            }
            Operation::Control(last, parameter) => self.control(*last, parameter.unwrap_or(0)),
            Operation::Position(row, column) => {
                self.place(usize::from(*row).saturating_sub(1), usize::from(*column).saturating_sub(1));
            }
            Operation::Colours { foreground, background } => {
                self.style = Style { foreground: *foreground, background: *background, ..self.style };
            }
            Operation::Attribute { code } => self.attribute(*code),
            Operation::Save => self.saved = (self.row, self.cursor().1, self.style),
            Operation::Restore => (self.row, self.column, self.style) = self.saved,
            Operation::Ignored(_) => {}
        }
    }

    fn place(&mut self, row: usize, column: usize) {
        self.row = row.min(self.rows.len() - 1);
        self.column = column.min(self.columns - 1);
    }

    fn blank_row(&self) -> Vec<Shown> {
        vec![self.blank(); self.columns]
    }

    fn blank(&self) -> Shown {
        (' ', 7, self.style.background, false)
    }

    fn feed(&mut self) {
        self.place(self.row, self.column);
        if self.row + 1 < self.rows.len() {
            self.row += 1;
        } else {
            self.left.push(self.rows.remove(0));
            self.rows.push(self.blank_row());
        }
    }

    fn put(&mut self, character: char) {
        let width = width(character);
        if width == 0 {
            return;
        }
        if self.column + width > self.columns {
            self.feed();
            self.column = 0;
        }
        let Style { foreground, background, bold, underline, inverse } = self.style;
        let foreground = foreground | if bold { 8 } else { 0 };
        let (foreground, background) = if inverse { (background, foreground) } else { (foreground, background) };
        let row = &mut self.rows[self.row];
        row[self.column] = (character, foreground, background, underline);
        if width == 2 {
            row[self.column + 1] = ('\0', foreground, background, underline);
        }
        self.column += width;
        self.mend();
    }

    /// Halves of wide characters that lost their other half become spaces.
    fn mend(&mut self) {
        for row in &mut self.rows {
            for column in 0..row.len() {
                let is_lost_lead = width(row[column].0) == 2 && row.get(column + 1).is_none_or(|next| next.0 != '\0');
                let is_lost_tail = row[column].0 == '\0' && (column == 0 || width(row[column - 1].0) != 2);
                if is_lost_lead || is_lost_tail {
                    row[column] = (' ', row[column].1, row[column].2, false);
                }
            }
        }
    }

    fn control(&mut self, last: char, parameter: u16) {
        let count = usize::from(parameter.max(1));
        let (row, column) = self.cursor();
        let blank = self.blank();
        match last {
            'A' => self.place(row.saturating_sub(count), column),
            'B' | 'e' => self.place(row + count, column),
            'C' | 'a' => self.place(row, column + count),
            'D' => self.place(row, column.saturating_sub(count)),
            'E' => self.place(row + count, 0),
            'F' => self.place(row.saturating_sub(count), 0),
            'G' | '`' => self.place(row, count - 1),
            'H' | 'f' => self.place(count - 1, 0),
            'd' => self.place(count - 1, column),
            'S' => {
                for _ in 0..count.min(self.rows.len()) {
                    self.left.push(self.rows.remove(0));
                    self.rows.push(self.blank_row());
                }
            }
            'T' => self.insert_rows(0, count),
            'L' => {
                self.insert_rows(row, count);
                self.place(row, 0);
            }
            'M' => {
                for _ in 0..count.min(self.rows.len() - row) {
                    self.rows.remove(row);
                    self.rows.push(self.blank_row());
                }
                self.place(row, 0);
            }
            '@' => {
                self.place(row, column);
                let count = count.min(self.columns - column);
                // A wide character that the cursor stands in falls apart before it moves.
                self.cut(row, column);
                self.rows[row].splice(column..column, vec![blank; count]);
                self.rows[row].truncate(self.columns);
                self.mend();
            }
            'P' => {
                self.place(row, column);
                let count = count.min(self.columns - column);
                self.cut(row, column);
                self.cut(row, column + count);
                self.rows[row].drain(column..column + count);
                self.rows[row].resize(self.columns, blank);
            }
            'X' => self.erase(row, column, (column + count).min(self.columns)),
            'K' | 'J' => self.erase_part(last == 'J', parameter),
            _ => panic!("{last}"),
        }
    }

    /// Makes spaces of a wide character that lies across the start of this column.
    fn cut(&mut self, row: usize, column: usize) {
        let cells = &mut self.rows[row];
        if cells.get(column).is_some_and(|cell| cell.0 == '\0') {
            for cell in &mut cells[column - 1..=column] {
                *cell = (' ', cell.1, cell.2, false);
            }
        }
    }

    fn insert_rows(&mut self, first: usize, count: usize) {
        for _ in 0..count.min(self.rows.len() - first) {
            self.rows.pop();
            self.rows.insert(first, self.blank_row());
        }
    }

    fn erase(&mut self, row: usize, start: usize, end: usize) {
        let blank = self.blank();
        self.rows[row][start..end].fill(blank);
        self.place(self.row, self.column);
        self.mend();
    }

    fn erase_part(&mut self, of_screen: bool, mode: u16) {
        let (row, column) = self.cursor();
        let rows = if of_screen { 0..self.rows.len() } else { row..row + 1 };
        if mode == 3 && of_screen {
            self.left.clear();
        }
        for other in rows {
            let is_after = other > row;
            match mode {
                0 if other == row => self.erase(row, column, self.columns),
                1 if other == row => self.erase(row, 0, column + 1),
                0 if is_after => self.erase(other, 0, self.columns),
                1 if !is_after => self.erase(other, 0, self.columns),
                2 => self.erase(other, 0, self.columns),
                _ => {}
            }
        }
    }

    fn attribute(&mut self, code: u8) {
        match code {
            0 => self.style = PLAIN,
            1 => self.style.bold = true,
            4 => self.style.underline = true,
            7 => self.style.inverse = true,
            22 => self.style.bold = false,
            24 => self.style.underline = false,
            27 => self.style.inverse = false,
            39 => self.style.foreground = 7,
            49 => self.style.background = 0,
            93 => self.style.foreground = 11,
            104 => self.style.background = 12,
            _ => panic!("{code}"),
        }
    }
}

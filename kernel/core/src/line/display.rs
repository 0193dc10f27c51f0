//! What the terminal shows of a line, and the least that must be sent to change it.

use alloc::string::String;
use core::fmt::{self, Write};

use super::{
    buffer::Buffer,
    common_prefix,
    width::{width, width_of},
};

/// The part of a terminal's row that follows the prompt.
///
/// # Invariants
/// `shown` is what stands there and takes at most `columns` columns; the terminal's cursor is `column` columns from
/// its start.
pub(super) struct Display {
    columns: usize,
    shown: String,
    column: usize,
    /// Where in the line the shown part starts, in bytes.
    start: usize,
}

impl Display {
    /// A part of that many columns, with nothing in it. One more column must be there, for the cursor after a full
    /// part.
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, shown: String::new(), column: 0, start: 0 }
    }

    /// A prompt has just been printed: nothing follows it.
    pub(super) fn forget(&mut self) {
        self.shown.clear();
        self.column = 0;
        self.start = 0;
    }

    /// Makes the terminal show the line, or the part of it around the cursor.
    pub(super) fn show(&mut self, buffer: &Buffer, out: &mut dyn Write) -> fmt::Result {
        self.scroll(buffer);
        let visible = fitting(&buffer.text()[self.start..], self.columns);
        let same = common_prefix(&self.shown, visible);
        if same < self.shown.len() || same < visible.len() {
            self.move_to(width_of(&visible[..same]), out)?;
            out.write_str(&visible[same..])?;
            self.column = width_of(visible);
            if self.column < width_of(&self.shown) {
                out.write_str("\x1b[K")?;
            }
            self.shown.clear();
            self.shown.push_str(visible);
        }
        self.move_to(width_of(&buffer.text()[self.start..buffer.cursor()]), out)
    }

    /// Chooses a start such that the cursor is in sight: that of before, if it still does.
    fn scroll(&mut self, buffer: &Buffer) {
        let (text, cursor) = (buffer.text(), buffer.cursor());
        if width_of(text) <= self.columns {
            self.start = 0;
            return;
        }
        // At the left edge it counts as out of sight: what a key there would delete must be seen.
        let in_sight = (self.start < cursor || self.start == 0)
            && text.is_char_boundary(self.start)
            && width_of(&text[self.start..cursor]) <= self.columns;
        if !in_sight {
            // In the middle, so that the next keys need no scrolling.
            let after = fitting_end(&text[..cursor], self.columns / 2);
            self.start = cursor - after.len();
        }
    }

    fn move_to(&mut self, column: usize, out: &mut dyn Write) -> fmt::Result {
        match (self.column, column) {
            (from, to) if from == to => {}
            (from, to) if from > to && from - to < 4 => {
                for _ in to..from {
                    out.write_str("\x08")?;
                }
            }
            (from, to) if from > to => write!(out, "\x1b[{}D", from - to)?,
            (from, to) => write!(out, "\x1b[{}C", to - from)?,
        }
        self.column = column;
        Ok(())
    }
}

/// The longest start of the text that takes no more than that many columns.
fn fitting(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|&(_, character)| {
        used += width(character).unwrap_or(0);
        used > columns
    });
    &text[..end.map_or(text.len(), |(index, _)| index)]
}

/// The longest end of the text that takes no more than that many columns.
fn fitting_end(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let before = text.char_indices().rev().find(|&(_, character)| {
        used += width(character).unwrap_or(0);
        used > columns
    });
    &text[before.map_or(0, |(index, character)| index + character.len_utf8())..]
}

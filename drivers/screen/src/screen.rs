//! The screen: a terminal, and what draws it.

use core::fmt;

use vte::Parser;

use crate::{
    Cell, Mode, Unusable,
    grid::Grid,
    painter::{Painter, Wanted},
    terminal::Terminal,
};

/// Memory that is shown as pixels.
pub trait Surface {
    /// Puts bytes at `offset` from the first pixel. What is there is never read.
    ///
    /// A [`Screen`] writes whole pixels, and none past the last of its mode's.
    fn write(&mut self, offset: usize, bytes: &[u8]);
}

impl<S: Surface + ?Sized> Surface for &mut S {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        (**self).write(offset, bytes);
    }
}

/// A terminal on a framebuffer. Its own owner is the only one who draws there.
///
/// Text goes in through [`fmt::Write`]: UTF-8, with the control characters and sequences that the crate's documentation
/// lists. Line ends are CR LF. Whoever cannot know where the text before was cut off, such as a report of a panic,
/// first writes CAN (0x18), which ends any unfinished sequence.
pub struct Screen<S> {
    painter: Painter<S>,
    terminal: Terminal,
    /// It keeps no strings: they mean nothing here.
    parser: Parser<0>,
    /// How many rows older than the newest the shown ones are.
    back: usize,
    /// The row that shows the cursor.
    cursor_row: usize,
}

/// Every row, as [`Terminal::take_changed`] counts them.
const ALL: u128 = u128::MAX;

impl<S: Surface> Screen<S> {
    /// Takes over a framebuffer, and clears it.
    ///
    /// `cells` are at least [`Mode::cells`] of 0. Those above that number keep rows that have left the screen, see
    /// [`Screen::scroll`].
    ///
    /// # Errors
    /// [`Unusable`], before anything is drawn.
    pub fn new(surface: S, mode: Mode, cells: &'static mut [Cell]) -> Result<Self, Unusable> {
        let layout = mode.check()?;
        let needed = mode.cells(0)?;
        if cells.len() < needed {
            return Err(Unusable::TooFewCells { given: cells.len(), needed });
        }
        let (shown, kept) = cells.split_at_mut(layout.columns * layout.rows);
        let mut screen = Self {
            painter: Painter::new(surface, mode, layout, shown),
            terminal: Terminal::new(Grid::new(kept, layout.columns, layout.rows)),
            parser: Parser::default(),
            back: 0,
            cursor_row: 0,
        };
        screen.redraw();
        Ok(screen)
    }

    /// Characters in a row.
    pub fn columns(&self) -> usize {
        self.painter.layout.columns
    }

    /// Rows of characters.
    pub fn rows(&self) -> usize {
        self.painter.layout.rows
    }

    /// Shows rows that are that much older (or, below 0, newer) than those shown, as far as there are any.
    ///
    /// Any output returns to the newest.
    pub fn scroll(&mut self, rows: isize) {
        self.back = self.back.saturating_add_signed(rows).min(self.terminal.grid.history());
        self.draw_rows(ALL);
    }

    /// Draws everything anew, as after somebody else has drawn there.
    pub fn redraw(&mut self) {
        self.painter.clear();
        self.draw_rows(ALL);
    }

    /// Takes text as [`fmt::Write`] does, but leaves it to the next [`Screen::draw`] or write to show it.
    ///
    /// Lines that come and go between two calls of `draw` cost no drawing at all, so that thousands of them are cheap on
    /// the slowest framebuffer.
    pub fn put(&mut self, text: &str) {
        if self.back > 0 {
            self.back = 0;
            self.terminal.change_all();
        }
        self.parser.advance(&mut self.terminal, text.as_bytes());
    }

    /// Shows what [`Screen::put`] took.
    pub fn draw(&mut self) {
        let changed = self.terminal.take_changed();
        self.draw_rows(changed);
    }

    /// The framebuffer.
    pub fn surface_mut(&mut self) -> &mut S {
        &mut self.painter.surface
    }

    /// Makes these rows, one bit each, look as they should, and those that the cursor leaves and enters.
    fn draw_rows(&mut self, changed: u128) {
        let Self { painter, terminal, back, .. } = self;
        let cursor = (terminal.row + *back, terminal.column);
        let changed = changed | 1 << self.cursor_row;
        for row in 0..painter.layout.rows {
            let has_cursor = row == cursor.0 && terminal.shows_cursor;
            if changed >> row & 1 != 0 || has_cursor {
                let cursor = has_cursor.then_some(cursor.1);
                painter.draw_row(row, Wanted { cells: terminal.grid.row(row, *back), cursor });
            }
            if has_cursor {
                self.cursor_row = row;
            }
        }
    }
}

impl<S: Surface> fmt::Write for Screen<S> {
    /// Shows the text. It never fails.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text);
        self.draw();
        Ok(())
    }
}

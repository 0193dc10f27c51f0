//! What text does to the rows: the terminal without its pixels.

use crate::{Cell, grid::Grid, pen::Pen, width::width};

/// Columns from a tab stop to the next.
const TAB: usize = 8;

/// A terminal: rows of characters, a cursor and a pen.
///
/// # Invariants
/// The cursor is in the grid. Where a wide character stands, both its cells do, or neither.
pub(crate) struct Terminal {
    pub(crate) grid: Grid,
    pub(crate) row: usize,
    pub(crate) column: usize,
    /// The last column was just written: the next character goes to the next row, but nothing else sees a difference.
    wraps: bool,
    pub(crate) shows_cursor: bool,
    pub(crate) pen: Pen,
    saved: Saved,
    /// The rows that may differ from what they were when this was last taken, one bit each.
    changed: u128,
}

/// What DECSC keeps.
#[derive(Clone, Copy)]
struct Saved {
    row: usize,
    column: usize,
    pen: Pen,
}

const ALL: u128 = u128::MAX;
const _: () = assert!(crate::MOST_ROWS <= ALL.count_ones() as usize);

impl Terminal {
    pub(crate) fn new(grid: Grid) -> Self {
        Self {
            grid,
            row: 0,
            column: 0,
            wraps: false,
            shows_cursor: true,
            pen: Pen::DEFAULT,
            saved: Saved { row: 0, column: 0, pen: Pen::DEFAULT },
            changed: 0,
        }
    }

    /// The rows that may have changed since the last call, one bit each. The cursor's are not among them.
    pub(crate) const fn take_changed(&mut self) -> u128 {
        core::mem::replace(&mut self.changed, 0)
    }

    /// Says that every row may have changed.
    pub(crate) const fn change_all(&mut self) {
        self.changed = ALL;
    }

    const fn last_row(&self) -> usize {
        self.grid.rows - 1
    }

    const fn last_column(&self) -> usize {
        self.grid.columns - 1
    }

    /// Writes a character at the cursor, and moves on.
    pub(crate) fn print(&mut self, character: char) {
        let width = width(character);
        if width == 0 || width > self.grid.columns {
            return;
        }
        if self.wraps || self.column + width > self.grid.columns {
            self.column = 0;
            self.line_feed();
        }
        self.split(self.row, self.column, self.column + width);
        let cell = self.pen.cell(character);
        let (row, column) = (self.row, self.column);
        let cells = self.change(row);
        cells[column] = cell;
        if width == 2 {
            cells[column + 1] = cell.tail();
        }
        self.column = (column + width).min(self.last_column());
        self.wraps = column + width == self.grid.columns;
    }

    /// The row, to change.
    fn change(&mut self, row: usize) -> &mut [Cell] {
        self.changed |= 1 << row;
        self.grid.row_mut(row)
    }

    /// Erases the other halves of wide characters that the bounds of these columns cut.
    fn split(&mut self, row: usize, start: usize, end: usize) {
        let cells = self.change(row);
        for bound in [start, end] {
            if bound > 0 && cells.get(bound).is_some_and(|cell| cell.is_tail()) {
                cells[bound - 1] = cells[bound - 1].erased();
                cells[bound] = cells[bound].erased();
            }
        }
    }

    /// Erases columns of a row.
    fn erase(&mut self, row: usize, start: usize, end: usize) {
        self.split(row, start, end);
        let blank = self.pen.blank();
        self.change(row)[start..end].fill(blank);
    }

    // Movements. Each forgets that the next character would wrap.

    pub(crate) fn move_to(&mut self, row: usize, column: usize) {
        self.row = row.min(self.last_row());
        self.column = column.min(self.last_column());
        self.wraps = false;
    }

    pub(crate) fn up(&mut self, count: usize) {
        self.move_to(self.row.saturating_sub(count), self.column);
    }

    pub(crate) fn down(&mut self, count: usize) {
        self.move_to(self.row.saturating_add(count), self.column);
    }

    pub(crate) fn left(&mut self, count: usize) {
        self.move_to(self.row, self.column.saturating_sub(count));
    }

    pub(crate) fn right(&mut self, count: usize) {
        self.move_to(self.row, self.column.saturating_add(count));
    }

    pub(crate) fn tab(&mut self) {
        self.move_to(self.row, (self.column / TAB + 1) * TAB);
    }

    /// Down; at the bottom, everything moves up.
    pub(crate) fn line_feed(&mut self) {
        if self.row == self.last_row() {
            self.scroll_up(1);
        }
        self.down(1);
    }

    /// Up; at the top, everything moves down.
    pub(crate) fn reverse_line_feed(&mut self) {
        if self.row == 0 {
            self.scroll_down(1);
        }
        self.up(1);
    }

    pub(crate) const fn save(&mut self) {
        self.saved = Saved { row: self.row, column: self.column, pen: self.pen };
    }

    pub(crate) fn restore(&mut self) {
        let Saved { row, column, pen } = self.saved;
        self.pen = pen;
        self.move_to(row, column);
    }

    /// As after power-on, but for the history.
    pub(crate) fn reset(&mut self) {
        self.pen = Pen::DEFAULT;
        self.shows_cursor = true;
        self.move_to(0, 0);
        self.save();
        self.erase_rows(0, self.grid.rows);
    }

    // Changes of whole rows.

    fn erase_rows(&mut self, start: usize, end: usize) {
        for row in start..end {
            self.erase(row, 0, self.grid.columns);
        }
    }

    pub(crate) fn scroll_up(&mut self, count: usize) {
        self.changed = ALL;
        self.grid.scroll_up(count, self.pen.blank());
    }

    pub(crate) fn scroll_down(&mut self, count: usize) {
        self.changed = ALL;
        self.grid.insert_rows(0, count, self.pen.blank());
    }

    pub(crate) fn insert_rows(&mut self, count: usize) {
        self.changed = ALL;
        self.grid.insert_rows(self.row, count, self.pen.blank());
        self.move_to(self.row, 0);
    }

    pub(crate) fn delete_rows(&mut self, count: usize) {
        self.changed = ALL;
        self.grid.delete_rows(self.row, count, self.pen.blank());
        self.move_to(self.row, 0);
    }

    // Changes around the cursor, which stays.

    /// Erases from the cursor to the end (0), from the start to the cursor (1), or all (2) of the row.
    pub(crate) fn erase_in_row(&mut self, mode: u16) {
        let columns = self.grid.columns;
        match mode {
            0 => self.erase(self.row, self.column, columns),
            1 => self.erase(self.row, 0, self.column + 1),
            2 => self.erase(self.row, 0, columns),
            _ => return,
        }
        self.wraps = false;
    }

    /// The same of the screen; 3 forgets the history.
    pub(crate) fn erase_in_screen(&mut self, mode: u16) {
        match mode {
            0 => self.erase_rows(self.row + 1, self.grid.rows),
            1 => self.erase_rows(0, self.row),
            2 => self.erase_rows(0, self.grid.rows),
            3 => return self.grid.forget_history(),
            _ => return,
        }
        self.erase_in_row(mode);
    }

    pub(crate) fn erase_characters(&mut self, count: usize) {
        let end = self.column.saturating_add(count).min(self.grid.columns);
        self.erase(self.row, self.column, end);
        self.wraps = false;
    }

    pub(crate) fn insert_characters(&mut self, count: usize) {
        let (row, column, columns) = (self.row, self.column, self.grid.columns);
        let count = count.min(columns - column);
        self.split(row, column, columns - count);
        self.change(row).copy_within(column..columns - count, column + count);
        let blank = self.pen.blank();
        self.change(row)[column..column + count].fill(blank);
        self.wraps = false;
    }

    pub(crate) fn delete_characters(&mut self, count: usize) {
        let (row, column, columns) = (self.row, self.column, self.grid.columns);
        let count = count.min(columns - column);
        self.split(row, column, column + count);
        self.change(row).copy_within(column + count.., column);
        let blank = self.pen.blank();
        self.change(row)[columns - count..].fill(blank);
        self.wraps = false;
    }
}

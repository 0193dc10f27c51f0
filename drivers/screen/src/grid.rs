//! The rows of characters: those on the screen, and those that have left it at the top.

use core::ops::Range;

use crate::Cell;

/// Rows in a ring. Rows that leave at the top stay, until the ring comes round to them.
///
/// # Invariants
/// `cells` is `capacity` rows of `columns` cells, at least `rows` of them; `top < capacity`; `history <= capacity -
/// rows`. A row's number is below `rows`: callers keep to that, and a number past it wraps around in the ring.
pub(crate) struct Grid {
    cells: &'static mut [Cell],
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    capacity: usize,
    /// The ring's row that is the screen's first.
    top: usize,
    /// Rows before `top` that were on the screen once.
    history: usize,
}

impl Grid {
    /// Blank rows in that memory, which must hold `rows` of them; what is over holds the history.
    pub(crate) fn new(cells: &'static mut [Cell], columns: usize, rows: usize) -> Self {
        let capacity = (cells.len() / columns).max(rows);
        assert!(capacity * columns <= cells.len(), "the caller made sure that the rows fit");
        cells.fill(Cell::BLANK);
        Self { cells, columns, rows, capacity, top: 0, history: 0 }
    }

    /// Rows that have left the screen and can be shown again.
    pub(crate) const fn history(&self) -> usize {
        self.history
    }

    /// Forgets the rows that have left the screen.
    pub(crate) const fn forget_history(&mut self) {
        self.history = 0;
    }

    fn span(&self, row: usize, back: usize) -> Range<usize> {
        let start = (self.top + self.capacity + row - back.min(self.capacity)) % self.capacity * self.columns;
        start..start + self.columns
    }

    /// A row of the screen as it was `back` rows ago, at most [`Grid::history`].
    pub(crate) fn row(&self, row: usize, back: usize) -> &[Cell] {
        &self.cells[self.span(row, back)]
    }

    /// A row of the screen, to change.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [Cell] {
        let span = self.span(row, 0);
        &mut self.cells[span]
    }

    /// Moves everything up; what leaves at the top joins the history.
    pub(crate) fn scroll_up(&mut self, count: usize, blank: Cell) {
        let count = count.min(self.rows);
        self.top = (self.top + count) % self.capacity;
        self.history = (self.history + count).min(self.capacity - self.rows);
        for row in self.rows - count..self.rows {
            self.row_mut(row).fill(blank);
        }
    }

    /// Moves the rows from `first` on down; what leaves at the bottom is lost.
    pub(crate) fn insert_rows(&mut self, first: usize, count: usize, blank: Cell) {
        let count = count.min(self.rows - first);
        for row in (first + count..self.rows).rev() {
            self.copy_row(row - count, row);
        }
        for row in first..first + count {
            self.row_mut(row).fill(blank);
        }
    }

    /// Takes rows out from `first` on, and moves those below up.
    pub(crate) fn delete_rows(&mut self, first: usize, count: usize, blank: Cell) {
        let count = count.min(self.rows - first);
        for row in first..self.rows - count {
            self.copy_row(row + count, row);
        }
        for row in self.rows - count..self.rows {
            self.row_mut(row).fill(blank);
        }
    }

    fn copy_row(&mut self, from: usize, to: usize) {
        let (from, to) = (self.span(from, 0), self.span(to, 0));
        self.cells.copy_within(from, to.start);
    }
}

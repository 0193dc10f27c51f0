//! Drawing: of the cells that changed, the lines of pixels that changed.

use core::ops::Range;

use crate::{
    Cell, Mode, Surface,
    font::{self, Font, SHADES},
    layout::{Layout, MOST_SCALE},
    pixel::{Format, MOST_PIXEL_BYTES, Ramp},
};

/// Bytes that are gathered before they are written: one line of pixels of a few cells.
const BATCH: usize = 1024;
const _: () = assert!(font::MOST_WIDTH * MOST_SCALE * MOST_PIXEL_BYTES <= BATCH, "the widest cell fits");

/// A surface, and what stands on it.
///
/// # Invariants
/// `shown` is what the surface shows, `layout.columns` times `layout.rows` cells. The mode was checked, and the layout
/// is that of the mode.
pub(crate) struct Painter<S> {
    pub(crate) surface: S,
    mode: Mode,
    format: Format,
    pub(crate) layout: Layout,
    shown: &'static mut [Cell],
    colours: Colours,
}

/// What a row shall look like: its cells, and where in it the cursor is.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'c> {
    pub(crate) cells: &'c [Cell],
    pub(crate) cursor: Option<usize>,
}

impl Wanted<'_> {
    fn cell(self, column: usize) -> Cell {
        let cell = self.cells[column];
        if self.cursor == Some(column) { cell.inverse() } else { cell }
    }
}

/// One line of a cell's pixels: 4 bits of shade each, the leftmost lowest, between two colours.
#[derive(Clone, Copy)]
struct Line {
    shades: u64,
    foreground: u8,
    background: u8,
}

impl Line {
    fn of(font: &Font, cell: Cell, y: usize) -> Self {
        let underlined = cell.is_underlined() && y == font.underline();
        let shades = if underlined { u64::MAX } else { font.line(font::glyph(cell.character()), y) };
        Self { shades, foreground: cell.foreground(), background: cell.background() }
    }

    fn looks_like(self, other: Self) -> bool {
        self.shades == other.shades
            && self.background == other.background
            && (self.shades == 0 || self.foreground == other.foreground)
    }
}

/// The pixels of two colours, kept as most cells have those of the cell before.
struct Colours {
    foreground: u8,
    background: u8,
    ramp: Ramp,
}

/// The pixels of one line, from those of cell `start` on, that are still to be written.
struct Batch {
    bytes: [u8; BATCH],
    length: usize,
    start: usize,
}

impl Batch {
    /// Adds the pixels of a line of a cell; there must be room.
    fn push<const BYTES: usize>(&mut self, line: Line, ramp: &Ramp, font: &Font, scale: usize) {
        let length = font.width * scale * BYTES;
        let (pixels, _) = self.bytes[self.length..self.length + length].as_chunks_mut();
        for (x, square) in pixels.chunks_exact_mut(scale).enumerate() {
            let pixel = ramp[(line.shades >> (4 * x)) as usize % SHADES].to_le_bytes();
            let bytes: [u8; BYTES] = core::array::from_fn(|index| pixel[index]);
            square.fill(bytes);
        }
        self.length += length;
    }
}

impl<S: Surface> Painter<S> {
    /// Draws nothing yet: until [`Painter::clear`], the surface shows something else.
    pub(crate) fn new(surface: S, mode: Mode, layout: Layout, shown: &'static mut [Cell]) -> Self {
        let format = Format::of(&mode);
        let (foreground, background) = (Cell::BLANK.foreground(), Cell::BLANK.background());
        let ramp = format.ramp(foreground, background);
        Self { surface, mode, format, layout, shown, colours: Colours { foreground, background, ramp } }
    }

    /// Makes all of the surface blank, also where no cells are.
    pub(crate) fn clear(&mut self) {
        self.shown.fill(Cell::BLANK);
        // Black is 0 in every format.
        let black = [0; BATCH];
        let length = self.mode.width as usize * self.format.bytes;
        for y in 0..self.mode.height as usize {
            for start in (0..length).step_by(BATCH) {
                let offset = y * self.mode.pitch as usize + start;
                self.surface.write(offset, &black[..BATCH.min(length - start)]);
            }
        }
    }

    /// Makes a row look as wanted, by drawing what differs.
    pub(crate) fn draw_row(&mut self, row: usize, wanted: Wanted<'_>) {
        let columns = self.layout.columns;
        let first = row * columns;
        let mut next = 0;
        loop {
            let differs = |&column: &usize| self.shown[first + column] != wanted.cell(column);
            let Some(start) = (next..columns).find(differs) else { return };
            let end = (start..columns).find(|column| !differs(column)).unwrap_or(columns);
            for y in 0..self.layout.font.height {
                self.draw_line(row, start..end, y, wanted);
            }
            for column in start..end {
                self.shown[first + column] = wanted.cell(column);
            }
            next = end;
        }
    }

    /// Draws line `y` of these cells' glyphs, where it looks other than what is shown.
    fn draw_line(&mut self, row: usize, columns: Range<usize>, y: usize, wanted: Wanted<'_>) {
        let Layout { font, scale, .. } = self.layout;
        let most = BATCH - self.layout.cell_width() * self.format.bytes;
        let mut batch = Batch { bytes: [0; BATCH], length: 0, start: columns.start };
        for column in columns {
            let old = Line::of(font, self.shown[row * self.layout.columns + column], y);
            let new = Line::of(font, wanted.cell(column), y);
            let is_same = old.looks_like(new);
            if is_same || batch.length > most {
                self.write(&mut batch, row, y);
            }
            if is_same {
                continue;
            }
            if batch.length == 0 {
                batch.start = column;
            }
            self.choose(new);
            match self.format.bytes {
                2 => batch.push::<2>(new, &self.colours.ramp, font, scale),
                3 => batch.push::<3>(new, &self.colours.ramp, font, scale),
                _ => batch.push::<4>(new, &self.colours.ramp, font, scale),
            }
        }
        self.write(&mut batch, row, y);
    }

    fn choose(&mut self, Line { foreground, background, .. }: Line) {
        if (self.colours.foreground, self.colours.background) != (foreground, background) {
            let ramp = self.format.ramp(foreground, background);
            self.colours = Colours { foreground, background, ramp };
        }
    }

    /// Writes the batch to each line of the screen that line `y` of the row's glyphs takes.
    fn write(&mut self, batch: &mut Batch, row: usize, y: usize) {
        if batch.length == 0 {
            return;
        }
        let Layout { scale, .. } = self.layout;
        let first = row * self.layout.cell_height() + y * scale;
        let left = batch.start * self.layout.cell_width() * self.format.bytes;
        for line in first..first + scale {
            self.surface.write(line * self.mode.pitch as usize + left, &batch.bytes[..batch.length]);
        }
        batch.length = 0;
    }
}

//! Which font a screen gets, and how many characters it then holds.

use crate::font::{FONTS, Font};

/// Fewest columns of a screen.
pub const LEAST_COLUMNS: usize = 40;
/// Fewest rows of a screen.
pub const LEAST_ROWS: usize = 10;
/// Most columns of a screen: longer lines are hard to read.
pub const MOST_COLUMNS: usize = 240;
/// Most rows of a screen.
pub const MOST_ROWS: usize = 70;

/// Every pixel of a glyph becomes a square of at most that many pixels each way.
pub(crate) const MOST_SCALE: usize = 4;

/// Where the text goes: a grid of cells, from the upper left corner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) font: &'static Font,
    /// Pixels of the screen to a pixel of the font, each way.
    pub(crate) scale: usize,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Layout {
    /// The smallest font that leaves no more than [`MOST_COLUMNS`] and [`MOST_ROWS`]; the largest where none does.
    /// `None` when the screen is too small for the smallest.
    pub(crate) fn of(width: u32, height: u32) -> Option<Self> {
        let sizes = (1..=MOST_SCALE).flat_map(|scale| FONTS.iter().map(move |font| (font, scale)));
        let layout = sizes
            .map(|(font, scale)| {
                let columns = width as usize / (font.width * scale);
                Self { font, scale, columns, rows: height as usize / (font.height * scale) }
            })
            .filter(|layout| layout.columns >= LEAST_COLUMNS && layout.rows >= LEAST_ROWS)
            .min_by_key(|layout| match layout.columns > MOST_COLUMNS || layout.rows > MOST_ROWS {
                false => (false, layout.cell_height()),
                true => (true, usize::MAX - layout.cell_height()),
            })?;
        Some(Self { columns: layout.columns.min(MOST_COLUMNS), rows: layout.rows.min(MOST_ROWS), ..layout })
    }

    /// Pixels of the screen from a column to the next.
    pub(crate) const fn cell_width(&self) -> usize {
        self.font.width * self.scale
    }

    /// Pixels of the screen from a row to the next.
    pub(crate) const fn cell_height(&self) -> usize {
        self.font.height * self.scale
    }
}

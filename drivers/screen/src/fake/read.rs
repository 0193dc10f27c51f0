//! Reading the text on a picture: each cell is compared with what the font's glyphs look like in its colours.

extern crate std;
use std::{collections::HashMap, string::String, vec::Vec};

use crate::{
    font::{self, Font, GLYPHS, REPLACEMENT, SHADES},
    layout::Layout,
    palette::Rgb,
};

/// How far a part of a pixel's colour may be from where the glyph has it: modes of 5 bits a colour round each of the
/// three pixels that are compared by up to 4, and shades are rounded too.
const TOLERANCE: i32 = 16;

/// Reads the rows of text off a picture of a [`Screen`](crate::Screen), without the blanks at their ends.
///
/// `rgb` is rows of 3 bytes a pixel, as in a PPM file. Colours, the cursor and underlines make no difference; text in
/// the colour of its background reads as blanks. Whatever is no glyph, and what was shown as the replacement character,
/// reads as U+FFFD. There are no rows on a picture that is too small for a screen.
///
/// # Panics
/// When `rgb` is not `width * height * 3` bytes.
#[must_use]
pub fn read_text(rgb: &[u8], width: usize, height: usize) -> Vec<String> {
    assert_eq!(rgb.len(), width * height * 3, "a picture of {width}x{height} pixels has 3 bytes for each");
    let size = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    let Some(layout) = size.and_then(|(width, height)| Layout::of(width, height)) else { return Vec::new() };
    let mut reader = Reader { candidates: candidates(layout.font), seen: HashMap::new() };
    let (pixels, _) = rgb.as_chunks();
    let row = |row| {
        let text: String =
            (0..layout.columns).map(|column| reader.read(cell(pixels, width, layout, row, column))).collect();
        text.trim_end().into()
    };
    (0..layout.rows).map(row).collect()
}

/// The colours of a cell's pixels, one for each pixel of the font. `None` when it has smaller ones.
fn cell(pixels: &[Rgb], width: usize, layout: Layout, row: usize, column: usize) -> Option<Vec<Rgb>> {
    let Layout { font, scale, .. } = layout;
    let first = row * layout.cell_height() * width + column * layout.cell_width();
    let line = |y: usize| &pixels[first + y * width..][..layout.cell_width()];
    let mut colours = Vec::with_capacity(font.width * font.height);
    for y in (0..layout.cell_height()).step_by(scale) {
        if (y..y + scale).any(|other| line(other) != line(y)) {
            return None;
        }
        for square in line(y).chunks(scale) {
            if square.iter().any(|&colour| colour != square[0]) {
                return None;
            }
            colours.push(square[0]);
        }
    }
    Some(colours)
}

/// What a cell may show.
struct Candidate {
    character: char,
    /// The shade of each pixel.
    shades: Vec<u8>,
    /// The darkest of them.
    most: i32,
}

/// All glyphs that are not blank, plain and underlined.
fn candidates(font: &Font) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for underlined in [false, true] {
        for glyph in 0..GLYPHS {
            let mut shades = Vec::new();
            for y in 0..font.height {
                let line = if underlined && y == font.underline() { u64::MAX } else { font.line(glyph, y) };
                shades.extend((0..font.width).map(|x| (line >> (4 * x)) as u8 % SHADES as u8));
            }
            let most = shades.iter().copied().max().map_or(0, i32::from);
            if most > 0 {
                candidates.push(Candidate { character: font::character(glyph), shades, most });
            }
        }
    }
    candidates
}

/// Recognizes cells, and remembers those that it has seen: a screen has few different ones.
struct Reader {
    candidates: Vec<Candidate>,
    seen: HashMap<Vec<Rgb>, char>,
}

impl Reader {
    fn read(&mut self, cell: Option<Vec<Rgb>>) -> char {
        let Some(cell) = cell else { return REPLACEMENT };
        if let Some(&character) = self.seen.get(&cell) {
            return character;
        }
        let character = recognize(&self.candidates, &cell);
        self.seen.insert(cell, character);
        character
    }
}

/// The character whose glyph is nearest to the cell's pixels, if it is near enough.
fn recognize(candidates: &[Candidate], cell: &[Rgb]) -> char {
    // No glyph reaches the corner.
    let background = cell[0];
    let contrasts: Vec<[i32; 3]> = cell.iter().map(|&colour| contrast(colour, background)).collect();
    let strength = |contrast: &&[i32; 3]| contrast.iter().map(|part| part * part).sum::<i32>();
    let strongest = contrasts.iter().max_by_key(strength).copied().unwrap_or_default();
    if strongest == [0; 3] {
        return ' ';
    }
    let mut nearest = (i64::MAX, REPLACEMENT);
    for candidate in candidates {
        if let Some(distance) = distance(candidate, &contrasts, strongest, nearest.0) {
            nearest = (distance, candidate.character);
        }
    }
    nearest.1
}

fn contrast(colour: Rgb, background: Rgb) -> [i32; 3] {
    core::array::from_fn(|part| i32::from(colour[part]) - i32::from(background[part]))
}

/// How far the pixels are from the candidate's, whose darkest must be the strongest of them: a sum of squares. `None`
/// when that is not below `least`, or when a pixel is too far away.
fn distance(candidate: &Candidate, contrasts: &[[i32; 3]], strongest: [i32; 3], least: i64) -> Option<i64> {
    let most = candidate.most;
    let mut sum = 0;
    for (contrast, &shade) in contrasts.iter().zip(&candidate.shades) {
        for part in 0..3 {
            let expected = (strongest[part] * i32::from(shade) + most / 2).div_euclid(most);
            let difference = contrast[part] - expected;
            if difference.abs() > TOLERANCE {
                return None;
            }
            sum += i64::from(difference * difference);
        }
        if sum >= least {
            return None;
        }
    }
    Some(sum)
}

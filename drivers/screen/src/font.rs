//! The glyphs: Noto Sans Mono in three sizes, packed when this crate is compiled.
//!
//! The font crate keeps a byte per pixel and a slice per row of a glyph. Here a pixel is 4 bits, which the eye does not
//! tell from 8, and a font is one table; the crate's own tables do not get into the program.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Shades of a pixel, from all background (0) to all foreground.
pub(crate) const SHADES: usize = 16;

/// First and last characters of the ranges that have glyphs: Basic Latin and Latin-1 Supplement. Of these, the
/// no-break space and the soft hyphen are blank.
const RANGES: [(u32, u32); 2] = [(0x20, 0x7e), (0xa0, 0xff)];

/// What is shown for a character that has no glyph, and its place in the tables.
pub(crate) const REPLACEMENT: char = '\u{fffd}';
const REPLACEMENT_INDEX: usize = GLYPHS - 1;

/// Number of glyphs: both ranges, and the replacement.
pub(crate) const GLYPHS: usize = count();

const fn count() -> usize {
    (RANGES[0].1 - RANGES[0].0 + 1 + RANGES[1].1 - RANGES[1].0 + 1 + 1) as usize
}

/// A font of one size.
#[derive(Debug)]
pub(crate) struct Font {
    /// Pixels from a column to the next, at most [`MOST_WIDTH`].
    pub(crate) width: usize,
    /// Pixels from a row to the next.
    pub(crate) height: usize,
    /// The lines of all glyphs, two pixels a byte.
    packed: &'static [u8],
}

/// The sizes, smallest first.
pub(crate) static FONTS: [Font; 3] = [
    Font { width: WIDTH_16, height: 16, packed: &PACKED_16 },
    Font { width: WIDTH_20, height: 20, packed: &PACKED_20 },
    Font { width: WIDTH_24, height: 24, packed: &PACKED_24 },
];

/// Most pixels of a line of a glyph.
pub(crate) const MOST_WIDTH: usize = WIDTH_24;
const _: () = assert!(WIDTH_16 <= MOST_WIDTH && WIDTH_20 <= MOST_WIDTH && MOST_WIDTH <= 16, "a line fits 64 bits");

const WIDTH_16: usize = get_raster_width(FontWeight::Regular, RasterHeight::Size16);
const WIDTH_20: usize = get_raster_width(FontWeight::Regular, RasterHeight::Size20);
const WIDTH_24: usize = get_raster_width(FontWeight::Regular, RasterHeight::Size24);

static PACKED_16: [u8; bytes(WIDTH_16, 16)] = pack(RasterHeight::Size16);
static PACKED_20: [u8; bytes(WIDTH_20, 20)] = pack(RasterHeight::Size20);
static PACKED_24: [u8; bytes(WIDTH_24, 24)] = pack(RasterHeight::Size24);

const fn bytes(width: usize, height: usize) -> usize {
    GLYPHS * height * width.div_ceil(2)
}

const fn pack<const BYTES: usize>(size: RasterHeight) -> [u8; BYTES] {
    let mut packed = [0; BYTES];
    let mut at = 0;
    let mut index = 0;
    while index < GLYPHS {
        let glyph = match get_raster(character(index), FontWeight::Regular, size) {
            Some(glyph) => glyph,
            None => get_raster(' ', FontWeight::Regular, size).expect("Basic Latin is compiled in"),
        };
        let mut y = 0;
        while y < glyph.height() {
            let line = glyph.raster()[y];
            let mut x = 0;
            while x < line.len() {
                let shade = (line[x] as usize * (SHADES - 1) + 127) / 255;
                packed[at + x / 2] |= (shade as u8) << (x % 2 * 4);
                x += 1;
            }
            at += line.len().div_ceil(2);
            y += 1;
        }
        index += 1;
    }
    packed
}

/// The character whose glyph is at `index`.
pub(crate) const fn character(index: usize) -> char {
    let index = index as u32;
    let first = RANGES[0].1 - RANGES[0].0 + 1;
    let code = if index as usize == REPLACEMENT_INDEX {
        REPLACEMENT as u32
    } else if index < first {
        RANGES[0].0 + index
    } else {
        RANGES[1].0 + index - first
    };
    char::from_u32(code).expect("the ranges are of characters")
}

/// Where the character's glyph is, or that of the replacement.
pub(crate) const fn glyph(character: char) -> usize {
    let code = character as u32;
    let first = RANGES[0].1 - RANGES[0].0 + 1;
    let index = if code >= RANGES[0].0 && code <= RANGES[0].1 {
        code - RANGES[0].0
    } else if code >= RANGES[1].0 && code <= RANGES[1].1 {
        first + code - RANGES[1].0
    } else {
        return REPLACEMENT_INDEX;
    };
    index as usize
}

impl Font {
    /// A line of pixels of a glyph, 4 bits of shade each, the leftmost lowest.
    pub(crate) fn line(&self, glyph: usize, y: usize) -> u64 {
        let length = self.width.div_ceil(2);
        let start = (glyph * self.height + y) * length;
        self.packed[start..start + length].iter().rev().fold(0, |line, &byte| line << 8 | u64::from(byte))
    }

    /// The line of pixels that underlines: below the descenders of most letters.
    pub(crate) const fn underline(&self) -> usize {
        self.height - 2
    }
}

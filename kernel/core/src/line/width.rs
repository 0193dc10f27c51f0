//! How many columns a character takes.

/// Columns of the character on a terminal: 1, or 2 for the East Asian wide ranges and emoji (Unicode Standard Annex
/// 11, by blocks). `None` for characters that cannot be edited by column: controls, and those that take no place of
/// their own, combine with the one before, or change the direction of writing.
pub(super) fn width(character: char) -> Option<usize> {
    match u32::from(character) {
        0x00..0x20 | 0x7f..0xa0 | 0xad => None,
        // Combining marks; a joined Hangul syllable's later parts.
        0x0300..0x0370 | 0x0483..0x048a | 0x1160..0x1200 | 0x1ab0..0x1b00 | 0x1dc0..0x1e00 | 0x20d0..0x2100 => None,
        // Scripts written from right to left, or whose letters join or stack.
        0x0590..0x1000 | 0x1780..0x1800 | 0xfb1d..0xfe00 | 0xfe70..=0xff00 => None,
        // Zero-width spaces and joiners, directions, separators of lines, variation selectors, tags.
        0x200b..0x2010 | 0x2028..0x202f | 0x2060..0x2070 | 0xfe00..0xfe30 | 0xfff0..0xfffc | 0xe0000..0x11_0000 => None,
        0x1100..0x1160 | 0x2e80..0xa4d0 | 0xac00..0xd7a4 | 0xf900..0xfb00 | 0xfe30..0xfe70 | 0xff01..0xff61 => Some(2),
        0xffe0..0xffe7 | 0x1f300..0x1f650 | 0x1f680..0x1f700 | 0x1f900..0x1fb00 | 0x20000..0x3_fffe => Some(2),
        _ => Some(1),
    }
}

/// Columns of a text of editable characters.
pub(super) fn width_of(text: &str) -> usize {
    text.chars().filter_map(width).sum()
}

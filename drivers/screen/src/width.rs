//! How many columns a character takes.

/// Columns of a character: 1, or 2 for East Asian wide characters and emoji (Unicode Standard Annex 11, by blocks). 0 for
/// those that change or join the characters around them, and for controls: a screen without glyphs for them leaves
/// them out.
pub(crate) const fn width(character: char) -> usize {
    match character as u32 {
        0x00..0x20 | 0x7f..0xa0 | 0xad => 0,
        // Combining marks of Latin, Greek and Cyrillic, then those of all scripts.
        0x0300..0x0370 | 0x0483..0x048a | 0x1ab0..0x1b00 | 0x1dc0..0x1e00 | 0x20d0..0x2100 | 0xfe20..0xfe30 => 0,
        // Points and marks of Hebrew and Arabic; a Hangul syllable's vowels and finals.
        0x0591..0x05be | 0x0610..0x061b | 0x064b..0x0660 | 0x1160..0x1200 => 0,
        // Zero-width spaces and joiners, directions, invisible operators, variation selectors, tags.
        0x200b..0x2010 | 0x202a..0x202f | 0x2060..0x2070 | 0xfe00..0xfe10 | 0xfeff | 0xe0000..0xe1000 => 0,
        // Hangul; CJK radicals to Yi; Hangul syllables; compatibility ideographs; vertical and full-width forms.
        0x1100..0x1160 | 0x2e80..0xa4d0 | 0xac00..0xd7a4 | 0xf900..0xfb00 | 0xfe30..0xfe70 | 0xff01..0xff61 => 2,
        // Full-width signs; pictographs, emoticons, transport, supplemental symbols; the ideographic planes.
        0xffe0..0xffe7 | 0x1f300..0x1f650 | 0x1f680..0x1f700 | 0x1f900..0x1fb00 | 0x20000..0x3fffe => 2,
        _ => 1,
    }
}

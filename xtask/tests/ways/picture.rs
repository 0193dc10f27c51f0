//! Reads pictures of screens.

use std::collections::BTreeMap;

use steward_harness::vm::Picture;
use steward_screen::fake::read_text;

/// The rows of text on a screen that the kernel draws.
pub fn rows(picture: &Picture) -> Vec<String> {
    read_text(&picture.rgb, picture.width as usize, picture.height as usize)
}

/// Whether some row of a screen that the kernel draws has the text.
pub fn has(picture: &Picture, text: &str) -> bool {
    rows(picture).iter().any(|row| row.contains(text))
}

/// Width and height of a character that UEFI firmware draws (UEFI 2.10, 34.2.6: `EFI_GLYPH_WIDTH`, `EFI_GLYPH_HEIGHT`).
const GLYPH: (usize, usize) = (8, 19);

/// Whether the firmware's console shows the text, in one colour. Its font is the firmware's own, and unknown here. But
/// where the text stands, equal characters look alike and different ones do not; a text of some length has such a
/// pattern nowhere else.
pub fn firmware_shows(picture: &Picture, text: &str) -> bool {
    assert!(pattern_is_telling(text), "`{text}` is too short to be told from others by its pattern");
    // The console is centred, and what does not fill a cell is left at the edges.
    let (width, height) = (picture.width as usize, picture.height as usize);
    let tops = [0, height % GLYPH.1 / 2];
    let lefts = [0, width % GLYPH.0 / 2];
    tops.iter().any(|&top| lefts.iter().any(|&left| cells_show(&cells(picture, left, top), text)))
        || standard_modes(width, height).any(|(left, top, columns)| {
            let all = cells(picture, left, top);
            let rows = all.into_iter().map(|row| row.into_iter().take(columns).collect()).collect::<Vec<_>>();
            cells_show(&rows, text)
        })
}

/// Where consoles of 80 and 100 columns stand on a screen that is larger: in its middle.
fn standard_modes(width: usize, height: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    [(80, 25), (80, 50), (100, 31)].into_iter().filter_map(move |(columns, rows)| {
        let left = width.checked_sub(columns * GLYPH.0)? / 2;
        let top = height.checked_sub(rows * GLYPH.1)? / 2;
        Some((left, top, columns))
    })
}

/// The pixels of each cell, row by row.
fn cells(picture: &Picture, left: usize, top: usize) -> Vec<Vec<Vec<u8>>> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let cell = |column: usize, row: usize| {
        let lines = (0..GLYPH.1).map(|line| top + row * GLYPH.1 + line);
        let line = |y: usize| {
            let start = (y * width + left + column * GLYPH.0) * 3;
            &picture.rgb[start..start + GLYPH.0 * 3]
        };
        lines.flat_map(line).copied().collect()
    };
    let (columns, rows) = ((width - left) / GLYPH.0, (height - top) / GLYPH.1);
    (0..rows).map(|row| (0..columns).map(|column| cell(column, row)).collect()).collect()
}

/// Looks for the text from every cell on; a line that is full goes on in the next.
fn cells_show(rows: &[Vec<Vec<u8>>], text: &str) -> bool {
    let all: Vec<&[u8]> = rows.iter().flatten().map(Vec::as_slice).collect();
    all.windows(text.chars().count()).any(|window| looks_like(window, text))
}

fn looks_like(cells: &[&[u8]], text: &str) -> bool {
    let (mut looks, mut means) = (BTreeMap::new(), BTreeMap::new());
    text.chars().zip(cells).all(|(character, cell)| {
        *looks.entry(character).or_insert(*cell) == *cell && *means.entry(*cell).or_insert(character) == character
    })
}

/// Whether enough characters come more than once.
fn pattern_is_telling(text: &str) -> bool {
    let different = text.chars().collect::<std::collections::BTreeSet<_>>().len();
    text.chars().count() >= different + 5
}

#[test]
fn texts_are_found_by_their_pattern_alone() {
    // Each character is drawn as its code with the bits turned over; the text begins at the end of a line.
    let draw = |text: &str| text.bytes().map(|byte| vec![!byte; 4]).collect::<Vec<_>>();
    let rows = [draw("....stew"), draw("ard-boot"), draw("-uefi...")];
    assert!(cells_show(&rows, "steward-boot-uefi"));
    assert!(!cells_show(&rows, "steward-root-uefi") && !cells_show(&rows, "steward-boot-ueff"));
}

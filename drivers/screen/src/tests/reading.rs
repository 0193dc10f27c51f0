//! What is written can be read, whatever the pixels are made of.

use std::{format, time::Instant};

use super::*;
use crate::font::{GLYPHS, character};

const fn field(shift: u8, bits: u8) -> Field {
    Field { shift, bits }
}

/// Every kind of pixel: bits, red, green, blue.
const FORMATS: &[(u8, Field, Field, Field)] = &[
    (32, field(16, 8), field(8, 8), field(0, 8)),
    (32, field(0, 8), field(8, 8), field(16, 8)),
    (32, field(24, 8), field(16, 8), field(8, 8)),
    (32, field(20, 10), field(10, 10), field(0, 10)),
    (32, field(0, 10), field(22, 10), field(11, 10)),
    (24, field(16, 8), field(8, 8), field(0, 8)),
    (24, field(0, 8), field(8, 8), field(16, 8)),
    (16, field(11, 5), field(5, 6), field(0, 5)),
    (16, field(0, 5), field(5, 6), field(11, 5)),
    (15, field(10, 5), field(5, 5), field(0, 5)),
];

fn modes(width: u32, height: u32) -> impl Iterator<Item = Mode> {
    FORMATS.iter().map(move |&(bits_per_pixel, red, green, blue)| {
        let pitch = width * u32::from(bits_per_pixel.div_ceil(8)) + 64;
        Mode { width, height, pitch, bits_per_pixel, red, green, blue }
    })
}

/// All characters that have glyphs, but the two that are blank.
fn alphabet() -> String {
    (0..GLYPHS).map(character).filter(|character| !matches!(character, '\u{a0}' | '\u{ad}')).collect()
}

/// A low and wide screen for each font, of 16 rows that hold the alphabet.
const SIZES: [(u32, u32); 3] = [(1330, 256), (1712, 320), (2165, 384)];

fn check_every_character(mode: Mode) {
    let alphabet = alphabet();
    let mut screen = screen(mode, 0);
    // Black on black shows nothing.
    for colour in 1..16 {
        write!(screen, "\x1b[38;5;{colour}m{alphabet}\x1b[m\r\n").unwrap();
    }
    assert_eq!(text(&mut screen), vec![alphabet; 15], "{mode:?}");
}

#[test]
fn every_character_is_read_in_every_colour_of_every_format() {
    let [(width, height), ..] = SIZES;
    modes(width, height).for_each(check_every_character);
}

#[test]
fn every_character_of_every_font_is_read() {
    for (width, height) in SIZES {
        modes(width, height).skip(6).step_by(2).for_each(check_every_character);
    }
}

#[test]
fn every_pair_of_colours_can_be_read() {
    let word = "Steward 4.2 (é_|)";
    for mode in modes(320, 272) {
        for background in 0..16 {
            let mut screen = screen(mode, 0);
            let mut expected = Vec::new();
            for colour in 0..16 {
                write!(screen, "\x1b[38;5;{colour};48;5;{background}m{word}\x1b[m.\r\n").unwrap();
                expected.push(if colour == background { format!("{:17}.", "") } else { format!("{word}.") });
            }
            assert_eq!(text(&mut screen), expected, "on colour {background}, {mode:?}");
        }
    }
}

#[test]
fn the_cursor_inverse_and_underlines_make_no_difference() {
    let alphabet: Vec<char> = alphabet().chars().collect();
    // Low enough for a hundred pictures of it: the alphabet takes five rows.
    let mut screen = screen(SMALL, 0);
    let rows: Vec<String> = alphabet.chunks(40).map(|row| row.iter().collect()).collect();
    for (index, row) in rows.iter().enumerate() {
        write!(screen, "\x1b[{}m{row}\x1b[m\r\n", ["4", "7", "1", "1;4;7", "0"][index]).unwrap();
    }
    for row in 0..5 {
        for column in 0..40 {
            write!(screen, "\x1b[{};{}H", row + 1, column + 1).unwrap();
            assert_eq!(text(&mut screen), rows, "with the cursor at {row}, {column}");
        }
    }
}

#[test]
fn text_is_read_at_every_scale() {
    for (width, height) in [(320, 200), (800, 600), (1920, 1080), (3840, 2160), (7680, 4320)] {
        let mut screen = screen(mode(width, height), 0);
        write!(screen, "{width}x{height}\r\nof Größe\x1b[999;999H!").unwrap();
        let rows = text(&mut screen);
        assert_eq!(rows[..2], [format!("{width}x{height}"), "of Größe".into()]);
        assert_eq!(*rows.last().unwrap(), format!("{:>1$}", '!', screen.columns()));
        assert_eq!(rows.len(), screen.rows());
    }
}

#[test]
fn a_full_screen_is_read_in_less_than_a_second() {
    let mode = mode(1920, 1080);
    let mut screen = screen(mode, 0);
    let alphabet = alphabet();
    for row in 0..screen.rows() {
        write!(screen, "\x1b[{}m{row:3} {alphabet}\r\n", 31 + row % 7).unwrap();
    }
    let picture = screen.surface_mut().picture();
    let start = Instant::now();
    let rows = read_text(&picture, 1920, 1080);
    let took = start.elapsed();
    assert_eq!(rows[0], format!("  1 {alphabet}"));
    std::eprintln!("{took:?} to read {} rows of {} columns", screen.rows(), screen.columns());
    assert!(took.as_secs() < 10, "{took:?}, which is far from a second even on a busy host");
}

#[test]
fn what_is_no_glyph_reads_as_the_replacement_character() {
    let mut picture = vec![0; 320 * 200 * 3];
    picture[(5 * 320 + 3) * 3] = 0xff;
    let rows = read_text(&picture, 320, 200);
    assert_eq!(rows[0], "\u{fffd}");
    assert!(rows[1..].iter().all(String::is_empty));
}

#[test]
fn a_picture_too_small_for_a_screen_has_no_rows() {
    assert!(read_text(&[0; 10 * 10 * 3], 10, 10).is_empty());
    assert!(read_text(&[], 0, 0).is_empty());
}

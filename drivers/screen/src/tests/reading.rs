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

/// One size for each font.
const SIZES: [(u32, u32); 3] = [(1400, 800), (1800, 900), (2200, 1300)];

#[test]
fn every_character_is_read_in_every_colour_of_every_format() {
    let alphabet = alphabet();
    for (width, height) in SIZES {
        for mode in modes(width, height) {
            let mut screen = screen(mode, 0);
            let mut expected = Vec::new();
            for colour in 0..16 {
                if colour == 0 {
                    continue;
                }
                write!(screen, "\x1b[38;5;{colour}m{alphabet}\x1b[m\r\n").unwrap();
                expected.push(alphabet.clone());
            }
            assert_eq!(text(&mut screen), expected, "{mode:?}");
        }
    }
}

#[test]
fn every_pair_of_colours_can_be_read() {
    let word = "Steward 4.2 (é_|)";
    for mode in modes(1800, 900) {
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
    let alphabet = alphabet();
    let mut screen = screen(mode(1400, 800), 0);
    for attribute in [4, 7, 1] {
        write!(screen, "\x1b[{attribute}m{alphabet}\x1b[m\r\n").unwrap();
    }
    write!(screen, "\x1b[1;4;7m{alphabet}\x1b[m").unwrap();
    let rows = [&*alphabet; 4];
    assert_eq!(text(&mut screen), rows);
    for column in 1..=alphabet.chars().count() {
        write!(screen, "\x1b[2;{column}H").unwrap();
        assert_eq!(text(&mut screen), rows, "with the cursor in column {column}");
    }
}

#[test]
fn text_is_read_at_every_scale() {
    for (width, height) in
        [(320, 200), (800, 600), (1920, 1080), (3840, 2160), (5120, 2880), (7680, 4320), (12000, 9000)]
    {
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

//! Which modes there can be a screen in.

use proptest::prelude::*;

use super::*;
use crate::{LEAST_COLUMNS, LEAST_ROWS, MOST_COLUMNS, MOST_ROWS, Unusable};

fn refusal(mode: Mode) -> Unusable {
    let cells = Box::leak(vec![Cell::BLANK; 100].into());
    let mut nothing = Nothing;
    let refusal = Screen::new(&mut nothing, mode, cells).err().expect("the mode cannot be used");
    assert_eq!(mode.cells(0).err().unwrap_or(refusal), refusal);
    refusal
}

/// Takes no pixel.
struct Nothing;

impl crate::Surface for Nothing {
    fn write(&mut self, offset: usize, _: &[u8]) {
        panic!("drew at {offset} in a mode that cannot be used");
    }
}

#[test]
fn usual_screens_get_a_readable_number_of_characters() {
    let sizes = [
        ((320, 200), (45, 12)),
        ((640, 480), (91, 30)),
        ((800, 600), (114, 37)),
        ((1024, 768), (146, 48)),
        ((1280, 800), (182, 50)),
        ((1366, 768), (195, 48)),
        ((1920, 1080), (213, 54)),
        ((2560, 1440), (232, 60)),
        ((3840, 2160), (213, 54)),
        ((7680, 4320), (232, 60)),
        // On its side.
        ((1080, 1920), (77, 60)),
    ];
    for ((width, height), grid) in sizes {
        let layout = mode(width, height).check().unwrap();
        assert_eq!((layout.columns, layout.rows), grid, "{width}x{height}");
    }
}

#[test]
fn modes_that_cannot_be_drawn_to_are_refused_with_the_reason() {
    let good = SMALL;
    assert_eq!(refusal(Mode { width: 0, ..good }), Unusable::TooSmall { width: 0, height: 200 });
    assert_eq!(refusal(Mode { height: 0, ..good }), Unusable::TooSmall { width: 320, height: 0 });
    assert_eq!(refusal(Mode { height: 159, ..good }), Unusable::TooSmall { width: 320, height: 159 });
    for bits_per_pixel in [0, 1, 4, 8, 12, 30, 33, 48, 64, 255] {
        assert_eq!(refusal(Mode { bits_per_pixel, ..good }), Unusable::Depth(bits_per_pixel));
    }
    assert_eq!(refusal(Mode { pitch: 1279, ..good }), Unusable::Pitch { pitch: 1279, needed: 1280 });
    let huge = Mode { width: u32::MAX, height: u32::MAX, pitch: u32::MAX, ..good };
    assert_eq!(refusal(huge), Unusable::TooLarge { width: u32::MAX, height: u32::MAX, pitch: u32::MAX });
    assert!(matches!(refusal(Mode { pitch: u32::MAX, ..good }), Unusable::TooLarge { .. }));
    for (field, at_fault) in [((0, 0), true), ((31, 2), true), ((255, 255), true), ((0, 17), true), ((24, 8), false)] {
        let red = Field { shift: field.0, bits: field.1 };
        assert_eq!(Mode { red, ..good }.check().is_err(), at_fault, "{red:?}");
    }
    let over = Field { shift: 12, bits: 8 };
    assert_eq!(refusal(Mode { green: over, ..good }), Unusable::Field { colour: "green", field: over });
    assert_eq!(refusal(good), Unusable::TooFewCells { given: 100, needed: 2 * 45 * 12 });
}

#[test]
fn the_fewest_cells_are_enough_and_one_less_is_not() {
    let needed = SMALL.cells(0).unwrap();
    assert!(Screen::new(Memory::new(SMALL), SMALL, Box::leak(vec![Cell::BLANK; needed].into())).is_ok());
    assert!(Screen::new(Memory::new(SMALL), SMALL, Box::leak(vec![Cell::BLANK; needed - 1].into())).is_err());
}

#[test]
fn a_screen_is_black_also_where_no_cells_are() {
    let mode = Mode { pitch: 323 * 4 + 60, ..mode(323, 205) };
    let mut screen = screen(mode, 0);
    screen.write_str("\x1b[?25l").unwrap();
    for line in screen.surface_mut().bytes().chunks(mode.pitch as usize) {
        assert!(line[..323 * 4].iter().all(|&byte| byte == 0));
        assert!(line[323 * 4..].iter().all(|&byte| byte == 0x5a), "what is between lines is left alone");
    }
}

/// Notes how far it was written to.
#[derive(Default)]
struct Bounds {
    end: usize,
}

impl crate::Surface for Bounds {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.end = self.end.max(offset.checked_add(bytes.len()).unwrap());
    }
}

fn any_field() -> impl Strategy<Value = Field> {
    let usual = (0..32_u8, 1..11_u8).prop_map(|(shift, bits)| Field { shift, bits });
    prop_oneof![4 => usual, 1 => any::<(u8, u8)>().prop_map(|(shift, bits)| Field { shift, bits })]
}

fn any_mode() -> impl Strategy<Value = Mode> {
    let size = || prop_oneof![8 => 0..3000_u32, 1 => any::<u32>()];
    let bits = prop_oneof![8 => prop::sample::select(vec![15, 16, 24, 32]), 1 => any::<u8>()];
    let fields = prop_oneof![
        Just((Field { shift: 11, bits: 5 }, Field { shift: 5, bits: 6 }, Field { shift: 0, bits: 5 })),
        (any_field(), any_field(), any_field()),
    ];
    let pitch = prop_oneof![4 => (0..16_384_u32).prop_map(Some), 4 => Just(None), 1 => any::<u32>().prop_map(Some)];
    (size(), size(), pitch, bits, fields).prop_map(|(width, height, pitch, bits_per_pixel, (red, green, blue))| {
        let pitch = pitch.unwrap_or_else(|| width.saturating_mul(u32::from(bits_per_pixel).div_ceil(8)));
        Mode { width, height, pitch, bits_per_pixel, red, green, blue }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mode_is_refused_or_drawn_to_within_its_bounds(mode in any_mode()) {
        let needed = match mode.cells(1) {
            Ok(needed) => needed,
            Err(reason) => {
                prop_assert_ne!(std::format!("{reason}"), "");
                return Ok(());
            }
        };
        let cells = Box::leak(vec![Cell::BLANK; needed].into());
        let mut screen = Screen::new(Bounds::default(), mode, cells).unwrap();
        prop_assert!((LEAST_COLUMNS..=MOST_COLUMNS).contains(&screen.columns()));
        prop_assert!((LEAST_ROWS..=MOST_ROWS).contains(&screen.rows()));
        screen.write_str("\x1b[999;999H\x1b[4;44mx\x1b[L\x1b[2S").unwrap();
        let Mode { width, height, pitch, bits_per_pixel, .. } = mode;
        let end = pitch as usize * (height as usize - 1) + width as usize * bits_per_pixel.div_ceil(8) as usize;
        prop_assert_eq!(screen.surface_mut().end, end, "all of it was cleared, and nothing past it");
    }
}

//! What the terminal makes of text and control sequences.

use std::format;

use proptest::prelude::*;

use super::{
    model::{Model, Operation, Shown},
    *,
};
use crate::{grid::Grid, terminal::Terminal};

/// A terminal without pixels, of any size.
struct Bare {
    terminal: Terminal,
    parser: vte::Parser<0>,
}

impl Bare {
    fn new(columns: usize, rows: usize, history: usize) -> Self {
        let cells = vec![Cell::BLANK; columns * (rows + history)];
        let grid = Grid::new(Box::leak(cells.into()), columns, rows);
        Self { terminal: Terminal::new(grid), parser: vte::Parser::default() }
    }

    fn write(&mut self, text: &str) {
        self.parser.advance(&mut self.terminal, text.as_bytes());
    }

    /// Its row as it was that many rows ago.
    fn row(&self, row: usize, back: usize) -> Vec<Shown> {
        let shown = |cell: &Cell| {
            let character = if cell.is_tail() { '\0' } else { cell.character() };
            (character, cell.foreground(), cell.background(), cell.is_underlined())
        };
        self.terminal.grid.row(row, back).iter().map(shown).collect()
    }
}

fn check_against_model(columns: usize, rows: usize, operations: &[Operation]) {
    let mut bare = Bare::new(columns, rows, 5);
    let mut model = Model::new(columns, rows);
    for (index, operation) in operations.iter().enumerate() {
        bare.write(&operation.bytes());
        model.obey(operation);
        let said = || format!("after {:?}", &operations[..=index]);
        for row in 0..rows {
            assert_eq!(bare.row(row, 0), model.rows[row], "row {row} {}", said());
        }
        assert_eq!((bare.terminal.row, bare.terminal.column), model.cursor(), "{}", said());
        let history = bare.terminal.grid.history();
        assert_eq!(history, model.left.len().min(5), "{}", said());
        for back in 1..=history {
            assert_eq!(bare.row(0, back), model.left[model.left.len() - back], "{back} rows ago {}", said());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_does_what_a_plain_terminal_does(
        columns in 2..20_usize,
        rows in 1..6_usize,
        operations in prop::collection::vec(Operation::any(), 1..40),
    ) {
        check_against_model(columns, rows, &operations);
    }

    #[test]
    fn text_is_taken_the_same_in_any_pieces(
        text in prop::collection::vec(Operation::any(), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let text: String = text.iter().map(Operation::bytes).collect();
        let cut = (0..=cut.index(text.len() + 1)).rev().find(|&cut| text.is_char_boundary(cut)).unwrap();
        let (mut whole, mut pieces) = (Bare::new(9, 3, 0), Bare::new(9, 3, 0));
        whole.write(&text);
        pieces.write(&text[..cut]);
        pieces.write(&text[cut..]);
        for row in 0..3 {
            prop_assert_eq!(whole.row(row, 0), pieces.row(row, 0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_drawn_piece_by_piece_is_what_is_drawn_at_once(
        operations in prop::collection::vec(Operation::any(), 1..30),
        views in prop::collection::vec(-20..20_isize, 1..4),
        put in any::<bool>(),
    ) {
        let mut screen = screen(SMALL, 20);
        // From near the bottom, so that rows leave.
        screen.write_str("\x1b[10;40H").unwrap();
        for operation in &operations {
            if put { screen.put(&operation.bytes()) } else { screen.write_str(&operation.bytes()).unwrap() }
        }
        screen.draw();
        for view in views {
            let drawn = screen.surface_mut().bytes().to_vec();
            screen.redraw();
            prop_assert!(drawn == screen.surface_mut().bytes(), "something was not drawn, or too much");
            screen.scroll(view);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), noise in "[\x1b\\[\\]0-9;:?a-zA-Z@`\x08\n\r\t漢é \x18]{0,200}") {
        let mut screen = screen(SMALL, 3);
        screen.write_str(&text).unwrap();
        screen.write_str(&noise).unwrap();
        // Whatever state it was left in, this ends it.
        screen.write_str("\x18\x1bc\x1b[mall is well").unwrap();
        prop_assert_eq!(super::text(&mut screen), ["all is well"]);
    }
}

#[test]
fn a_full_row_wraps_only_when_more_follows() {
    let row = "x".repeat(45);
    assert_eq!(shown(&format!("{row}\r\nnext")), [&*row, "next"]);
    assert_eq!(shown(&format!("{row}yz")), [&*row, "yz"]);
    assert_eq!(shown(&format!("{row}\rab")), [format!("ab{}", "x".repeat(43))]);
    assert_eq!(shown(&format!("{row}\x08y")), [format!("{}yx", "x".repeat(43))]);
    assert_eq!(shown(&format!("{row}\x1b[Cy")), [format!("{}y", "x".repeat(44))], "moving forgets the wrap");
    assert_eq!(shown(&format!("{row}\x1b[31m\x07y")), [&*row, "y"], "a colour does not");
}

#[test]
fn the_newest_rows_stay_and_the_oldest_leave() {
    let mut screen = screen(SMALL, 0);
    (0..30).for_each(|line| write!(screen, "line {line}\r\n").unwrap());
    let expected: Vec<String> = (19..30).map(|line| format!("line {line}")).collect();
    assert_eq!(text(&mut screen), expected, "eleven lines, and the cursor's row");
}

#[test]
fn a_wide_character_takes_two_columns_and_a_combining_one_none() {
    assert_eq!(shown("漢|"), ["\u{fffd} |"]);
    assert_eq!(shown("e\u{301}|"), ["e|"]);
    assert_eq!(shown("→|"), ["\u{fffd}|"], "a character without a glyph");
    assert_eq!(shown("漢\x08x"), [" x"], "half of a wide character does not stay");
    let fits_not = format!("{}漢|", "x".repeat(44));
    assert_eq!(shown(&fits_not), [&*"x".repeat(44), "\u{fffd} |"]);
}

#[test]
fn tabs_stop_at_every_eighth_column() {
    assert_eq!(shown("\tx\ty"), ["        x       y"]);
    assert_eq!(shown("\x1b[44G\t\tx"), [format!("{:>45}", 'x')]);
}

#[test]
fn strings_and_unknown_sequences_are_not_shown() {
    assert_eq!(shown("a\x1b]0;title\x07b\x1b_apc\x1b\\c\x1bPdcs\x1b\\d\x1b[?25;1he\x1b[>1qf\x1b(Bg"), ["abcdefg"]);
}

#[test]
fn colours_come_from_the_palette() {
    let colour = |sgr: &str| {
        let mut bare = Bare::new(4, 1, 0);
        bare.write(&format!("\x1b[{sgr}mx"));
        let (_, foreground, background, _) = bare.row(0, 0)[0];
        (foreground, background)
    };
    assert_eq!(colour(""), (7, 0));
    assert_eq!(colour("31;42"), (1, 2));
    assert_eq!(colour("1;31"), (9, 0), "bold is bright");
    assert_eq!(colour("31;1;22"), (1, 0));
    assert_eq!(colour("95;103"), (13, 11));
    assert_eq!(colour("7"), (0, 7));
    assert_eq!(colour("7;27;31"), (1, 0));
    assert_eq!(colour("38;5;12"), (12, 0));
    assert_eq!(colour("38;5;196;48;5;21"), (1, 4), "pure red and blue of the cube");
    assert_eq!(colour("38;5;255;48;5;232"), (15, 0), "the lightest and the darkest grey");
    assert_eq!(colour("38;2;255;250;240;48;2;80;80;90"), (15, 8));
    assert_eq!(colour("38:2::0:170:0;48:5:14"), (2, 14), "colons as in ISO 8613-6");
    assert_eq!(colour("38;2;999;0;0"), (7, 0), "no colour");
    assert_eq!(colour("38;5"), (7, 0), "cut off");
    assert_eq!(colour("38;5;1;4"), (1, 0));
    assert_eq!(colour("31;0"), (7, 0));
    assert_eq!(colour("31;;42"), (7, 2), "an empty parameter is 0");
}

#[test]
fn the_cursor_can_be_hidden() {
    let mut screen = screen(SMALL, 0);
    let corner = |screen: &mut Screen<Memory>| screen.surface_mut().bytes()[..3].to_vec();
    assert_eq!(corner(&mut screen), [0xaa; 3]);
    screen.write_str("\x1b[?25l").unwrap();
    assert_eq!(corner(&mut screen), [0; 3]);
    screen.write_str("\x1b[?25h").unwrap();
    assert_eq!(corner(&mut screen), [0xaa; 3]);
}

#[test]
fn rows_that_left_can_be_scrolled_back_to_until_something_is_written() {
    let mut screen = screen(SMALL, 20);
    (0..40).for_each(|line| write!(screen, "line {line}\r\n").unwrap());
    let first = |screen: &mut Screen<Memory>| text(screen)[0].clone();
    assert_eq!(first(&mut screen), "line 29");
    screen.scroll(6);
    assert_eq!(first(&mut screen), "line 23");
    screen.scroll(1000);
    assert_eq!(first(&mut screen), "line 9", "twenty rows are kept");
    screen.scroll(-5);
    assert_eq!(first(&mut screen), "line 14");
    screen.scroll(isize::MIN);
    assert_eq!(first(&mut screen), "line 29");
    screen.scroll(isize::MAX);
    screen.write_str("new").unwrap();
    assert_eq!(first(&mut screen), "line 29");
    assert_eq!(text(&mut screen).last().unwrap(), "new");
}

#[test]
fn an_unfinished_sequence_is_ended_by_can() {
    assert_eq!(shown("a\x1b]0;swallowed\x18PANIC: b"), ["aPANIC: b"]);
    assert_eq!(shown("a\x1b[12\x18PANIC: b"), ["aPANIC: b"]);
}

/// What the kernel's prompt and line editor write.
#[test]
fn a_line_is_edited_as_the_prompt_does() {
    let mut screen = screen(SMALL, 0);
    let prompt = "\x1b]133;A\x1b\\steward> \x1b]133;B\x1b\\";
    screen.write_str("booted\r\n").unwrap();
    screen.write_str(prompt).unwrap();
    screen.write_str("mem foo").unwrap();
    // Ctrl-A, then an insertion in the middle, then a deletion of the rest.
    screen.write_str("\x1b[7Dxmem foo\x1b[7D").unwrap();
    assert_eq!(text(&mut screen), ["booted", "steward> xmem foo"]);
    screen.write_str("\x08mem foo\x1b[K\x1b[4D\x1b[K").unwrap();
    assert_eq!(text(&mut screen), ["booted", "steward> mem"]);
    screen.write_str("\r\n\x1b]133;C\x1b\\").unwrap();
    screen.write_str("free 1 MiB\r\n\x1b]133;D;0\x1b\\").unwrap();
    screen.write_str(prompt).unwrap();
    assert_eq!(text(&mut screen), ["booted", "steward> mem", "free 1 MiB", "steward>"]);
    // Ctrl-L.
    screen.write_str("\x1b[H\x1b[2J").unwrap();
    screen.write_str(prompt).unwrap();
    screen.write_str("x").unwrap();
    assert_eq!(text(&mut screen), ["steward> x"]);
}

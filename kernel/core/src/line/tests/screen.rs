use std::{string::String, vec::Vec};

use proptest::prelude::*;

use super::*;

#[test]
fn the_prompt_is_wrapped_in_its_marks() {
    let mut session = Session::new();
    assert_eq!(session.screen.take_written(), "\x1b]133;A\x1b\\steward> \x1b]133;B\x1b\\");
    assert_eq!(session.screen.marks, ["133;A", "133;B"]);
}

#[test]
fn what_is_typed_at_the_end_is_sent_and_nothing_else() {
    let mut session = Session::new();
    session.screen.take_written();
    session.type_text("help é");
    assert_eq!(session.screen.take_written(), "help é");
}

#[test]
fn an_edit_in_the_middle_sends_what_changed() {
    let mut session = Session::new();
    session.type_text("hellp");
    session.screen.take_written();
    session.type_text("\x1b[D");
    assert_eq!(session.screen.take_written(), "\x08");
    session.type_text("\x7f");
    assert_eq!(session.screen.take_written(), "\x08p\x1b[K\x08");
    session.check();
}

#[test]
fn a_long_line_scrolls_within_its_row() {
    let mut session = Session::new();
    let line = "0123456789".repeat(20);
    session.type_text(&line);
    session.check();
    session.type_text("\x01");
    session.check();
    assert!(session.screen.row().starts_with("steward> 0123456789"));
    for _ in 0..200 {
        session.type_text("\x1b[C");
        session.check();
    }
    assert_eq!(session.screen.rows().len(), 1);
    assert_eq!(session.enter(""), line);
}

#[test]
fn what_backspace_will_delete_is_in_sight() {
    let mut session = Session::new();
    session.type_text(&"0123456789".repeat(20));
    for _ in 0..199 {
        session.type_text("\x7f");
        session.check();
        assert!(session.screen.column() > PROMPT.len());
    }
}

#[test]
fn wide_characters_never_straddle_the_edge() {
    let mut session = Session::new();
    session.type_text(&"漢".repeat(100));
    session.check();
    session.type_text("\x01a");
    session.check();
    session.type_text("\x7f\x05");
    session.check();
}

/// Keys and texts, whole and in pieces, with garbage between.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let sequences: Vec<&[u8]> = [
        &b"\x1b[A"[..],
        b"\x1b[B",
        b"\x1b[C",
        b"\x1b[D",
        b"\x1b[H",
        b"\x1b[F",
        b"\x1b[3~",
        b"\x1b[1;5C",
        b"\x1b[1;5D",
        b"\x01",
        b"\x05",
        b"\x0b",
        b"\x15",
        b"\x17",
        b"\x0c",
        b"\x03",
        b"\x04",
        b"\x10",
        b"\x0e",
        b"\x7f",
        b"\t",
        b"\r",
        b"\x1bb",
        b"\x1bf",
        b"\x1bd",
        b"\x1b\x7f",
        b"\x1b]0;x\x07",
        b"\x1b[",
        b"\x1b",
    ]
    .into();
    let piece = prop_oneof![
        3 => proptest::sample::select(sequences).prop_map(<[u8]>::to_vec),
        3 => "[a-z /.-]{1,20}".prop_map(String::into_bytes),
        1 => "\\PC{1,12}".prop_map(String::into_bytes),
        1 => "[漢字😀é]{1,30}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 1..6),
    ];
    proptest::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_terminal_shows_the_line_after_every_byte(input in input()) {
        let mut session = Session::new();
        for byte in input {
            session.type_bytes(&[byte]);
            session.check();
            prop_assert!(session.editor.text().len() <= MAX_LINE);
        }
    }

    #[test]
    fn what_is_shown_comes_back_when_the_prompt_is_printed_anew(input in input()) {
        let mut session = Session::new();
        session.type_bytes(&input);
        // Whatever sequence the input was cut off in, Ctrl-L ends it.
        session.type_bytes(b"\x0c");
        session.check();
    }
}

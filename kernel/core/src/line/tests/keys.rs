use std::{vec, vec::Vec};

use proptest::prelude::*;

use crate::line::keys::{Key, Parser};

fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut parser = Parser::new();
    bytes.iter().filter_map(|&byte| parser.push(byte)).collect()
}

#[test]
fn every_way_to_send_a_key_is_understood() {
    let table: &[(Key, &[&[u8]])] = &[
        (Key::Left, &[b"\x02", b"\x1b[D", b"\x1bOD", b"\x1b[1D"]),
        (Key::Right, &[b"\x06", b"\x1b[C", b"\x1bOC", b"\x1b[1;2C"]),
        (Key::WordLeft, &[b"\x1bb", b"\x1b[1;5D", b"\x1b[1;3D"]),
        (Key::WordRight, &[b"\x1bf", b"\x1b[1;5C", b"\x1b[1;3C"]),
        (Key::Home, &[b"\x01", b"\x1b[H", b"\x1bOH", b"\x1b[1~", b"\x1b[7~"]),
        (Key::End, &[b"\x05", b"\x1b[F", b"\x1bOF", b"\x1b[4~", b"\x1b[8~"]),
        (Key::Older, &[b"\x10", b"\x1b[A", b"\x1bOA"]),
        (Key::Newer, &[b"\x0e", b"\x1b[B", b"\x1bOB"]),
        (Key::Backspace, &[b"\x08", b"\x7f"]),
        (Key::Delete, &[b"\x1b[3~"]),
        (Key::DeleteOrEnd, &[b"\x04"]),
        (Key::DeleteToStart, &[b"\x15"]),
        (Key::DeleteToEnd, &[b"\x0b"]),
        (Key::DeleteSpacedWordLeft, &[b"\x17"]),
        (Key::DeleteWordLeft, &[b"\x1b\x7f", b"\x1b\x08"]),
        (Key::DeleteWordRight, &[b"\x1bd", b"\x1b[3;5~"]),
        (Key::ClearScreen, &[b"\x0c"]),
        (Key::Interrupt, &[b"\x03"]),
        (Key::Tab, &[b"\t"]),
        (Key::Enter, &[b"\r", b"\n", b"\r\n"]),
        (Key::Insert('é'), &["é".as_bytes()]),
        (Key::Insert('漢'), &["漢".as_bytes()]),
        (Key::Insert('😀'), &["😀".as_bytes()]),
    ];
    for (key, ways) in table {
        for bytes in *ways {
            assert_eq!(keys(bytes), vec![*key], "{}", bytes.escape_ascii());
        }
    }
}

#[test]
fn a_terminals_own_strings_and_unknown_sequences_type_nothing() {
    for bytes in [
        &b"\x1b]10;rgb:ffff/ffff/ffff\x07"[..],
        b"\x1b]10;rgb:0/0/0\x1b\\",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b[?1;2c",
        b"\x1b[?1A",
        b"\x1b[1 D",
        b"\x1b[200~",
        b"\x1b[24;80R",
        b"\x1b[>0;95;0c",
        b"\x1b[99999999999999999999999999A".split_last().unwrap().1,
        b"\x1bz",
    ] {
        assert_eq!(keys(bytes), vec![], "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_cut_off_sequence_does_not_swallow_enter() {
    for start in [&b"\x1b"[..], b"\x1b[", b"\x1b[1;", b"\x1bO", b"\x1b]0;title", b"\x1bP", b"\xe6\xbc", b"\xf0"] {
        let bytes: Vec<u8> = start.iter().chain(b"\rx").copied().collect();
        assert_eq!(keys(&bytes), vec![Key::Enter, Key::Insert('x')], "{}", start.escape_ascii());
    }
}

#[test]
fn broken_utf8_is_dropped_and_what_follows_is_not() {
    for broken in [&b"\xff"[..], b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xc3"] {
        let bytes: Vec<u8> = broken.iter().chain(b"ok").copied().collect();
        assert_eq!(keys(&bytes), vec![Key::Insert('o'), Key::Insert('k')], "{}", broken.escape_ascii());
    }
}

#[test]
fn two_line_feeds_are_two_lines_and_each_cr_lf_is_one() {
    assert_eq!(keys(b"\n\n").len(), 2);
    assert_eq!(keys(b"\r\n\r\n").len(), 2);
    assert_eq!(keys(b"\r\r").len(), 2);
}

proptest! {
    #[test]
    fn after_any_bytes_enter_is_enter(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut parser = Parser::new();
        for byte in bytes {
            let _ = parser.push(byte);
        }
        prop_assert_eq!(parser.push(b'\r'), Some(Key::Enter));
    }

    #[test]
    fn any_text_is_typed_as_it_is(text in "\\PC{0,50}") {
        let typed: std::string::String = keys(text.as_bytes())
            .into_iter()
            .map(|key| match key {
                Key::Insert(character) => character,
                other => panic!("{other:?}"),
            })
            .collect();
        prop_assert_eq!(typed, text);
    }
}

use std::{string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::*;

#[test]
fn a_typed_line_is_given_at_enter() {
    let mut session = Session::new();
    assert_eq!(session.enter("mem"), "mem");
    assert_eq!(session.enter(""), "");
    assert_eq!(session.screen.rows()[..2], ["steward> mem", "steward> "]);
}

#[test]
fn keys_edit_in_the_middle_of_a_line() {
    let mut session = Session::new();
    assert_eq!(session.enter("hlp\x1b[D\x1b[De"), "help");
    assert_eq!(session.enter("helpp\x08"), "help");
    assert_eq!(session.enter("one two\x01\x1b[3~\x1b[3~\x1b[3~\x05\x17three"), " three");
    assert_eq!(session.enter("one two three\x1bb\x1bb\x0b"), "one ");
    assert_eq!(session.enter("one two\x1bb\x15"), "two");
    assert_eq!(session.enter("one two\x01\x1bd"), " two");
    assert_eq!(session.enter("a/b/c\x1b\x7f"), "a/b/");
    assert_eq!(session.enter("a b/c\x17"), "a ");
    assert_eq!(session.enter("éß漢\x02\x02\x7f"), "ß漢");
}

#[test]
fn ctrl_c_throws_the_line_away() {
    let mut session = Session::new();
    assert_eq!(session.type_text("panic\x02\x02\x03"), vec![Event::Interrupted]);
    assert_eq!(session.screen.rows(), ["steward> panic^C", "steward> "]);
    assert_eq!(session.enter("mem"), "mem");
}

#[test]
fn ctrl_d_deletes_in_a_line_and_ends_the_input_on_an_empty_one() {
    let mut session = Session::new();
    assert_eq!(session.type_text("ab\x01\x04"), vec![]);
    assert_eq!(session.editor.text(), "b");
    assert_eq!(session.type_text("\x04\x04"), vec![Event::EndOfInput]);
}

#[test]
fn the_history_goes_back_and_forth_and_keeps_the_draft() {
    let mut session = Session::new();
    session.enter("one");
    session.enter("two");
    session.type_text("dra");
    for (key, expected) in
        [("\x1b[A", "two"), ("\x10", "one"), ("\x10", "one"), ("\x0e", "two"), ("\x1b[B", "dra"), ("\x1b[B", "dra")]
    {
        session.type_text(key);
        assert_eq!(session.editor.text(), expected);
        session.check();
    }
    assert_eq!(session.enter("ft"), "draft");
}

#[test]
fn repeated_and_blank_lines_are_kept_once_or_not_at_all() {
    let mut session = Session::new();
    for line in ["one", "two", "two", "", "  ", "two"] {
        session.enter(line);
    }
    session.type_text("\x10\x10");
    assert_eq!(session.editor.text(), "one");
    session.type_text("\x10");
    assert_eq!(session.editor.text(), "one");
}

#[test]
fn an_old_line_that_is_edited_leaves_the_history_as_it_was() {
    let mut session = Session::new();
    session.enter("one");
    assert_eq!(session.enter("\x10!"), "one!");
    session.type_text("\x10\x10");
    assert_eq!(session.editor.text(), "one");
}

#[test]
fn the_history_forgets_the_oldest_line() {
    let mut session = Session::new();
    for number in 0..=history::MAX_LINES {
        session.enter(&std::format!("line {number}"));
    }
    for _ in 0..=history::MAX_LINES {
        session.type_text("\x10");
    }
    assert_eq!(session.editor.text(), "line 1");
}

#[test]
fn an_abandoned_walk_through_the_history_starts_over() {
    let mut session = Session::new();
    session.enter("one");
    session.enter("two");
    session.type_text("\x10\x10\x03\x10");
    assert_eq!(session.editor.text(), "two");
}

#[test]
fn a_line_longer_than_the_limit_is_cut_with_a_bell() {
    let mut session = Session::new();
    let line = session.enter(&"é".repeat(MAX_LINE));
    assert_eq!(line, "é".repeat(MAX_LINE / 2));
    assert_eq!(session.screen.bells, MAX_LINE / 2);
}

#[test]
fn characters_without_a_column_of_their_own_are_refused() {
    let mut session = Session::new();
    assert_eq!(session.enter("a\u{301}\u{200b}\u{202e}\u{85}b"), "ab");
    assert_eq!(session.screen.bells, 4);
}

#[test]
fn tab_completes_the_word_as_far_as_it_is_certain() {
    let mut session = Session::new();
    session.type_text("l\t");
    assert_eq!(session.editor.text(), "log ");
    session.type_text("w\t\x15pag\t");
    assert_eq!(session.editor.text(), "page-");
    session.check();
}

#[test]
fn tab_lists_what_remains_and_shows_the_line_again() {
    let mut session = Session::new();
    session.type_text("page-\t");
    assert_eq!(session.screen.rows(), ["steward> page-", "page-read  page-write", "steward> page-"]);
    session.type_text("r\t");
    assert_eq!(session.editor.text(), "page-read ");
    session.check();
}

#[test]
fn a_long_list_goes_over_several_rows() {
    let mut session = Session::new();
    session.type_text("many word-one-of-many\t");
    let rows = session.screen.rows();
    let words: Vec<_> = rows[1..rows.len() - 1].iter().flat_map(|row| row.split_whitespace()).collect();
    assert_eq!((rows.len(), words.len()), (5, 10), "{rows:?}");
    session.check();
}

#[test]
fn tab_on_a_word_that_nothing_starts_with_rings() {
    let mut session = Session::new();
    session.type_text("zz\t");
    assert_eq!((session.editor.text(), session.screen.bells), ("zz", 1));
}

#[test]
fn tab_in_the_middle_completes_what_is_before_the_cursor() {
    let mut session = Session::new();
    assert_eq!(session.enter("w\x01log \x1b[C\t"), "log warn ");
    assert_eq!(session.enter("warn\x01lo\t"), "log warn");
}

#[test]
fn clearing_the_screen_keeps_the_line() {
    let mut session = Session::new();
    session.enter("one");
    session.type_text("two\x02\x0c");
    assert_eq!(session.screen.row_at(0), "steward> two");
    session.check();
    assert_eq!(session.editor.text(), "two");
}

/// What a line is after keys, told with indices into characters: the oracle.
#[derive(Default)]
struct Model {
    text: Vec<char>,
    cursor: usize,
}

impl Model {
    fn is_word(&self, index: usize) -> bool {
        self.text[index].is_alphanumeric()
    }

    fn word_left(&self, is_word: impl Fn(usize) -> bool) -> usize {
        let mut place = self.cursor;
        while place > 0 && !is_word(place - 1) {
            place -= 1;
        }
        while place > 0 && is_word(place - 1) {
            place -= 1;
        }
        place
    }

    fn word_right(&self) -> usize {
        let mut place = self.cursor;
        while place < self.text.len() && !self.is_word(place) {
            place += 1;
        }
        while place < self.text.len() && self.is_word(place) {
            place += 1;
        }
        place
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.drain(from..to);
        self.cursor = from;
    }

    fn press(&mut self, key: &str) {
        let (cursor, end) = (self.cursor, self.text.len());
        match key {
            "\x1b[D" => self.cursor = cursor.saturating_sub(1),
            "\x1b[C" => self.cursor = (cursor + 1).min(end),
            "\x01" => self.cursor = 0,
            "\x05" => self.cursor = end,
            "\x1bb" => self.cursor = self.word_left(|index| self.is_word(index)),
            "\x1bf" => self.cursor = self.word_right(),
            "\x7f" => self.cut(cursor.saturating_sub(1), cursor),
            "\x1b[3~" => self.cut(cursor, (cursor + 1).min(end)),
            "\x0b" => self.cut(cursor, end),
            "\x15" => self.cut(0, cursor),
            "\x17" => self.cut(self.word_left(|index| !self.text[index].is_whitespace()), cursor),
            "\x1bd" => self.cut(cursor, self.word_right()),
            text => {
                for character in text.chars() {
                    let bytes: usize = self.text.iter().map(|c| c.len_utf8()).sum();
                    if bytes + character.len_utf8() <= MAX_LINE {
                        self.text.insert(self.cursor, character);
                        self.cursor += 1;
                    }
                }
            }
        }
    }
}

const KEYS: &[&str] =
    &["\x1b[D", "\x1b[C", "\x01", "\x05", "\x1bb", "\x1bf", "\x7f", "\x1b[3~", "\x0b", "\x15", "\x17", "\x1bd"];

fn keystrokes() -> impl Strategy<Value = Vec<String>> {
    let key = proptest::sample::select(KEYS).prop_map(String::from);
    let text = "[ -~éß漢字😀]{1,30}";
    proptest::collection::vec(prop_oneof![2 => key, 1 => text], 0..60)
}

proptest! {
    #[test]
    fn the_editor_agrees_with_a_plain_model_and_the_terminal_with_the_editor(keystrokes in keystrokes()) {
        let mut session = Session::new();
        let mut model = Model::default();
        for keys in keystrokes {
            session.type_text(&keys);
            model.press(&keys);
            let text: String = model.text.iter().collect();
            prop_assert_eq!(session.editor.text(), &text);
            let cursor: usize = model.text[..model.cursor].iter().map(|c| c.len_utf8()).sum();
            prop_assert_eq!(session.editor.cursor(), cursor);
            session.check();
        }
    }
}

//! The editor against a terminal that renders what it sends, and against a plain model of editing.

mod editing;
mod keys;
mod screen;
mod terminal;

use std::{string::String, vec::Vec};

use super::*;
use terminal::Screen;

const PROMPT: &str = "steward> ";

/// More than fits a row.
const MANY: &[&str] = &["word-one-of-many"; 10];

/// The first words are commands; `log` takes words of its own.
struct Words;

impl Completion for Words {
    fn candidates(&self, before: &str, offer: &mut dyn FnMut(&str)) {
        let words: &[&str] = match before {
            "" => &["panic", "page-read", "page-write", "log", "poweroff"],
            "log " => &["error", "warn"],
            "many " => MANY,
            _ => &[],
        };
        words.iter().for_each(|word| offer(word));
    }
}

/// An editor and the terminal that it writes to.
struct Session {
    editor: Editor,
    screen: Screen,
}

impl Session {
    fn new() -> Self {
        let mut session = Self { editor: Editor::new(PROMPT), screen: Screen::new(COLUMNS) };
        session.editor.start(&mut session.screen).unwrap();
        session
    }

    /// Types the bytes; gives all events but pending ones.
    fn type_bytes(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            let event = self.editor.feed(byte, &Words, &mut self.screen).unwrap();
            if event != Event::Pending {
                events.push(event);
                self.editor.start(&mut self.screen).unwrap();
            }
        }
        events
    }

    fn type_text(&mut self, text: &str) -> Vec<Event> {
        self.type_bytes(text.as_bytes())
    }

    /// Types the text and Enter; gives the line.
    fn enter(&mut self, text: &str) -> String {
        self.type_text(text);
        match self.type_bytes(b"\r").as_slice() {
            [Event::Line(line)] => line.clone(),
            events => panic!("{events:?}"),
        }
    }

    /// Fails unless the cursor's row shows the prompt and the line, or as much of the line around the cursor as fits.
    fn check(&self) {
        let (text, cursor) = (self.editor.text(), self.editor.cursor());
        let row = self.screen.row();
        let shown = row.strip_prefix(PROMPT).unwrap_or_else(|| panic!("the row is {row:?}"));
        let column = self.screen.column() - PROMPT.len();
        let columns = COLUMNS - 1 - INTERRUPTED.len() - PROMPT.len();
        if width::width_of(text) <= columns {
            assert_eq!(shown, text);
            assert_eq!(column, width::width_of(&text[..cursor]), "cursor in {text:?}");
            return;
        }
        let fits = |start: usize| {
            text[start..].starts_with(shown) && start <= cursor && width::width_of(&text[start..cursor]) == column
        };
        let start = text.char_indices().map(|(index, _)| index).find(|&start| fits(start));
        let start = start.unwrap_or_else(|| panic!("{shown:?}, cursor in column {column}, is no part of {text:?}"));
        // A wide character that half fits is left out.
        let is_full = width::width_of(shown) + 1 >= columns;
        assert!(is_full || text[start..] == *shown, "{shown:?} of {text:?}");
    }
}

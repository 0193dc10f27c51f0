//! A line and a cursor in it.

use alloc::string::String;

use super::{MAX_LINE, width::width};

/// A line under edit. Every operation gives `false` when it changed nothing.
///
/// # Invariants
/// At most [`MAX_LINE`] bytes, every character of which has a width; the cursor is at a character boundary.
pub(super) struct Buffer {
    text: String,
    cursor: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { text: String::with_capacity(MAX_LINE), cursor: 0 }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) fn clear(&mut self) {
        self.replace("");
    }

    /// Replaces the line by one that was a line of the editor before; the cursor goes to its end.
    pub(super) fn replace(&mut self, text: &str) {
        self.text.clear();
        self.text.push_str(text);
        self.cursor = text.len();
    }

    pub(super) fn insert(&mut self, character: char) -> bool {
        let fits = self.text.len() + character.len_utf8() <= MAX_LINE;
        if !fits || width(character).is_none() {
            return false;
        }
        self.text.insert(self.cursor, character);
        self.cursor += character.len_utf8();
        true
    }

    pub(super) fn left(&mut self) -> bool {
        let character = self.before().chars().next_back();
        self.move_to(self.cursor - character.map_or(0, char::len_utf8))
    }

    pub(super) fn right(&mut self) -> bool {
        let character = self.after().chars().next();
        self.move_to(self.cursor + character.map_or(0, char::len_utf8))
    }

    pub(super) fn home(&mut self) -> bool {
        self.move_to(0)
    }

    pub(super) fn end(&mut self) -> bool {
        self.move_to(self.text.len())
    }

    /// To the start of the word; words are of letters and digits.
    pub(super) fn word_left(&mut self) -> bool {
        self.move_to(start_of_last_word(self.before(), char::is_alphanumeric))
    }

    /// To the start of the word; words are of all but spaces.
    pub(super) fn spaced_word_left(&mut self) -> bool {
        self.move_to(start_of_last_word(self.before(), |character| !character.is_whitespace()))
    }

    /// To the end of the word; words are of letters and digits.
    pub(super) fn word_right(&mut self) -> bool {
        let after = self.after();
        let gap = after.find(char::is_alphanumeric).unwrap_or(after.len());
        let word = after[gap..].find(|character: char| !character.is_alphanumeric());
        self.move_to(word.map_or(self.text.len(), |length| self.cursor + gap + length))
    }

    /// Deletes all that the movement passes over.
    pub(super) fn delete(&mut self, movement: fn(&mut Self) -> bool) -> bool {
        let from = self.cursor;
        let moved = movement(self);
        let (start, end) = (from.min(self.cursor), from.max(self.cursor));
        self.text.replace_range(start..end, "");
        self.cursor = start;
        moved
    }

    fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    fn after(&self) -> &str {
        &self.text[self.cursor..]
    }

    fn move_to(&mut self, place: usize) -> bool {
        let moves = place != self.cursor;
        self.cursor = place;
        moves
    }
}

fn start_of_last_word(text: &str, in_word: impl Fn(char) -> bool) -> usize {
    let end = text.trim_end_matches(|character| !in_word(character));
    end.trim_end_matches(in_word).len()
}

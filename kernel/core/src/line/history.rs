//! Lines entered before.

use alloc::{collections::VecDeque, string::String};

use super::buffer::Buffer;

/// Most lines that are kept.
pub(super) const MAX_LINES: usize = 64;

/// The lines entered before, oldest first, and where in them the user is.
///
/// # Invariants
/// At most [`MAX_LINES`] lines, none of them blank, no two in a row the same.
pub(super) struct History {
    lines: VecDeque<String>,
    /// How many lines back the user is; 0 is the line under edit.
    back: usize,
    /// The line under edit while the user is elsewhere.
    draft: String,
}

impl History {
    pub(super) const fn new() -> Self {
        Self { lines: VecDeque::new(), back: 0, draft: String::new() }
    }

    /// Adds an entered line.
    pub(super) fn add(&mut self, line: &str) {
        if line.trim().is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.into());
    }

    /// Goes to the line before; `false` at the oldest.
    pub(super) fn older(&mut self, buffer: &mut Buffer) -> bool {
        if self.back == self.lines.len() {
            return false;
        }
        if self.back == 0 {
            self.draft = buffer.text().into();
        }
        self.back += 1;
        self.show(buffer);
        true
    }

    /// Goes to the line after; `false` at the line under edit.
    pub(super) fn newer(&mut self, buffer: &mut Buffer) -> bool {
        if self.back == 0 {
            return false;
        }
        self.back -= 1;
        self.show(buffer);
        true
    }

    /// Forgets where the user is: the line is done.
    pub(super) fn leave(&mut self) {
        self.back = 0;
        self.draft.clear();
    }

    fn show(&self, buffer: &mut Buffer) {
        let line = match self.back {
            0 => &self.draft,
            back => &self.lines[self.lines.len() - back],
        };
        buffer.replace(line);
    }
}

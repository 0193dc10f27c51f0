//! The line editor: bytes that a person types become lines, and what the terminal must show of it.
//!
//! It assumes a terminal of at least [`COLUMNS`] columns that knows the cursor movements of ECMA-48, and never asks
//! it anything: an answer would arrive among what is typed. A line that is longer than the terminal is wide is shown
//! in part.

mod buffer;
mod display;
mod history;
mod keys;
mod width;

use alloc::string::String;
use core::fmt::{self, Write};

use buffer::Buffer;
use display::Display;
use history::History;
use keys::{Key, Parser};

/// Most bytes of a line; what is typed past it is refused with a bell.
pub const MAX_LINE: usize = 512;

/// Columns that the terminal is assumed to have.
pub const COLUMNS: usize = 80;

const BELL: &str = "\x07";

/// What is shown after a line that Ctrl-C ended.
const INTERRUPTED: &str = "^C";

/// What can stand in a line, for the tab key.
pub trait Completion {
    /// Calls `offer` with every word that may follow `before`, which ends where the word begins.
    fn candidates(&self, before: &str, offer: &mut dyn FnMut(&str));
}

/// What a byte brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The line is still being edited.
    Pending,
    /// Enter: the line, which is in the history now. The cursor is at the start of the next row.
    Line(String),
    /// Ctrl-C: the line was thrown away. The cursor is at the start of the next row.
    Interrupted,
    /// Ctrl-D on an empty line. The cursor is at the start of the next row.
    EndOfInput,
}

/// A line editor.
pub struct Editor {
    prompt: &'static str,
    parser: Parser,
    buffer: Buffer,
    history: History,
    display: Display,
}

impl Editor {
    /// An editor whose lines start with that prompt, of printable ASCII characters.
    ///
    /// # Panics
    /// When the prompt leaves less than half of the terminal's columns.
    #[must_use]
    pub fn new(prompt: &'static str) -> Self {
        assert!(prompt.len() < COLUMNS / 2, "the prompt leaves no room for a line");
        Self {
            prompt,
            parser: Parser::new(),
            buffer: Buffer::new(),
            history: History::new(),
            display: Display::new(COLUMNS - 1 - INTERRUPTED.len() - prompt.len()),
        }
    }

    /// Starts a line: prints the prompt. The cursor must be at the start of a row.
    ///
    /// # Errors
    /// The output's.
    pub fn start(&mut self, out: &mut dyn Write) -> fmt::Result {
        self.buffer.clear();
        self.print_prompt(out)
    }

    /// The line as it stands.
    #[must_use]
    pub fn text(&self) -> &str {
        self.buffer.text()
    }

    /// Where the cursor is in [`Editor::text`], in bytes.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.buffer.cursor()
    }

    /// Takes a byte that was typed, and writes what the terminal needs to show its effect.
    ///
    /// After any event but [`Event::Pending`] the caller calls [`Editor::start`] before it feeds the next byte.
    ///
    /// # Errors
    /// The output's.
    pub fn feed(&mut self, byte: u8, completion: &dyn Completion, out: &mut dyn Write) -> Result<Event, fmt::Error> {
        let Some(key) = self.parser.push(byte) else { return Ok(Event::Pending) };
        match key {
            Key::Enter => return self.enter(out),
            Key::Interrupt => {
                self.finish(INTERRUPTED, out)?;
                return Ok(Event::Interrupted);
            }
            Key::DeleteOrEnd if self.buffer.text().is_empty() => {
                self.finish("", out)?;
                return Ok(Event::EndOfInput);
            }
            Key::ClearScreen => {
                out.write_str("\x1b[H\x1b[2J")?;
                self.print_prompt(out)?;
            }
            Key::Tab => self.complete(completion, out)?,
            key => {
                if !self.edit(key) {
                    out.write_str(BELL)?;
                }
                self.display.show(&self.buffer, out)?;
            }
        }
        Ok(Event::Pending)
    }

    fn enter(&mut self, out: &mut dyn Write) -> Result<Event, fmt::Error> {
        self.finish("", out)?;
        let line = self.buffer.text();
        self.history.add(line);
        Ok(Event::Line(line.into()))
    }

    /// Leaves the line as it is on the terminal, and goes to the next row.
    fn finish(&mut self, mark: &str, out: &mut dyn Write) -> fmt::Result {
        self.buffer.end();
        self.display.show(&self.buffer, out)?;
        self.history.leave();
        write!(out, "{mark}\r\n")
    }

    fn print_prompt(&mut self, out: &mut dyn Write) -> fmt::Result {
        write!(out, "\x1b]133;A\x1b\\{}\x1b]133;B\x1b\\", self.prompt)?;
        self.display.forget();
        self.display.show(&self.buffer, out)
    }

    /// Does what the key says. `false` when there is nothing for it to do.
    fn edit(&mut self, key: Key) -> bool {
        let buffer = &mut self.buffer;
        match key {
            Key::Insert(character) => buffer.insert(character),
            Key::Left => buffer.left(),
            Key::Right => buffer.right(),
            Key::WordLeft => buffer.word_left(),
            Key::WordRight => buffer.word_right(),
            Key::Home => buffer.home(),
            Key::End => buffer.end(),
            Key::Backspace => buffer.delete(Buffer::left),
            Key::Delete | Key::DeleteOrEnd => buffer.delete(Buffer::right),
            Key::DeleteWordLeft => buffer.delete(Buffer::word_left),
            Key::DeleteSpacedWordLeft => buffer.delete(Buffer::spaced_word_left),
            Key::DeleteWordRight => buffer.delete(Buffer::word_right),
            Key::DeleteToStart => buffer.delete(Buffer::home),
            Key::DeleteToEnd => buffer.delete(Buffer::end),
            Key::Older => self.history.older(buffer),
            Key::Newer => self.history.newer(buffer),
            Key::Enter | Key::Interrupt | Key::ClearScreen | Key::Tab => true,
        }
    }

    /// Extends the word before the cursor as far as all candidates agree; where that is nowhere, lists them.
    fn complete(&mut self, completion: &dyn Completion, out: &mut dyn Write) -> fmt::Result {
        let typed = &self.buffer.text()[..self.buffer.cursor()];
        let (before, word) = typed.split_at(typed.rfind(' ').map_or(0, |space| space + 1));
        let mut common: Option<String> = None;
        let mut count = 0;
        completion.candidates(before, &mut |candidate| {
            if candidate.starts_with(word) {
                count += 1;
                let agreed = common.get_or_insert_with(|| candidate.into());
                agreed.truncate(common_prefix(agreed, candidate));
            }
        });
        let Some(common) = common else { return out.write_str(BELL) };
        let addition = &common[word.len()..];
        if count > 1 && addition.is_empty() {
            return self.list(completion, out);
        }
        let end = if count == 1 { " " } else { "" };
        let inserted = addition.chars().chain(end.chars()).all(|character| self.buffer.insert(character));
        if !inserted {
            out.write_str(BELL)?;
        }
        self.display.show(&self.buffer, out)
    }

    /// Prints the candidates for the word before the cursor on rows of their own, and the prompt anew below.
    fn list(&mut self, completion: &dyn Completion, out: &mut dyn Write) -> fmt::Result {
        out.write_str("\r\n")?;
        let typed = &self.buffer.text()[..self.buffer.cursor()];
        let (before, word) = typed.split_at(typed.rfind(' ').map_or(0, |space| space + 1));
        let mut result = Ok(());
        let mut column = 0;
        completion.candidates(before, &mut |candidate| {
            if !candidate.starts_with(word) {
                return;
            }
            let separator = match column {
                0 => "",
                _ if column + 2 + candidate.len() < COLUMNS => "  ",
                _ => "\r\n",
            };
            column = candidate.len() + if separator == "  " { column + 2 } else { 0 };
            result = result.and_then(|()| write!(out, "{separator}{candidate}"));
        });
        result?;
        out.write_str("\r\n")?;
        self.print_prompt(out)
    }
}

/// Length of what both texts start with, at a character boundary.
fn common_prefix(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests;

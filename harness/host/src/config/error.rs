//! Saying what is wrong with a file, where, and what would be right.

use std::{fmt::Write, ops::Range, path::Path};

use crate::Error;

/// A file in which something is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    file: &'a Path,
    text: &'a str,
}

/// What a line that is shown has at most, in characters.
const WIDEST: usize = 160;

impl<'a> Spot<'a> {
    /// This file, which has this text.
    pub const fn of(file: &'a Path, text: &'a str) -> Self {
        Self { file, text }
    }

    /// What the reader of TOML says, in the words of this crate where there are better ones.
    pub fn toml(self, error: &toml::de::Error) -> Error {
        let message: String = error.message().trim().replace('\n', ", ").chars().map(printable).collect();
        self.error(error.span(), unknown_key(&message).as_deref().unwrap_or(&message))
    }

    /// `FILE:LINE:COLUMN: message`, then the line, with the place marked. Columns are characters, from 1.
    pub fn error(self, span: Option<Range<usize>>, message: &str) -> Error {
        let file = self.file.display();
        let Some((span, before)) = span.and_then(|span| Some((span.clone(), self.text.get(..span.start)?))) else {
            return Error::Request(format!("{file}: {message}"));
        };
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let number = before.matches('\n').count() + 1;
        let line = self.text[start..].lines().next().unwrap_or_default();
        let column = before[start..].chars().count();
        let mut said = format!("{file}:{number}:{}: {message}", column + 1);
        if column < WIDEST && !line.trim().is_empty() {
            let shown: String = line.chars().take(WIDEST).map(printable).collect();
            // At the end of a file there is nothing to mark; one mark stands there.
            let marked = self.text.get(span).map_or(1, |text| text.lines().next().unwrap_or_default().chars().count());
            let marks = "^".repeat(marked.clamp(1, WIDEST - column));
            // Writing into a String cannot fail.
            let _ = write!(said, "\n    {shown}\n    {}{marks}", " ".repeat(column));
        }
        Error::Request(said)
    }
}

/// Tabs take one column, as in the count, and nothing moves the cursor.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        other if other.is_control() => '\u{fffd}',
        other => other,
    }
}

/// Keys of `[machine]`, which people write one level too high.
const OF_MACHINE: [&str; 5] = ["kind", "cpus", "memory", "cpu", "accel"];

/// The same about a key that is not known, with the one that was probably meant. `None` for other messages.
fn unknown_key(message: &str) -> Option<String> {
    let (key, expected) = message.strip_prefix("unknown field `")?.rsplit_once("`, expected ")?;
    // The known ones stand between backquotes.
    let mut known: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
    known.sort_unstable();
    let one_level_down = || closest(key, &OF_MACHINE).filter(|_| known.contains(&"machine"));
    let hint = match (closest(key, &known), one_level_down()) {
        (Some(meant), _) => format!("; did you mean `{meant}`?"),
        (None, Some(meant)) if meant == key => format!("; it belongs into [machine]: machine.{key} = …"),
        (None, Some(meant)) => format!("; did you mean `machine.{meant}`?"),
        (None, None) => String::new(),
    };
    let (last, others) = known.split_last()?;
    let all = if others.is_empty() { (*last).to_owned() } else { format!("{} and {last}", others.join(", ")) };
    let stop = if hint.ends_with('?') { " K" } else { "; k" };
    let shown: String =
        if key.chars().count() > 40 { key.chars().take(40).chain(['…']).collect() } else { key.into() };
    Some(format!("`{shown}` is no key here{hint}{stop}nown are {all}"))
}

/// The word that is nearest to this one, if any is near: one slip in three letters.
pub fn closest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    // Nobody misspells a word of more letters so that it could be recognized.
    let known = if word.len() > 40 { &[] } else { known };
    let near = known.iter().map(|&other| (distance(word, other), other));
    let limit = |other: &str| other.chars().count().max(word.chars().count()) / 3;
    near.min().filter(|&(distance, other)| distance <= limit(other)).map(|(_, other)| other)
}

/// How many letters must be put in, left out, replaced or swapped with their neighbour to make one word the other.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![(0..=other.len()).collect::<Vec<_>>()];
    for (above, &letter) in one.iter().enumerate() {
        let mut row = vec![above + 1];
        for (left, &another) in other.iter().enumerate() {
            let replaced = rows[above][left] + usize::from(letter != another);
            let mut least = replaced.min(rows[above][left + 1] + 1).min(row[left] + 1);
            if above > 0 && left > 0 && letter == other[left - 1] && one[above - 1] == another {
                least = least.min(rows[above - 1][left - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

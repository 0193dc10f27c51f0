//! Commands: how a line becomes words, and words a call.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Write};

use crate::{line::Completion, platform::Platform};

/// Status of a command that ran and failed.
pub const FAILED: u8 = 1;
/// Status of a line that cannot be understood, as shells have it.
pub const USAGE: u8 = 2;
/// Status of an unknown command, as shells have it.
pub const UNKNOWN: u8 = 127;

/// What a command works with.
pub struct Context<'c> {
    /// Takes the command's output. Lines end with LF.
    pub out: &'c mut dyn Write,
    /// The machine.
    pub platform: &'c dyn Platform,
    /// The commands that there are.
    pub table: Table,
}

/// Why a command did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// Its arguments make no sense. Its usage is printed.
    Usage,
    /// It failed, and has said why.
    Failed,
    /// It was asked about a command that there is not, and has said so.
    Unknown,
    /// Its output was not taken.
    Output,
}

impl From<fmt::Error> for CommandError {
    fn from(_: fmt::Error) -> Self {
        Self::Output
    }
}

/// A command of the prompt.
pub struct Command {
    /// Its name: what the line starts with.
    pub name: &'static str,
    /// Its arguments, as usage lines show them; empty when it takes none.
    pub arguments: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Words that its first argument may be, for completion.
    pub words: &'static [&'static str],
    /// Runs it on the words after its name.
    pub run: fn(&mut Context<'_>, &[&str]) -> Result<(), CommandError>,
}

/// The commands of a prompt.
#[derive(Clone, Copy)]
pub struct Table(pub &'static [Command]);

impl Table {
    /// The command of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Command> {
        self.0.iter().find(|command| command.name == name)
    }
}

impl Completion for Table {
    fn candidates(&self, before: &str, offer: &mut dyn FnMut(&str)) {
        let mut words = before.split_whitespace();
        match (words.next(), words.next()) {
            (None, _) => self.0.iter().for_each(|command| offer(command.name)),
            (Some("help"), None) => self.0.iter().for_each(|command| offer(command.name)),
            (Some(name), None) => {
                let words = self.find(name).map_or(&[][..], |command| command.words);
                words.iter().for_each(|word| offer(word));
            }
            (Some(_), Some(_)) => {}
        }
    }
}

/// Why a line cannot be split into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitError {
    /// A quotation mark that nothing closes.
    OpenQuote(char),
    /// A backslash with nothing after it.
    LoneBackslash,
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenQuote(quote) => write!(f, "nothing closes the {quote}; put another {quote} after the text"),
            Self::LoneBackslash => f.write_str("nothing follows the last \\; write \\\\ for a backslash"),
        }
    }
}

/// Splits a line into words at spaces.
///
/// Text between `'` is taken as it is. Between `"`, and outside quotes, a backslash takes the next character as it is.
/// A word may be made of several such pieces, and `''` is an empty word.
///
/// # Errors
/// [`SplitError`] when a quotation mark or a backslash ends the line.
pub fn split(line: &str) -> Result<Vec<String>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some('"') | None, '\\') => {
                let escaped = characters.next().ok_or(SplitError::LoneBackslash)?;
                word.get_or_insert_default().push(escaped);
            }
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, plain) => word.get_or_insert_default().push(plain),
        }
    }
    if let Some(open) = quote {
        return Err(SplitError::OpenQuote(open));
    }
    words.extend(word);
    Ok(words)
}

/// Runs a line and gives its status: 0 when its command succeeded, or when there is nothing on the line.
///
/// # Errors
/// When the output does not take a text.
pub fn execute(line: &str, context: &mut Context<'_>) -> Result<u8, fmt::Error> {
    let words = match split(line) {
        Ok(words) => words,
        Err(error) => {
            writeln!(context.out, "{error}")?;
            return Ok(USAGE);
        }
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((&name, arguments)) = words.split_first() else { return Ok(0) };
    let Some(command) = context.table.find(name) else {
        unknown(name, context.out)?;
        return Ok(UNKNOWN);
    };
    match (command.run)(context, arguments) {
        Ok(()) => Ok(0),
        Err(CommandError::Failed) => Ok(FAILED),
        Err(CommandError::Unknown) => Ok(UNKNOWN),
        Err(CommandError::Output) => Err(fmt::Error),
        Err(CommandError::Usage) => {
            usage(command, context.out)?;
            Ok(USAGE)
        }
    }
}

fn unknown(name: &str, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "unknown command '{name}'; try help")
}

fn usage(command: &Command, out: &mut dyn Write) -> fmt::Result {
    let separator = if command.arguments.is_empty() { "" } else { " " };
    writeln!(out, "usage: {}{separator}{}", command.name, command.arguments)
}

/// The `help` command, to be put into a table.
pub const HELP: Command =
    Command { name: "help", arguments: "[COMMAND]", help: "list the commands, or explain one", words: &[], run: help };

fn help(context: &mut Context<'_>, arguments: &[&str]) -> Result<(), CommandError> {
    let Context { out, table, .. } = context;
    match arguments {
        [] => {
            let call = |command: &Command| command.name.len() + 1 + command.arguments.len();
            let width = table.0.iter().map(call).max().unwrap_or(0);
            for Command { name, arguments, help, .. } in table.0 {
                let padding = width - name.len() - 1;
                writeln!(out, "{name} {arguments:padding$}  {help}")?;
            }
            Ok(())
        }
        [name] => {
            let Some(command) = table.find(name) else {
                unknown(name, *out)?;
                return Err(CommandError::Unknown);
            };
            usage(command, *out)?;
            writeln!(out, "{}", command.help)?;
            if !command.words.is_empty() {
                writeln!(out, "{} is one of {}", command.arguments, command.words.join(", "))?;
            }
            Ok(())
        }
        _ => Err(CommandError::Usage),
    }
}

#[cfg(test)]
mod tests;

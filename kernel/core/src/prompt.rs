//! The prompt: reads a line, runs its command, and so on.
//!
//! Its output carries the semantic-prompt marks of OSC 133, so that a program on the other end can tell the prompt,
//! what is typed and what a command prints apart:
//!
//! ```text
//! ESC ] 133 ; A ESC \            before the prompt
//! ESC ] 133 ; B ESC \            after it: input starts
//! ESC ] 133 ; C ESC \            Enter was pressed: output starts
//! ESC ] 133 ; D ; STATUS ESC \   the output ended; STATUS is 0 when the command succeeded
//! ```

use core::fmt::{self, Write};

use crate::{
    command::{self, Context, Table},
    line::{Editor, Event},
    platform::Platform,
    text::CrLf,
};

/// The prompt's text.
pub const PROMPT: &str = "steward> ";

/// Status of a line that was abandoned with Ctrl-C, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// The line to a person.
///
/// What is written to it goes out unchanged: line ends are CR LF already.
pub trait Terminal: Write {
    /// Waits for the next byte that is typed. `None` ends the prompt: no more will ever come.
    fn read(&mut self) -> Option<u8>;
}

/// Reads and runs commands of the table until the terminal ends.
///
/// # Errors
/// The terminal's, when it does not take a text.
pub fn run(terminal: &mut dyn Terminal, table: Table, platform: &dyn Platform) -> fmt::Result {
    let mut editor = Editor::new(PROMPT);
    editor.start(terminal)?;
    while let Some(byte) = terminal.read() {
        let event = editor.feed(byte, &table, terminal)?;
        if event == Event::Pending {
            continue;
        }
        terminal.write_str("\x1b]133;C\x1b\\")?;
        let mut out = CrLf::new(terminal);
        let status = match event {
            Event::Line(line) => command::execute(&line, &mut Context { out: &mut out, platform, table })?,
            Event::Interrupted => INTERRUPTED,
            Event::EndOfInput => {
                writeln!(out, "the prompt does not end; poweroff turns the machine off")?;
                0
            }
            Event::Pending => continue,
        };
        write!(terminal, "\x1b]133;D;{status}\x1b\\")?;
        editor.start(terminal)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

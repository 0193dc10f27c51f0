//! What the kernel does by itself when it is up: the suite, and its verdict for whoever stands before the machine.
//!
//! What is told meanwhile can be kept as a file that parses as KTAP: [`Transcript`] takes what is printed, [`Notes`] what is
//! logged and reported.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::{ktap, ktap::Summary, platform::Platform};

const GREEN: &str = "\x1b[1;32m";
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// What makes a line of KTAP a diagnostic, which says nothing of the tests' results.
const DIAGNOSTIC: &str = "# ";

/// Runs every kernel test that this boot can run, and prints the verdict in colour below.
///
/// # Errors
/// When the output does not take a text.
pub fn ktest(platform: &dyn Platform, out: &mut dyn Write) -> Result<Summary, fmt::Error> {
    let summary = ktap::run(platform.tests(), &[], &mut |test| platform.run_test(test), out)?;
    if platform.tests().is_empty() {
        writeln!(out, "{RED}ktest: this kernel has no tests; build one with them{PLAIN}")?;
    } else {
        print_verdict(&summary, out)?;
    }
    Ok(summary)
}

fn print_verdict(summary: &Summary, out: &mut dyn Write) -> fmt::Result {
    let Summary { passed, failed, skipped, not_reached } = summary;
    let colour = if summary.is_success() { GREEN } else { RED };
    write!(out, "{colour}ktest: {passed} passed, {} failed, {skipped} skipped", failed.len())?;
    if *not_reached > 0 {
        write!(out, ", {not_reached} not reached")?;
    }
    writeln!(out, "{PLAIN}")?;
    for name in failed {
        writeln!(out, "{RED}  failed: {name}{PLAIN}")?;
    }
    Ok(())
}

/// Writes text whose every line is made a diagnostic of KTAP.
pub struct Notes<'w> {
    out: &'w mut dyn Write,
    in_line: bool,
}

impl<'w> Notes<'w> {
    /// Writes to `out`, which is at the start of a line.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self { out, in_line: false }
    }
}

impl Write for Notes<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            if !self.in_line {
                self.out.write_str(DIAGNOSTIC)?;
            }
            self.out.write_str(part)?;
            self.in_line = !part.ends_with('\n');
        }
        Ok(())
    }
}

/// Takes what is printed on a terminal, and writes it as lines of KTAP: without colours, ended by LF, and as diagnostics
/// where they are no results.
///
/// Lines are written whole, so that others may write lines in between. One that is not ended is not written.
pub struct Transcript<'w> {
    out: &'w mut dyn Write,
    line: String,
    state: State,
}

/// Where in a control sequence the text is (ECMA-48, section 5.4).
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After ESC.
    Escape,
    /// In a control sequence, after ESC [.
    Control,
    /// In a string that ends with BEL or ESC \.
    String,
}

impl<'w> Transcript<'w> {
    /// Writes to `out`.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self { out, line: String::new(), state: State::Text }
    }

    fn push(&mut self, character: char) -> fmt::Result {
        self.state = match (self.state, character) {
            (_, '\x1b') => State::Escape,
            (State::Escape, '[') => State::Control,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::String,
            (State::Escape, _) | (State::Control, '@'..='~') | (State::String, '\x07') => State::Text,
            (State::Text, '\n') => return self.end_line(),
            (State::Text, _) => {
                if !character.is_control() {
                    self.line.push(character);
                }
                State::Text
            }
            (inside, _) => inside,
        };
        Ok(())
    }

    fn end_line(&mut self) -> fmt::Result {
        if !is_ktap(&self.line) {
            self.line.insert_str(0, DIAGNOSTIC);
        }
        self.line.push('\n');
        self.out.write_str(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl Write for Transcript<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| self.push(character))
    }
}

fn is_ktap(line: &str) -> bool {
    ["KTAP version ", "1..", "ok ", "not ok ", DIAGNOSTIC, "Bail out!"].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests;

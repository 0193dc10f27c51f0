//! Everything that is known about a test that did not pass, in words.

use std::fmt::Write;

use crate::{
    session::{Evidence, Heard, Said},
    suite::Report,
    symbols::{Annotator, Symbols, describe_stack},
    verdict::witnesses,
};

/// How many of the log's last lines are shown.
const LOG_LINES: usize = 40;

/// The parts of a report on a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// What each witness saw, a line each.
    pub witnesses: Vec<String>,
    /// The call stack that the kernel reported, symbolized; empty when it reported none.
    pub backtrace: String,
    /// The CPUs as they stood at the end, symbolized; empty when they were not looked at.
    pub machine: String,
    /// The last lines of the log, backtraces in it symbolized.
    pub log: String,
}

/// Works out the details of a report.
#[must_use]
pub fn details(report: &Report<'_>, symbols: &Symbols) -> Details {
    let Some(evidence) = &report.evidence else { return Details::default() };
    let log = evidence.log.last_lines(LOG_LINES);
    let log = if log.is_empty() { log } else { log + "\n" };
    let backtrace = backtrace(evidence, symbols);
    // A kernel that still could has printed the same stack.
    let first = backtrace.split_whitespace().nth(1).unwrap_or("#");
    Details {
        witnesses: witnesses(evidence),
        backtrace: if log.contains(first) { String::new() } else { backtrace },
        machine: evidence.autopsy.as_ref().map(|autopsy| autopsy.describe(Some(symbols))).unwrap_or_default(),
        log: String::from_utf8_lossy(&Annotator::default().push(log.as_bytes(), symbols)).into_owned(),
    }
}

fn backtrace(evidence: &Evidence, symbols: &Symbols) -> String {
    let stack = evidence.heard.iter().rev().find_map(|heard| match heard {
        Heard::Record { said: Said::Panicked { backtrace, .. }, .. } => Some((backtrace, false)),
        Heard::Record { said: Said::Faulted { backtrace, .. }, .. } => Some((backtrace, true)),
        _ => None,
    });
    stack.map(|(stack, at_instruction)| describe_stack(stack, at_instruction, Some(symbols))).unwrap_or_default()
}

impl Details {
    /// The parts as one text, each under its heading.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.witnesses {
            // Writing into a String cannot fail; so below.
            let _ = writeln!(text, "  {line}");
        }
        for (heading, part) in [
            ("backtrace", &self.backtrace),
            ("the machine at its end", &self.machine),
            ("the log's last lines", &self.log),
        ] {
            if !part.is_empty() {
                let _ = writeln!(text, "{heading}:");
                for line in part.lines() {
                    let _ = writeln!(text, "  {}", printable(line));
                }
            }
        }
        text
    }
}

/// A line without what could act on a terminal: a kernel under test may print anything.
pub(super) fn printable(line: &str) -> String {
    line.chars()
        .map(|character| if character.is_control() && character != '\t' { '\u{fffd}' } else { character })
        .collect()
}

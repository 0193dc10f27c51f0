//! Remarks at lines of the code, as workflow commands.

use std::path::Path;

use super::{super::Case, Record, ranked};

/// GitHub shows so many of a level and a step, and drops the rest without a word.
const MOST: usize = 10;
/// Longest message, in characters: it is a remark beside the code, and the log has the rest.
const LONGEST: usize = 2000;

/// An `error` for each failure, the worst first, and a `warning` for each flaky test: at most ten of each, the last of
/// which then says how many more there are. A line each; empty when there is nothing to say.
#[must_use]
pub fn annotations(record: &Record) -> String {
    let mut text = level("error", &ranked(record), MOST, "failed", record);
    let cut = record.cut_short();
    if let Some(why) = &cut {
        text += &format!("::warning title=not all tests ran::{}\n", data(why));
    }
    let flaky: Vec<&Case> = record.flaky().collect();
    text + &level("warning", &flaky, MOST - usize::from(cut.is_some()), "are flaky", record)
}

/// The annotations of one level, at most `room`.
fn level(level: &str, cases: &[&Case], room: usize, what: &str, record: &Record) -> String {
    let shown = if cases.len() > room { room - 1 } else { cases.len() };
    let mut text: String = cases[..shown].iter().map(|case| annotation(level, record, case)).collect();
    if cases.len() > shown {
        let more = cases.len() - shown;
        text += &format!("::{level} title=and {more} more::{more} more tests {what}; the log names them all\n");
    }
    text
}

fn annotation(level: &str, record: &Record, case: &Case) -> String {
    let shown = case.failure().unwrap_or_else(|| case.last());
    let flaky =
        if case.flaky() { format!("flaky, passed on attempt {}: ", case.attempts.len()) } else { String::new() };
    let facts: String = record.facts_of(case, shown).iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
    let why: String = shown.why.chars().take(LONGEST).collect();
    let title = property(&format!("{flaky}{}: {}", shown.verdict, case.title()));
    let place = place(case).map_or_else(String::new, |(file, line)| format!("file={},line={line},", property(file)));
    format!("::{level} {place}title={title}::{}\n", data(&(why + &facts)))
}

/// Where the kernel said that it went wrong, if that is in this repository; else where the test stands.
fn place(case: &Case) -> Option<(&str, u32)> {
    let ours = |file: &str| !file.is_empty() && Path::new(file).is_relative();
    let panicked = case.failure().and_then(|attempt| attempt.place.as_ref());
    let panicked = panicked.map(|(file, line)| (file.as_str(), *line)).filter(|(file, _)| ours(file));
    panicked.or_else(|| ours(&case.file).then_some((case.file.as_str(), case.line)))
}

/// A message, as workflow commands take it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property: in it, commas and colons have a meaning too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! Remarks at lines of the code, as workflow commands.

use std::path::{Path, PathBuf};

use super::{super::Case, Record, ranked};
use crate::listing::Subject;

/// GitHub shows so many of a level and a step, and drops the rest without a word.
const MOST: usize = 10;
/// Longest message, in characters: it is a remark beside the code, and the log has the rest.
const LONGEST: usize = 2000;

/// An `error` for each failure, the worst first, and a `warning` for each flaky test: at most ten of each, the last of
/// which then says how many more there are. A line each; empty when there is nothing to say.
#[must_use]
pub fn annotations(record: &Record, directories: &Directories) -> String {
    let annotate = |level: &str, case: &Case| annotation(level, record, case, directories);
    let mut text = level("error", &ranked(record), MOST, "failed", &annotate);
    let cut = record.cut_short();
    if let Some(why) = &cut {
        text += &format!("::warning title=not all tests ran::{}\n", data(why));
    }
    let flaky: Vec<&Case> = record.flaky().collect();
    text + &level("warning", &flaky, MOST - usize::from(cut.is_some()), "are flaky", &annotate)
}

/// The annotations of one level, at most `room`.
fn level(level: &str, cases: &[&Case], room: usize, what: &str, annotate: &dyn Fn(&str, &Case) -> String) -> String {
    let shown = if cases.len() > room { room - 1 } else { cases.len() };
    let mut text: String = cases[..shown].iter().map(|case| annotate(level, case)).collect();
    if cases.len() > shown {
        let more = cases.len() - shown;
        text += &format!("::{level} title=and {more} more::{more} more tests {what}; the log names them all\n");
    }
    text
}

fn annotation(level: &str, record: &Record, case: &Case, directories: &Directories) -> String {
    let shown = case.failure().unwrap_or_else(|| case.last());
    let flaky =
        if case.flaky() { format!("flaky, passed on attempt {}: ", case.attempts.len()) } else { String::new() };
    let facts: String = record.facts_of(case, shown).iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
    let why: String = shown.why.chars().take(LONGEST).collect();
    let title = property(&format!("{flaky}{}: {}", shown.verdict, case.full_title()));
    let place = place(case, directories);
    let place = place.map_or_else(String::new, |(file, line)| format!("file={},line={line},", property(&file)));
    format!("::{level} {place}title={title}::{}\n", data(&(why + &facts)))
}

/// Where files stand that the harness was given: GitHub wants to know them from the repository's root.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    /// The working directory.
    pub working: PathBuf,
    /// The repository's root, if the job says it.
    pub repository: Option<PathBuf>,
}

impl Directories {
    /// A script's path from the repository's root, if it is in there.
    fn script(&self, file: &str) -> Option<String> {
        let root = self.repository.as_ref().unwrap_or(&self.working);
        let inside = self.working.join(file).strip_prefix(root).ok()?.to_str()?.to_owned();
        (!inside.contains("../")).then_some(inside)
    }
}

/// Where the kernel said that it went wrong, if that is in this repository; else where the test stands.
fn place(case: &Case, directories: &Directories) -> Option<(String, u32)> {
    let ours = |file: &str| !file.is_empty() && Path::new(file).is_relative();
    let failed_at = case.failure().and_then(|attempt| attempt.place.clone()).filter(|(file, _)| ours(file));
    let stands_at = || match case.subject {
        _ if case.file.is_empty() => None,
        Subject::Line | Subject::Ktap { .. } => Some((directories.script(&case.file)?, case.line)),
        _ => ours(&case.file).then(|| (case.file.clone(), case.line)),
    };
    failed_at.or_else(stands_at)
}

/// A message, as workflow commands take it.
fn data(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' => safe.push_str("%25"),
            '\r' => safe.push_str("%0D"),
            '\n' => safe.push_str("%0A"),
            control if control.is_control() && control != '\t' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// The value of a property: in it, commas and colons have a meaning too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! One page for browsers, with everything in it: no other file, no network.

mod chart;
mod failures;
mod summary;
mod table;

use std::{fmt::Write as _, io, path::Path};

use super::{Case, Record, Writer, file::Target};
use crate::{Error, verdict::Verdict};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// Writes a run as one HTML file, when it has ended.
#[derive(Debug)]
pub struct Html(Target);

impl Html {
    /// Will write to this file.
    ///
    /// # Errors
    /// [`Error::Request`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self(Target::check(path)?))
    }
}

impl Writer for Html {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.0.write(page(record).as_bytes())
    }
}

/// The text of the file.
pub(super) fn page(record: &Record) -> String {
    fill(PAGE, |name| match name {
        "title" => escape(&summary::title(record)),
        "style" => STYLE.into(),
        "script" => SCRIPT.into(),
        "summary" => summary::summary(record),
        "failures" => failures::failures(record),
        "chart" => chart::chart(record),
        "table" => table::table(record),
        // A test holds the template to these names.
        other => format!("{{{{{other}}}}}"),
    })
}

/// The template with a text in place of each `{{name}}`. What is put in is not searched: it may hold braces.
fn fill(template: &str, text: impl Fn(&str) -> String) -> String {
    let mut pieces = template.split("{{");
    let mut page = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or((piece, ""));
        page.push_str(&text(name));
        page.push_str(rest);
    }
    page
}

/// Text as HTML that shows it, in an element or in a quoted attribute. What is no text becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// Where the details of the case with this number stand in the page.
fn anchor(number: usize) -> String {
    format!("test-{number}")
}

/// Whether the page has details of this case.
fn has_details(case: &Case) -> bool {
    case.failure().is_some()
}

/// What a case is called in the table, and in the search: its verdict, or that it is flaky.
fn result(case: &Case) -> (&'static str, String) {
    if case.flaky() { ("flaky", "flaky".into()) } else { (case.last().verdict.id(), case.last().verdict.to_string()) }
}

/// The class that gives a verdict its colour.
const fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail | Verdict::Leak | Verdict::Panic => "fail",
        Verdict::CpuFault | Verdict::TripleFault | Verdict::Reset => "fault",
        Verdict::Hang { .. } => "hang",
        Verdict::Truncated | Verdict::Garbled => "odd",
        Verdict::BootFailure | Verdict::FirmwareFailure | Verdict::EmulatorFailure | Verdict::HostStarvation => "host",
    }
}

/// The same for a case.
fn case_colour(case: &Case) -> &'static str {
    if case.flaky() { "flaky" } else { colour(case.last().verdict) }
}

/// A list of names and values; the values are HTML already.
fn definitions(class: &str, facts: &[(&str, String)]) -> String {
    let mut list = format!("<dl class=\"{class}\">");
    for (name, value) in facts {
        // Writing into a String cannot fail.
        let _ = write!(list, "<div><dt>{}</dt><dd>{value}</dd></div>", escape(name));
    }
    list + "</dl>"
}

/// A command with a button that copies it.
fn command(text: &str) -> String {
    let text = escape(text);
    format!(
        "<span class=\"command\"><code>{text}</code><button type=\"button\" class=\"copy\" hidden>Copy</button></span>"
    )
}

#[cfg(test)]
mod tests;

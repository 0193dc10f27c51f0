//! Every test that failed, or failed first, with all that is known about it.

use std::fmt::Write;

use super::{super::seconds, Case, Record, anchor, case_colour, command, definitions, escape, has_details, result};
use crate::report::Attempt;

/// With more of them, each is folded up.
const MOST_OPEN: usize = 3;

/// A section for each of them; a sentence when there is none.
pub fn failures(record: &Record) -> String {
    let told: Vec<(usize, &Case)> = record.cases.iter().enumerate().filter(|(_, case)| has_details(case)).collect();
    if told.is_empty() {
        return String::from("<p class=\"empty\">Nothing failed.</p>");
    }
    let open = if told.len() > MOST_OPEN { "" } else { " open" };
    // Those that failed for good come first.
    let (failed, flaky): (Vec<_>, Vec<_>) = told.into_iter().partition(|(_, case)| !case.passed());
    let all = failed.into_iter().chain(flaky);
    all.map(|(number, case)| failure(record, number, case, open)).collect()
}

fn failure(record: &Record, number: usize, case: &Case, open: &str) -> String {
    let (_, words) = result(case);
    let shown = case.failure().unwrap_or_else(|| case.last());
    // The mark is inside: a browser opens what it stands in when it goes there.
    format!(
        "<details class=\"failure {colour}\"{open}><summary><h3><span class=\"badge {colour}\">{words}</span> \
         <span class=\"name\">{}</span></h3><span class=\"first\">{}</span></summary>\n\
         <div class=\"body\" id=\"{}\"><p class=\"reason\">{}</p>\n{}{}{}</div></details>\n",
        escape(&case.full_title()),
        escape(shown.why.lines().next().unwrap_or_default()),
        anchor(number),
        escape(&shown.why),
        definitions("facts", &facts(record, case, shown)),
        attempts(case),
        evidence(shown),
        colour = case_colour(case),
    )
}

fn facts<'a>(record: &'a Record, case: &'a Case, shown: &Attempt) -> Vec<(&'a str, String)> {
    // The attempts have a list of their own.
    let told = |(name, _): &(&str, String)| *name != "attempts";
    let value = |(name, value): (&'static str, String)| {
        let html = if name == "replay" || name == "again" { command(&value) } else { escape(&value) };
        (name, html)
    };
    let mut facts: Vec<_> = record.facts_of(case, shown).into_iter().filter(told).map(value).collect();
    // What can be copied comes last, on a line of its own.
    let replay = facts.iter().position(|(name, _)| *name == "replay").map(|place| facts.remove(place));
    facts.push(("time", seconds(shown.elapsed)));
    facts.extend(replay);
    facts
}

/// The attempts, when there were several: the details below are those of one of them.
fn attempts(case: &Case) -> String {
    if case.attempts.len() < 2 {
        return String::new();
    }
    let mut list = String::from("<h4>attempts</h4><ol class=\"attempts\">");
    for attempt in &case.attempts {
        // Writing into a String cannot fail; so below.
        let _ = write!(
            list,
            "<li><span class=\"badge {}\">{}</span> {} <span class=\"quiet\">{}</span></li>",
            super::colour(attempt.verdict),
            attempt.verdict,
            escape(attempt.why.lines().next().unwrap_or_default()),
            seconds(attempt.elapsed),
        );
    }
    list + "</ol>\n"
}

fn evidence(attempt: &Attempt) -> String {
    let details = &attempt.details;
    let mut html = String::new();
    if !details.witnesses.is_empty() {
        let lines: Vec<_> = details.witnesses.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
        let _ = writeln!(html, "<h4>what was seen</h4><ul class=\"witnesses\">{}</ul>", lines.concat());
    }
    for (heading, text) in [
        ("call stack", &details.backtrace),
        ("the machine at its end", &details.machine),
        ("the log's last lines", &details.log),
    ] {
        if !text.is_empty() {
            // Focusable, so that a keyboard can scroll it.
            let _ = writeln!(
                html,
                "<h4>{heading}</h4><pre tabindex=\"0\" role=\"region\" aria-label=\"{heading}\">{}</pre>",
                escape(text)
            );
        }
    }
    html
}

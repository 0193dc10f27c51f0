//! Every test, a row each.

use std::{collections::BTreeMap, fmt::Write};

use super::{super::Ignored, Case, Record, anchor, case_colour, escape, has_details, result};
use crate::suite::Origin;

/// The controls and the table.
pub fn table(record: &Record) -> String {
    if record.cases.is_empty() && record.ignored.is_empty() {
        return String::from("<p class=\"empty\">No test ran.</p>");
    }
    let mut rows = String::new();
    for (number, case) in record.cases.iter().enumerate() {
        row(&mut rows, number, case);
    }
    for ignored in &record.ignored {
        ignored_row(&mut rows, ignored);
    }
    let all = record.cases.len() + record.ignored.len();
    format!(
        "{}\n<div class=\"scroll\"><table id=\"tests\"><caption class=\"out\">Every test and how it ended</caption><thead><tr>\
         <th scope=\"col\" data-sort=\"result\">Result</th><th scope=\"col\" data-sort=\"name\">Test</th>\
         <th scope=\"col\" data-sort=\"time\" class=\"number\">Time</th>\
         <th scope=\"col\" data-sort=\"start\" class=\"number wide\">Start</th>\
         <th scope=\"col\" class=\"wide\">Machine</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n\
         <p class=\"empty\" id=\"nothing\" hidden>No test matches.</p>",
        controls(record, all)
    )
}

/// The search box and a button for each result that occurs; the script shows them.
fn controls(record: &Record, all: usize) -> String {
    let mut results: BTreeMap<&str, (String, &str, usize)> = BTreeMap::new();
    for case in &record.cases {
        let (id, words) = result(case);
        results.entry(id).or_insert((words, case_colour(case), 0)).2 += 1;
    }
    if !record.ignored.is_empty() {
        results.insert("ignored", ("ignored".into(), "skip", record.ignored.len()));
    }
    let mut buttons =
        format!("<button type=\"button\" data-result=\"\" aria-pressed=\"true\">all <b>{all}</b></button>");
    for (id, (words, colour, count)) in results {
        // Writing into a String cannot fail; so below.
        let _ = write!(
            buttons,
            "<button type=\"button\" data-result=\"{id}\" aria-pressed=\"false\" class=\"{colour}\">{words} <b>{count}</b></button>"
        );
    }
    format!(
        "<form id=\"controls\" role=\"search\" hidden><label for=\"search\" class=\"out\">Search names and results</label>\
         <input id=\"search\" type=\"search\" placeholder=\"Search names and results\" autocomplete=\"off\" spellcheck=\"false\">\
         <div class=\"results\" role=\"group\" aria-label=\"Show only tests with this result\">{buttons}</div>\
         <output id=\"shown\" for=\"search\"></output></form>"
    )
}

fn row(rows: &mut String, number: usize, case: &Case) {
    let (id, words) = result(case);
    let last = case.last();
    let name = escape(&case.title());
    let name = if has_details(case) { format!("<a href=\"#{}\">{name}</a>", anchor(number)) } else { name };
    let why = case.failure().map_or_else(String::new, |attempt| {
        format!("<div class=\"why\">{}</div>", escape(attempt.why.lines().next().unwrap_or_default()))
    });
    let attempts = match case.attempts.len() {
        1 => String::new(),
        count => format!(", {count} attempts"),
    };
    let _ = writeln!(
        rows,
        "<tr data-result=\"{id}\"><td><span class=\"badge {}\">{words}</span></td><th scope=\"row\">{name}{why}</th>\
         <td class=\"number\" data-value=\"{:.6}\">{}</td><td class=\"number wide\" data-value=\"{:.6}\">{}</td>\
         <td class=\"wide quiet\">{}{attempts}</td></tr>",
        case_colour(case),
        last.elapsed.as_secs_f64(),
        super::super::seconds(last.elapsed),
        last.started.as_secs_f64(),
        super::super::seconds(last.started),
        machine(case),
    );
}

/// How the machine came up, after the name of its shape.
fn machine(case: &Case) -> String {
    let none = if case.subject.has_a_machine() { "none" } else { "" };
    let origin = case.last().origin.map_or(none, Origin::id);
    let parts = [case.shape.as_deref().unwrap_or_default(), origin];
    escape(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

fn ignored_row(rows: &mut String, ignored: &Ignored) {
    let reason = ignored.reason.as_ref();
    let reason = reason.map_or_else(String::new, |reason| format!("<div class=\"why\">{}</div>", escape(reason)));
    let _ = writeln!(
        rows,
        "<tr data-result=\"ignored\"><td><span class=\"badge skip\">ignored</span></td><th scope=\"row\">{}{reason}</th>\
         <td class=\"number\" data-value=\"-1\"></td><td class=\"number wide\" data-value=\"-1\"></td>\
         <td class=\"wide quiet\">{}</td></tr>",
        escape(&ignored.name),
        escape(ignored.shape.as_deref().unwrap_or_default()),
    );
}

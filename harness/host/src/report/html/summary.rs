//! The top of the page: how it went, and what was run on what.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{
    super::{record::Run, seconds},
    Record, command, definitions, escape,
};
use crate::suite::{Isolation, Summary};

/// The page's title.
pub fn title(record: &Record) -> String {
    format!("{}: test report", headline(record))
}

fn headline(record: &Record) -> String {
    let Summary { total, passed, failed, .. } = record.summary;
    let tests = if total == 1 { "test" } else { "tests" };
    if failed > 0 {
        format!("{failed} of {total} {tests} failed")
    } else if record.cut_short().is_some() {
        format!("{passed} of {total} {tests} ran")
    } else if total == 0 {
        "No test ran".into()
    } else {
        format!("{} passed", if total == 1 { "The test".into() } else { format!("All {total} tests") })
    }
}

/// Headline, counts and facts.
pub fn summary(record: &Record) -> String {
    let Summary { passed, flaky, failed, ignored, filtered_out, elapsed, .. } = &record.summary;
    let (good, cut) = (record.summary.success(), record.cut_short());
    let class = match (good, passed) {
        (false, _) => "bad",
        (true, 0) => "neither",
        (true, _) => "good",
    };
    let cut = cut.map_or_else(String::new, |why| format!("<p class=\"cut\">{}.</p>", escape(&sentence(&why))));
    let count = |class: &str, name: &str, count: &usize| {
        let class = if *count == 0 { "none" } else { class };
        format!("<div class=\"count {class}\"><dt>{name}</dt><dd>{count}</dd></div>")
    };
    let counts = [
        count("pass", "passed", passed),
        count("fail", "failed", failed),
        count("flaky", "flaky", flaky),
        count("skip", "ignored", ignored),
        count("skip", "filtered out", filtered_out),
    ];
    format!(
        "<h1 class=\"{class}\">{}</h1>\n{cut}<dl class=\"counts\">{}<div class=\"count\"><dt>time</dt><dd>{}</dd></div></dl>\n{}{}",
        escape(&headline(record)),
        counts.concat(),
        seconds(*elapsed),
        definitions("facts", &facts(record)),
        shapes(record),
    )
}

/// The text with a capital at its start.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + rest.as_str())
}

/// The shapes, when there are several: what each had to come to, and what it came to.
fn shapes(record: &Record) -> String {
    if record.runs.len() < 2 {
        return String::new();
    }
    let rows: String = record.runs.iter().map(row).collect();
    format!(
        "<h2>Shapes</h2>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Result</th><th scope=\"col\">Shape</th>\
         <th scope=\"col\">Machine</th><th scope=\"col\">Expected</th><th scope=\"col\" class=\"number\">Passed</th>\
         <th scope=\"col\" class=\"number\">Failed</th><th scope=\"col\" class=\"number\">Ignored</th>\
         <th scope=\"col\" class=\"number\">Time</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn row(run: &Run) -> String {
    let Run { plan, summary } = run;
    let (colour, word) = if summary.success() { ("pass", "ok") } else { ("fail", "failed") };
    let cells =
        [summary.passed, summary.failed, summary.ignored].map(|count| format!("<td class=\"number\">{count}</td>"));
    format!(
        "<tr><td><span class=\"badge {colour}\">{word}</span></td><th scope=\"row\">{}</th><td>{}</td><td>{}</td>{}\
         <td class=\"number\">{}</td></tr>\n",
        escape(plan.shape.as_deref().unwrap_or_default()),
        escape(&plan.machine),
        escape(&plan.expect.join(", ")),
        cells.concat(),
        seconds(summary.elapsed),
    )
}

fn facts(record: &Record) -> Vec<(&str, String)> {
    let mut facts = Vec::new();
    if let Some(plan) = record.only_plan() {
        facts.extend(plan.shape.as_ref().map(|name| ("shape", escape(name))));
        facts.push(("machine", escape(&plan.machine)));
        let isolation = match plan.isolation {
            Isolation::Test => "each test in a fresh machine",
            Isolation::Boot => "each test in a freshly booted machine",
            Isolation::None => "tests one after another in shared machines",
        };
        facts.push(("isolation", format!("{}: {isolation}", plan.isolation)));
        facts.push(("at a time", plan.jobs.to_string()));
        if !plan.expect.is_empty() {
            facts.push(("expected", escape(&plan.expect.join(", "))));
        }
    }
    facts.extend(record.facts.iter().map(|(name, value)| (name.as_str(), escape(value))));
    facts.extend(record.notes.iter().map(|note| ("note", escape(note))));
    facts.push(("harness", env!("CARGO_PKG_VERSION").into()));
    let began = DateTime::<Utc>::from(record.began);
    let machine = began.to_rfc3339_opts(SecondsFormat::Secs, true);
    let people = began.format("%Y-%m-%d %H:%M:%S UTC");
    facts.push(("began", format!("<time datetime=\"{machine}\">{people}</time>")));
    if !record.runs.is_empty() {
        facts.push(("repeat", command(&record.again.run())));
    }
    facts
}

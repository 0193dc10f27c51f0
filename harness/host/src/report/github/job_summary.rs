//! A page for the job, in GitHub's Markdown.

use super::{
    super::{Case, record::Run, seconds, slowest},
    Record, ranked,
};
use crate::suite::Summary;

/// Of a failure's reason, the table shows so many characters.
const LONGEST_REASON: usize = 200;
/// At most so many flaky tests are named.
const MOST_FLAKY: usize = 50;
/// What the sentences that say what was left out take, at most.
const RESERVE: usize = 1000;

/// Totals, a table of failures, the slowest and the flaky tests, and each failure in full: below `limit` bytes, with whole
/// failures left out where they do not fit, and their number said.
#[must_use]
pub fn job_summary(record: &Record, limit: usize) -> String {
    let mut page = Page { text: String::new(), room: limit.saturating_sub(RESERVE) };
    if !page.add(&head(record)) {
        return String::new();
    }
    let failures = ranked(record);
    // The table may not take the room of everything else.
    let all = page.room;
    page.room = all / 3;
    let rows = page.table(&failures);
    page.room += all - all / 3;
    page.left_out(rows, "in this table");
    page.add(&flaky(record));
    page.add(&slow(record));
    let missing = failures.iter().filter(|case| !page.add(&full(record, case))).count();
    page.left_out(missing, "in full below");
    page.text
}

struct Page {
    text: String,
    room: usize,
}

impl Page {
    /// Adds a piece, if it fits.
    fn add(&mut self, piece: &str) -> bool {
        let fits = piece.len() <= self.room;
        if fits {
            self.room -= piece.len();
            self.text.push_str(piece);
        }
        fits
    }

    /// Adds the table, and says how many rows did not fit.
    fn table(&mut self, failures: &[&Case]) -> usize {
        if failures.is_empty() || !self.add("\n| Test | Verdict | Why |\n|---|---|---|\n") {
            return failures.len();
        }
        let rows = failures.iter().take_while(|case| self.add(&row(case))).count();
        failures.len() - rows
    }

    fn left_out(&mut self, count: usize, of: &str) {
        if count > 0 {
            self.text +=
                &format!("\n{count} more failures are not {of}: the page would be larger than GitHub takes.\n");
        }
    }
}

fn head(record: &Record) -> String {
    let Summary { total, passed, flaky, failed, ignored, elapsed, .. } = &record.summary;
    let mark = if record.summary.success() { ":white_check_mark:" } else { ":x:" };
    let headline = match (failed, record.cut_short()) {
        (0, Some(why)) => plain(&why),
        (0, None) => format!("{passed} tests passed"),
        (failed, _) => format!("{failed} of {total} tests failed"),
    };
    let cut =
        record.cut_short().filter(|_| *failed > 0).map_or_else(String::new, |why| format!("\n{}.\n", plain(&why)));
    let run = record.only_plan().map_or_else(String::new, |plan| {
        let shape = plan.shape.as_ref().map_or_else(String::new, |name| format!("{}: ", plain(name)));
        let seed = plan.seed.map_or_else(String::new, |seed| format!("; seed: <code>{seed:#x}</code>"));
        format!("\nMachine: {shape}{}; isolation: {}{seed}\n", plain(&plan.machine), plan.isolation)
    });
    format!(
        "## {mark} {headline}\n{cut}\n| passed | failed | flaky | ignored | time |\n|---:|---:|---:|---:|---:|\n\
         | {passed} | {failed} | {flaky} | {ignored} | {} |\n{run}{}",
        seconds(*elapsed),
        shapes(record)
    )
}

/// The shapes, when there are several: what each had to come to, and what it came to.
fn shapes(record: &Record) -> String {
    if record.runs.len() < 2 {
        return String::new();
    }
    let row = |Run { plan, summary }: &Run| {
        let mark = if summary.success() { ":white_check_mark:" } else { ":x:" };
        format!(
            "| {mark} {} | {} | {} | {} | {} | {} |\n",
            plain(plan.shape.as_deref().unwrap_or_default()),
            plain(&plan.machine),
            plain(&plan.expect.join(", ")),
            summary.passed,
            summary.failed,
            seconds(summary.elapsed)
        )
    };
    let rows: String = record.runs.iter().map(row).collect();
    format!("\n| Shape | Machine | Expected | passed | failed | time |\n|---|---|---|---:|---:|---:|\n{rows}")
}

fn row(case: &Case) -> String {
    let last = case.last();
    let first = last.why.lines().next().unwrap_or_default();
    let mut why: String = first.chars().take(LONGEST_REASON).collect();
    if why.len() < first.len() {
        why.push('…');
    }
    format!("| <code>{}</code> | {} | {} |\n", plain(&case.full_title()), last.verdict, plain(&why))
}

fn flaky(record: &Record) -> String {
    let line = |case: &Case| {
        let first = case.attempts[0].headline();
        format!(
            "- <code>{}</code>: attempt {} passed; first {}\n",
            plain(&case.full_title()),
            case.attempts.len(),
            plain(&first)
        )
    };
    let count = record.flaky().count();
    let lines: String = record.flaky().take(MOST_FLAKY).map(line).collect();
    match count {
        0 => String::new(),
        1..=MOST_FLAKY => format!("\n### Flaky\n\n{lines}"),
        _ => format!("\n### Flaky\n\n{lines}- and {} more\n", count - MOST_FLAKY),
    }
}

fn slow(record: &Record) -> String {
    let times = record.cases.iter().map(|case| (case.full_title(), case.last().elapsed)).collect();
    let lines: String = slowest(times)
        .into_iter()
        .map(|(name, time)| format!("- {} <code>{}</code>\n", seconds(time), plain(&name)))
        .collect();
    if lines.is_empty() { lines } else { format!("\n### Slowest\n\n{lines}") }
}

/// All that is known about a failure, folded up.
fn full(record: &Record, case: &Case) -> String {
    let last = case.last();
    let facts: String =
        record.facts_of(case, last).iter().map(|(name, value)| format!("  {name}: {value}\n")).collect();
    let text = format!("{}: {}\n{facts}{}", last.verdict, last.why, last.details.text());
    // Within `pre`, which starts a line, Markdown takes nothing for its own until `</pre>`.
    format!(
        "\n<details><summary><code>{}</code>: {}</summary>\n\n<pre>\n{}</pre>\n\n</details>\n",
        plain(&case.full_title()),
        last.verdict,
        html(&text)
    )
}

/// Text for a line of Markdown that shows it: whatever could be a mark is written as its number.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            control if control.is_control() => safe.push(' '),
            mark if mark.is_ascii_punctuation() && !".,-/()=".contains(mark) => {
                safe += &format!("&#{};", u32::from(mark));
            }
            other => safe.push(other),
        }
    }
    safe
}

/// Text for an HTML element.
fn html(text: &str) -> String {
    let safe = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    safe.chars().map(|each| if each.is_control() && !"\n\t".contains(each) { '\u{fffd}' } else { each }).collect()
}

//! When each attempt ran, and in which of the machines that ran at the same time.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use super::{
    super::{Attempt, seconds},
    Case, Record, anchor, colour, escape, has_details,
};
use crate::{suite::Origin, verdict::Verdict};

/// Height of a lane, and of the scale, in pixels. The style sheet knows the first.
const LANE: u32 = 26;
const SCALE: u32 = 22;
/// At most so many bars: a browser draws no more in good time.
const MOST: usize = 5000;
/// More than so many are drawn without gaps.
const DENSE: usize = 400;

/// A bar: an attempt at a case.
struct Bar<'a> {
    number: usize,
    case: &'a Case,
    attempt: &'a Attempt,
}

/// The chart, with a legend. Horizontal places are percentages, so that it fits any width with letters of one size.
pub fn chart(record: &Record) -> String {
    let mut bars = bars(record);
    if bars.is_empty() {
        return String::from("<p class=\"empty\">Nothing ran.</p>");
    }
    let all = bars.len();
    // Failures stay, and the longest of the rest.
    bars.sort_by_key(|bar| (bar.attempt.verdict == Verdict::Pass, std::cmp::Reverse(bar.attempt.elapsed)));
    bars.truncate(MOST);
    bars.sort_by_key(|bar| (bar.attempt.lane, bar.attempt.started));
    let left_out = match all - bars.len() {
        0 => String::new(),
        count => format!("<p class=\"quiet\">{count} more attempts, all short and passed, are not drawn.</p>"),
    };
    let end = bars.iter().map(|bar| bar.attempt.started + bar.attempt.elapsed).max().unwrap_or_default();
    let end = end.max(record.summary.elapsed).max(Duration::from_millis(1));
    let lanes: Vec<u32> = {
        let mut lanes: Vec<u32> = bars.iter().map(|bar| bar.attempt.lane).collect();
        lanes.dedup();
        lanes
    };
    let names: String = lanes.iter().map(|lane| format!("<li>{}</li>", lane + 1)).collect();
    let height = u32::try_from(lanes.len()).unwrap_or(u32::MAX).saturating_mul(LANE).saturating_add(SCALE);
    let dense = if bars.len() > DENSE { " dense" } else { "" };
    let scale = scale(end, height);
    let drawn: String = bars.iter().map(|bar| draw(bar, &lanes, end)).collect();
    format!(
        "{legend}<div class=\"chart{dense}\"><ol class=\"lanes\" aria-hidden=\"true\">{names}</ol>\
         <svg width=\"100%\" height=\"{height}\" role=\"group\" aria-label=\"When each test ran\">{scale}{drawn}</svg></div>{left_out}",
        legend = legend(&bars)
    )
}

/// The attempts that had a place in time.
fn bars(record: &Record) -> Vec<Bar<'_>> {
    let cases = record.cases.iter().enumerate();
    let bars = cases.flat_map(|(number, case)| case.attempts.iter().map(move |attempt| Bar { number, case, attempt }));
    bars.filter(|bar| !bar.attempt.elapsed.is_zero()).collect()
}

fn draw(bar: &Bar<'_>, lanes: &[u32], end: Duration) -> String {
    let Bar { number, case, attempt } = bar;
    let percent = |time: Duration| time.as_secs_f64() / end.as_secs_f64() * 100.0;
    let row = lanes.iter().position(|lane| *lane == attempt.lane).and_then(|row| u32::try_from(row).ok()).unwrap_or(0);
    let rect = format!(
        "<rect class=\"{}\" x=\"{:.3}%\" y=\"{}\" width=\"{:.3}%\" height=\"{}\" rx=\"2\"><title>{}: {}, {} from {}{}</title></rect>",
        colour(attempt.verdict),
        percent(attempt.started),
        row * LANE + 3,
        percent(attempt.elapsed).max(0.05),
        LANE - 6,
        escape(&case.full_title()),
        attempt.verdict,
        seconds(attempt.elapsed),
        seconds(attempt.started),
        attempt.origin.map(Origin::id).map_or_else(String::new, |origin| format!(", machine: {origin}")),
    );
    if has_details(case) { format!("<a href=\"#{}\">{rect}</a>", anchor(*number)) } else { rect }
}

/// Lines and times below: at most six, at round times.
fn scale(end: Duration, height: u32) -> String {
    let mut lines = String::new();
    let step = step(end);
    let mut time = Duration::ZERO;
    while time <= end {
        let place = time.as_secs_f64() / end.as_secs_f64() * 100.0;
        let anchor = match place {
            0.0..3.0 => "start",
            97.0.. => "end",
            _ => "middle",
        };
        // Writing into a String cannot fail; so below.
        let _ = write!(
            lines,
            "<line x1=\"{place:.3}%\" x2=\"{place:.3}%\" y1=\"0\" y2=\"{}\"/><text x=\"{place:.3}%\" y=\"{}\" \
             text-anchor=\"{anchor}\">{}</text>",
            height - SCALE + 4,
            height - 4,
            short(time)
        );
        time += step;
    }
    lines
}

/// The smallest of 1, 2, 5, 10, 20, 50, … ms of which at most five fit.
fn step(end: Duration) -> Duration {
    let mut unit = Duration::from_millis(1);
    loop {
        for times in [1, 2, 5] {
            if unit * times * 5 >= end {
                return unit * times;
            }
        }
        unit *= 10;
    }
}

fn short(time: Duration) -> String {
    if time < Duration::from_secs(1) && !time.is_zero() {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs_f64())
    }
}

fn legend(bars: &[Bar<'_>]) -> String {
    let mut verdicts: BTreeMap<&str, Verdict> = BTreeMap::new();
    for bar in bars {
        verdicts.insert(bar.attempt.verdict.id(), bar.attempt.verdict);
    }
    let items: String =
        verdicts.values().map(|verdict| format!("<li><i class=\"{}\"></i>{verdict}</li>", colour(*verdict))).collect();
    format!("<ul class=\"legend\">{items}</ul>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_has_round_steps_and_few() {
        let milliseconds = |end| step(Duration::from_millis(end)).as_millis();
        assert_eq!([1, 5, 6, 99, 1000, 1001, 61_000].map(milliseconds), [1, 1, 2, 20, 200, 500, 20_000]);
        assert_eq!([0, 200, 2500].map(|time| short(Duration::from_millis(time))), ["0 s", "200 ms", "2.5 s"]);
    }
}

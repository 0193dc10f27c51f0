//! The one line that shows how far a run is. Only text: no terminal, no clock.

use std::time::Duration;

use super::super::autopsy::printable;

/// How far a run is, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Tests that were judged.
    pub done: usize,
    /// Tests to run.
    pub total: usize,
    /// Of those judged, tests that did not pass.
    pub failed: usize,
    /// How long the run takes so far.
    pub elapsed: Duration,
    /// Tests that run for longer than usual, and for how long, the longest first.
    pub slow: Vec<(String, Duration)>,
}

/// Columns between the brackets on a terminal of ordinary width.
const WIDEST: usize = 24;
/// With fewer there is no bar.
const NARROWEST: usize = 4;
/// With fewer columns left, no slow test is named.
const SHORTEST: usize = 16;

impl Progress {
    /// The line, of at most `width - 1` columns: a terminal that is written to its last column may begin the next line.
    #[must_use]
    pub fn line(&self, width: usize) -> String {
        let Self { done, total, failed, elapsed, slow } = self;
        let failed = if *failed == 0 { String::new() } else { format!(", {failed} failed") };
        let rest = format!(" {done}/{total}{failed}, {}", clock(*elapsed));
        let room = width.saturating_sub(1);
        let columns = room.saturating_sub(rest.len() + 2).min(WIDEST);
        let bar = if columns < NARROWEST { String::new() } else { bar(*done, *total, columns) };
        let line = cut(&format!("{bar}{rest}"), room);
        let named: Vec<_> = slow.iter().map(|(name, time)| format!("{} {}", printable(name), clock(*time))).collect();
        let left = room - line.len();
        if named.is_empty() || left < SHORTEST { line } else { line + &cut(&format!(" | {}", named.join(", ")), left) }
    }
}

/// `[=====>    ]`, so many columns inside.
fn bar(done: usize, total: usize, columns: usize) -> String {
    let filled = (done.min(total) * columns).checked_div(total).unwrap_or(columns);
    let head = if filled < columns { ">" } else { "" };
    let empty = columns - filled - head.len();
    format!("[{}{head}{}]", "=".repeat(filled), " ".repeat(empty))
}

/// `7s`, `2m05s`, `1h02m`: as exact as an eye that follows it wants it.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The text, cut to so many columns. A character that is not ASCII is taken to have two: most have one, none has more.
fn cut(text: &str, columns: usize) -> String {
    let wide = |character: char| if character.is_ascii() { 1 } else { 2 };
    if text.chars().map(wide).sum::<usize>() <= columns {
        return text.into();
    }
    let mut left = columns.saturating_sub(3);
    let fits = text.chars().take_while(|&character| {
        let fits = wide(character) <= left;
        left = left.saturating_sub(wide(character));
        fits
    });
    fits.collect::<String>() + &"..."[..columns.min(3)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(name: &str) -> Progress {
        let slow = vec![(name.into(), Duration::from_secs(125)), ("b".into(), Duration::from_secs(2))];
        Progress { done: 30, total: 60, failed: 2, elapsed: Duration::from_secs(3725), slow }
    }

    #[test]
    fn the_line_tells_how_far_it_is_and_what_takes_long() {
        assert_eq!(
            progress("demo::hangs").line(120),
            "[============>           ] 30/60, 2 failed, 1h02m | demo::hangs 2m05s, b 2s"
        );
        assert_eq!(Progress::default().line(80), "[========================] 0/0, 0s");
    }

    #[test]
    fn the_line_is_narrower_than_any_terminal_whatever_the_name() {
        for name in ["a", &"long::".repeat(100), &"試験".repeat(40), "\x1b[2J\u{7}\n\r", ""] {
            for width in 0..200 {
                let line = progress(name).line(width);
                let columns: usize = line.chars().map(|character| 1 + usize::from(!character.is_ascii())).sum();
                assert!(columns < width.max(1), "{width}: {line}");
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn the_numbers_outlive_the_bar_on_a_narrow_terminal() {
        assert_eq!(progress("demo").line(24), " 30/60, 2 failed, 1h02m");
        assert_eq!(progress("demo").line(32), "[===>  ] 30/60, 2 failed, 1h02m");
    }
}

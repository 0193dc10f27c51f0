//! The table at the end of `steward-harness run --matrix`.

use std::time::Duration;

use steward_harness::suite::Summary;

use super::task::Task;

/// How a shape went.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub shape: String,
    /// Its machine, in words.
    pub machine: String,
    /// What it had to come to.
    pub expected: String,
    /// What it came to.
    pub seen: String,
    /// How long it took.
    pub time: Duration,
    /// Whether that is as expected.
    pub ok: bool,
}

/// The widest cell, in characters: what is longer is cut.
const WIDEST: usize = 60;
/// Between two columns.
const GAP: &str = "  ";

impl Row {
    /// How this task went.
    pub fn new(task: &Task, summary: &Summary, seen: String) -> Self {
        Self {
            shape: task.shape.clone().unwrap_or_default(),
            machine: task.settings.machine.shape().to_string(),
            expected: task.expected().join(", "),
            seen,
            time: summary.elapsed,
            ok: summary.success(),
        }
    }

    fn cells(&self) -> [String; 6] {
        let cut = |text: &str| {
            let plain: String =
                text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
            if plain.chars().count() <= WIDEST {
                return plain;
            }
            plain.chars().take(WIDEST - 1).chain(['…']).collect()
        };
        [
            self.shape.clone(),
            self.machine.clone(),
            cut(&self.expected),
            cut(&self.seen),
            format!("{:.3}s", self.time.as_secs_f64()),
            if self.ok { "ok" } else { "FAILED" }.into(),
        ]
    }
}

/// The rows under a heading, each column as wide as its widest cell. The last line has no end.
pub fn table(rows: &[Row], colour: bool) -> String {
    let heading = ["shape", "machine", "expected", "seen", "time", ""].map(String::from);
    let cells: Vec<_> = std::iter::once(heading).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for (place, row) in cells.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            let gap = if column == 0 { "" } else { GAP };
            // Numbers stand to the right, and the last column gets no spaces behind it.
            line += &match column {
                4 => format!("{gap}{padding}{cell}"),
                5 if colour && place > 0 => {
                    format!("{gap}\x1b[{}m{cell}\x1b[0m", if cell == "ok" { "32" } else { "31;1" })
                }
                5 => format!("{gap}{cell}"),
                _ => format!("{gap}{cell}{padding}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text.pop();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(shape: &str, seen: &str, ok: bool) -> Row {
        Row {
            shape: shape.into(),
            machine: "q35, 1 CPU (max), 16M".into(),
            expected: "text=out of memory".into(),
            seen: seen.into(),
            time: Duration::from_millis(1203),
            ok,
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [row("tiny", "text=out of memory", true), row("with-uefi", "hang: nothing after 60 s", false)];
        let expected = "\
shape      machine                expected            seen                        time
tiny       q35, 1 CPU (max), 16M  text=out of memory  text=out of memory        1.203s  ok
with-uefi  q35, 1 CPU (max), 16M  text=out of memory  hang: nothing after 60 s  1.203s  FAILED";
        assert_eq!(table(&rows, false), expected);
    }

    #[test]
    fn colours_change_no_column() {
        let rows = [row("a", "x", true), row("b", "y", false)];
        let coloured = table(&rows, true);
        assert!(coloured.contains("\x1b[32mok\x1b[0m") && coloured.contains("\x1b[31;1mFAILED\x1b[0m"), "{coloured}");
        let plain = coloured.replace("\x1b[32m", "").replace("\x1b[31;1m", "").replace("\x1b[0m", "");
        assert_eq!(plain, table(&rows, false));
    }

    #[test]
    fn what_a_kernel_printed_neither_moves_the_cursor_nor_stretches_the_table() {
        let text = table(&[row("a", &format!("\x1b[2J{}", "ü".repeat(300)), false)], false);
        assert!(!text.contains('\x1b') && text.contains("ü…  1.203s"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 160), "{text}");
    }
}

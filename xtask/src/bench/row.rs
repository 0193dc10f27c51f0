//! A row of the report.

use serde::Serialize;

/// The target of a row that is there for scale only.
pub const NONE: &str = "none";

/// One figure beside its peer's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Number of the target in docs/benchmarks.md.
    pub id: &'static str,
    /// What was measured.
    pub what: String,
    /// Our figure, in `unit`.
    pub value: f64,
    /// Unit of both figures.
    pub unit: &'static str,
    /// What it is compared with.
    pub peer: String,
    /// The peer's figure; `null` when the peer could not be had.
    pub peer_value: Option<f64>,
    /// `value` divided by `peer_value`.
    pub ratio: Option<f64>,
    /// The target, for people.
    pub target: String,
    /// Whether the ratio is within the target; `true` where the target is [`NONE`].
    pub met: bool,
}

/// What a row compares, without its figures.
pub struct Subject {
    /// As in [`Row`].
    pub id: &'static str,
    /// As in [`Row`].
    pub what: String,
    /// As in [`Row`].
    pub unit: &'static str,
    /// As in [`Row`].
    pub peer: String,
    /// As in [`Row`].
    pub target: String,
    /// The largest ratio that meets the target; infinite when there is no target.
    pub most: f64,
}

impl Subject {
    /// A figure without a target.
    #[must_use]
    pub fn for_scale(id: &'static str, what: String, unit: &'static str, peer: String) -> Self {
        Self { id, what, unit, peer, target: NONE.to_owned(), most: f64::INFINITY }
    }

    /// The row with the figures; both are rounded to a thousandth.
    #[must_use]
    pub fn row(self, value: f64, peer_value: Option<f64>) -> Row {
        let Self { id, what, unit, peer, target, most } = self;
        let ratio = peer_value.map(|peer| value / peer);
        let met = most.is_infinite() || ratio.is_some_and(|ratio| ratio <= most);
        let ratio = ratio.map(|ratio| (ratio * 1e4).round() / 1e4);
        Row { id, what, value: rounded(value), unit, peer, peer_value: peer_value.map(rounded), ratio, target, met }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// The middle of the measurements, or the mean of the middle two. `None` when there are none.
#[must_use]
pub fn median(measurements: &[f64]) -> Option<f64> {
    let mut sorted = measurements.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The rows as a table for people.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let header = ["", "what", "value", "peer", "peer's", "ratio", "target", ""].map(str::to_owned);
    let mut lines = vec![header];
    for row in rows {
        let number =
            |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value} {}", row.unit));
        lines.push([
            row.id.to_owned(),
            row.what.clone(),
            number(Some(row.value)),
            row.peer.clone(),
            if row.peer.is_empty() { String::new() } else { number(row.peer_value) },
            row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
            row.target.clone(),
            match row.met {
                true if row.target == NONE => "",
                true => "met",
                false => "NOT MET",
            }
            .to_owned(),
        ]);
    }
    let widths: Vec<usize> =
        (0..8).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    let row = |line: &[String; 8]| {
        let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    lines.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            id: "P0",
            what: "boot".into(),
            unit: "ms",
            peer: "nothing".into(),
            target: "ratio ≤ 2".into(),
            most: 2.0,
        }
    }

    #[test]
    fn a_target_is_met_up_to_its_ratio() {
        assert!(subject().row(20.0, Some(10.0)).met);
        assert!(!subject().row(20.1, Some(10.0)).met);
    }

    #[test]
    fn without_a_peer_no_target_is_met() {
        let row = subject().row(1.0, None);
        assert_eq!((row.peer_value, row.ratio, row.met), (None, None, false));
    }

    #[test]
    fn a_row_for_scale_misses_nothing() {
        let row = Subject::for_scale("P0", "boot".into(), "ms", String::new()).row(1.0, None);
        assert_eq!((row.met, row.target.as_str()), (true, "none"));
        assert!(table(&[row]).lines().nth(1).unwrap().ends_with("none"));
    }

    #[test]
    fn rows_are_json_objects_with_the_documented_keys() {
        let text = serde_json::to_string(&subject().row(15.0, Some(10.0))).unwrap();
        assert_eq!(
            text,
            "{\"id\":\"P0\",\"what\":\"boot\",\"value\":15.0,\"unit\":\"ms\",\"peer\":\"nothing\",\
             \"peer_value\":10.0,\"ratio\":1.5,\"target\":\"ratio ≤ 2\",\"met\":true}"
        );
        assert!(serde_json::to_string(&subject().row(15.0, None)).unwrap().contains("\"peer_value\":null"));
    }

    #[test]
    fn medians_are_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_table_says_what_is_not_met() {
        let text = table(&[subject().row(15.0, Some(10.0)), subject().row(15.0, None)]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].ends_with("met") && !lines[1].ends_with("NOT MET"), "{text}");
        assert!(lines[2].ends_with("NOT MET") && lines[2].contains("none"), "{text}");
    }
}

//! Telling people and programs how tests went.

mod autopsy;
mod json;
mod terminal;

pub use autopsy::{Details, details};
pub use json::JsonLines;
pub use terminal::{Style, Terminal};

use std::time::Duration;

use crate::suite::Summary;

/// The last line of a run: `test result: ok. 40 passed; 0 failed; …`, or how far an interrupted run came.
#[must_use]
pub fn totals(summary: &Summary) -> String {
    let Summary { total, passed, flaky, failed, ignored, filtered_out, elapsed, interrupted } = summary;
    if interrupted.is_some() {
        return format!("interrupted: {} of {total} tests ran; {passed} passed; {failed} failed", passed + failed);
    }
    let flaky = if *flaky == 0 { String::new() } else { format!(" ({flaky} flaky)") };
    let result = if summary.success() { "ok" } else { "FAILED" };
    format!(
        "test result: {result}. {passed} passed{flaky}; {failed} failed; {ignored} ignored; 0 measured; {filtered_out} \
         filtered out; finished in {}",
        seconds(*elapsed)
    )
}

/// A duration as `0.113s`.
fn seconds(duration: Duration) -> String {
    format!("{:.3}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests;

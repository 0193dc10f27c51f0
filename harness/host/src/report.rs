//! Telling people and programs how tests went.
//!
//! [`Outputs`] opens everything that a run's results go to. [`Terminal`] and [`JsonLines`] tell of each test as it goes;
//! [`JUnit`], [`Html`] and [`GitHub`] write at the end what a [`Recorder`] has kept until then.

mod again;
mod autopsy;
mod case;
mod file;
mod github;
mod html;
mod json;
mod junit;
mod line;
mod record;
mod sinks;
mod slowest;
mod terminal;

pub use again::{Again, quoted};
pub use autopsy::{Details, details};
pub use case::{Attempt, Case};
pub use github::{GitHub, in_github_actions};
pub use html::Html;
pub use json::JsonLines;
pub use junit::JUnit;
pub use line::{Line, SCHEMA};
pub use record::{Ignored, Record, Recorder, Run, Writer};
pub use sinks::{Outputs, Sinks};
use slowest::slowest;
pub use terminal::{Style, Terminal};

use std::time::Duration;

use crate::suite::Summary;

/// The last line of a run: `test result: ok. 40 passed; 0 failed; …`, or how far an interrupted run came.
#[must_use]
pub fn totals(summary: &Summary) -> String {
    let Summary { total, passed, flaky, failed, ignored, filtered_out, elapsed, interrupted } = summary;
    let flaky = if *flaky == 0 { String::new() } else { format!(" ({flaky} flaky)") };
    if interrupted.is_some() {
        let ran = passed + failed;
        return format!("interrupted: {ran} of {total} tests ran; {passed} passed{flaky}; {failed} failed");
    }
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

/// A test's name; in later rounds with the round: `name (round 3)`.
fn title(name: &str, round: u32) -> String {
    if round > 1 { format!("{name} (round {round})") } else { name.into() }
}

#[cfg(test)]
mod demo;
#[cfg(test)]
#[path = "../tests/schema/mod.rs"]
mod schema;
#[cfg(test)]
mod tests;

//! Measures the frame allocator beside others in one process: `cargo run --release -p steward-frames --example pairs [ROUNDS]`.
//!
//! Prints a line for each figure: what was measured, of whom, the median and the least of the rounds, with tabs between.
//! Times are in nanoseconds.
#![forbid(unsafe_code)]

mod measure;
mod peers;
mod steward;

use measure::{FRAMES, MANY_FRAMES, Subject};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(steward::subject("steward", FRAMES)),
        Box::new(peers::buddy(FRAMES)),
        Box::new(peers::bitmap(FRAMES)),
        Box::new(measure::Canary),
        Box::new(steward::subject("steward-1g", MANY_FRAMES)),
    ];
    measure::run(rounds, subjects);
}

//! Measures the frame allocator beside others in one process: `cargo run --release -p steward-frames --example pairs [ROUNDS]`.
//!
//! Prints a line for each figure: what was measured, of whom, the median and the least of the rounds in nanoseconds; and
//! for each of some machines how much memory is spent on knowing of its frames, and how much it has, in bytes. There are
//! tabs between. With 0 rounds, there are only the latter.
#![forbid(unsafe_code)]

mod measure;
mod peers;
mod steward;

use measure::{FRAMES, MANY_FRAMES, Subject};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    steward::print_metadata();
    if rounds == 0 {
        return;
    }
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(steward::subject("steward", FRAMES)),
        Box::new(peers::buddy(FRAMES)),
        Box::new(peers::bitmap(FRAMES)),
        Box::new(measure::Canary),
        Box::new(steward::subject("steward-1g", MANY_FRAMES)),
    ];
    measure::run(rounds, subjects);
}

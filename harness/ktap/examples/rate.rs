//! How fast logs are read, on one core: `cargo run --release --package steward-ktap --example rate [ROUNDS]`.
//!
//! Makes three logs of 100 MB in memory, reads each in pieces of 64 KiB and writes its results as JSON to nowhere, so
//! often, and prints a line for each: megabytes a second (the median), a tab, and what the log is. The seconds are those for
//! which it ran, since others may use the processor too.

use std::time::Duration;
use std::{env, io};

use rustix::time::{ClockId, clock_gettime};
use steward_ktap::{Parser, json::Writer};

const BYTES: usize = 100_000_000;
const PIECE: usize = 1 << 16;
const WORDS: [&str; 12] =
    ["acpi", "pci", "usb", "link", "driver", "memory", "cpu", "console", "random", "block", "timer", "bridge"];

fn main() {
    let rounds = env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(5).max(1);
    for (what, log) in [
        ("suites of results", suites(false)),
        ("suites of results behind timestamps", suites(true)),
        ("messages of a kernel, of 50 lines one a result", messages()),
    ] {
        let mut rates: Vec<_> = (0..rounds).map(|_| rate(&log)).collect();
        rates.sort_by(f64::total_cmp);
        println!("{:.1}\t{what}", rates[rates.len() / 2]);
    }
}

/// Megabytes a second.
fn rate(log: &[u8]) -> f64 {
    let start = run_time();
    let mut writer = Writer::new(io::sink());
    let mut parser = Parser::new();
    for piece in log.chunks(PIECE) {
        parser.push(piece, &mut |event| writer.take(&event));
    }
    let summary = parser.finish(&mut |event| writer.take(&event));
    writer.finish(&summary).unwrap_or_else(|error| panic!("a sink takes everything: {error}"));
    let length = u32::try_from(log.len()).map_or(f64::INFINITY, f64::from);
    length / 1e6 / (run_time() - start).as_secs_f64()
}

/// For how long this thread has run.
fn run_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
}

/// A log that grows line by line.
struct Log {
    text: String,
    has_times: bool,
    lines: u64,
}

impl Log {
    fn new(has_times: bool) -> Self {
        Self { text: String::with_capacity(BYTES + 200), has_times, lines: 0 }
    }

    fn is_full(&self) -> bool {
        self.text.len() >= BYTES
    }

    fn add(&mut self, line: &str) {
        self.lines += 1;
        if self.has_times {
            let micros = self.lines * 700;
            self.text += &format!("[{:5}.{:06}] ", micros / 1_000_000, micros % 1_000_000);
        }
        self.text += line;
        self.text.push('\n');
    }

    fn word(&self, salt: u64) -> &'static str {
        let mixed = (self.lines * 31 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        WORDS[usize::try_from(mixed).unwrap_or_default() % WORDS.len()]
    }

    fn message(&mut self) {
        let words: Vec<_> = (0..self.lines % 9 + 3).map(|salt| self.word(salt)).collect();
        self.add(&format!("{} 0000:{:02x}: {}", self.word(99), self.lines % 256, words.join(" ")));
    }
}

/// Suites of 40 tests as KUnit writes them, with a diagnostic or a message here and there.
fn suites(has_times: bool) -> Vec<u8> {
    let mut log = Log::new(has_times);
    log.add("KTAP version 1");
    for suite in 1_u32.. {
        log.add("    KTAP version 1");
        log.add(&format!("    # Subtest: suite_{suite}"));
        log.add("    1..40");
        for test in 1..=40 {
            if test % 7 == 3 {
                log.add(&format!("    # test_{test}: initializing"));
            }
            if test % 9 == 4 {
                log.message();
            }
            let ok = if suite % 10 == 0 && test == 30 { "not ok" } else { "ok" };
            let skip = if test == 20 { " # SKIP no device" } else { "" };
            log.add(&format!("    {ok} {test} {}_{}_test{skip}", log.word(1), log.word(2)));
        }
        log.add(&format!("# suite_{suite}: pass:40 fail:0 skip:0 total:40"));
        log.add(&format!("ok {suite} suite_{suite}"));
        if log.is_full() {
            break;
        }
    }
    log.text.into_bytes()
}

/// Messages behind timestamps, with a result now and then.
fn messages() -> Vec<u8> {
    let mut log = Log::new(true);
    log.add("KTAP version 1");
    let mut tests = 0;
    while !log.is_full() {
        log.message();
        if log.lines.is_multiple_of(50) {
            tests += 1;
            log.add(&format!("ok {tests} case_{tests}"));
        }
    }
    log.text.into_bytes()
}

//! Inputs without end: mutated logs of the corpus, logs by a loose grammar, and noise.

use std::time::{Duration, Instant};

use crate::support::{check, corpus};

/// The longest input; short ones find the same faults, and more of them a second.
const LENGTH: usize = 400;

/// Numbers that look random, the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound.max(1)
    }

    fn of<'a, T: ?Sized>(&mut self, some: &[&'a T]) -> &'a T {
        some[self.below(some.len())]
    }
}

const STARTS: &[&str] = &["", "", "", "  ", "    ", "\t", "# ", "#   ", "[  1.5] ", "<6>[ 2.5]     ", "x: ", "\x1b[1m"];
const MIDDLES: &[&str] = &[
    "KTAP version 1",
    "TAP version 13",
    "TAP version 14",
    "1..",
    "1..0 # SKIP ",
    "ok ",
    "not ok ",
    "# Subtest: ",
    "# ",
    "Bail out! ",
    "---",
    "...",
    "pragma +strict",
    "Kernel panic - not syncing: ",
    "BUG: ",
    "panicked at a.rs",
    "noise ",
];
const ENDS: &[&str] = &[
    "",
    "",
    "1",
    "2",
    "3",
    "1 - a",
    "2 b # SKIP",
    "3 - c # TODO x",
    "a",
    "b: c",
    " \\# \\\\",
    "4294967295",
    "[ 1.2345] x",
    "99999999999999999999",
    "\u{e9}",
    "ok 1 - a",
    " - ",
    "#",
];
const NEWLINES: &[&str] = &["\n", "\n", "\n", "\r\n", "\r", ""];

fn grammar(random: &mut Random, input: &mut Vec<u8>) {
    for _ in 0..random.below(16) {
        for part in [STARTS, MIDDLES, ENDS, NEWLINES] {
            input.extend_from_slice(random.of(part).as_bytes());
        }
    }
}

fn mutated(random: &mut Random, logs: &[Vec<u8>], input: &mut Vec<u8>) {
    let log = &logs[random.below(logs.len())];
    input.extend_from_slice(&log[..log.len().min(LENGTH)]);
    for _ in 0..=random.below(6) {
        let at = random.below(input.len());
        match random.below(6) {
            0 if !input.is_empty() => input[at] = random.next().to_le_bytes()[0],
            1 => input.truncate(at),
            2 => {
                let end = (at + random.below(20)).min(input.len());
                input.drain(at..end);
            }
            3 => {
                let text = random.of(MIDDLES).as_bytes();
                input.splice(at..at, text.iter().copied());
            }
            4 => {
                let other = &logs[random.below(logs.len())];
                let from = random.below(other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..other.len().min(from + 120)]);
            }
            _ => {
                let end = (at + random.below(60)).min(input.len());
                input.extend_from_within(at..end);
            }
        }
    }
}

fn inputs(count: u32) {
    let logs: Vec<_> = corpus().into_iter().map(|log| log.content).collect();
    let mut random = Random(0x5eed_7e57);
    let mut input = Vec::new();
    for number in 0..count {
        input.clear();
        match number % 8 {
            0..5 => mutated(&mut random, &logs, &mut input),
            5 | 6 => grammar(&mut random, &mut input),
            _ => input.extend((0..random.below(120)).map(|_| random.next().to_le_bytes()[0])),
        }
        let piece = 1 + random.below(input.len().max(1));
        let start = Instant::now();
        let (_, events) = check(&input, piece);
        // No more is told of than there are lines, but for tests that are missing, of which there is a most.
        assert!(events < 50_000, "{events} events: {}", input.escape_ascii());
        assert!(start.elapsed() < Duration::from_secs(5), "{}", input.escape_ascii());
    }
}

#[test]
fn no_input_makes_the_parser_panic_hang_or_grow() {
    inputs(20_000);
}

#[test]
#[ignore = "tier verify"]
fn verify_no_input_of_a_million_makes_the_parser_panic_hang_or_grow() {
    inputs(1_000_000);
}

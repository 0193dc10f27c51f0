//! Work and memory do not grow with anything but the length of the log.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use steward_ktap::{DEPTH, LINE, Parser, Status};

use crate::support::{check, json_to_nowhere};

/// For how long this thread has run: others on the machine do not count.
fn run_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// The least time of some runs.
fn time(input: &[u8]) -> Duration {
    let run = || {
        let start = run_time();
        json_to_nowhere(input);
        run_time() - start
    };
    (0..5).map(|_| run()).min().unwrap()
}

/// Eight times the input takes about eight times as long; were it quadratic, it would take 64 times.
fn is_linear(name: &str, log: impl Fn(usize) -> Vec<u8>, count: usize) {
    let (small, large) = (time(&log(count)), time(&log(8 * count)));
    assert!(large < 24 * small.max(Duration::from_micros(200)), "{name}: {small:?}, and eight times as much {large:?}");
}

#[test]
fn time_grows_with_the_length_of_the_log_alone() {
    let suite = |count| {
        let line = |at: usize| match at % 5 {
            0 => format!("    KTAP version 1\n    # Subtest: s{at}\n    1..3\n"),
            4 => format!("ok {} s\n", at / 5 + 1),
            other => format!("    ok {other} - a_test_of_this_name\n"),
        };
        std::iter::once("KTAP version 1\n".to_owned()).chain((0..count).map(line)).collect::<String>().into_bytes()
    };
    is_linear("suites", suite, 4000);
    is_linear("opened and never closed", |count| b"# Subtest: a\n".repeat(count), 4000);
    is_linear("nested by version lines", |count| b"KTAP version 1\n1..9\n".repeat(count), 4000);
    let deeper = |count| (0..count).flat_map(|at| [&b" ".repeat(at % 500)[..], b"1..9\n"].concat()).collect();
    is_linear("plans that go deeper", deeper, 5000);
    is_linear("plans", |count| b"1..2\n".repeat(count), 8000);
    is_linear("plans of billions", |count| b"TAP version 13\n1..4000000000\n".repeat(count), 4000);
    is_linear("almost results in a line", |count| b"ok ".repeat(count), 20_000);
    is_linear("almost results in lines", |count| [&b"not ok ".repeat(500)[..], b"\n"].concat().repeat(count), 40);
    is_linear("almost panics", |count| [&b"panicked at ".repeat(300)[..], b"\n"].concat().repeat(count), 40);
    is_linear("hashes", |count| b"# # # # # # # # # # ok 1\n".repeat(count), 4000);
    is_linear("YAML that never ends", |count| [&b"ok 1\n---\n"[..], &b"  ok 1\n".repeat(count)].concat(), 8000);
    is_linear("brackets", |count| [&b"[1] ".repeat(900)[..], b"\n"].concat().repeat(count), 40);
}

#[test]
fn a_hundred_thousand_levels_are_read_as_the_deepest_of_those_that_are_kept() {
    let mut log = b"KTAP version 1\n1..1\n".to_vec();
    for _ in 0..100_000 {
        log.extend(b"# Subtest: deeper\n");
    }
    let (summary, _) = check(&log, 999);
    assert_eq!(summary.status, Status::TestCrashed);
    let deepest = u64::try_from(DEPTH).unwrap();
    assert!(summary.counts.errors >= 100_000 - deepest, "{summary:?}");
}

#[test]
fn a_line_of_a_hundred_megabytes_is_not_kept() {
    let mut parser = Parser::new();
    parser.push(b"TAP version 13\n1..2\nok 1 - ", &mut |_| {});
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..100 {
        parser.push(&piece, &mut |_| {});
        assert!(parser.retained() < Parser::MOST);
    }
    let mut names = Vec::new();
    parser.push(b"\nok 2 - b\n", &mut |event| {
        if let steward_ktap::Event::Test(test) = event {
            names.push(test.name.len());
        }
    });
    assert_eq!(names, [LINE - "ok 1 - ".len(), 1]);
    assert_eq!(parser.finish(&mut |_| {}).counts.passed, 2);
}

#[test]
fn a_million_plans_are_no_more_than_one() {
    let log = [&b"TAP version 13\nok 1 - a\n"[..], &b"1..1\n".repeat(1_000_000)].concat();
    let (summary, events) = check(&log, 1 << 16);
    assert_eq!((summary.status, summary.counts.errors, events), (Status::Success, 0, 1));
}

#[test]
fn a_plan_of_billions_is_counted_and_not_told_one_by_one() {
    let (summary, events) = check(b"TAP version 13\n1..4000000000\nok 1 - a\n", 7);
    assert_eq!((summary.counts.passed, summary.counts.crashed), (1, 3_999_999_999));
    assert!(events < 50_000, "{events}");
    let (summary, _) = check(b"TAP version 13\n1..99999999999999999999999999\nok 1\nok 18446744073709551616\n", 7);
    assert_eq!(summary.status, Status::TestCrashed);
}

//! The files in which the logs of runs are kept: `NAME-001.log`, `NAME-002.log` and so on.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use core::fmt;

/// The file of the run with that number.
#[must_use]
pub fn file_name(name: &str, number: u32) -> String {
    format!("{name}-{number:03}.log")
}

/// The number of the run whose log has this file name, however FAT has changed its case.
#[must_use]
pub fn number_of(name: &str, file: &str) -> Option<u32> {
    let (head, rest) = file.split_at_checked(name.len())?;
    let digits = rest.strip_prefix('-')?;
    let (digits, end) = digits.split_at_checked(digits.len().checked_sub(4)?)?;
    let digits_only = digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let matches = digits_only && head.eq_ignore_ascii_case(name) && end.eq_ignore_ascii_case(".log");
    if matches { digits.parse().ok() } else { None }
}

/// A run under way, as its file says while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Tells this run's log from any other's.
    pub id: u64,
    /// Physical address of its log.
    pub base: u64,
}

const BEGIN: &str = "# steward: a run is under way, id ";
const BETWEEN: &str = ", kept at ";

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{BEGIN}{:#x}{BETWEEN}{:#x}", self.id, self.base)
    }
}

impl Run {
    /// Reads the file of a run; `None` when it has come to its end, and the file holds its log. Behind the line may be the
    /// rest of a log whose saving was cut short.
    #[must_use]
    pub fn parse(content: &[u8]) -> Option<Self> {
        let end = content.iter().position(|byte| *byte == b'\n')?;
        let line = str::from_utf8(&content[..end]).ok()?;
        let (id, base) = line.strip_prefix(BEGIN)?.split_once(BETWEEN)?;
        Some(Self { id: number(id)?, base: number(base)? })
    }

    /// What the kernel is told: where to keep the log, and its command line. In this order, as the kernel cuts long lines.
    #[must_use]
    pub fn command_line(&self, given: &str) -> String {
        let space = if given.is_empty() { "" } else { " " };
        format!("kept-log={:#x}{space}{given}", self.base)
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// Said at the end of a log whose run has none.
const CUT: &[u8] = b"# steward: the run did not come to its end\n";

/// What a run's file holds once its log has been found.
#[must_use]
pub fn saved(text: &[u8], finished: bool) -> Vec<u8> {
    let end: &[&[u8]] = match (finished, text.last()) {
        (true, _) => &[],
        (false, None | Some(b'\n')) => &[CUT],
        (false, Some(_)) => &[b"\n", CUT],
    };
    [&[text], end].concat().concat()
}

/// An identifier for a run, from what differs from run to run: time and number. Nothing secret.
#[must_use]
pub fn id(unix_seconds: Option<i64>, number: u32) -> u64 {
    // splitmix64's finalizer: every bit of the input changes half of the output.
    let mut word = unix_seconds.unwrap_or(0).cast_unsigned() << 32 ^ u64::from(number);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb), (31, 1)] {
        word = (word ^ word >> shift).wrapping_mul(factor);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::{Run, file_name, id, number_of, saved};
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn file_names_have_numbers_of_three_digits_or_more() {
        assert_eq!(file_name("ktest", 1), "ktest-001.log");
        assert_eq!(file_name("ktest", 1000), "ktest-1000.log");
        assert_eq!(number_of("ktest", "KTEST-007.LOG"), Some(7));
    }

    #[test]
    fn other_files_have_no_number() {
        for file in [
            "ktest.log",
            "ktest-1.log",
            "ktest-001.txt",
            "ktest-0x1.log",
            "other-001.log",
            "ktest-",
            "",
            "ktest-é01.log",
        ] {
            assert_eq!(number_of("ktest", file), None, "{file}");
        }
        assert_eq!(number_of("ktest", "ktest-99999999999.log"), None);
    }

    #[test]
    fn only_a_run_under_way_is_read_as_one() {
        let line = "# steward: a run is under way, id 0x1f, kept at 0x2000000\n";
        assert_eq!(Run::parse(line.as_bytes()), Some(Run { id: 0x1f, base: 0x200_0000 }));
        let half_saved = [line.as_bytes(), b"ok 1\n\xff"].concat();
        assert_eq!(Run::parse(&half_saved), Run::parse(line.as_bytes()));
        for other in ["", "KTAP version 1\n", &line[1..], &line[..20], &["1..2\n", line].concat()] {
            assert_eq!(Run::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_kernel_is_told_where_the_log_is() {
        let run = Run { id: 1, base: 0x200_0000 };
        assert_eq!(run.command_line("autorun=ktest"), "kept-log=0x2000000 autorun=ktest");
        assert_eq!(run.command_line(""), "kept-log=0x2000000");
        // Whatever the kernel cuts off, it is not this.
        assert!(run.command_line(&"x".repeat(64 << 10)).starts_with("kept-log=0x2000000 x"));
    }

    #[test]
    fn a_log_that_was_cut_short_says_so_in_a_line_of_its_own() {
        assert_eq!(saved(b"ok 1\n", true), b"ok 1\n");
        assert_eq!(saved(b"ok 1\n", false), b"ok 1\n# steward: the run did not come to its end\n");
        assert_eq!(saved(b"ok", false), b"ok\n# steward: the run did not come to its end\n");
        assert_eq!(saved(b"", false), b"# steward: the run did not come to its end\n");
    }

    #[test]
    fn runs_of_one_second_and_of_one_number_have_different_identifiers() {
        assert_ne!(id(Some(1_800_000_000), 1), id(Some(1_800_000_000), 2));
        assert_ne!(id(Some(1_800_000_000), 1), id(Some(1_800_000_001), 1));
        assert_ne!(id(None, 1), id(None, 2));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(id: u64, base: u64, number: u32) {
            let run = Run { id, base };
            prop_assert_eq!(Run::parse(run.to_string().as_bytes()), Some(run));
            prop_assert_eq!(number_of("a-1", &file_name("a-1", number)), Some(number));
        }

        #[test]
        fn any_name_and_content_are_looked_at_without_panic(file: String, content: Vec<u8>) {
            let _ = number_of("ktest", &file);
            let _ = Run::parse(&content);
        }
    }
}

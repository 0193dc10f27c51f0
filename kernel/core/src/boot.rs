//! The kernel's command line.

use core::fmt;

use ::log::LevelFilter;

/// A serial line that can be served on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The second serial line of a PC, at I/O port 0x2f8.
    Com2,
}

/// What the kernel can do by itself when it is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autorun {
    /// Runs the kernel tests.
    Ktest,
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// `serve=com2`: serve the test harness on this line instead of starting the prompt.
    pub serve: Option<Port>,
    /// `debug-exit=0xf4`: an isa-debug-exit device is at this I/O port.
    pub debug_exit: Option<u16>,
    /// `log=LEVEL`: the most verbose level that is logged.
    pub log: Option<LevelFilter>,
    /// `autorun=ktest`: do this before the prompt.
    pub autorun: Option<Autorun>,
    /// `kept-log=0xADDRESS`: the boot loader began a log that a reset leaves alone at this physical address.
    pub kept_log: Option<u64>,
}

/// A known word whose value makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadWord<'t> {
    /// The word as it stands on the command line.
    pub word: &'t str,
    /// What it should be.
    pub expected: &'static str,
}

impl fmt::Display for BadWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel command line: '{}' should be {}", self.word, self.expected)
    }
}

impl CommandLine {
    /// Reads words separated by spaces; of a word given twice, the later one holds.
    ///
    /// Words that this kernel does not know are handed to `unknown` and otherwise passed over: they may be meant for
    /// another version. It needs no heap.
    ///
    /// # Errors
    /// [`BadWord`] names the first word whose value makes no sense. Nothing should be started on half a command line.
    pub fn parse<'t>(text: &'t str, mut unknown: impl FnMut(&'t str)) -> Result<Self, BadWord<'t>> {
        let mut line = Self::default();
        for word in text.split_ascii_whitespace() {
            let bad = |expected| BadWord { word, expected };
            match word.split_once('=') {
                Some(("serve", "com2")) => line.serve = Some(Port::Com2),
                Some(("serve", _)) => return Err(bad("serve=com2")),
                Some(("debug-exit", value)) => {
                    let port = number(value).ok_or(bad("debug-exit=PORT, an I/O port from 0x1 to 0xffff"))?;
                    line.debug_exit = Some(port);
                }
                Some(("log", value)) => {
                    let level = level(value).ok_or(bad("log=LEVEL, one of error, warn, info, debug and trace"))?;
                    line.log = Some(level);
                }
                Some(("autorun", "ktest")) => line.autorun = Some(Autorun::Ktest),
                Some(("autorun", _)) => return Err(bad("autorun=ktest")),
                Some(("kept-log", value)) => {
                    let address = hexadecimal(value).ok_or(bad("kept-log=0xADDRESS, the physical address of a log"))?;
                    line.kept_log = Some(address);
                }
                _ => unknown(word),
            }
        }
        Ok(line)
    }
}

/// An I/O port, decimal or with `0x`. Port 0 is no device's that could end a machine.
fn number(text: &str) -> Option<u16> {
    let decimal = || text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let port = match hexadecimal(text) {
        Some(port) => u16::try_from(port).ok(),
        None => decimal(),
    };
    port.filter(|&port| port != 0)
}

/// A number with `0x`.
fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    // `from_str_radix` takes a sign too.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

/// Names of the log's levels, most severe first.
pub const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// The level of that name, in lower case.
#[must_use]
pub fn level(name: &str) -> Option<LevelFilter> {
    let position = LEVELS.iter().position(|&level| level == name)?;
    LevelFilter::iter().nth(position + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use proptest::prelude::*;

    fn parsed(text: &str) -> (Result<CommandLine, BadWord<'_>>, Vec<&str>) {
        let mut unknown = Vec::new();
        let line = CommandLine::parse(text, |word| unknown.push(word));
        (line, unknown)
    }

    #[test]
    fn every_word_is_understood() {
        let (line, unknown) = parsed("  serve=com2 debug-exit=0xf4\tlog=debug autorun=ktest kept-log=0x2000000 ");
        let expected = CommandLine {
            serve: Some(Port::Com2),
            debug_exit: Some(0xf4),
            log: Some(LevelFilter::Debug),
            autorun: Some(Autorun::Ktest),
            kept_log: Some(0x200_0000),
        };
        assert_eq!(line, Ok(expected));
        assert!(unknown.is_empty());
    }

    #[test]
    fn an_empty_line_asks_for_nothing() {
        assert_eq!(parsed("").0, Ok(CommandLine::default()));
    }

    #[test]
    fn unknown_words_are_named_and_passed_over() {
        let (line, unknown) = parsed("quiet root=/dev/sda log=warn serve");
        assert_eq!(line.unwrap().log, Some(LevelFilter::Warn));
        assert_eq!(unknown, vec!["quiet", "root=/dev/sda", "serve"]);
    }

    #[test]
    fn bad_values_are_named() {
        for word in [
            "serve=com3",
            "serve=",
            "debug-exit=",
            "debug-exit=0x",
            "debug-exit=0x10000",
            "debug-exit=+5",
            "debug-exit=0x-1",
            "debug-exit=0",
            "log=loud",
            "log=INFO",
            "log=off",
            "log=",
            "autorun=",
            "autorun=ktests",
            "kept-log=",
            "kept-log=0x",
            "kept-log=33554432",
            "kept-log=0x-1",
            "kept-log=0x10000000000000000",
        ] {
            assert_eq!(parsed(word).0.unwrap_err().word, word);
        }
    }

    #[test]
    fn the_later_of_two_words_holds() {
        assert_eq!(parsed("log=error log=trace").0.unwrap().log, Some(LevelFilter::Trace));
    }

    #[test]
    fn every_level_has_its_name() {
        for name in LEVELS {
            assert!(level(name).unwrap().as_str().eq_ignore_ascii_case(name));
        }
    }

    proptest! {
        #[test]
        fn ports_are_read_in_both_notations(port in 1..=u16::MAX) {
            let texts = [alloc::format!("debug-exit={port}"), alloc::format!("debug-exit={port:#x}")];
            for text in &texts {
                prop_assert_eq!(parsed(text).0.unwrap().debug_exit, Some(port));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = parsed(&text);
        }
    }
}

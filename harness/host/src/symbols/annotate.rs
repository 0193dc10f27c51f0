//! Adding functions and lines to the backtraces in a log as it streams by.

use super::Symbols;

/// Longest line that can be a backtrace's: `  #4294967295 0x0123456789abcdef`.
const LONGEST: usize = 40;

/// Passes a log through at once, byte by byte, and appends ` function at file:line` to each line that is a
/// backtrace's: two spaces, `#` and a number, a space, `0x` and sixteen digits.
#[derive(Debug, Default)]
pub struct Annotator {
    /// The line so far; longer ones are of no interest and stay cut.
    line: Vec<u8>,
    /// The line before told of a fault, or a backtrace since: its first address is an instruction's.
    after_fault: bool,
}

impl Annotator {
    /// Passes bytes through.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8], symbols: &Symbols) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if matches!(byte, b'\r' | b'\n') {
                out.extend(self.end_line(symbols).unwrap_or_default());
            } else if self.line.len() < LONGEST {
                self.line.push(byte);
            }
            out.push(byte);
        }
        out
    }

    fn end_line(&mut self, symbols: &Symbols) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.starts_with(b"FAULT:") {
            self.after_fault = true;
        } else if line.starts_with(b"PANIC:") {
            self.after_fault = false;
        }
        let (number, address) = parse(&line)?;
        let exact = number == 0 && self.after_fault;
        let description = symbols.describe(if exact { address } else { address.saturating_sub(1) })?;
        Some(format!(" {description}").into_bytes())
    }
}

fn parse(line: &[u8]) -> Option<(u32, u64)> {
    let (number, address) = std::str::from_utf8(line).ok()?.strip_prefix("  #")?.split_once(" 0x")?;
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (address.len() == 16 && all(address) && all(number)).then_some(())?;
    Some((number.parse().ok()?, u64::from_str_radix(address, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_whole_backtrace_lines_are_recognized() {
        assert_eq!(parse(b"  #0 0xffffffff80012345"), Some((0, 0xffff_ffff_8001_2345)));
        assert_eq!(parse(b"  #12 0x0000000000000001"), Some((12, 1)));
        for line in [
            "  #0 0xffffffff8001234",
            " #0 0xffffffff80012345",
            "  #0 0xffffffff80012345 already",
            "  #x 0x0000000000000001",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_is_not_a_backtrace_passes_unchanged_however_it_is_cut() {
        let symbols = Symbols::of(Path::new("/dev/null"));
        let text = "[ 0.1] up\r\n  #0 0xffffffff80012345\r\n\u{1b}[1mX\u{1b}[0m\r\nsteward> ".as_bytes();
        for cut in 0..text.len() {
            let mut annotator = Annotator::default();
            let mut out = annotator.push(&text[..cut], &symbols);
            out.extend(annotator.push(&text[cut..], &symbols));
            assert_eq!(out, text);
        }
    }
}

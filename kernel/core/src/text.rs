//! Line ends on a serial line.

use core::fmt::{self, Write};

/// Passes text on with every LF as CR LF, which is how lines end on a serial terminal. A CR LF stays as it is.
pub struct CrLf<'w> {
    out: &'w mut dyn Write,
    after_cr: bool,
}

impl<'w> CrLf<'w> {
    /// Writes to `out`.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self { out, after_cr: false }
    }
}

impl Write for CrLf<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            match part.strip_suffix('\n') {
                Some(line) if !(line.ends_with('\r') || line.is_empty() && self.after_cr) => {
                    self.out.write_str(line)?;
                    self.out.write_str("\r\n")?;
                }
                _ => self.out.write_str(part)?,
            }
            self.after_cr = part.ends_with('\r');
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn translated(parts: &[&str]) -> String {
        let mut seen = String::new();
        let mut out = CrLf::new(&mut seen);
        for part in parts {
            out.write_str(part).expect("a String takes everything");
        }
        seen
    }

    #[test]
    fn every_line_feed_gets_one_carriage_return() {
        assert_eq!(translated(&["a\n\nb\n"]), "a\r\n\r\nb\r\n");
        assert_eq!(translated(&["a", "\n", "b"]), "a\r\nb");
    }

    #[test]
    fn a_carriage_return_that_is_there_is_not_doubled() {
        assert_eq!(translated(&["a\r\nb"]), "a\r\nb");
        assert_eq!(translated(&["a\r", "\nb\n"]), "a\r\nb\r\n");
    }
}

//! The status of a line that was typed, as the shell is asked for it.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// How Linux begins what it says on its console, in the middle of whatever a program prints there.
static MESSAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[ *[0-9]+\.[0-9]{6}\] ").expect("the expression is well-formed"));

/// Waits for a shell's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    mark: String,
    /// The end of what was printed, without the kernel's messages.
    kept: Vec<u8>,
}

impl Answer {
    /// An answer that nobody else gives.
    pub fn new(nonce: u64) -> Self {
        Self { mark: format!("{nonce:016x}"), kept: Vec::new() }
    }

    /// The line that asks a POSIX shell for the status of the one before. Its echo does not look like the answer.
    pub fn question(&self) -> String {
        let (first, second) = self.mark.split_at(self.mark.len() / 2);
        format!("echo \"{first}\"\"{second}\":$?:")
    }

    /// Whether a line is the question, or the answer.
    pub fn concerns(&self, line: &[u8]) -> bool {
        let half = &self.mark.as_bytes()[..self.mark.len() / 2];
        line.windows(half.len()).any(|window| window == half)
    }

    /// Takes a line without its end; gives the status that it completes.
    pub fn take(&mut self, line: &[u8]) -> Option<i32> {
        match MESSAGE.find(line) {
            // What stood before the message goes on behind it.
            Some(message) => self.kept.extend(&line[..message.start()]),
            None => {
                self.kept.extend(line);
                self.kept.push(b'\n');
            }
        }
        let status = self.status();
        // A mark, two colons and three digits, of which the last may not have come.
        let most = self.mark.len() + 8;
        self.kept.drain(..self.kept.len().saturating_sub(most));
        status
    }

    fn status(&self) -> Option<i32> {
        let mark = self.mark.as_bytes();
        let start = self.kept.windows(mark.len()).rposition(|window| window == mark)? + mark.len();
        let (digits, _) = str::from_utf8(&self.kept[start..]).ok()?.strip_prefix(':')?.split_once(':')?;
        digits.parse().ok().filter(|status| (0..=255).contains(status))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status(printed: &str) -> Option<i32> {
        let mut answer = Answer::new(0x0123_4567_89ab_cdef);
        printed.split('\n').find_map(|line| answer.take(line.as_bytes()))
    }

    #[test]
    fn the_answer_is_not_in_the_question() {
        let question = Answer::new(0x0123_4567_89ab_cdef).question();
        assert_eq!(question, r#"echo "01234567""89abcdef":$?:"#);
        assert_eq!(status(&question), None);
    }

    #[test]
    fn the_status_stands_between_colons_wherever_the_answer_begins() {
        assert_eq!(status("0123456789abcdef:0:"), Some(0));
        assert_eq!(status("no end of a line0123456789abcdef:127:"), Some(127));
        for none in ["0123456789abcdef:", "0123456789abcdef:0", "0123456789abcdef:x:", "0123456789abcdef:256:"] {
            assert_eq!(status(none), None, "{none}");
        }
    }

    proptest! {
        /// Linux says something whenever it likes.
        #[test]
        fn messages_in_the_middle_of_an_answer_do_not_hide_it(at in proptest::collection::vec(0usize..21, 0..3), code in 0i32..256) {
            let mut printed = format!("0123456789abcdef:{code}:");
            for place in at {
                let place = place.min(printed.len());
                if printed.is_char_boundary(place) && !printed[..place].contains('[') {
                    printed.insert_str(place, "[    1.705423] clocksource: tsc: mask: 0x1\n");
                }
            }
            prop_assert_eq!(status(&printed), Some(code));
        }
    }
}

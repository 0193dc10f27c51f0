//! What stands before a line of a test: timestamps, log levels, names of hosts.

/// The longest part in brackets that is taken for a prefix.
const BRACKETED: usize = 48;
/// The most prefixes that are taken off one line.
const PREFIXES: usize = 6;
/// The longest prefix that is learned from a version line.
const LEARNED: usize = 200;

/// The line without the prefixes that can be told from their form alone: `<6>`, `[    1.234567] `, `[T1]`, `[INFO] `,
/// `12:34:56.789 `, `2026-01-31T12:34:56Z `, and escapes that colour. One space after each belongs to it; what
/// follows is indentation.
pub fn strip(line: &[u8]) -> &[u8] {
    let mut rest = line;
    for _ in 0..PREFIXES {
        // Only a bracket can begin a prefix behind spaces, since spaces are indentation too.
        let spaces = rest.iter().take_while(|&&byte| byte == b' ' || byte == 0).count();
        let found = match rest.get(spaces) {
            Some(b'[') => bracketed(&rest[spaces..]),
            Some(b'<') => level(&rest[spaces..]),
            Some(0x1b) => escape(&rest[spaces..]),
            Some(b'0'..=b'9') if spaces == 0 => clock(rest),
            _ => None,
        };
        match found {
            Some(after) => rest = after,
            None => break,
        }
    }
    rest
}

/// After `[…] `: digits, or a word in capitals (a log level).
fn bracketed(rest: &[u8]) -> Option<&[u8]> {
    let window = &rest[1..rest.len().min(BRACKETED)];
    let end = window.iter().position(|&byte| byte == b']')?;
    let content = window[..end].trim_ascii();
    let is_time = content.first()?.is_ascii_digit() || content.iter().any(u8::is_ascii_digit);
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b" .:,+@/_#-".contains(byte);
    let is_level = !is_time && content.len() <= 9 && content.iter().all(u8::is_ascii_alphabetic);
    let after = &rest[end + 2..];
    (is_level || is_time && content.iter().all(fits)).then(|| after.strip_prefix(b" ").unwrap_or(after))
}

/// After `<6>`.
fn level(rest: &[u8]) -> Option<&[u8]> {
    let digits = rest[1..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let is_level = (1..=3).contains(&digits) && rest.get(1 + digits) == Some(&b'>');
    is_level.then(|| &rest[digits + 2..])
}

/// After `ESC [ … m` or another control sequence.
fn escape(rest: &[u8]) -> Option<&[u8]> {
    if rest.get(1) != Some(&b'[') {
        return None;
    }
    let end = rest.iter().take(24).skip(2).position(|byte| (0x40..=0x7e).contains(byte))?;
    Some(&rest[end + 3..])
}

/// After a time of day, a date with it, or seconds: `12:34:56 `, `1.234567: `. It has a colon or a point within, but is
/// no plan.
fn clock(rest: &[u8]) -> Option<&[u8]> {
    let fits = |byte: &u8| byte.is_ascii_digit() || b":.,TZ+-/".contains(byte);
    let length = rest.iter().take(40).take_while(|byte| fits(byte)).count();
    let token = &rest[..length];
    let points = token.iter().filter(|&&byte| byte == b':' || byte == b'.').count();
    let is_time = length >= 4 && points > 0 && rest.get(length) == Some(&b' ') && !token.starts_with(b"1..");
    is_time.then(|| &rest[length + 1..])
}

/// The form of what preceded a version line: numbers and words may change in later lines, and spaces before numbers.
#[derive(Clone, Debug, Default)]
pub struct Shape(Vec<u8>);

impl Shape {
    /// Learns the prefix of a version line.
    pub fn learn(&mut self, prefix: &[u8]) {
        self.0.clear();
        if prefix.len() <= LEARNED && !prefix.trim_ascii().is_empty() {
            self.0.extend_from_slice(prefix);
        }
    }

    /// The bytes that it keeps.
    pub fn retained(&self) -> usize {
        self.0.capacity()
    }

    /// The line without a prefix of this form.
    pub fn strip<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (mut form, mut rest) = (&self.0[..], line);
        while let Some(&first) = form.first() {
            if let Some(after) = number(form) {
                (form, rest) = (after, number(rest)?);
            } else if first.is_ascii_alphabetic() {
                (form, rest) = (after_word(form), Some(after_word(rest)).filter(|after| after.len() < rest.len())?);
            } else {
                rest = rest.strip_prefix(&[first])?;
                form = &form[1..];
            }
        }
        Some(rest)
    }
}

/// After spaces and digits.
fn number(text: &[u8]) -> Option<&[u8]> {
    let text = after(text, |byte| byte == b' ');
    let end = after(text, |byte| byte.is_ascii_digit());
    (end.len() < text.len()).then_some(end)
}

fn after_word(text: &[u8]) -> &[u8] {
    after(text, |byte| byte.is_ascii_alphabetic())
}

fn after(text: &[u8], fits: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|&byte| !fits(byte)).unwrap_or(text.len());
    &text[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_go_with_one_space_each() {
        for (line, rest) in [
            ("[    1.234567] ok 1", "ok 1"),
            ("[    1.234567]     ok 1", "    ok 1"),
            ("[    0.060000][    T1] \tok 1", "\tok 1"),
            ("<6>[12345.678901] ok 1", "ok 1"),
            ("<14>ok 1", "ok 1"),
            ("  [ 1.0] ok 1", "ok 1"),
            ("[INFO]   ok 1", "  ok 1"),
            ("12:34:56.789 ok 1", "ok 1"),
            ("2026-01-31T12:34:56Z ok 1", "ok 1"),
            ("\x1b[32mok 1", "ok 1"),
            ("    ok 1", "    ok 1"),
            ("1..3 # x", "1..3 # x"),
            ("[not a prefix] ok 1", "[not a prefix] ok 1"),
            ("[", "["),
            ("", ""),
        ] {
            assert_eq!(std::str::from_utf8(strip(line.as_bytes())).unwrap(), rest, "{line}");
        }
    }

    #[test]
    fn learned_prefixes_may_change_their_numbers_words_and_width() {
        let mut shape = Shape::default();
        shape.learn(b"Jan 31 host kernel: [   9.5] ");
        let rest = shape.strip(b"Feb  1 host kernel: [1234.567]   ok 1").unwrap();
        assert_eq!(rest, b"  ok 1");
        assert_eq!(shape.strip(b"ok 1"), None);
        shape.learn(b"   ");
        assert_eq!(shape.strip(b"ok 1"), None);
    }
}

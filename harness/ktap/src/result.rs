//! The description of a result: name, directive, reason.

use std::borrow::Cow;

use crate::event::Status;

/// What a line of a result says, but for its number.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    pub name: Cow<'a, str>,
    pub status: Status,
    pub reason: Option<Cow<'a, str>>,
}

impl<'a> Outcome<'a> {
    /// Reads what follows the number.
    pub fn read(ok: bool, rest: &'a [u8]) -> Self {
        let rest = rest.trim_ascii();
        let rest = match rest.strip_prefix(b"-") {
            Some(after) if after.is_empty() || after[0] == b' ' || after[0] == b'\t' => after.trim_ascii_start(),
            _ => rest,
        };
        let plain = if ok { Status::Success } else { Status::Failure };
        let Some(special) = memchr::memchr3(b'#', b'\\', b'[', rest) else {
            return Self { name: text(rest), status: plain, reason: None };
        };
        let (end, comment, has_escape) = split(rest, special);
        let name = rest[..end].trim_ascii_end();
        let (status, reason) = comment.map_or((plain, None), |comment| directive(plain, comment));
        // kselftest has the name behind the directive.
        let name = if name.is_empty() { reason.unwrap_or_default() } else { name };
        let reason = comment.filter(|comment| !comment.is_empty() && shows(plain, status, reason)).map(|comment| {
            let skipped = status == Status::Skipped;
            unescaped(if skipped { reason.unwrap_or_default() } else { comment })
        });
        let reason = reason.filter(|reason| !reason.is_empty());
        Self { name: if has_escape { unescaped(name) } else { text(name) }, status, reason }
    }
}

/// Why it passed is told only where it was expected to fail.
fn shows(plain: Status, status: Status, directive: Option<&[u8]>) -> bool {
    status != Status::Success || plain == Status::Failure || directive.is_some()
}

/// Where the name ends, the comment behind it, and whether the name holds a backslash. `from` is the first byte that
/// could matter.
fn split(rest: &[u8], from: usize) -> (usize, Option<&[u8]>, bool) {
    let mut has_escape = false;
    // Behind a backslash that is part of the name.
    let mut behind_backslash = 0;
    let mut at = from;
    while at < rest.len() {
        match rest[at] {
            b'\\' => {
                has_escape = true;
                at += 1;
                if rest.get(at) == Some(&b'\\') {
                    behind_backslash = at + 1;
                }
            }
            // TAP 14 has an example in which a directive follows such a backslash without a space.
            b'#' if at == 0
                || rest[at - 1].is_ascii_whitespace()
                || at == behind_backslash && is_directive(&rest[at + 1..]) =>
            {
                return (at, Some(rest[at + 1..].trim_ascii()), has_escape);
            }
            // A message of the kernel has cut the line.
            b'[' if is_timestamp(&rest[at..]) => return (at, None, has_escape),
            _ => {}
        }
        at += 1;
    }
    (rest.len(), None, has_escape)
}

/// Whether a comment begins with a directive.
fn is_directive(comment: &[u8]) -> bool {
    directive(Status::Success, comment.trim_ascii()).1.is_some()
}

/// `[   12.345678]`, of at least four decimals.
fn is_timestamp(text: &[u8]) -> bool {
    let inside = text[1..].trim_ascii_start();
    let seconds = inside.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(decimals) = inside[seconds..].strip_prefix(b".") else { return false };
    let count = decimals.iter().take_while(|byte| byte.is_ascii_digit()).count();
    seconds > 0 && count >= 4 && decimals.get(count) == Some(&b']')
}

/// The status by the comment, and what follows its directive when it has one.
fn directive(plain: Status, comment: &[u8]) -> (Status, Option<&[u8]>) {
    let end = comment.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(comment.len());
    let (word, after) = comment.split_at(end);
    let after = after.strip_prefix(b":").unwrap_or(after).trim_ascii();
    let is = |directive: &str| word.eq_ignore_ascii_case(directive.as_bytes());
    // `SKIP`, and `Skipped:` of older producers.
    if word.len() >= 4 && word[..4].eq_ignore_ascii_case(b"SKIP") {
        return (Status::Skipped, Some(after));
    }
    // Not expected to pass, so that it fails nothing; and whoever passes all the same has passed.
    if is("TODO") || is("XFAIL") {
        return (Status::Success, Some(after));
    }
    if is("TIMEOUT") || is("ERROR") {
        return (plain, Some(after));
    }
    (plain, None)
}

/// `\#` and `\\` are `#` and `\`; another backslash is itself.
fn unescaped(name: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', name).is_none() {
        return text(name);
    }
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next_if(|next| matches!(next, b'#' | b'\\')) } else { None };
        plain.push(escaped.unwrap_or(byte));
    }
    Cow::Owned(text(&plain).into_owned())
}

/// The text, in which bytes that are no UTF-8 are replaced.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ok: bool, rest: &str, name: &str, status: Status, reason: Option<&str>) {
        let outcome = Outcome::read(ok, rest.as_bytes());
        let seen = (outcome.name.as_ref(), outcome.status, outcome.reason.as_deref());
        assert_eq!(seen, (name, status, reason), "{rest}");
    }

    #[test]
    fn names_stand_with_and_without_a_dash() {
        check(true, " - a b ", "a b", Status::Success, None);
        check(true, " a-b", "a-b", Status::Success, None);
        check(false, " -1 is odd", "-1 is odd", Status::Failure, None);
        check(true, "", "", Status::Success, None);
        check(true, " -", "", Status::Success, None);
    }

    #[test]
    fn directives_say_how_it_went() {
        use Status::{Failure, Skipped, Success};
        check(true, " - a # SKIP no disk", "a", Skipped, Some("no disk"));
        check(false, " - a # SKIP", "a", Skipped, None);
        check(true, " a # skipped: why", "a", Skipped, Some("why"));
        check(false, " - a # TODO later", "a", Success, Some("TODO later"));
        check(false, " a # XFAIL known", "a", Success, Some("XFAIL known"));
        check(false, " a # TIMEOUT 30 seconds", "a", Failure, Some("TIMEOUT 30 seconds"));
        check(false, " a # ERROR x", "a", Failure, Some("ERROR x"));
        check(true, " check return code # rcode=0", "check return code", Success, None);
        check(false, " a # exit=1", "a", Failure, Some("exit=1"));
        check(true, " # SKIP no such device", "no such device", Skipped, Some("no such device"));
        check(true, " - a # SKIPLIST is long", "a", Skipped, Some("is long"));
        check(true, " - a # TODOS", "a", Success, None);
    }

    #[test]
    fn escapes_make_a_hash_part_of_the_name() {
        use Status::{Skipped, Success};
        check(true, r" - a \# b", "a # b", Success, None);
        check(true, r" - a \\# b", r"a \# b", Success, None);
        check(true, r" - a\\ # SKIP", r"a\", Skipped, None);
        check(true, r" - C:\x", r"C:\x", Success, None);
        check(false, r" - a\\# todo b", r"a\", Success, Some("todo b"));
        check(true, r" - a\\\# SKIP", r"a\# SKIP", Success, None);
        check(true, r" - a # SKIP b \# c", "a", Skipped, Some("b # c"));
        check(true, " - a#b", "a#b", Success, None);
    }

    #[test]
    fn a_message_that_cuts_the_line_is_no_part_of_the_name() {
        check(true, " - fo[   12.345678] usb 1-1: new", "fo", Status::Success, None);
        check(true, " - array[1] of [2.5]", "array[1] of [2.5]", Status::Success, None);
    }
}

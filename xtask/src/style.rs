//! Colours on a terminal, plain text elsewhere.

use std::io::{IsTerminal, stdout};

/// Whether text for standard output may be coloured: it is a terminal, and `NO_COLOR` is unset.
#[must_use]
pub fn coloured() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// `text` in green, when [`coloured`].
#[must_use]
pub fn good(text: &str) -> String {
    paint("32", text)
}

/// `text` in red, when [`coloured`].
#[must_use]
pub fn bad(text: &str) -> String {
    paint("31", text)
}

fn paint(code: &str, text: &str) -> String {
    if coloured() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// `text` without escape sequences of the forms `ESC [ … letter` and `ESC ( letter`.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b") {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match after.find(|c: char| c.is_ascii_alphabetic()) {
            Some(end) if after.starts_with(['[', '(']) => &after[end + 1..],
            None if after.starts_with(['[', '(']) => "",
            _ => after,
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn escapes_are_taken_out_and_the_rest_stays() {
        assert_eq!(plain("test result: \x1b[32mok\x1b(B\x1b[m. 3 passed"), "test result: ok. 3 passed");
        assert_eq!(plain("no escapes"), "no escapes");
        assert_eq!(plain("cut \x1b[3"), "cut ");
    }
}

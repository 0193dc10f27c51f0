//! What one line says, without regard to the lines before it.

/// How deep a line stands: `# ` in front of it count more than its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// How many `# ` precede it.
    pub hashes: u8,
    /// Its column: a tab goes to the next multiple of eight.
    pub column: u16,
}

/// A line of TAP or KTAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core<'a> {
    /// `KTAP version 1`, `TAP version 14`.
    Version { ktap: bool, number: u64 },
    /// `1..4`, or `1..0 # SKIP reason` with the reason.
    Plan { count: u64, skip: Option<&'a [u8]> },
    /// `ok 1 - name # SKIP`: what follows the number is read by [`crate::result`].
    Result { ok: bool, number: Option<u64>, rest: &'a [u8] },
    /// `# Subtest: name`.
    Subtest(&'a [u8]),
    /// `# anything else`.
    Diagnostic(&'a [u8]),
    /// `Bail out! reason`.
    Bail(&'a [u8]),
    /// `---`, which begins a block of YAML behind a result.
    Yaml,
    /// `...`, which ends it.
    YamlEnd,
    /// `pragma +strict`.
    Pragma,
}

/// More `# ` than these are not looked behind.
const HASHES: u8 = 8;

/// What the line is, after its prefix. `hashes` is how many levels of `# ` hold results at this point.
pub fn read(line: &[u8], hashes: u8) -> Option<(Place, Core<'_>)> {
    let mut place = Place::default();
    let mut rest = indentation(line, &mut place.column)?;
    loop {
        if rest[0] != b'#' {
            return core(rest).map(|core| (place, core));
        }
        let content = rest[1..].strip_prefix(b" ").unwrap_or(&rest[1..]);
        let shallow = (place, comment(content));
        if place.hashes >= HASHES || matches!(shallow.1, Core::Subtest(_)) {
            return Some(shallow);
        }
        let mut column = 0;
        let Some(inner) = indentation(content, &mut column) else { return Some(shallow) };
        let opens = place.hashes >= hashes;
        let is_core = match inner[0] {
            b'#' => !opens,
            b'K' | b'T' => matches!(core(inner), Some(Core::Version { .. })),
            b'1' => matches!(core(inner), Some(Core::Plan { .. })),
            b'o' | b'n' | b'B' => !opens && core(inner).is_some(),
            _ => false,
        };
        if !is_core {
            return Some(shallow);
        }
        place = Place { hashes: place.hashes + 1, column };
        rest = inner;
    }
}

/// Without spaces and tabs. `None` when nothing is left.
fn indentation<'a>(line: &'a [u8], column: &mut u16) -> Option<&'a [u8]> {
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b' ' => *column = column.saturating_add(1),
            b'\t' => *column = (*column | 7).saturating_add(1),
            _ => return Some(&line[at..]),
        }
    }
    None
}

fn comment(content: &[u8]) -> Core<'_> {
    match content.strip_prefix(b"Subtest:") {
        Some(name) => Core::Subtest(name.trim_ascii()),
        None => Core::Diagnostic(content.trim_ascii()),
    }
}

/// The line without indentation, which is not empty.
fn core(rest: &[u8]) -> Option<Core<'_>> {
    match rest[0] {
        b'o' => result(true, rest.strip_prefix(b"ok")?),
        b'n' => result(false, rest.strip_prefix(b"not ok")?),
        b'1' => plan(rest),
        b'K' => version(true, rest.strip_prefix(b"KTAP version ")?),
        b'T' => version(false, rest.strip_prefix(b"TAP version ")?),
        b'B' => rest.strip_prefix(b"Bail out!").map(|reason| Core::Bail(reason.trim_ascii())),
        b'-' if rest.trim_ascii_end() == b"---" => Some(Core::Yaml),
        b'.' if rest.trim_ascii_end() == b"..." => Some(Core::YamlEnd),
        b'p' => rest.starts_with(b"pragma ").then_some(Core::Pragma),
        _ => None,
    }
}

/// What follows `ok` or `not ok`.
fn result(ok: bool, after: &[u8]) -> Option<Core<'_>> {
    let Some(space) = after.first() else { return Some(Core::Result { ok, number: None, rest: after }) };
    if !matches!(space, b' ' | b'\t') {
        return None;
    }
    let after = after.trim_ascii_start();
    let (number, rest) = digits(after);
    // `ok 2nd try` has no number.
    if number.is_some() && !matches!(rest.first(), None | Some(b' ' | b'\t')) {
        return Some(Core::Result { ok, number: None, rest: after });
    }
    Some(Core::Result { ok, number, rest })
}

fn plan(rest: &[u8]) -> Option<Core<'_>> {
    let (count, after) = digits(rest.strip_prefix(b"1..")?);
    let (count, after) = (count?, after.trim_ascii());
    if after.is_empty() {
        return Some(Core::Plan { count, skip: None });
    }
    let comment = after.strip_prefix(b"#")?.trim_ascii_start();
    let is_skip = count == 0 && comment.len() >= 4 && comment[..4].eq_ignore_ascii_case(b"SKIP");
    let reason = || {
        let end = comment.iter().position(u8::is_ascii_whitespace).unwrap_or(comment.len());
        comment[end..].trim_ascii_start()
    };
    Some(Core::Plan { count, skip: is_skip.then(reason) })
}

fn version(ktap: bool, after: &[u8]) -> Option<Core<'_>> {
    let (number, rest) = digits(after);
    rest.trim_ascii().is_empty().then_some(Core::Version { ktap, number: number? })
}

/// A number, which becomes the largest where it is larger than that, and what follows.
fn digits(text: &[u8]) -> (Option<u64>, &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let add = |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    ((length > 0).then(|| text[..length].iter().fold(0, add)), &text[length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hashes: u8, column: u16) -> Place {
        Place { hashes, column }
    }

    #[test]
    fn lines_are_told_apart() {
        let result = |ok, number, rest| Core::Result { ok, number, rest };
        for (line, core) in [
            (&b"KTAP version 1"[..], Core::Version { ktap: true, number: 1 }),
            (b"TAP version 14 ", Core::Version { ktap: false, number: 14 }),
            (b"1..4", Core::Plan { count: 4, skip: None }),
            (b"1..0 # Skipped: no disk", Core::Plan { count: 0, skip: Some(b"no disk") }),
            (b"1..3 # comment", Core::Plan { count: 3, skip: None }),
            (b"ok", result(true, None, b"")),
            (b"not ok 12", result(false, Some(12), b"")),
            (b"ok 1 - a", result(true, Some(1), b" - a")),
            (b"ok 2nd try", result(true, None, b"2nd try")),
            (b"# Subtest: a b", Core::Subtest(b"a b")),
            (b"# a: b", Core::Diagnostic(b"a: b")),
            (b"#", Core::Diagnostic(b"")),
            (b"Bail out! why", Core::Bail(b"why")),
            (b"---", Core::Yaml),
            (b"...", Core::YamlEnd),
            (b"pragma +strict", Core::Pragma),
        ] {
            assert_eq!(read(line, 0), Some((at(0, 0), core)), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn other_lines_are_none() {
        for line in ["", "okay", "not okay", "1..", "1..2 3", "1.2", "TAP version", "KTAP version 1 x", "ok1", "----"] {
            assert_eq!(read(line.as_bytes(), 0), None, "{line}");
        }
    }

    #[test]
    fn tabs_go_to_columns_of_eight() {
        for (line, column) in [("  ok 1", 2), ("\tok 1", 8), (" \tok 1", 8), ("\t\tok 1", 16), ("\t  ok 1", 10)] {
            assert_eq!(read(line.as_bytes(), 0).unwrap().0, at(0, column), "{line:?}");
        }
    }

    #[test]
    fn results_behind_hashes_count_where_a_version_line_is_behind_them_too() {
        assert!(matches!(read(b"# ok 1 a", 0), Some((_, Core::Diagnostic(b"ok 1 a")))));
        assert!(matches!(read(b"# ok 1 a", 1), Some((Place { hashes: 1, column: 0 }, Core::Result { .. }))));
        assert!(matches!(read(b"# TAP version 13", 0), Some((Place { hashes: 1, .. }, Core::Version { .. }))));
        assert!(matches!(read(b"#   # Subtest: b", 1), Some((Place { hashes: 1, column: 2 }, Core::Subtest(b"b")))));
        assert!(matches!(read(b"# ok so far", 0), Some((_, Core::Diagnostic(_)))));
    }
}

//! A test whose subtests are being read.

use crate::event::Counts;
use crate::line::Place;

/// The most bytes of a name that are kept.
pub const NAME: usize = 512;

/// One level of nesting. What it keeps is bounded: two names of [`NAME`] bytes.
#[derive(Debug, Default)]
pub struct Frame {
    /// Where its tests stand; `None` until the first line that says so.
    pub place: Option<Place>,
    /// Where its header stood.
    pub header: Place,
    /// It began with a version line, and that was KTAP's.
    pub version: Option<Dialect>,
    /// Its name by `# Subtest:`.
    pub name: Option<String>,
    /// How many tests are planned, and whether this was said behind all of them.
    pub plan: Option<Plan>,
    /// Its plan says that it is skipped.
    pub skipped: bool,
    /// Results so far.
    pub seen: u64,
    /// Those of them that belong to logs that ended before this one; of the outermost frame only.
    pub before: u64,
    /// The first number that was passed over.
    pub gap: Option<u64>,
    /// What its tests came to.
    pub counts: Counts,
    /// [`crate::Event::Open`] has been told.
    pub opened: bool,
    /// The test that its diagnostics were about last.
    pub running: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Ktap,
    Tap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub count: u64,
    /// It came behind all results so far, of which there are some.
    pub is_late: bool,
}

impl Frame {
    /// A frame whose tests stand where its header does.
    pub fn at(place: Place) -> Self {
        Self { place: Some(place), header: place, ..Self::default() }
    }

    /// Where its tests stand, as far as is known.
    pub fn place(&self) -> Place {
        self.place.unwrap_or(self.header)
    }

    /// Nothing but its header has been seen.
    pub fn is_fresh(&self) -> bool {
        self.plan.is_none() && self.seen == self.before
    }

    /// All tests that are planned have their results.
    pub fn is_fulfilled(&self) -> bool {
        self.plan.is_some_and(|plan| self.seen >= plan.count)
    }

    /// How many tests are planned and have no result.
    pub fn missing(&self) -> u64 {
        self.plan.filter(|plan| !plan.is_late).map_or(0, |plan| plan.count.saturating_sub(self.seen))
    }

    /// Keeps the name.
    pub fn set_name(&mut self, name: &[u8]) {
        self.name = Some(kept(name));
    }

    /// Whether its name is this; one that was too long to be kept whole matches by what is kept.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_deref().is_some_and(|own| own == name || own.len() > NAME - 4 && name.starts_with(own))
    }

    /// The bytes that it keeps beside itself.
    pub fn retained(&self) -> usize {
        self.running.capacity() + self.name.as_ref().map_or(0, String::capacity)
    }
}

/// As much of a text as is kept of names.
pub fn kept(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(NAME)]);
    let mut end = text.len().min(NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The test that a diagnostic line is about: `name: message` of KUnit, `selftests: directory: program` of kselftest.
pub fn subject(text: &[u8]) -> Option<&[u8]> {
    if text.starts_with(b"selftests: ") {
        return Some(text);
    }
    let end = memchr::memchr(b':', text)?;
    let (name, message) = (&text[..end], &text[end + 1..]);
    let is_word = !name.is_empty() && !name.iter().any(|byte| byte.is_ascii_whitespace());
    // Not the attributes of suites, and not the numbers behind one.
    let is_told = message.first() == Some(&b' ') && !message.starts_with(b" pass:");
    let is_other = matches!(name, b"module" | b"Totals" | b"speed" | b"NOTE" | b"INFO" | b"WARNING" | b"ERROR");
    if !is_word || !is_told || is_other {
        return None;
    }
    // `# name.speed: slow`
    let end = [&b".speed"[..], b".module"].iter().find_map(|attribute| name.strip_suffix(*attribute));
    Some(end.unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_name_the_test_that_runs() {
        for (text, name) in [
            ("example_test: initializing", Some("example_test")),
            ("example_test: EXPECTATION FAILED at x.c:1", Some("example_test")),
            ("test.speed: slow", Some("test")),
            ("selftests: net: bind_bhash", Some("selftests: net: bind_bhash")),
            ("module: example", None),
            ("example: pass:1 fail:0 skip:0 total:1", None),
            ("Totals: pass:1", None),
            ("two words: x", None),
            ("http://x", None),
            ("nothing", None),
        ] {
            assert_eq!(subject(text.as_bytes()), name.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn names_are_kept_up_to_a_bound() {
        assert!(kept("ä".repeat(NAME).as_bytes()).len() <= NAME);
        let mut frame = Frame::default();
        frame.set_name(&[b'a'; 3000]);
        assert!(frame.is_named(&"a".repeat(3000)) && !frame.is_named("a"));
        frame.set_name(b"short");
        assert!(frame.is_named("short") && !frame.is_named("shorter"));
    }
}

//! Cuts the log into lines, and finds the tests' among them.

use memchr::memmem;

use crate::crash;
use crate::event::{Event, Summary};
use crate::line::{self, Core, Place};
use crate::prefix::{self, Shape};
use crate::tree::Tree;

/// The bytes of a line that are read; what follows them up to the line's end is passed over.
pub const LINE: usize = 4096;

/// Reads a log as it comes.
#[derive(Debug, Default)]
pub struct Parser {
    /// The beginning of the line that has not ended.
    held: Vec<u8>,
    tree: Tree,
    /// What preceded the version line, if it is not one of the known prefixes.
    shape: Shape,
    /// Where the last line with a result stood, if that was the last line of TAP.
    result: Option<Place>,
    /// The place of the result whose block of YAML this is.
    yaml: Option<Place>,
}

impl Parser {
    /// A parser at the beginning of a log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the log, cut anywhere.
    pub fn push(&mut self, bytes: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        let mut start = 0;
        for end in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            let piece = &bytes[start..end];
            if self.held.is_empty() {
                self.line(&piece[..piece.len().min(LINE)], tell);
            } else {
                self.hold(piece);
                let held = std::mem::take(&mut self.held);
                self.line(&held, tell);
                self.held = held;
                self.held.clear();
            }
            self.tree.line += u64::from(bytes[end] == b'\n');
            start = end + 1;
        }
        self.hold(&bytes[start..]);
    }

    /// The outermost plan is fulfilled, or the run was given up: nothing more is expected.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.tree.is_complete()
    }

    /// How many bytes are kept. Whatever the log, it is not more than [`Parser::MOST`].
    #[must_use]
    pub fn retained(&self) -> usize {
        size_of::<Self>() + self.held.capacity() + self.shape.retained() + self.tree.retained()
    }

    /// The most that [`Parser::retained`] gives.
    pub const MOST: usize = 256 << 10;

    /// Nothing more comes.
    pub fn finish(mut self, tell: &mut impl FnMut(Event<'_>)) -> Summary {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            // `ok 1` without an end of the line may be what is left of `ok 12 - name`.
            let is_cut = held.ends_with(b"ok") || self.ends_in_other_number(&held);
            if !is_cut {
                self.line(&held, tell);
            }
        }
        self.tree.finish(tell)
    }

    fn ends_in_other_number(&self, line: &[u8]) -> bool {
        match line::read(prefix::strip(line), self.tree.hashes()) {
            Some((_, Core::Result { number: Some(number), rest: b"", .. })) => !self.tree.expects(number),
            _ => false,
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = LINE - self.held.len();
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        if line.is_empty() {
            return;
        }
        let rest = prefix::strip(line);
        let hashes = self.tree.hashes();
        let found = line::read(rest, hashes).or_else(|| line::read(self.shape.strip(line)?, hashes));
        if let Some((place, core)) = found.or_else(|| self.find(line, rest)) {
            self.take(place, &core, tell);
        } else if let Some(words) = crash::linux(rest.trim_ascii_start()) {
            self.tree.crash(words);
        } else if let Some(at) = memmem::find(line, b"anic")
            && let Some(words) = crash::rust(line, at)
        {
            self.tree.crash(words);
        }
    }

    fn take(&mut self, place: Place, core: &Core<'_>, tell: &mut impl FnMut(Event<'_>)) {
        if let Some(base) = self.yaml {
            // What is no deeper than the result ends the block, even if its own end is lost; but anything can begin with #.
            let is_end = matches!(core, Core::YamlEnd);
            let is_inside = place > base || matches!(core, Core::Diagnostic(_) | Core::Yaml);
            self.yaml = self.yaml.filter(|_| is_inside && !is_end);
            if is_inside || is_end {
                return;
            }
        }
        match core {
            Core::Yaml => {
                self.yaml = self.result.filter(|result| place >= *result);
            }
            Core::Result { .. } => self.result = Some(place),
            Core::Diagnostic(_) => {}
            _ => self.result = None,
        }
        self.tree.take(place, core, tell);
    }

    /// A line of TAP behind a prefix of a form that is not known.
    fn find<'a>(&mut self, line: &'a [u8], rest: &'a [u8]) -> Option<(Place, Core<'a>)> {
        let end = line.trim_ascii_end();
        if end.last()?.is_ascii_digit()
            && let Some(found) = self.find_header(line, end)
        {
            return Some(found);
        }
        let at = memmem::find(rest, b"ok ")?;
        self.find_result(rest, at)
    }

    /// A version line behind any prefix, which is learned, or a plan behind one that ends in a separator.
    fn find_header<'a>(&mut self, line: &'a [u8], end: &'a [u8]) -> Option<(Place, Core<'a>)> {
        let digits = end.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let before = &end[..end.len() - digits];
        if let Some(start) = before.strip_suffix(b"TAP version ") {
            let start = start.strip_suffix(b"K").unwrap_or(start);
            let (_, core) = line::read(&end[start.len()..], 0)?;
            if self.tree.is_blank() {
                self.shape.learn(start);
                return Some((Place::default(), core));
            }
            return Some((Place::default(), core)).filter(|_| separated(start).is_some());
        }
        let start = before.strip_suffix(b"1..")?;
        line::read(separated(start).map(|at| &line[at..])?, 0)
    }

    /// A result behind text of any kind: a prefix that ends in a separator, or what was left of a line when the result
    /// cut it. Its number must be one that is expected.
    fn find_result<'a>(&self, rest: &'a [u8], mut at: usize) -> Option<(Place, Core<'a>)> {
        for _ in 0..4 {
            let start = if rest[..at].ends_with(b"not ") { at - 4 } else { at };
            let (_, core) = line::read(&rest[start..], 0)?;
            if let Core::Result { number: Some(number), rest: after, .. } = core {
                if let Some(from) = separated(&rest[..start])
                    && self.tree.expects(number)
                {
                    return line::read(&rest[from..], 0);
                }
                let (next, place) = self.tree.expected();
                if number == next && !self.tree.is_blank() && after.starts_with(b" - ") {
                    return Some((place, core));
                }
            }
            at += 3 + memmem::find(&rest[at + 3..], b"ok ")?;
        }
        None
    }
}

/// Where the line behind a prefix begins, if the prefix ends in a separator: one space after it is the prefix's.
fn separated(prefix: &[u8]) -> Option<usize> {
    let end = prefix.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'))? + 1;
    let is_separator = matches!(prefix[end - 1], b':' | b']' | b'|' | b'>' | b')' | b'}');
    is_separator.then(|| end + usize::from(prefix.get(end) == Some(&b' ')))
}

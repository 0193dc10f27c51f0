//! What is typed into forked machines.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{Expectation, expect::check_text};
use crate::{Error, given};

/// Longest line, in bytes, that a terminal takes: Linux keeps 4,096 with the line's end (termios(3)).
const LONGEST: usize = 4095;
/// Longest file, in bytes.
const LONGEST_FILE: u64 = 64 << 20;
/// Longest time for a line, in seconds: a day.
const LONGEST_TIMEOUT: u32 = 86_400;
/// What begins a line that speaks to the harness. To a shell it is a comment.
const MARK: &str = "#:";

/// Lines, each typed into a machine of its own, forked where its kernel has printed a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The fork point: what the kernel has printed then.
    pub fork_at: String,
    /// The file that the lines stand in.
    pub path: PathBuf,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The test's name: the line itself, if it is given no other. No two lines of a script have the same.
    pub name: String,
    /// What is typed: at least one character, none of which a terminal would obey.
    pub text: String,
    /// Its number in the file, from 1.
    pub number: u32,
    /// What it must come to, if it states that itself.
    pub expect: Vec<Expectation>,
    /// How many seconds it may take, if it states that itself.
    pub timeout: Option<u32>,
}

impl Script {
    /// Reads a file of lines.
    ///
    /// Empty lines and lines that begin with `#` are left out; one that begins with `#:` holds for the next line that is
    /// not: `#: name WORDS`, `#: expect EXPECTATION` (may be repeated) and `#: timeout SECONDS`.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Request`] with the line when one is malformed, or when nothing is
    /// to be typed.
    pub fn read(path: &Path, fork_at: String) -> Result<Self, Error> {
        let shown = path.display();
        let bytes = given::read(path, LONGEST_FILE)?;
        check_text(&fork_at).map_err(|why| Error::Request(format!("the fork point: {why}")))?;
        let lines = parse(&bytes).map_err(|(number, why)| Error::Request(format!("{shown}:{number}: {why}")))?;
        if lines.is_empty() {
            let why = "holds no line to type; each line that is neither empty nor a comment is one";
            return Err(Error::Request(format!("{shown}: {why}")));
        }
        Ok(Self { fork_at, path: path.into(), lines })
    }
}

/// What was said about the line that comes next.
#[derive(Default)]
struct About {
    /// Where it was said first; 0 where it was not.
    number: u32,
    name: Option<String>,
    expect: Vec<Expectation>,
    timeout: Option<u32>,
}

/// Reads lines; an error is the line's number and what is wrong with it.
fn parse(bytes: &[u8]) -> Result<Vec<Line>, (u32, String)> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut names = HashSet::new();
    let mut lines = Vec::new();
    let mut about = About::default();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let wrong = |why: String| (number, why);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = str::from_utf8(line).map_err(|_| wrong("the line is not UTF-8".into()))?;
        let start = line.trim_start();
        if let Some(words) = start.strip_prefix(MARK) {
            about.take(words).map_err(wrong)?;
            about.number = if about.number == 0 { number } else { about.number };
        } else if !start.is_empty() && !start.starts_with('#') {
            check(line).map_err(wrong)?;
            let About { name, expect, timeout, .. } = std::mem::take(&mut about);
            let name = unused(name, line.trim(), number, &mut names).map_err(wrong)?;
            lines.push(Line { name, text: line.into(), number, expect, timeout });
        }
    }
    match about.number {
        0 => Ok(lines),
        number => Err((number, format!("`{MARK}` speaks of the next line, and none follows"))),
    }
}

impl About {
    /// Takes what stands behind the mark.
    fn take(&mut self, words: &str) -> Result<(), String> {
        let words = words.trim();
        let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let rest = rest.trim_start();
        let twice = || Err(format!("`{MARK} {word}` stands twice before one line"));
        match word {
            "name" if rest.is_empty() || rest.contains(char::is_control) => Err(format!("`{words}` gives no name")),
            "name" if self.name.is_some() => twice(),
            "name" => {
                self.name = Some(rest.into());
                Ok(())
            }
            "expect" => {
                self.expect.push(rest.parse().map_err(|why| format!("{why}"))?);
                Ok(())
            }
            "timeout" if self.timeout.is_some() => twice(),
            "timeout" => {
                let seconds = rest.parse().ok().filter(|seconds| (1..=LONGEST_TIMEOUT).contains(seconds));
                let wrong = || format!("`{rest}` is no time; write a number of seconds from 1 to {LONGEST_TIMEOUT}");
                self.timeout = Some(seconds.ok_or_else(wrong)?);
                Ok(())
            }
            _ => Err(format!(
                "`{MARK} {word}` says nothing; known are `{MARK} name WORDS`, `{MARK} expect EXPECTATION` and `{MARK} \
                 timeout SECONDS`"
            )),
        }
    }
}

/// Whether a terminal takes the line as it stands.
fn check(line: &str) -> Result<(), String> {
    let length = line.len();
    if length > LONGEST {
        return Err(format!("the line has {length} bytes, and a terminal takes at most {LONGEST}: shorten it"));
    }
    match line.chars().find(|character| character.is_control()) {
        None => Ok(()),
        Some('\t') => Err("the line holds a tab, which a terminal may obey; write spaces".into()),
        Some(control) => Err(format!(
            "the line holds the control character U+{:04X}, which the terminal would obey: leave it out",
            u32::from(control)
        )),
    }
}

/// The line's name, which no line before it has.
fn unused(given: Option<String>, line: &str, number: u32, names: &mut HashSet<String>) -> Result<String, String> {
    let name = match given {
        Some(name) if names.contains(&name) => return Err(format!("an earlier line is called `{name}`, too")),
        Some(name) => name,
        None if names.contains(line) => format!("{line} (line {number})"),
        None => line.into(),
    };
    names.insert(name.clone());
    Ok(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::fs;

    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        parse(text.as_bytes()).unwrap()
    }

    fn refused(text: &str) -> (u32, String) {
        parse(text.as_bytes()).unwrap_err()
    }

    fn line(name: &str, text: &str, number: u32) -> Line {
        Line { name: name.into(), text: text.into(), number, expect: Vec::new(), timeout: None }
    }

    #[test]
    fn lines_are_typed_as_they_stand_and_comments_are_not() {
        let text = "#!/bin/sh\n\nls -l | wc  \r\n  # not this\n  true # with a remark\n";
        assert_eq!(
            lines(text),
            [line("ls -l | wc", "ls -l | wc  ", 3), line("true # with a remark", "  true # with a remark", 5)]
        );
    }

    #[test]
    fn what_is_said_to_the_harness_holds_for_the_next_line_only() {
        let text = "#: name the missing file\n#: expect status=1\n#:expect text=No such file\n#: timeout 3\n# why\n\ncat /x\ntrue";
        let missing = Line {
            expect: vec![Expectation::Status(1), Expectation::Text("No such file".into())],
            timeout: Some(3),
            ..line("the missing file", "cat /x", 7)
        };
        assert_eq!(lines(text), [missing, line("true", "true", 8)]);
    }

    #[test]
    fn no_two_lines_have_one_name() {
        let names: Vec<_> = lines("ls\nls\n#: name x\nls").into_iter().map(|line| line.name).collect();
        assert_eq!(names, ["ls", "ls (line 2)", "x"]);
        let (number, why) = refused("ls\n#: name ls\ntrue");
        assert!(number == 3 && why.contains("`ls`"), "{why}");
    }

    #[test]
    fn malformed_lines_are_refused_by_number() {
        let told = |text: &str, number, part: &str| {
            let (at, why) = refused(text);
            assert!(at == number && why.contains(part), "{text:?}: {at}: {why}");
        };
        told("true\n#: exspect status=0\ntrue", 2, "#: expect EXPECTATION");
        told("#:\ntrue", 1, "#: name WORDS");
        told("#: expect status=zero\ntrue", 1, "from 0 to 255");
        told("#: timeout 0\ntrue", 1, "`0` is no time");
        told("#: timeout 1\n#: timeout 2\ntrue", 2, "twice");
        told("#: name\ntrue", 1, "no name");
        told("true\n\n#: name late\n\n# nothing\n", 3, "none follows");
        told("true\necho \u{3}", 2, "U+0003");
        told("a\tb", 1, "a tab");
        told(&format!("true\n{}", "x".repeat(4096)), 2, "at most 4095");
        assert_eq!(parse(b"true\n\xff").unwrap_err().0, 2);
        assert_eq!(lines(&"x".repeat(4095)).len(), 1);
    }

    #[test]
    fn a_file_without_lines_or_with_an_impossible_fork_point_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tests.txt");
        let read = |fork_at: &str| Script::read(&path, fork_at.into()).unwrap_err().to_string();
        assert!(read("/ # ").contains("tests.txt"));
        fs::write(&path, "# nothing\n").unwrap();
        assert!(read("/ # ").contains("tests.txt: holds no line"));
        fs::write(&path, "true\n").unwrap();
        assert!(read("").contains("the fork point: an empty text"));
        assert_eq!(Script::read(&path, "/ # ".into()).unwrap().lines.len(), 1);
        fs::write(&path, "true\n#: nome x\n").unwrap();
        assert!(read("/ # ").contains("tests.txt:2: "));
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused_by_a_line_that_it_has(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(#:|#|[a-z =]|\n){0,40}") {
            for file in [&bytes[..], text.as_bytes()] {
                match parse(file) {
                    Ok(lines) => {
                        let names: HashSet<_> = lines.iter().map(|line| &line.name).collect();
                        prop_assert_eq!(names.len(), lines.len());
                        prop_assert!(lines.iter().all(|line| check(&line.text).is_ok() && !line.text.trim().is_empty()));
                    }
                    Err((number, _)) => {
                        let count = file.iter().filter(|&&byte| byte == b'\n').count() + 1;
                        prop_assert!((1..=count).contains(&(number as usize)));
                    }
                }
            }
        }
    }
}

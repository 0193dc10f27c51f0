//! `steward-harness ktap FILE`: what a log with results of tests comes to.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use steward_harness::Error;
use steward_ktap::{Event, MISSING, Parser, Status, Summary, Test, json};

use super::FAILED;

/// Reads the results of tests from a kernel's log: TAP 13, TAP 14 or KTAP 1, with whatever else the kernel prints.
///
/// Shows the tests that did not pass and how many went how; with --json everything, as one object. The exit code is 0
/// when the tests passed or were skipped, 1 when some failed or crashed or there are none, and 2 when the log cannot be
/// read. See docs/ktap.md.
#[derive(Args, Debug)]
pub struct Options {
    /// The log; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON object: {"tests":[…],"status":…,"passed":…,"failed":…,"crashed":…,"skipped":…,"errors":…}
    #[arg(long)]
    pub json: bool,
}

/// Lines about one outermost test that are kept until it has ended; further ones are only counted.
const LINES: usize = 1000;

/// Reads the log, and tells what it comes to.
///
/// # Errors
/// When the log cannot be read, or the results not be written.
pub fn run(options: &Options) -> Result<ExitCode, Error> {
    let out = io::stdout();
    let colour = out.is_terminal();
    let summary = with(&options.file, out.lock(), options.json, colour)?;
    Ok(if summary.status.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn with(file: &Path, out: impl Write, json: bool, colour: bool) -> Result<Summary, Error> {
    let is_input = file == Path::new("-");
    let name = if is_input { "standard input".to_owned() } else { file.display().to_string() };
    let reading = |source| Error::Io { doing: format!("reading {name}"), source };
    let writing = |source| Error::Io { doing: "writing the results".to_owned(), source };
    let log: Box<dyn Read> =
        if is_input { Box::new(io::stdin()) } else { Box::new(File::open(file).map_err(reading)?) };
    if json {
        let mut writer = json::Writer::new(out);
        let summary = read(log, &mut |event| writer.take(&event)).map_err(reading)?;
        writer.finish(&summary).map_err(writing)?;
        return Ok(summary);
    }
    let mut tree = Tree::new(io::BufWriter::new(out), colour);
    let summary = read(log, &mut |event| tree.take(&event)).map_err(reading)?;
    tree.finish(&summary, &name).map_err(writing)?;
    Ok(summary)
}

fn read(mut log: impl Read, tell: &mut impl FnMut(Event<'_>)) -> io::Result<Summary> {
    let mut parser = Parser::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match log.read(&mut piece) {
            Ok(0) => return Ok(parser.finish(tell)),
            Ok(length) => parser.push(&piece[..length], tell),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Shows the tests that did not pass, each below the one that it belongs to.
struct Tree<W> {
    out: W,
    colour: bool,
    /// The lines of the outermost test that has not ended.
    lines: Vec<String>,
    /// For each open test, where its line will stand.
    open: Vec<usize>,
    /// Lines that were too many.
    more: u64,
    error: Option<io::Error>,
}

impl<W: Write> Tree<W> {
    fn new(out: W, colour: bool) -> Self {
        Self { out, colour, lines: Vec::new(), open: Vec::new(), more: 0, error: None }
    }

    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Open { .. } => self.open.push(self.lines.len()),
            Event::Test(test) => {
                let at = if test.has_subtests { self.open.pop().unwrap_or_default() } else { self.lines.len() };
                let has_lines = at < self.lines.len();
                if !test.status.is_ok() || has_lines {
                    self.add(at, self.line(test), has_lines);
                }
                if test.depth == 0 {
                    self.flush();
                }
            }
            // The test itself follows.
            Event::Problem { what, .. } if what == MISSING => {}
            Event::Problem { line, what } => {
                let line = format!("{}line {line}: {what}\n", "  ".repeat(self.open.len()));
                self.add(self.lines.len(), line, false);
            }
            _ => {}
        }
    }

    /// Adds a line; that of a test is added even where there are too many, if some of its subtests have lines.
    fn add(&mut self, at: usize, line: String, anyway: bool) {
        if self.lines.len() < LINES || anyway {
            self.lines.insert(at, line);
        } else {
            self.more += 1;
        }
    }

    fn line(&self, test: &Test<'_>) -> String {
        let word = match test.status {
            Status::Success => "passed",
            Status::Failure => "FAILED",
            Status::TestCrashed => "CRASHED",
            Status::Skipped => "skipped",
            Status::NoTests | Status::FailureToParse => "NO TESTS",
        };
        let word = self.coloured(test.status, word);
        let name = if test.name.is_empty() { "(no name)" } else { &*test.name };
        let reason = test.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", shown(reason)));
        format!("{}{word} {}{reason}\n", "  ".repeat(test.depth), shown(name))
    }

    fn coloured(&self, status: Status, word: &str) -> String {
        let colour = match status {
            _ if !self.colour => return word.to_owned(),
            Status::Success => 32,
            Status::Skipped => 33,
            _ => 31,
        };
        format!("\x1b[{colour}m{word}\x1b[0m")
    }

    fn flush(&mut self) {
        if self.more > 0 {
            self.lines.push(format!("  … and {} more\n", self.more));
        }
        for line in self.lines.drain(..) {
            if self.error.is_none() {
                self.error = self.out.write_all(line.as_bytes()).err();
            }
        }
        self.more = 0;
    }

    fn finish(mut self, summary: &Summary, name: &str) -> io::Result<()> {
        self.flush();
        if let Some(error) = self.error {
            return Err(error);
        }
        let counts = summary.counts;
        let word = self.coloured(summary.status, summary.status.word());
        let numbers = [
            ("passed", counts.passed),
            ("failed", counts.failed),
            ("crashed", counts.crashed),
            ("skipped", counts.skipped),
        ];
        let numbers = numbers.map(|(what, number)| format!("{number} {what}")).join(", ");
        let errors = match counts.errors {
            0 => String::new(),
            1 => "; 1 error in the log".to_owned(),
            number => format!("; {number} errors in the log"),
        };
        writeln!(self.out, "{word}: {numbers}{errors} ({name})")?;
        self.out.flush()
    }
}

/// The text without what would drive a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(log: &[u8], json: bool) -> (Status, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(log).unwrap();
        let mut out = Vec::new();
        let summary = with(file.path(), &mut out, json, false).unwrap();
        let name = format!(" ({})", file.path().display());
        (summary.status, String::from_utf8(out).unwrap().replace(&name, ""))
    }

    const LOG: &[u8] =
        b"KTAP version 1\n1..3\n  KTAP version 1\n  1..3\n  ok 1 a\n  not ok 2 b\x1b[1m # TIMEOUT 30 s\n\
                         not ok 1 one\nok 2 two\nKernel panic - not syncing: gone\n";

    #[test]
    fn tests_that_did_not_pass_stand_below_what_they_belong_to() {
        let (status, text) = told(LOG, false);
        assert_eq!(status, Status::TestCrashed);
        assert_eq!(
            text,
            "CRASHED one\n  FAILED b\u{fffd}[1m: TIMEOUT 30 s\n  CRASHED 3: there is no result\n\
             CRASHED 3: Kernel panic - not syncing: gone\n\
             TEST_CRASHED: 2 passed, 1 failed, 2 crashed, 0 skipped; 2 errors in the log\n"
        );
    }

    #[test]
    fn what_passed_is_counted_only() {
        let (status, text) = told(b"TAP version 13\n1..2\nok 1 - a\nok 2 - b # SKIP no\n", false);
        assert_eq!((status, &*text), (Status::Success, "SUCCESS: 1 passed, 0 failed, 0 crashed, 1 skipped\n"));
        let (status, text) = told(b"nothing\n", false);
        assert_eq!(status, Status::FailureToParse);
        assert_eq!(
            text,
            "line 2: there is neither a version line nor a plan nor a test\n\
             FAILURE_TO_PARSE: 0 passed, 0 failed, 0 crashed, 0 skipped; 1 error in the log\n"
        );
    }

    #[test]
    fn json_is_one_object_in_one_line() {
        let (_, text) = told(LOG, true);
        assert_eq!(text.lines().count(), 1);
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&object["status"], &object["crashed"]), (&"TEST_CRASHED".into(), &2.into()));
        assert_eq!(object["tests"][0]["tests"][1]["reason"], "TIMEOUT 30 s");
    }

    #[test]
    fn many_failures_are_not_kept() {
        let log: String = (1..=5000).map(|number| format!("    not ok {number} - a\n")).collect();
        let (_, text) = told(format!("TAP version 14\n# Subtest: s\n{log}not ok 1 - s\n").as_bytes(), false);
        assert_eq!(text.lines().count(), LINES + 3);
        assert!(text.starts_with("FAILED s\n  FAILED a\n") && text.contains("\n  … and 4000 more\n"), "{text}");
    }

    #[test]
    fn a_log_that_cannot_be_read_is_named() {
        let error = with(Path::new("/no/such/log"), io::sink(), false, false).unwrap_err().to_string();
        assert!(error.contains("/no/such/log"), "{error}");
        let error = with(Path::new("/"), io::sink(), true, false).unwrap_err().to_string();
        assert!(error.starts_with("reading /:"), "{error}");
    }
}

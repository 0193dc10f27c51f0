//! Lines for people.

mod bar;
mod screen;

use std::{
    fmt::Write as _,
    io::{self, Write},
    rc::Rc,
    time::Duration,
};

use super::{
    Again,
    autopsy::printable,
    case::{Case, Pending},
    seconds, slowest, totals,
};
use crate::{
    listing::Test,
    suite::{Isolation, Plan, Report, Sink, Summary},
    symbols::{Annotator, Symbols},
};
use screen::{Screen, columns};

/// How the lines look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// With the log of every test, as it comes.
    pub output: bool,
    /// With a bar that shows how far the run is: only for a terminal. There is none together with `output`.
    pub progress: bool,
    /// What people type to run tests, without any name or option, such as `cargo xtask test`.
    pub command: String,
    /// Options for that, each after a space, and [quoted](super::quoted): the kernel, how its machines boot.
    pub options: String,
}

impl Default for Style {
    /// Plain lines.
    fn default() -> Self {
        Self {
            colour: false,
            output: false,
            progress: false,
            command: "cargo xtask test".into(),
            options: String::new(),
        }
    }
}

/// Starts the bar of a screen on which there can be one.
type ShowBar<W> = fn(&mut Screen<W>, usize) -> io::Result<()>;

/// Writes a line for each test as it ends, and every failure in full at the end.
pub struct Terminal<W: Write> {
    screen: Screen<W>,
    show_bar: Option<ShowBar<W>>,
    style: Style,
    symbols: Rc<Symbols>,
    annotator: Annotator,
    again: Again,
    pending: Pending,
    failures: Vec<Case>,
    flaky: Vec<String>,
    times: Vec<(String, Duration)>,
}

impl<W: Write> Terminal<W> {
    /// Writes to `out`, without a bar; `symbols` are those of the kernel under test.
    pub fn new(out: W, style: Style, symbols: impl Into<Rc<Symbols>>) -> Self {
        let again = Again { command: style.command.clone(), options: style.options.clone(), seed: None };
        Self {
            screen: Screen::new(out),
            show_bar: None,
            style,
            symbols: symbols.into(),
            annotator: Annotator::default(),
            again,
            pending: Pending::default(),
            failures: Vec::new(),
            flaky: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Writes to `out`, which is the terminal on standard output, with a bar if `style` asks for one and the terminal can
    /// draw it.
    pub fn live(out: W, style: Style, symbols: impl Into<Rc<Symbols>>) -> Self
    where
        W: Send + 'static,
    {
        let dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
        let wanted = style.progress && !style.output && !dumb;
        let show_bar: ShowBar<W> = |screen, total| screen.show_bar(total, columns);
        Self { show_bar: wanted.then_some(show_bar), ..Self::new(out, style, symbols) }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.style.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.into() }
    }

    /// `PASS [  0.113s] `, the word in a colour.
    fn head(&self, colour: &str, word: &str, elapsed: Duration) -> String {
        format!("{} [{:>8}]", self.paint(colour, word), seconds(elapsed))
    }

    fn failure(&self, case: &Case) -> String {
        let last = case.last();
        let mut text = format!("\n---- {} ----\n", shown(case));
        let why: Vec<_> = last.why.lines().map(printable).collect();
        // Writing into a String cannot fail; so below.
        let _ = writeln!(text, "{}: {}", self.paint("31;1", &last.verdict.to_string()), why.join("\n"));
        for (name, value) in case.facts(last, &self.again) {
            let _ = writeln!(text, "  {name}: {value}");
        }
        text + &last.details.text()
    }

    /// What is said after all failures: flaky tests again, and slow ones.
    fn remarks(&mut self) -> String {
        let mut text = String::new();
        if !self.flaky.is_empty() {
            let _ = writeln!(text, "\nflaky tests:\n{}", self.flaky.join("\n"));
        }
        let slow = slowest(std::mem::take(&mut self.times));
        if !slow.is_empty() {
            text.push_str("\nslowest tests:\n");
        }
        for (name, time) in slow {
            let _ = writeln!(text, "     [{:>8}] {name}", seconds(time));
        }
        text
    }
}

/// The first line of a run.
fn heading(plan: &Plan) -> String {
    let Plan { shape, expect, tests, open, jobs, machine, isolation, seed, .. } = plan;
    let plural = if *tests == 1 { "" } else { "s" };
    let more = if *open { " or more" } else { "" };
    let apart = match isolation {
        Isolation::Test => "each in a fresh machine",
        Isolation::Boot => "each in a freshly booted machine",
        Isolation::None => "one after another in shared machines",
    };
    let shape = shape.as_ref().map_or_else(String::new, |name| format!("{}: ", printable(name)));
    let expect =
        if expect.is_empty() { String::new() } else { format!(", expecting {}", printable(&expect.join(", "))) };
    let seed = seed.map_or_else(String::new, |seed| format!(", seed {seed:#x}"));
    format!("{shape}running {tests} test{plural}{more}, {jobs} at a time, {apart} ({machine}){expect}{seed}\n")
}

/// A case's name as a terminal shows it: names of other people's tests may hold anything.
fn shown(case: &Case) -> String {
    printable(&case.title())
}

impl<W: Write> Sink for Terminal<W> {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        self.again.seed = plan.seed;
        self.pending.began(plan);
        self.screen.print(heading(plan).as_bytes())?;
        match self.show_bar {
            Some(show_bar) => show_bar(&mut self.screen, plan.tests),
            None => Ok(()),
        }
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.screen.started(&printable(&test.name));
        Ok(())
    }

    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.screen.print(format!("{}: {}\n", self.paint("33", "note"), printable(text)).as_bytes())
    }

    fn output(&mut self, _: &Test, bytes: &[u8]) -> io::Result<()> {
        let annotated = self.annotator.push(bytes, &self.symbols);
        self.screen.print(&annotated)
    }

    fn wants_output(&self) -> bool {
        self.style.output
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        let case = self.pending.retrying(report, &self.symbols, Duration::ZERO);
        let failure = format!("{}: {} (attempt {})", shown(case), case.last().headline(), report.attempt);
        let head = self.head("33", "RETRY", report.elapsed);
        self.screen.stopped(&printable(&report.test.name), report.elapsed, None);
        self.screen.print(format!("{head} {failure}\n").as_bytes())
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let case = self.pending.finished(report, &self.symbols, Duration::ZERO);
        let (name, elapsed) = (shown(&case), report.elapsed);
        self.screen.stopped(&printable(&case.name), elapsed, Some(case.passed()));
        self.times.push((name.clone(), elapsed));
        let line = if case.flaky() {
            let attempts = case.attempts.len();
            let first = case.attempts[0].headline();
            let head = self.head("33", "FLAKY", elapsed);
            let line = format!("{head} {name} (passed on attempt {attempts}: {first})");
            self.flaky.push(line.clone());
            line
        } else if case.passed() {
            format!("{} {name}", self.head("32", "PASS", elapsed))
        } else {
            let line = format!("{} {name}: {}", self.head("31;1", "FAIL", elapsed), case.last().headline());
            self.failures.push(case);
            line
        };
        self.screen.print(format!("{line}\n").as_bytes())
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        let word = self.paint("33", "SKIP");
        let reason = test.ignored.as_deref().filter(|reason| !reason.is_empty());
        let reason = reason.map_or_else(String::new, |reason| format!(": {}", printable(reason)));
        self.screen.print(format!("{word} [ ignored] {}{reason}\n", printable(&test.name)).as_bytes())
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.screen.hide_bar()?;
        self.failures.append(&mut self.pending.take());
        for case in std::mem::take(&mut self.failures) {
            let text = self.failure(&case);
            self.screen.print(text.as_bytes())?;
        }
        let remarks = self.remarks();
        let colour = if summary.success() { "32" } else { "31;1" };
        let line = self.paint(colour, &totals(summary));
        self.screen.print(format!("{remarks}\n{line}\n").as_bytes())
    }
}

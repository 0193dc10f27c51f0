//! Lines for people.

use std::io::{self, Write};

use super::{Details, details, seconds, totals};
use crate::{
    listing::Test,
    suite::{Plan, Report, Sink, Summary},
    symbols::{Annotator, Symbols},
    verdict::Judgement,
};

/// How the lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// With the log of every test, as it comes.
    pub output: bool,
}

struct Failure {
    name: String,
    place: String,
    machine: String,
    judgement: Judgement,
    details: Details,
}

/// Writes a line for each test as it ends, and every failure in full at the end.
pub struct Terminal<W> {
    out: W,
    style: Style,
    symbols: Symbols,
    annotator: Annotator,
    failures: Vec<Failure>,
}

impl<W: Write> Terminal<W> {
    /// Writes to `out`; `symbols` are those of the kernel under test.
    pub fn new(out: W, style: Style, symbols: Symbols) -> Self {
        Self { out, style, symbols, annotator: Annotator::default(), failures: Vec::new() }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.style.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.into() }
    }

    fn print_failures(&mut self) -> io::Result<()> {
        for failure in std::mem::take(&mut self.failures) {
            let Failure { name, place, machine, judgement, details } = failure;
            let verdict = self.paint("31;1", &judgement.verdict.to_string());
            writeln!(self.out, "\n---- {name} ----")?;
            writeln!(self.out, "{verdict}: {}", judgement.why)?;
            writeln!(self.out, "  test: {place}")?;
            writeln!(self.out, "  machine: {machine}")?;
            write!(self.out, "{}", details.text())?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Terminal<W> {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        let Plan { tests, jobs, machine, .. } = plan;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        writeln!(
            self.out,
            "running {tests} test{}, {jobs} at a time, each in its own machine ({machine})",
            plural(*tests)
        )
    }

    fn output(&mut self, _: &Test, bytes: &[u8]) -> io::Result<()> {
        let annotated = self.annotator.push(bytes, &self.symbols);
        self.out.write_all(&annotated)?;
        self.out.flush()
    }

    fn wants_output(&self) -> bool {
        self.style.output
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let time = seconds(report.elapsed);
        let name = &report.test.name;
        if report.passed() {
            let word = self.paint("32", "PASS");
            writeln!(self.out, "{word} [{time:>8}] {name}")?;
        } else {
            let word = self.paint("31;1", "FAIL");
            let Judgement { verdict, why } = &report.judgement;
            let first = why.lines().next().unwrap_or_default();
            writeln!(self.out, "{word} [{time:>8}] {name}: {verdict}: {first}")?;
            self.failures.push(Failure {
                name: name.clone(),
                place: format!("{}:{}", report.test.file, report.test.line),
                machine: report.shape.to_string(),
                judgement: report.judgement.clone(),
                details: details(report, &self.symbols),
            });
        }
        self.out.flush()
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        let word = self.paint("33", "SKIP");
        let reason = test.ignored.as_deref().filter(|reason| !reason.is_empty());
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        writeln!(self.out, "{word} [ ignored] {}{reason}", test.name)
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.print_failures()?;
        let colour = if summary.success() { "32" } else { "31;1" };
        let line = self.paint(colour, &totals(summary));
        writeln!(self.out, "\n{line}")?;
        self.out.flush()
    }
}

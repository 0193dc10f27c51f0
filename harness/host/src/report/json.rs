//! Lines for programs: libtest's JSON events, with the verdict beside them.

use std::{
    io::{self, Write},
    rc::Rc,
};

use super::Line;
use crate::{
    listing::Test,
    suite::{Plan, Report, Sink, Summary},
    symbols::Symbols,
};

/// Writes one JSON object a line, as [`SCHEMA`](super::SCHEMA) describes them.
///
/// A reader that knows only libtest's types passes over lines of type `attempt` and `note`. The line of type `total` is written
/// when no further run begins, by programs that may have several.
pub struct JsonLines<W> {
    out: W,
    symbols: Rc<Symbols>,
    /// That of the run that has begun.
    shape: Option<String>,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`; `symbols` are those of the kernel under test.
    pub fn new(out: W, symbols: impl Into<Rc<Symbols>>) -> Self {
        Self { out, symbols: symbols.into(), shape: None, passed: 0, failed: 0, skipped: 0 }
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        self.shape.clone_from(&plan.shape);
        self.line(&Line::began(plan))
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.line(&Line::started(self.shape.as_deref(), test))
    }

    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.line(&Line::note(text))
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.line(&Line::retrying(self.shape.as_deref(), report, &self.symbols))
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.line(&Line::finished(self.shape.as_deref(), report, &self.symbols))
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        self.line(&Line::ignored(self.shape.as_deref(), test))
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.passed += summary.passed;
        // A run without success has a failure, whatever it counts; one that was interrupted tells so otherwise.
        let failed = usize::from(!summary.success() && summary.interrupted.is_none());
        self.failed += summary.failed.max(failed);
        self.skipped += summary.ignored;
        self.line(&Line::ended(self.shape.as_deref(), summary))
    }

    fn closed(&mut self) -> io::Result<()> {
        let Self { passed, failed, skipped, .. } = *self;
        self.line(&Line::total(passed, failed, skipped))
    }
}

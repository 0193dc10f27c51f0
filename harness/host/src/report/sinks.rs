//! Several listeners in one, and the choice of them.

use std::{fmt, io, io::Write, path::PathBuf, rc::Rc, time::Instant};

use super::{GitHub, Html, JUnit, JsonLines, Recorder, Style, Terminal, Writer};
use crate::{
    Error,
    listing::Test,
    suite::{Plan, Report, Sink, Summary},
    symbols::Symbols,
};

/// Where the results of a run go.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// JSON lines in place of lines for people.
    pub json: bool,
    /// How lines for people look.
    pub style: Style,
    /// A JUnit file to write.
    pub junit: Option<PathBuf>,
    /// An HTML report to write.
    pub html: Option<PathBuf>,
    /// Annotations and a job summary for GitHub: [`in_github_actions`](super::in_github_actions).
    pub github: bool,
    /// What the files shall state beside the plan, as name and value: QEMU's version, how the kernel boots, and `kernel`, its
    /// name, which in JUnit is the suite of tests that belong to no other.
    pub facts: Vec<(String, String)>,
    /// The program has several runs, or may have: one for each shape of a matrix. It ends with [`Sinks::close`], which writes the
    /// files about all of them, and the last line of JSON.
    pub several: bool,
}

impl Outputs {
    /// Opens all of them. `out` is standard output, or what stands for it; `symbols` are those of the kernel under test.
    ///
    /// # Errors
    /// [`Error::Request`] when a file cannot be written. None is written before the run's end, and then whole.
    pub fn open<W: Write + Send + 'static>(self, out: W, symbols: impl Into<Rc<Symbols>>) -> Result<Sinks, Error> {
        let symbols = symbols.into();
        let mut writers: Vec<Box<dyn Writer>> = Vec::new();
        if let Some(path) = &self.junit {
            writers.push(Box::new(JUnit::create(path)?));
        }
        if let Some(path) = &self.html {
            writers.push(Box::new(Html::create(path)?));
        }
        if self.github {
            writers.push(Box::new(GitHub::from_environment()?));
        }
        let mut sinks = Sinks::default();
        let (command, options) = (self.style.command.clone(), self.style.options.clone());
        if self.json {
            sinks.push(JsonLines::new(out, Rc::clone(&symbols)));
        } else if self.style.progress && !self.style.output {
            sinks.push(Terminal::live(out, self.style, Rc::clone(&symbols)));
        } else {
            sinks.push(Terminal::new(out, self.style, Rc::clone(&symbols)));
        }
        if !writers.is_empty() {
            let recorder = Recorder::new(writers, command, self.facts, symbols);
            sinks.push(recorder.with_options(&options).for_several(self.several));
        }
        sinks.open = self.several;
        Ok(sinks)
    }
}

/// Several sinks, told of everything in the order in which they were added.
///
/// The first that fails stops the run; it is told nothing more. The others are told that the run has ended, at the latest
/// when this value goes: what a full disk or a closed pipe does to one of them must not cost the others their end.
#[derive(Default)]
pub struct Sinks {
    sinks: Vec<Box<dyn Sink>>,
    /// What the sinks are told at the end when nobody else says it; `None` before the beginning and after the end.
    tally: Option<Tally>,
    /// The sinks are to be told that no further run begins.
    open: bool,
    /// Some run has begun.
    began: bool,
}

struct Tally {
    began: Instant,
    summary: Summary,
}

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sinks").field("count", &self.sinks.len()).finish_non_exhaustive()
    }
}

impl Sinks {
    /// Adds one.
    pub fn push(&mut self, sink: impl Sink + 'static) {
        self.sinks.push(Box::new(sink));
    }

    /// Says that no further run begins. When this value goes before that, it is said then.
    ///
    /// # Errors
    /// When the last word of a sink cannot be written; the others have their last word all the same.
    pub fn close(mut self) -> io::Result<()> {
        self.closed()
    }

    /// Tells each in turn, and drops the first that fails from those that hear of the end.
    fn tell(&mut self, mut tell: impl FnMut(&mut dyn Sink) -> io::Result<()>) -> io::Result<()> {
        for place in 0..self.sinks.len() {
            if let Err(error) = tell(&mut *self.sinks[place]) {
                drop(self.sinks.remove(place));
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Sink for Sinks {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        let summary = Summary { total: plan.tests, filtered_out: plan.filtered_out, ..Summary::default() };
        self.began = true;
        self.tally = Some(Tally { began: Instant::now(), summary });
        self.tell(|sink| sink.began(plan))
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.tell(|sink| sink.started(test))
    }

    fn noted(&mut self, text: &str) -> io::Result<()> {
        self.tell(|sink| sink.noted(text))
    }

    fn output(&mut self, test: &Test, bytes: &[u8]) -> io::Result<()> {
        self.tell(|sink| if sink.wants_output() { sink.output(test, bytes) } else { Ok(()) })
    }

    fn wants_output(&self) -> bool {
        self.sinks.iter().any(|sink| sink.wants_output())
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        self.tell(|sink| sink.retrying(report))
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        if let Some(Tally { summary, .. }) = &mut self.tally {
            *if report.passed() { &mut summary.passed } else { &mut summary.failed } += 1;
            summary.flaky += usize::from(report.flaky());
        }
        self.tell(|sink| sink.finished(report))
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        if let Some(tally) = &mut self.tally {
            tally.summary.ignored += 1;
        }
        self.tell(|sink| sink.ignored(test))
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        self.tally = None;
        // Every one is told, and the first error counts.
        self.sinks.iter_mut().map(|sink| sink.ended(summary)).fold(Ok(()), io::Result::and)
    }

    fn closed(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        self.sinks.iter_mut().map(|sink| sink.closed()).fold(Ok(()), io::Result::and)
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        if let Some(Tally { began, mut summary }) = self.tally.take() {
            summary.elapsed = began.elapsed();
            summary.total = summary.total.max(summary.passed + summary.failed);
            // The run has failed already, and says why; so below.
            let _ = self.ended(&summary);
        }
        if self.began {
            let _ = self.closed();
        }
    }
}

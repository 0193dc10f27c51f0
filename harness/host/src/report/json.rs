//! Lines for programs: libtest's JSON events, with the verdict beside them.

use std::{
    io::{self, Write},
    rc::Rc,
};

use serde_json::{Value, json};

use super::details;
use crate::{
    listing::Test,
    suite::{Origin, Plan, Report, Sink, Summary},
    symbols::Symbols,
};

/// Writes one JSON object a line: `suite` started, ok or failed; `test` started, ok, failed or ignored.
///
/// A finished test also has
/// - `verdict` ([`Verdict::id`](crate::verdict::Verdict::id)), `why`, and `duration` in seconds; `flaky`, whether it
///   passed only when it was tried again; a failed one its details in words under `stdout`;
/// - `seed` as text, for JSON's readers round large numbers; `round` and `attempt`, from 1;
/// - `origin` ([`Origin::id`](crate::suite::Origin::id)), `lane`, and `started` in seconds from the run's start;
/// - `artifact`, what `--replay` takes, when its machine was kept.
///
/// An attempt that failed and is not the last has a line of type `attempt` with the same members, which readers that
/// know only libtest's types pass over.
pub struct JsonLines<W> {
    out: W,
    symbols: Rc<Symbols>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`; `symbols` are those of the kernel under test.
    pub fn new(out: W, symbols: impl Into<Rc<Symbols>>) -> Self {
        Self { out, symbols: symbols.into() }
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value}")?;
        self.out.flush()
    }

    fn attempt(&self, kind: &str, report: &Report<'_>) -> Value {
        let seconds = report.elapsed.as_secs_f64();
        let mut value = json!({
            "type": kind,
            "name": report.test.name,
            "event": if report.passed() { "ok" } else { "failed" },
            "exec_time": seconds,
            "duration": seconds,
            "verdict": report.judgement.verdict.id(),
            "why": report.judgement.why,
            "flaky": report.flaky(),
            "seed": format!("{:#x}", report.seed),
            "round": report.round,
            "attempt": report.attempt,
            "origin": report.origin.map(Origin::id),
            "lane": report.lane,
            "started": report.started.as_secs_f64(),
        });
        if let Some(artifact) = &report.artifact {
            value["artifact"] = artifact.as_str().into();
        }
        if !report.passed() {
            value["stdout"] = format!("{}\n{}", report.judgement.why, details(report, &self.symbols).text()).into();
        }
        value
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        self.line(&json!({ "type": "suite", "event": "started", "test_count": plan.tests + plan.ignored,
            "seed": format!("{:#x}", plan.seed), "isolation": plan.isolation.to_string(), "machine": plan.machine }))
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.line(&json!({ "type": "test", "event": "started", "name": test.name }))
    }

    fn retrying(&mut self, report: &Report<'_>) -> io::Result<()> {
        let value = self.attempt("attempt", report);
        self.line(&value)
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let value = self.attempt("test", report);
        self.line(&value)
    }

    fn ignored(&mut self, test: &Test) -> io::Result<()> {
        let mut value = json!({ "type": "test", "event": "ignored", "name": test.name });
        if let Some(reason) = test.ignored.as_ref().filter(|reason| !reason.is_empty()) {
            value["message"] = reason.as_str().into();
        }
        self.line(&value)
    }

    fn ended(&mut self, summary: &Summary) -> io::Result<()> {
        let mut value = json!({
            "type": "suite",
            "event": if summary.success() { "ok" } else { "failed" },
            "passed": summary.passed,
            "flaky": summary.flaky,
            "failed": summary.failed,
            "ignored": summary.ignored,
            "measured": 0,
            "filtered_out": summary.filtered_out,
            "exec_time": summary.elapsed.as_secs_f64(),
        });
        if let Some(signal) = summary.interrupted {
            value["interrupted"] = signal.into();
        }
        self.line(&value)
    }
}

//! Lines for programs: libtest's JSON events, with the verdict beside them.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::details;
use crate::{
    listing::Test,
    suite::{Plan, Report, Sink, Summary},
    symbols::Symbols,
};

/// Writes one JSON object a line: `suite` started, ok or failed; `test` started, ok, failed or ignored.
///
/// A finished test also has `verdict` ([`Verdict::id`](crate::verdict::Verdict::id)), `why`, and `duration` in seconds;
/// a failed one its details in words under `stdout`.
pub struct JsonLines<W> {
    out: W,
    symbols: Symbols,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`; `symbols` are those of the kernel under test.
    pub fn new(out: W, symbols: Symbols) -> Self {
        Self { out, symbols }
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value}")?;
        self.out.flush()
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn began(&mut self, plan: &Plan) -> io::Result<()> {
        self.line(&json!({ "type": "suite", "event": "started", "test_count": plan.tests + plan.ignored }))
    }

    fn started(&mut self, test: &Test) -> io::Result<()> {
        self.line(&json!({ "type": "test", "event": "started", "name": test.name }))
    }

    fn finished(&mut self, report: &Report<'_>) -> io::Result<()> {
        let seconds = report.elapsed.as_secs_f64();
        let mut value = json!({
            "type": "test",
            "name": report.test.name,
            "event": if report.passed() { "ok" } else { "failed" },
            "exec_time": seconds,
            "duration": seconds,
            "verdict": report.judgement.verdict.id(),
            "why": report.judgement.why,
        });
        if !report.passed() {
            value["stdout"] = format!("{}\n{}", report.judgement.why, details(report, &self.symbols).text()).into();
        }
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

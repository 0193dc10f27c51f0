//! A test that was run, with all attempts at it.

use std::time::Duration;

use super::{Again, Details, autopsy::printable, details, title};
use crate::{
    listing::{Subject, Tier},
    session::{Evidence, Heard, Said},
    suite::{Origin, Plan, Report},
    symbols::Symbols,
    verdict::Verdict,
};

/// A test, in one round.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its full name.
    pub name: String,
    /// What it is.
    pub subject: Subject,
    /// The name of the shape that it ran in, in a run over several.
    pub shape: Option<String>,
    /// Its source file, or the script that it is a line of; empty when there is none.
    pub file: String,
    /// The line there.
    pub line: u32,
    /// How much it costs.
    pub tier: Tier,
    /// Its machine, in words.
    pub machine: String,
    /// The round, from 1.
    pub round: u32,
    /// Its seed, if it has one.
    pub seed: Option<u64>,
    /// The attempts, in order; at least one, and the last one decides.
    pub attempts: Vec<Attempt>,
}

/// One attempt at a test.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How it went.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// From dispatch to verdict.
    pub elapsed: Duration,
    /// From the run's start to dispatch.
    pub started: Duration,
    /// Which of the machines that ran at the same time it was.
    pub lane: u32,
    /// How its machine came up, if it had one for itself.
    pub origin: Option<Origin>,
    /// Under what name the machine was kept.
    pub artifact: Option<String>,
    /// What is known about its end; empty for one that passed.
    pub details: Details,
    /// Where in the sources it went wrong, when the kernel said so.
    pub place: Option<(String, u32)>,
}

impl Case {
    /// The attempt that decided.
    ///
    /// # Panics
    /// Never: a case is made of an attempt.
    #[must_use]
    pub fn last(&self) -> &Attempt {
        self.attempts.last().expect("a case has an attempt")
    }

    /// Whether the test passed in the end.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.last().verdict == Verdict::Pass
    }

    /// Whether it passed after it had failed.
    #[must_use]
    pub fn flaky(&self) -> bool {
        self.passed() && self.attempts.len() > 1
    }

    /// Its name, with the round if that is not the first.
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.name, self.round)
    }

    /// The same, after the name of its shape in a run over several.
    #[must_use]
    pub fn full_title(&self) -> String {
        self.shape.as_ref().map_or_else(|| self.title(), |shape| format!("{shape}: {}", self.title()))
    }

    /// The attempt that shows what went wrong, if anything did: the last, or for a flaky test the first.
    #[must_use]
    pub fn failure(&self) -> Option<&Attempt> {
        if self.passed() {
            self.attempts.first().filter(|attempt| attempt.verdict != Verdict::Pass)
        } else {
            self.attempts.last()
        }
    }

    /// What it belongs to: its crate, or the suite that the kernel's log names; empty when nothing says so.
    #[must_use]
    pub fn group(&self) -> &str {
        group(&self.subject, &self.name)
    }

    /// What else is to be said of an attempt at it, as name and value: its place, its machine, how to run it again.
    #[must_use]
    pub fn facts(&self, shown: &Attempt, again: &Again) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if !self.file.is_empty() {
            facts.push(("test", format!("{}:{}", printable(&self.file), self.line)));
        }
        if self.subject != Subject::Host {
            let name = self.shape.as_ref().map_or_else(String::new, |name| format!("{}: ", printable(name)));
            let forked_at = if self.subject == Subject::Ktest { "its ready point" } else { "the fork point" };
            let came_up = |origin| format!("; {}", came_up(origin, forked_at));
            let origin = shown.origin.map_or_else(String::new, came_up);
            facts.push(("machine", format!("{name}{}{origin}", self.machine)));
        }
        facts.extend(self.seed.map(|seed| ("seed", format!("{seed:#x}"))));
        facts.extend(again.case(self).map(|command| ("again", command)));
        if self.attempts.len() > 1 {
            let verdicts: Vec<_> = self.attempts.iter().map(|attempt| attempt.verdict.to_string()).collect();
            facts.push(("attempts", format!("{}: {}", verdicts.len(), verdicts.join(", "))));
        }
        facts.extend(again.replay(shown).map(|replay| ("replay", replay)));
        facts
    }
}

/// `demo` of `demo::tests::works`; of a test that a log tells of, its suite: `list` of `list.init`.
#[must_use]
pub fn group<'n>(subject: &Subject, name: &'n str) -> &'n str {
    match subject {
        Subject::Ktest | Subject::Host => name.split("::").next().unwrap_or(name),
        Subject::Ktap { line: None } => name.split_once('.').map_or("", |(suite, _)| suite),
        Subject::Run | Subject::Line | Subject::Ktap { .. } => "",
    }
}

impl Attempt {
    /// What a report says; `symbols` are those of the kernel under test.
    #[must_use]
    pub fn of(report: &Report<'_>, symbols: &Symbols) -> Self {
        Self {
            verdict: report.judgement.verdict,
            why: report.judgement.why.clone(),
            elapsed: report.elapsed,
            started: report.started,
            lane: report.lane,
            origin: report.origin.filter(|_| report.test.subject.has_a_machine()),
            artifact: report.artifact.clone(),
            details: if report.passed() { Details::default() } else { details(report, symbols) },
            place: if report.passed() { None } else { place(report) },
        }
    }

    /// Verdict and reason in one line, or as much of it as the first line of the reason.
    #[must_use]
    pub fn headline(&self) -> String {
        format!("{}: {}", self.verdict, printable(self.why.lines().next().unwrap_or_default()))
    }
}

/// How a machine came to where tests begin, in words.
fn came_up(origin: Origin, point: &str) -> String {
    match origin {
        Origin::Boot => "booted for this test".into(),
        Origin::Clone => format!("cloned at {point}"),
        Origin::Reset => format!("reset to {point}"),
        Origin::Shared => "shared with the tests before".into(),
    }
}

/// Where in the sources it went wrong, when the kernel said so.
fn place(report: &Report<'_>) -> Option<(String, u32)> {
    match report.test.subject {
        // KUnit says `EXPECTATION FAILED at lib/list-test.c:17`.
        Subject::Ktap { .. } => {
            report.judgement.why.lines().find_map(|line| file_and_line(line.rsplit(" at ").next()?))
        }
        _ => report.evidence.as_ref().and_then(panic_place),
    }
}

/// The file and line of `file:line`, or of `file:line:column`.
fn file_and_line(place: &str) -> Option<(String, u32)> {
    let mut parts = place.split(':');
    let (file, line) = (parts.next()?, parts.next()?.parse().ok()?);
    (!file.is_empty() && !file.contains(' ')).then(|| (file.into(), line))
}

/// The file and line at which the kernel panicked, when it said so.
fn panic_place(evidence: &Evidence) -> Option<(String, u32)> {
    let place = evidence.heard.iter().rev().find_map(|heard| match heard {
        Heard::Record { said: Said::Panicked { place, .. }, .. } => Some(place),
        _ => None,
    })?;
    file_and_line(place)
}

/// Tests of which an attempt has failed and that will be tried again.
#[derive(Debug, Default)]
pub struct Pending {
    cases: Vec<Case>,
    /// The shape of the run.
    shape: Option<String>,
}

impl Pending {
    /// A run begins.
    pub fn began(&mut self, plan: &Plan) {
        self.shape.clone_from(&plan.shape);
    }

    /// An attempt failed that is not the last. The answer is the case so far.
    pub fn retrying(&mut self, report: &Report<'_>, symbols: &Symbols, before: Duration) -> &Case {
        let case = self.finished(report, symbols, before);
        self.cases.push_mut(case)
    }

    /// The case of the last attempt, with all those before. `before` is what passed before the run began.
    pub fn finished(&mut self, report: &Report<'_>, symbols: &Symbols, before: Duration) -> Case {
        if let Subject::Ktap { line } = &report.test.subject {
            // What the log tells of stands in the place of the whole, at which there was an attempt before.
            let whole = |case: &Case| match line {
                None => case.subject == Subject::Run,
                Some(name) => case.subject == Subject::Line && case.name == *name,
            };
            self.cases.retain(|case| case.round != report.round || !whole(case));
        }
        let same = |case: &Case| case.name == report.test.name && case.round == report.round;
        let mut case = match self.cases.iter().position(same) {
            Some(place) => self.cases.remove(place),
            None => Case {
                name: report.test.name.clone(),
                subject: report.test.subject.clone(),
                shape: self.shape.clone(),
                file: report.test.file.clone(),
                line: report.test.line,
                tier: report.test.tier,
                machine: report.shape.to_string(),
                round: report.round,
                seed: (report.test.subject == Subject::Ktest).then_some(report.seed),
                attempts: Vec::new(),
            },
        };
        let attempt = Attempt::of(report, symbols);
        case.attempts.push(Attempt { started: before + attempt.started, ..attempt });
        case
    }

    /// All of them: they will not be tried again after all.
    pub fn take(&mut self) -> Vec<Case> {
        std::mem::take(&mut self.cases)
    }
}

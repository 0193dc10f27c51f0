//! A test that was run, with all attempts at it.

use std::time::Duration;

use super::{Details, autopsy::printable, details, title};
use crate::{
    listing::Tier,
    session::{Evidence, Heard, Said},
    suite::{Origin, Report},
    symbols::Symbols,
    verdict::Verdict,
};

/// A test, in one round.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its full path.
    pub name: String,
    /// Its source file.
    pub file: String,
    /// The line there.
    pub line: u32,
    /// How much it costs.
    pub tier: Tier,
    /// Its machine, in words.
    pub machine: String,
    /// The round, from 1.
    pub round: u32,
    /// Its seed.
    pub seed: u64,
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
    /// How its machine came up.
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

    /// The attempt that shows what went wrong, if anything did: the last, or for a flaky test the first.
    #[must_use]
    pub fn failure(&self) -> Option<&Attempt> {
        if self.passed() {
            self.attempts.first().filter(|attempt| attempt.verdict != Verdict::Pass)
        } else {
            self.attempts.last()
        }
    }

    /// What else is to be said of an attempt at it, as name and value: its place, its machine, how to run it again. `seed` is what the
    /// run's seeds are made of, `command` what runs tests, `options` those that the run was given for booting machines.
    #[must_use]
    pub fn facts(&self, shown: &Attempt, seed: u64, command: &str, options: &str) -> Vec<(&'static str, String)> {
        let origin = shown.origin.map_or_else(String::new, |origin| format!("; {}", came_up(origin)));
        let rounds = if self.round > 1 { format!(" --repeat {}", self.round) } else { String::new() };
        let tier = if self.tier > Tier::Test { format!(" --tier {}", self.tier) } else { String::new() };
        let mut facts = Vec::new();
        // A test that is not a kernel's has none of these.
        if !self.file.is_empty() {
            facts = vec![
                ("test", format!("{}:{}", self.file, self.line)),
                ("machine", format!("{}{origin}", self.machine)),
                ("seed", format!("{:#x}", self.seed)),
                ("again", format!("{command} {} --seed {seed:#x}{rounds}{tier}{options}", self.name)),
            ];
        }
        if self.attempts.len() > 1 {
            let verdicts: Vec<_> = self.attempts.iter().map(|attempt| attempt.verdict.to_string()).collect();
            facts.push(("attempts", format!("{}: {}", verdicts.len(), verdicts.join(", "))));
        }
        facts.extend(shown.replay(command).map(|replay| ("replay", replay)));
        facts
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
            origin: report.origin,
            artifact: report.artifact.clone(),
            details: if report.passed() { Details::default() } else { details(report, symbols) },
            place: report.evidence.as_ref().filter(|_| !report.passed()).and_then(panic_place),
        }
    }

    /// Verdict and reason in one line, or as much of it as the first line of the reason.
    #[must_use]
    pub fn headline(&self) -> String {
        format!("{}: {}", self.verdict, printable(self.why.lines().next().unwrap_or_default()))
    }

    /// The command that opens the machine again, if it was kept.
    #[must_use]
    pub fn replay(&self, command: &str) -> Option<String> {
        Some(format!("{command} --replay {}", self.artifact.as_ref()?))
    }
}

/// How a machine came to its ready point, in words.
const fn came_up(origin: Origin) -> &'static str {
    match origin {
        Origin::Boot => "booted for this test",
        Origin::Clone => "cloned at its ready point",
        Origin::Reset => "reset to its ready point",
        Origin::Shared => "shared with the tests before",
    }
}

/// The file and line at which the kernel panicked, when it said so.
fn panic_place(evidence: &Evidence) -> Option<(String, u32)> {
    let place = evidence.heard.iter().rev().find_map(|heard| match heard {
        Heard::Record { said: Said::Panicked { place, .. }, .. } => Some(place),
        _ => None,
    })?;
    // `file:line`, or `file:line:column`.
    let mut parts = place.split(':');
    let (file, line) = (parts.next()?, parts.next()?.parse().ok()?);
    (!file.is_empty()).then(|| (file.into(), line))
}

/// Tests of which an attempt has failed and that will be tried again.
#[derive(Debug, Default)]
pub struct Pending(Vec<Case>);

impl Pending {
    /// An attempt failed that is not the last. The answer is the case so far.
    pub fn retrying(&mut self, report: &Report<'_>, symbols: &Symbols) -> &Case {
        let case = self.finished(report, symbols);
        self.0.push_mut(case)
    }

    /// The case of the last attempt, with all those before.
    pub fn finished(&mut self, report: &Report<'_>, symbols: &Symbols) -> Case {
        let same = |case: &Case| case.name == report.test.name && case.round == report.round;
        let mut case = match self.0.iter().position(same) {
            Some(place) => self.0.remove(place),
            None => Case {
                name: report.test.name.clone(),
                file: report.test.file.clone(),
                line: report.test.line,
                tier: report.test.tier,
                machine: report.shape.to_string(),
                round: report.round,
                seed: report.seed,
                attempts: Vec::new(),
            },
        };
        case.attempts.push(Attempt::of(report, symbols));
        case
    }

    /// All of them: they will not be tried again after all.
    pub fn take(&mut self) -> Vec<Case> {
        std::mem::take(&mut self.0)
    }
}

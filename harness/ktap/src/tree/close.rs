//! The ends of tests, of documents, and of the log.

use std::borrow::Cow;

use super::{Line, Tree};
use crate::event::{Event, MISSING, Status, Summary};
use crate::frame::Frame;
use crate::result::Outcome;

/// Why a test ends.
#[derive(Clone, Copy)]
enum End<'a, 'b> {
    /// Its result has come.
    Result(&'b Line<'a>),
    /// Its result has been lost, and the log goes on.
    Lost,
    /// The log ends; this was the innermost test, which ran.
    Log { is_innermost: bool },
}

impl Tree {
    /// Nothing more comes.
    pub fn finish(mut self, tell: &mut impl FnMut(Event<'_>)) -> Summary {
        let is_blank = self.is_blank();
        self.end_document(tell);
        if is_blank {
            self.problem("there is neither a version line nor a plan nor a test", tell);
            return Summary { status: Status::FailureToParse, counts: self.root().counts };
        }
        if self.root().seen == 0 {
            if self.root().skipped {
                self.top_mut().counts.add(Status::Skipped);
            } else {
                self.problem("there are no tests", tell);
            }
        }
        let counts = self.root().counts;
        Summary { status: counts.status(), counts }
    }

    /// Ends the tests that are open, and says what is missing. Another document may follow.
    pub(super) fn end_document(&mut self, tell: &mut impl FnMut(Event<'_>)) {
        let was_open = self.frames.len() > 1;
        let mut is_innermost = true;
        while self.frames.len() > 1 {
            self.close_by(End::Log { is_innermost }, tell);
            is_innermost = false;
        }
        let root = self.root();
        let may_crash = root.plan.is_none() && !was_open && self.has_header && self.bailed.is_none();
        if may_crash && let Some(words) = self.last_words.take() {
            self.problem("the log ends in a crash", tell);
            self.crashed(self.running_name(), Some(words.into()), tell);
        }
        self.missing(!was_open, tell);
        self.compare_late_plan(tell);
        let Frame { seen, counts, skipped, opened, .. } = std::mem::take(&mut self.frames[0]);
        self.frames[0] = Frame { seen, before: seen, counts, skipped, opened, ..Frame::default() };
        (self.last_words, self.bailed, self.is_indented) = (None, None, false);
    }

    /// Ends all tests deeper than this one, their results being lost.
    pub(super) fn close_lost(&mut self, depth: usize, tell: &mut impl FnMut(Event<'_>)) {
        while self.frames.len() > depth + 1 {
            self.close(None, tell);
        }
    }

    /// Ends the innermost test by its result, or without one.
    pub(super) fn close(&mut self, line: Option<&Line<'_>>, tell: &mut impl FnMut(Event<'_>)) {
        self.close_by(line.map_or(End::Lost, End::Result), tell);
    }

    fn close_by(&mut self, end: End<'_, '_>, tell: &mut impl FnMut(Event<'_>)) {
        self.end_subtests(end, tell);
        match end {
            End::Result(line) => {
                let parent = self.frames.len() - 2;
                self.number(parent, line.number, tell);
            }
            End::Lost | End::Log { .. } => self.problem("the result of a test with subtests is missing", tell),
        }
        let status = self.status(end, tell);
        self.tell_closed(end, status, tell);
    }

    /// Says which of the innermost test's subtests are missing.
    fn end_subtests(&mut self, end: End<'_, '_>, tell: &mut impl FnMut(Event<'_>)) {
        let (parent, top) = (&self.frames[self.frames.len() - 2], self.top());
        let is_program = top.place().hashes > parent.place().hashes;
        match end {
            // A program of kselftest may end before its plan says so, and what it comes to is its own affair.
            End::Result(line) if is_program => {
                if line.outcome.status == Status::Success && top.missing() > 0 {
                    self.problem("a program ends well before its plan", tell);
                }
            }
            End::Result(_) | End::Lost => self.missing(false, tell),
            End::Log { is_innermost } => {
                if is_innermost && top.plan.is_none() && !top.running.is_empty() {
                    let reason = self.ending().map(Into::into);
                    self.crashed(self.running_name(), reason, tell);
                }
                self.missing(is_innermost, tell);
            }
        }
        self.compare_late_plan(tell);
    }

    fn compare_late_plan(&mut self, tell: &mut impl FnMut(Event<'_>)) {
        let top = self.top();
        if top.plan.is_some_and(|plan| plan.is_late && plan.count != top.seen) {
            self.problem("the plan and the number of results differ", tell);
        }
    }

    /// What the innermost test comes to, which its counts are made to agree with.
    fn status(&mut self, end: End<'_, '_>, tell: &mut impl FnMut(Event<'_>)) -> Status {
        let own = match end {
            End::Result(line) => Some(line.outcome.status),
            End::Lost => None,
            End::Log { .. } => Some(Status::TestCrashed),
        };
        let is_empty = self.top().seen == 0;
        let mut status = own.unwrap_or(Status::TestCrashed);
        if is_empty && matches!(own, None | Some(Status::Success)) {
            status = if self.top().skipped { Status::Skipped } else { Status::NoTests };
            if !self.top().skipped {
                self.problem("a test with subtests has none", tell);
            }
        }
        let counts = &mut self.top_mut().counts;
        if counts.total() == 0 {
            // That of a lost result is not counted, as the machine went on.
            counts.add(status);
        } else if counts.crashed > 0 {
            status = Status::TestCrashed;
        } else if matches!(end, End::Log { .. }) || status == Status::Failure && counts.failed == 0 {
            // None of its subtests says what is wrong: it is something with the test itself.
            counts.add(status);
        }
        status
    }

    fn tell_closed(&mut self, end: End<'_, '_>, status: Status, tell: &mut impl FnMut(Event<'_>)) {
        let Some(frame) = self.frames.pop() else { return };
        let running = match end {
            End::Result(_) => String::new(),
            End::Lost | End::Log { .. } => self.running_name(),
        };
        self.top_mut().counts.add_all(&frame.counts);
        self.has_one_more(tell);
        let (own, reason) = match end {
            End::Result(line) => (&*line.outcome.name, line.outcome.reason.as_deref().map(str::to_owned)),
            End::Lost => ("", None),
            End::Log { .. } => ("", self.ending()),
        };
        let name = if own.is_empty() { frame.name.as_ref().unwrap_or(&running) } else { own };
        let outcome = Outcome { name: name.into(), status, reason: reason.map(Into::into) };
        self.tell(&outcome, frame.opened, tell);
    }

    /// The tests of the innermost frame that are planned and have no result: the first of them was running, by its name
    /// if that is known, when the log or the test ended.
    pub(super) fn missing(&mut self, log_ends: bool, tell: &mut impl FnMut(Event<'_>)) {
        let count = self.top().missing();
        if count == 0 {
            return;
        }
        let first = self.next_number(self.frames.len() - 1);
        let told = 1 + (count - 1).min(self.budget);
        self.budget -= told - 1;
        self.problem(MISSING, tell);
        let reason = log_ends.then(|| self.ending()).flatten();
        self.crashed(self.running_name(), Some(reason.map_or("there is no result".into(), Into::into)), tell);
        for at in 1..told {
            self.problem(MISSING, tell);
            self.crashed(first.saturating_add(at).to_string(), Some("there is no result".into()), tell);
        }
        let rest = count - told;
        if rest > 0 {
            let line = self.line;
            let top = self.top_mut();
            top.seen = top.seen.saturating_add(rest);
            top.counts.crashed = top.counts.crashed.saturating_add(rest);
            top.counts.errors = top.counts.errors.saturating_add(rest);
            tell(Event::Problem { line, what: format!("{rest} more planned results are missing").into() });
        }
    }

    /// Why a test that runs when the log ends does not end itself.
    fn ending(&self) -> Option<String> {
        let told = self.bailed.as_ref().or(self.last_words.as_ref()).cloned();
        told.or_else(|| Some("the log ends before its result".to_owned()))
    }

    /// The name of the innermost frame's test that has no result yet: by its diagnostics, or its number.
    pub(super) fn running_name(&self) -> String {
        let top = self.top();
        if !top.running.is_empty() {
            return top.running.clone();
        }
        top.gap.unwrap_or_else(|| self.next_number(self.frames.len() - 1)).to_string()
    }

    fn crashed(&mut self, name: String, reason: Option<Cow<'_, str>>, tell: &mut impl FnMut(Event<'_>)) {
        let outcome = Outcome { name: name.into(), status: Status::TestCrashed, reason };
        let top = self.top_mut();
        top.counts.add(Status::TestCrashed);
        top.seen = top.seen.saturating_add(1);
        top.running.clear();
        self.tell(&outcome, false, tell);
    }
}

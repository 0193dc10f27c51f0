//! Puts lines together to tests: the state of the parser beyond one line.

mod close;

use crate::event::{Event, Status, Test};
use crate::frame::{Dialect, Frame, Plan, kept, subject};
use crate::line::{Core, Place};
use crate::result::Outcome;

/// Levels of nesting; what is nested deeper belongs to the deepest.
pub const DEPTH: usize = 64;
/// How many tests without results are told of one by one in a whole log; beyond, only the first of each level is, and
/// the rest are counted.
const MISSING: u64 = 10_000;

/// The tests that are being read. The first frame is the log itself, and is always there.
#[derive(Debug)]
pub struct Tree {
    frames: Vec<Frame>,
    /// Tests that may still be told of without a result.
    budget: u64,
    /// The last crash since the last result, as the kernel put it.
    last_words: Option<String>,
    /// The run was given up, for this reason.
    bailed: Option<String>,
    /// A version line has been seen.
    has_header: bool,
    /// Something deeper than the log itself has been seen at a deeper place.
    is_indented: bool,
    /// The line that is being read, from 1.
    pub line: u64,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            frames: vec![Frame::default()],
            budget: MISSING,
            last_words: None,
            bailed: None,
            has_header: false,
            is_indented: false,
            line: 1,
        }
    }
}

/// A result line.
struct Line<'a> {
    place: Place,
    number: Option<u64>,
    outcome: Outcome<'a>,
}

impl Tree {
    /// Nothing that belongs to tests has been seen.
    pub fn is_blank(&self) -> bool {
        self.frames.len() == 1 && !self.has_header && self.root().is_fresh()
    }

    /// The outermost plan is fulfilled, or the run was given up.
    pub fn is_complete(&self) -> bool {
        self.bailed.is_some() || self.frames.len() == 1 && self.root().is_fulfilled()
    }

    /// The bytes that are kept.
    pub fn retained(&self) -> usize {
        let frames = self.frames.capacity() * size_of::<Frame>();
        let texts = [&self.last_words, &self.bailed].into_iter().flatten().map(String::capacity);
        frames + self.frames.iter().map(Frame::retained).sum::<usize>() + texts.sum::<usize>()
    }

    /// How many levels of `# ` hold results.
    pub fn hashes(&self) -> u8 {
        self.top().place().hashes
    }

    /// The number that the next result of the innermost test should have, and where it should stand.
    pub fn expected(&self) -> (u64, Place) {
        (self.next_number(self.frames.len() - 1), self.top().place())
    }

    /// The innermost level, or one around it, expects this number, in which case it is said where its results stand.
    pub fn expects(&self, number: u64) -> bool {
        (0..self.frames.len()).any(|depth| self.next_number(depth) == number)
    }

    /// The kernel has said that it is going down.
    pub fn crash(&mut self, words: &[u8]) {
        // The first words are the nearest to the cause, and a panic for want of a disk comes when all tests are done.
        if self.last_words.is_none() && !words.starts_with(b"Kernel panic - not syncing: VFS") {
            self.last_words = Some(kept(words));
        }
    }

    /// Takes a line of TAP.
    pub fn take(&mut self, place: Place, core: &Core<'_>, tell: &mut impl FnMut(Event<'_>)) {
        let begins = matches!(core, Core::Version { .. }) && place <= self.root().place();
        if self.bailed.is_some() && !begins {
            return;
        }
        match *core {
            Core::Result { ok, number, rest } => {
                let takes = number.is_some() || !self.is_blank() && self.top().version != Some(Dialect::Ktap);
                if takes {
                    self.result(&Line { place, number, outcome: Outcome::read(ok, rest) }, tell);
                }
            }
            Core::Plan { count, skip } => self.plan(place, count, skip, tell),
            Core::Version { ktap, number } => self.version(place, ktap, number, tell),
            Core::Subtest(name) => self.subtest(place, name, tell),
            Core::Diagnostic(text) => self.diagnostic(place, text),
            Core::Bail(reason) => self.bail(place, reason, tell),
            Core::Yaml | Core::YamlEnd | Core::Pragma => {}
        }
    }

    fn root(&self) -> &Frame {
        &self.frames[0]
    }

    fn top(&self) -> &Frame {
        &self.frames[self.frames.len() - 1]
    }

    fn top_mut(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn next_number(&self, depth: usize) -> u64 {
        let Frame { seen, before, .. } = self.frames[depth];
        (seen - before).saturating_add(1)
    }

    /// The innermost frame whose tests stand at this place or before it.
    fn owner(&self, place: Place) -> usize {
        self.frames.iter().rposition(|frame| frame.place() <= place).unwrap_or(0)
    }

    /// The innermost test and the one around it stand at the same place: the log has no indentation here.
    fn is_flat(&self) -> bool {
        let depth = self.frames.len();
        depth > 1 && self.frames[depth - 2].place() == self.top().place()
    }

    fn open(&mut self, frame: Frame, tell: &mut impl FnMut(Event<'_>)) {
        self.is_indented |= frame.place() > self.root().place();
        if self.frames.len() <= DEPTH {
            self.frames.push(frame);
        } else {
            self.problem("tests are nested deeper than is read", tell);
        }
    }

    /// Counts what is wrong with the log, and tells of it.
    fn problem(&mut self, what: &str, tell: &mut impl FnMut(Event<'_>)) {
        let line = self.line;
        let errors = &mut self.top_mut().counts.errors;
        *errors = errors.saturating_add(1);
        tell(Event::Problem { line, what: what.into() });
    }

    fn result(&mut self, line: &Line<'_>, tell: &mut impl FnMut(Event<'_>)) {
        let place = line.place;
        let depth = self.frames.len() - 1;
        if depth > 0 && place < self.top().place() {
            let owner = self.owner(place);
            self.close_lost(owner + 1, tell);
            self.result_behind(line, tell);
        } else if depth > 0 && self.is_flat_end(line) {
            self.close(Some(line), tell);
        } else {
            self.settle(place, None, tell);
            self.leaf(line, tell);
        }
        self.last_words = None;
    }

    /// A result that stands before the innermost test, and should be that test's.
    fn result_behind(&mut self, line: &Line<'_>, tell: &mut impl FnMut(Event<'_>)) {
        let parent = self.frames.len() - 2;
        let next = self.next_number(parent);
        let is_next_but_one = line.number.is_some() && line.number == next.checked_add(1);
        if is_next_but_one && self.top().name.is_some() && !self.top().is_named(&line.outcome.name) {
            self.close(None, tell);
            self.leaf(line, tell);
        } else {
            self.close(Some(line), tell);
        }
    }

    /// Whether the result is that of the innermost test, although it stands where its subtests do.
    fn is_flat_end(&self, line: &Line<'_>) -> bool {
        let top = self.top();
        if top.place.is_none() {
            return line.place == top.header && top.is_named(&line.outcome.name);
        }
        self.is_flat() && line.place == top.place() && (top.is_fulfilled() || top.is_named(&line.outcome.name))
    }

    /// Makes the innermost frame one that holds lines of this place: by learning where its tests stand, or by opening a
    /// test without a header. `plan` is the line, if it is one.
    fn settle(&mut self, place: Place, plan: Option<u64>, tell: &mut impl FnMut(Event<'_>)) {
        let is_root = self.frames.len() == 1;
        let top = self.top_mut();
        let Some(own) = top.place else {
            top.place = Some(place);
            self.is_indented |= place > self.root().place();
            return;
        };
        if place <= own {
            return;
        }
        // KTAP nests by version lines alone, and a header says nothing of where its tests stand.
        let ktap = top.version == Some(Dialect::Ktap);
        let adopts = if plan.is_some() { top.is_fresh() } else { top.seen == top.before } && (ktap || !is_root);
        if adopts {
            top.place = Some(place);
        } else if plan.is_some() || !ktap && (place.hashes > own.hashes || place.column >= own.column + 2) {
            self.open(Frame::at(place), tell);
        }
    }

    /// A test without subtests.
    fn leaf(&mut self, line: &Line<'_>, tell: &mut impl FnMut(Event<'_>)) {
        self.number(self.frames.len() - 1, line.number, tell);
        self.top_mut().counts.add(line.outcome.status);
        self.has_one_more(tell);
        self.tell(&line.outcome, false, tell);
    }

    /// The innermost frame's running test has its result.
    fn has_one_more(&mut self, tell: &mut impl FnMut(Event<'_>)) {
        let top = self.top_mut();
        top.seen = top.seen.saturating_add(1);
        top.running.clear();
        let Some(plan) = &mut top.plan else { return };
        // Behind a plan in the middle something is still to come.
        plan.is_late = false;
        if top.seen > plan.count {
            self.problem("there are more results than planned", tell);
        }
    }

    /// Tells of a test of the innermost frame.
    fn tell(&mut self, outcome: &Outcome<'_>, has_subtests: bool, tell: &mut impl FnMut(Event<'_>)) {
        let depth = self.frames.len() - 1;
        if !self.top().opened {
            for (at, frame) in self.frames.iter_mut().enumerate().skip(1).filter(|(_, frame)| !frame.opened) {
                frame.opened = true;
                tell(Event::Open { depth: at - 1, name: frame.name.as_deref().map(Into::into) });
            }
            self.frames[0].opened = true;
        }
        let Outcome { name, status, reason } = outcome;
        let (name, reason) = ((&**name).into(), reason.as_deref().map(Into::into));
        tell(Event::Test(Test { depth, name, status: *status, reason, has_subtests }));
    }

    /// Compares the number of a frame's result with what it should be.
    fn number(&mut self, depth: usize, number: Option<u64>, tell: &mut impl FnMut(Event<'_>)) {
        let next = self.next_number(depth);
        let Some(number) = number.filter(|&number| number != next) else { return };
        let frame = &mut self.frames[depth];
        if number > next && frame.gap.is_none() {
            frame.gap = Some(next);
        }
        self.problem(&format!("the result's number is {number}, not {next}"), tell);
    }

    fn plan(&mut self, place: Place, count: u64, skip: Option<&[u8]>, tell: &mut impl FnMut(Event<'_>)) {
        if place < self.top().place() {
            let owner = self.owner(place);
            self.close_lost(owner, tell);
        }
        self.settle(place, Some(count), tell);
        let top = self.top_mut();
        let plan = Plan { count: count.saturating_add(top.before), is_late: top.seen > top.before };
        match top.plan {
            None => {
                top.plan = Some(plan);
                top.skipped = skip.is_some();
            }
            Some(known) if known.count != plan.count => self.problem("there is a second plan", tell),
            Some(_) => {}
        }
    }

    fn version(&mut self, place: Place, ktap: bool, number: u64, tell: &mut impl FnMut(Event<'_>)) {
        let dialect = if ktap { Dialect::Ktap } else { Dialect::Tap };
        let is_known = if ktap { number == 1 } else { number == 13 || number == 14 };
        if place < self.top().place() && place <= self.root().place() && self.last_words.is_some() {
            // The kernel went down within a test, and has booted again.
            self.end_document(tell);
        }
        if place < self.top().place() {
            let owner = self.owner(place);
            self.close_lost(owner, tell);
        }
        if self.frames.len() == 1 && self.begins_document(place) {
            self.end_document(tell);
        }
        let is_root = self.frames.len() == 1;
        let top = self.top_mut();
        let fits = if top.place.is_some() { place == top.place() } else { place >= top.header };
        if top.is_fresh() && top.version.is_none() && (is_root || fits) || top.is_fresh() && is_root && fits {
            // The header of the log, or of what `# Subtest:` has opened.
            top.version = Some(dialect);
            top.place = if is_root || place > top.header { Some(place) } else { top.place };
        } else {
            if !is_root && !top.is_fresh() && place == top.place() && (top.is_fulfilled() || !self.is_flat()) {
                // The next test begins; this one's result is lost.
                self.close(None, tell);
            }
            self.open(Frame { version: Some(dialect), ..Frame::at(place) }, tell);
        }
        self.has_header = true;
        if !is_known {
            self.problem("this version is not known", tell);
        }
    }

    /// Whether a version line at the place of the log's own begins another log: this one is complete or has no plan, the
    /// kernel has crashed, or it has booted again.
    fn begins_document(&self, place: Place) -> bool {
        let root = self.root();
        let is_over = root.plan.is_none() || root.is_fulfilled() || self.last_words.is_some() || self.bailed.is_some();
        place <= root.place() && root.place.is_some() && !root.is_fresh() && (is_over || self.is_indented)
    }

    fn subtest(&mut self, place: Place, name: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        if place < self.top().place() {
            let owner = self.owner(place);
            self.close_lost(owner, tell);
        }
        let is_root = self.frames.len() == 1;
        let top = self.top();
        if !is_root && place == top.place() && top.name.is_none() && top.is_fresh() {
            self.top_mut().set_name(name);
            return;
        }
        if !is_root && place == top.place() && top.is_fulfilled() && !self.is_flat() {
            self.close(None, tell);
        }
        // At the place of the tests around it the header says nothing of where its own stand: in TAP 14 they are deeper.
        let is_beside = self.frames.last().is_some_and(|top| place == top.place());
        let mut frame = Frame { place: (!is_beside).then_some(place), header: place, ..Frame::default() };
        frame.set_name(name);
        if self.frames.len() == 1 && self.root().place.is_none() {
            self.frames[0].place = Some(Place::default());
        }
        self.open(frame, tell);
    }

    fn diagnostic(&mut self, place: Place, text: &[u8]) {
        let Some(name) = subject(text) else { return };
        let owner = self.owner(place);
        let frame = &mut self.frames[owner];
        let is_own = frame.name.as_deref().is_some_and(|own| own.as_bytes() == name);
        if owner + 1 == self.frames.len() && !is_own {
            self.frames[owner].running = kept(name);
        }
    }

    fn bail(&mut self, place: Place, reason: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        if place.hashes > 0 {
            // A program that gives up tells its own tests; what it comes to is told around them.
            return self.problem("a test has bailed out", tell);
        }
        let reason = if reason.is_empty() { "Bail out!".to_owned() } else { format!("Bail out! {}", kept(reason)) };
        self.bailed = Some(reason);
        if self.frames.iter().all(|frame| frame.missing() == 0) {
            let reason = self.bailed.clone().map(Into::into);
            let outcome = Outcome { name: self.running_name().into(), status: Status::Failure, reason };
            self.problem("the run was given up", tell);
            self.top_mut().counts.add(Status::Failure);
            let top = self.top_mut();
            top.seen = top.seen.saturating_add(1);
            self.tell(&outcome, false, tell);
        }
    }
}

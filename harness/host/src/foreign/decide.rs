//! Whether what a kernel has printed so far decides what its run must come to. Nothing here knows of machines.

use std::time::Duration;

use regex::bytes::Regex;

use super::{
    Expectation,
    answer::Answer,
    crash::{Crash, Dying},
    echo::{Change, Echo},
    lines::{Line, Lines, shown},
    results::{Findings as Tests, Results},
};
use crate::session::printed::{Finder, Plain};

/// What was typed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The line.
    pub line: String,
    /// What was printed last before it: the prompt, as a rule.
    pub prompt: String,
    /// What nobody else prints.
    pub nonce: u64,
}

impl Typed {
    /// The line that asks for the status of this one.
    pub fn question(&self) -> String {
        Answer::new(self.nonce).question()
    }
}

/// Whether an expectation holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// It does.
    Yes,
    /// It does not and will not, for this reason.
    No(String),
    /// That is not known from what was printed.
    Open,
}

/// What was printed, looked at as it comes.
#[derive(Debug)]
pub struct Decider {
    plain: Plain,
    /// Number of characters so far.
    place: u64,
    echo: Option<Echo>,
    prompt: Option<Finder>,
    /// Place up to which the prompt was last printed.
    prompted: Option<u64>,
    lines: Lines,
    judged: Judged,
    texts: Vec<Text>,
}

/// What is known from whole lines.
#[derive(Debug)]
struct Judged {
    wanted: Vec<(Expectation, Seen)>,
    /// What says the status of the line that was typed.
    answer: Option<Answer>,
    status: Option<i32>,
    crash: Option<Crash>,
    /// The last line that is not empty.
    last: String,
    results: Results,
    now: Duration,
}

/// What was seen of an expectation.
#[derive(Debug)]
enum Seen {
    Text { found: bool },
    Regex { regex: Regex, found: bool },
    Else,
}

/// A text that is looked for.
#[derive(Debug)]
struct Text {
    /// Which expectation it is.
    index: usize,
    finder: Finder,
    /// It was found from here on, in what may be an echo.
    doubtful: Option<u64>,
}

/// What can be said at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Findings {
    /// Of each expectation, in their order.
    pub met: Vec<Met>,
    /// The line that says most surely that the kernel went down.
    pub crash: Option<Crash>,
    /// The last line that is not empty, but for the answer to the question for the status; it may be.
    pub last: String,
    /// The status of the line that was typed.
    pub status: Option<i32>,
    /// Results of tests; `None` when none were expected.
    pub tests: Option<Tests>,
}

impl Decider {
    /// For these expectations, of what comes after `typed` was typed, if anything was.
    pub fn new(expect: &[Expectation], typed: Option<&Typed>) -> Self {
        let seen = |expectation: &Expectation| match expectation {
            Expectation::Text(_) => Seen::Text { found: false },
            // It was checked when the expectation was read.
            Expectation::Regex(regex) => {
                Regex::new(regex).map_or(Seen::Else, |regex| Seen::Regex { regex, found: false })
            }
            _ => Seen::Else,
        };
        let text = |(index, expectation): (usize, &Expectation)| match expectation {
            Expectation::Text(text) => Some(Text { index, finder: Finder::new(text.as_bytes()), doubtful: None }),
            _ => None,
        };
        Self {
            plain: Plain::default(),
            place: 0,
            echo: typed.and_then(|typed| Echo::of(&typed.line)),
            prompt: typed.map(|typed| Finder::new(typed.prompt.as_bytes())),
            prompted: typed.map(|_| 0),
            lines: Lines::default(),
            judged: Judged {
                wanted: expect.iter().map(|expectation| (expectation.clone(), seen(expectation))).collect(),
                answer: typed.map(|typed| Answer::new(typed.nonce)),
                status: None,
                crash: None,
                last: String::new(),
                results: Results::new(),
                now: Duration::ZERO,
            },
            texts: expect.iter().enumerate().filter_map(text).collect(),
        }
    }

    /// Takes what came over COM1 so long after the start.
    pub fn push(&mut self, bytes: &[u8], now: Duration) {
        self.judged.now = now;
        for &byte in bytes {
            if let Some(byte) = self.plain.push(byte) {
                self.take(byte);
            }
        }
    }

    fn take(&mut self, byte: u8) {
        let (place, prompted) = (self.place, self.prompted);
        self.place += 1;
        if self.prompt.as_mut().is_some_and(|prompt| prompt.push(byte)) {
            self.prompted = Some(self.place);
        }
        let change = self.echo.as_mut().map_or(Change::None, |echo| echo.push(byte, place, prompted));
        if matches!(change, Change::Before(..)) {
            self.texts.iter_mut().for_each(|text| text.doubtful = None);
        }
        let echo_start = match change {
            // It ends with this byte, and so may a text.
            Change::Upto(start, _) => Some(start),
            _ => self.echo.as_ref().and_then(Echo::start),
        };
        for text in &mut self.texts {
            text.take(byte, place, echo_start, &mut self.judged);
        }
        if matches!(change, Change::Upto(..)) {
            self.texts.iter_mut().for_each(|text| text.doubtful = None);
        }
        let judged = &mut self.judged;
        self.lines.push(byte, change, self.echo.as_ref(), &mut |line| judged.take(line));
    }

    /// Whether the prompt was printed again.
    pub fn is_prompted(&self) -> bool {
        self.prompted.is_some_and(|place| place > 0)
    }

    /// How sure it is that the kernel goes down, if a line said so.
    pub fn dying(&self) -> Option<Dying> {
        self.judged.crash.as_ref().map(|crash| crash.dying)
    }

    /// Whether nothing that is printed later would matter.
    pub fn is_decided(&self) -> bool {
        (0..self.judged.wanted.len()).all(|index| self.judged.met(index) != Met::Open)
    }

    /// Nothing more comes.
    pub fn finish(mut self) -> Findings {
        let judged = &mut self.judged;
        self.lines.finish(&mut |line| judged.take(line));
        // What might have become an echo did not.
        for text in self.texts.iter().filter(|text| text.doubtful.is_some()) {
            judged.find(text.index);
        }
        let met = (0..self.judged.wanted.len()).map(|index| self.judged.met(index)).collect();
        let Judged { wanted, status, crash, last, results, now, .. } = self.judged;
        let tests = wanted.iter().any(|(wanted, _)| *wanted == Expectation::Ktap).then(|| results.findings(now));
        Findings { met, crash, last, status, tests }
    }
}

impl Text {
    fn take(&mut self, byte: u8, place: u64, echo_start: Option<u64>, judged: &mut Judged) {
        let is_own = |start: u64| echo_start.is_none_or(|echo| start < echo);
        if self.doubtful.is_some_and(is_own) {
            self.doubtful = None;
            judged.find(self.index);
        }
        if self.finder.push(byte) {
            let start = place + 1 - self.finder.length() as u64;
            if is_own(start) {
                judged.find(self.index);
            } else {
                self.doubtful.get_or_insert(start);
            }
        }
    }
}

impl Judged {
    fn find(&mut self, index: usize) {
        self.wanted[index].1 = Seen::Text { found: true };
    }

    fn take(&mut self, line: Line<'_>) {
        for (_, seen) in &mut self.wanted {
            if let Seen::Regex { regex, found } = seen {
                *found = *found || regex.find_iter(line.bytes).any(|found| line.owns(&found.range()));
            }
        }
        let own = line.without_echoes();
        if self.status.is_none() {
            self.status = self.answer.as_mut().and_then(|answer| answer.take(&own));
        }
        let before = self.crash.as_ref().map(|crash| crash.dying);
        if let Some(crash) = Crash::of(&own).filter(|crash| Some(crash.dying) > before) {
            self.crash = Some(crash);
        }
        let asks = || self.answer.as_ref().is_some_and(|answer| answer.concerns(&own));
        if !own.trim_ascii().is_empty() && self.status.is_none() && !asks() {
            self.last = shown(&String::from_utf8_lossy(&own));
        }
        self.results.push(&own, self.now);
    }

    /// Whether an expectation holds.
    fn met(&self, index: usize) -> Met {
        let (wanted, seen) = &self.wanted[index];
        // What a line does not print before its status comes, it does not print.
        let late = |what: String| if self.status.is_some() { Met::No(what) } else { Met::Open };
        match (wanted, seen) {
            (_, Seen::Text { found: true } | Seen::Regex { found: true, .. }) => Met::Yes,
            (Expectation::Text(_), _) => late(String::from("it was not printed")),
            (Expectation::Regex(_), _) => late(String::from("no line matches it")),
            (Expectation::Status(status), _) => match self.status {
                Some(seen) if seen == *status => Met::Yes,
                Some(seen) => Met::No(format!("the status is {seen}")),
                None => Met::Open,
            },
            (Expectation::Ktap, _) if self.results.is_complete() => match self.results.why_not() {
                None => Met::Yes,
                Some(why) => Met::No(why),
            },
            (Expectation::Ktap, _) => late(String::from("the results are not complete")),
            (Expectation::Exit(_) | Expectation::Verdict(_), _) => Met::Open,
        }
    }
}

#[cfg(test)]
mod tests;

//! A kernel that is watched until what it must come to is decided.

use std::time::{Duration, Instant};

use super::{
    crash::Dying,
    decide::{Decider, Findings, Typed},
    terminal::Terminal,
};
use crate::{
    Error,
    autopsy::Autopsy,
    session::{
        Ending, Evidence, Phase, Session, Stand,
        observer::{Observer, Seen},
    },
};

/// How long a kernel that said that it stops may speak on at most.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How long a prompt that does not come is waited for before the next line is typed: what reads the line may print
/// another.
const NO_PROMPT: Duration = Duration::from_secs(1);

/// How long a kernel may be silent after its complaint before it is believed to be down.
const fn silence(dying: Dying) -> Duration {
    Duration::from_millis(match dying {
        Dying::Unwell => 5000,
        Dying::Panicked => 1000,
        Dying::Dead => 300,
    })
}

/// A run under way.
struct Watch<'a> {
    session: &'a Session<'a>,
    observer: Observer<'a>,
    decider: Decider,
    /// What is typed as soon as the prompt comes again.
    question: Option<String>,
    /// What the machine takes for a terminal; `None` where nothing is typed.
    terminal: Option<Terminal>,
    /// At its prompt the machine asks the terminal something.
    asks: bool,
    /// When something was printed last.
    heard: Instant,
    /// When a line said that the kernel goes down, and how sure that is.
    dying: Option<(Instant, Dying)>,
}

/// Who hears of a machine that is watched.
pub struct Listener<'a> {
    /// That it runs.
    pub begun: &'a dyn Fn(),
    /// What comes over COM1, as it comes.
    pub tap: &'a dyn Fn(&[u8]),
}

/// Types a line into a machine at its fork point, if there is one, and watches until all is decided. With `asks`, the
/// line's status is asked for. The listener is told as soon as the machine runs.
///
/// # Errors
/// As [`Session::run`].
pub fn watch(
    session: &Session<'_>,
    stand: &mut Stand,
    decider: Decider,
    typed: Option<&Typed>,
    asks: bool,
    listener: &Listener<'_>,
) -> Result<(Evidence, Findings), Error> {
    let mut observer = Observer::new(listener.tap);
    // The line is shown behind its prompt.
    let before = stand.prelude().log.text();
    let mut terminal = typed.map(|_| Terminal::new(&before));
    let asked = terminal.as_ref().is_some_and(Terminal::is_asked);
    if typed.is_some() {
        observer.log.push(before.rsplit('\n').next().unwrap_or_default().as_bytes());
    }
    observer.enter(&stand.vm, Phase::Run);
    if let Some(typed) = typed {
        let answer = terminal.as_mut().and_then(Terminal::answer).unwrap_or_default();
        stand.send(format!("{answer}{}\r", typed.line).as_bytes(), &[]);
    }
    if !std::mem::replace(&mut stand.running, true) {
        stand.vm.resume();
    }
    stand.vm.flush();
    (listener.begun)();
    let question = typed.filter(|_| asks).map(Typed::question);
    let heard = Instant::now();
    let mut watch = Watch { session, observer, decider, question, terminal, asks: asked, heard, dying: None };
    let ending = watch.until_end(stand)?;
    let boot = typed.map(|_| stand.boot());
    let Watch { observer, decider, .. } = watch;
    Ok((observer.into_evidence(session, &stand.vm, ending, boot), decider.finish()))
}

impl Watch<'_> {
    fn until_end(&mut self, stand: &mut Stand) -> Result<Ending, Error> {
        let limit = self.session.limits.test;
        while self.observer.ending.is_none() && !self.is_over() {
            let late = self.observer.phase_started + self.observer.limit(limit);
            let deadline = [self.last_words_end(), self.prompt_missed()].into_iter().flatten().fold(late, Instant::min);
            let seen = self.observer.step(&mut stand.vm, deadline, limit)?;
            self.take(stand, seen, limit);
            self.ask(stand);
        }
        if self.observer.ending.is_none() && !self.decider.is_decided() {
            self.observer.autopsy = Autopsy::of_running(&mut stand.vm).ok();
        }
        while let Some(seen) = self.observer.leftover(&mut stand.vm) {
            self.take(stand, seen, limit);
        }
        Ok(self.observer.ending.unwrap_or(Ending::Decided))
    }

    fn is_over(&self) -> bool {
        self.decider.is_decided() || self.last_words_end().is_some_and(|end| Instant::now() >= end)
    }

    /// When a kernel that goes down has said all.
    fn last_words_end(&self) -> Option<Instant> {
        self.dying.map(|(since, dying)| match dying {
            Dying::Dead => (self.heard + silence(dying)).min(since + LAST_WORDS),
            _ => self.heard + silence(dying),
        })
    }

    /// When the prompt does not come any more before the question is typed.
    fn prompt_missed(&self) -> Option<Instant> {
        self.question.as_ref().map(|_| self.heard + NO_PROMPT)
    }

    fn take(&mut self, stand: &mut Stand, seen: Seen, limit: Duration) {
        match seen {
            Seen::Com1(bytes) => {
                self.heard = Instant::now();
                self.decider.push(&bytes, self.observer.started.elapsed());
                if let Some(terminal) = &mut self.terminal {
                    terminal.show(&bytes);
                }
                let dying = self.decider.dying();
                if dying > self.dying.map(|(_, before)| before) {
                    self.dying = dying.map(|dying| (self.heard, dying));
                }
            }
            Seen::Late => self.observer.time_out(&mut stand.vm, limit),
            Seen::Com2(_) | Seen::Nothing => {}
        }
    }

    /// Answers what the terminal is asked, and asks for the status once the line has ended.
    fn ask(&mut self, stand: &mut Stand) {
        let asked = self.terminal.as_ref().is_some_and(Terminal::is_asked);
        // Who asks at the prompt reads the answer before the line.
        let prompted = self.decider.is_prompted() && (asked || !self.asks);
        let ready = prompted || self.prompt_missed().is_some_and(|time| Instant::now() >= time);
        let answer = self.terminal.as_mut().and_then(Terminal::answer).unwrap_or_default();
        let question = self.question.take_if(|_| ready).map(|question| question + "\r").unwrap_or_default();
        if !(answer.is_empty() && question.is_empty()) {
            stand.send(format!("{answer}{question}").as_bytes(), &[]);
        }
    }
}

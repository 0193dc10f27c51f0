//! How a machine comes to its ready point.

use std::time::{Duration, Instant};

use super::{
    Ending, Evidence, Prelude, Session, Stand,
    observer::{Observer, Seen},
    printed::Printed,
};
use crate::{Error, autopsy::Autopsy, vm::Vm};

/// What Linux says when it stops for good, so that nothing is left to wait for.
const PANIC: &str = "Kernel panic - not syncing";
/// How long it may speak on then.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How a machine comes to its ready point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ready<'a> {
    /// Its kernel says hello on the record line, and finds so many tests in itself.
    Hello {
        /// How many tests the kernel's ELF file holds.
        tests: u32,
    },
    /// Its kernel, which knows nothing of the harness, prints this on COM1, and then nothing for a moment. It is stopped
    /// wherever it is then.
    Text(&'a str),
}

impl Ready<'_> {
    /// Whether the kernel serves the harness.
    #[must_use]
    pub const fn is_hello(self) -> bool {
        matches!(self, Self::Hello { .. })
    }
}

/// How long a machine must be silent that has printed the text, and after which time it may speak on. It may print more
/// together with the text, and then only waits for what is typed.
const SILENCE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_millis(500);

/// Waits until a machine that was just let run has printed a text; the inner error is the evidence of one that did not.
pub fn until_text(
    session: &Session<'_>,
    text: &str,
    mut vm: Vm,
    tap: &dyn Fn(&[u8]),
) -> Result<Result<Stand, Box<Evidence>>, Error> {
    let mut observer = Observer::new(tap);
    let (mut printed, mut farewell) = (Printed::of(text), Farewell::default());
    let limit = session.limits.boot;
    let mut boot = None;
    while boot.is_none() && observer.ending.is_none() {
        let late = observer.phase_started + observer.limit(limit);
        let deadline = farewell.end().map_or(late, |end| late.min(end));
        match observer.step(&mut vm, deadline, limit)? {
            Seen::Com1(bytes) => {
                boot = printed.push(&bytes).then(|| observer.started.elapsed());
                farewell.push(&bytes, Instant::now());
            }
            Seen::Late => observer.time_out(&mut vm, limit),
            Seen::Com2(_) | Seen::Nothing => {}
        }
        let is_over = farewell.end().is_some_and(|end| Instant::now() >= end);
        if is_over && boot.is_none() && observer.ending.is_none() {
            observer.autopsy = Autopsy::of_running(&mut vm).ok();
            observer.ending = Some(Ending::Decided);
        }
    }
    settle(&mut observer, &mut vm)?;
    Ok(match (observer.ending, boot) {
        (None, Some(boot)) => Ok(Stand::booted(vm, Prelude { log: observer.log, boot, ..Prelude::default() })),
        (ending, boot) => {
            let ending = ending.unwrap_or(Ending::Stopped);
            Err(Box::new(observer.into_evidence(session, &vm, ending, boot)))
        }
    })
}

/// Waits until the machine is silent, or has come to its end.
fn settle(observer: &mut Observer<'_>, vm: &mut Vm) -> Result<(), Error> {
    let (patience, mut silence) = (Instant::now() + PATIENCE, Instant::now() + SILENCE);
    // It came in time, and no limit passes here.
    let limit = observer.phase_started.elapsed() + 2 * PATIENCE;
    while observer.ending.is_none() && Instant::now() < silence.min(patience) {
        if let Seen::Com1(_) = observer.step(vm, silence.min(patience), limit)? {
            silence = Instant::now() + SILENCE;
        }
    }
    // What it sent before its end goes into its log.
    while observer.leftover(vm).is_some() {}
    Ok(())
}

/// Whether a kernel that comes up has said that it stops.
#[derive(Debug)]
struct Farewell {
    panic: Printed,
    said: Option<Instant>,
}

impl Default for Farewell {
    fn default() -> Self {
        Self { panic: Printed::of(PANIC), said: None }
    }
}

impl Farewell {
    /// Takes what was printed until now.
    fn push(&mut self, bytes: &[u8], now: Instant) {
        if self.panic.push(bytes) {
            self.said.get_or_insert(now);
        }
    }

    /// When it has said all, and is waited for no more.
    fn end(&self) -> Option<Instant> {
        self.said.map(|said| said + LAST_WORDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_stops_is_not_waited_for_until_time_runs_out() {
        let (mut farewell, now) = (Farewell::default(), Instant::now());
        farewell.push(b"[    2.1] Failed to execute /init (error -13)\r\n[    2.2] Kernel panic - not", now);
        assert_eq!(farewell.end(), None);
        farewell.push(b" syncing: No working init found.", now);
        assert_eq!(farewell.end(), Some(now + LAST_WORDS));
        farewell.push(b"---[ end Kernel panic - not syncing ]---", now + LAST_WORDS);
        assert_eq!(farewell.end(), Some(now + LAST_WORDS));
    }

    #[test]
    fn a_kernel_that_complains_is_waited_for() {
        let mut farewell = Farewell::default();
        farewell.push(b"BUG: scheduling while atomic\nOops: 0002 [#1]\n", Instant::now());
        assert_eq!(farewell.end(), None);
    }
}

//! How a machine comes to its ready point.

use super::{
    Evidence, Prelude, Session, Stand,
    observer::{Observer, Seen},
    printed::Printed,
};
use crate::{Error, vm::Vm};

/// How a machine comes to its ready point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ready<'a> {
    /// Its kernel says hello on the record line, and finds so many tests in itself.
    Hello {
        /// How many tests the kernel's ELF file holds.
        tests: u32,
    },
    /// Its kernel, which knows nothing of the harness, prints this on COM1. It is stopped wherever it is then.
    Text(&'a str),
}

impl Ready<'_> {
    /// Whether the kernel serves the harness.
    #[must_use]
    pub const fn is_hello(self) -> bool {
        matches!(self, Self::Hello { .. })
    }
}

/// Waits until a machine that was just let run has printed a text; the inner error is the evidence of one that did not.
pub fn until_text(
    session: &Session<'_>,
    text: &str,
    mut vm: Vm,
    tap: &dyn Fn(&[u8]),
) -> Result<Result<Stand, Box<Evidence>>, Error> {
    let mut observer = Observer::new(tap);
    let mut printed = Printed::of(text);
    let mut boot = None;
    while boot.is_none() && observer.ending.is_none() {
        let limit = session.limits.boot;
        let deadline = observer.phase_started + observer.limit(limit);
        match observer.step(&mut vm, deadline, limit)? {
            Seen::Com1(bytes) if printed.push(&bytes) => boot = Some(observer.started.elapsed()),
            Seen::Late => observer.time_out(&mut vm, limit),
            _ => {}
        }
    }
    while let Some(seen) = observer.leftover(&mut vm) {
        // It came to its end together with the text, and has no life left in which anything could be typed.
        drop(seen);
    }
    Ok(match (observer.ending, boot) {
        (None, Some(boot)) => Ok(Stand::booted(vm, Prelude { log: observer.log, boot, ..Prelude::default() })),
        (ending, boot) => {
            let ending = ending.unwrap_or(super::Ending::Stopped);
            Err(Box::new(observer.into_evidence(session, &vm, ending, boot)))
        }
    })
}

//! The host's terminal, passing every key through.

use std::{
    io::{self, stdin},
    sync::{Mutex, PoisonError},
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::process::on_second_signal;

/// How the terminal was before. In a static, so that a second signal, too, can put it back.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Standard input is a terminal in raw mode until this value goes.
#[derive(Debug)]
pub struct RawTerminal(());

impl RawTerminal {
    /// Switches standard input to raw mode.
    pub fn enter() -> io::Result<Self> {
        let stdin = stdin();
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        on_second_signal(restore);
        tcsetattr(&stdin, OptionalActions::Now, &raw)?;
        Ok(Self(()))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // The terminal may be gone: a hang-up is one way to get here.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

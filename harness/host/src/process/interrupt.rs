//! Signals that ask the harness to stop.

use std::{
    fs, io,
    io::pipe,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, AtomicUsize, Ordering},
    },
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
};

use crate::Error;

/// Whether the harness was asked to stop, for everyone who waits for something.
///
/// The first SIGINT, SIGQUIT, SIGTERM or SIGHUP sets it: machines are then stopped and reported on. The second ends the
/// process at once with 128 + its number; the kernel kills the machines.
#[derive(Clone, Debug)]
pub struct Interrupts(Arc<State>);

#[derive(Debug)]
struct State {
    /// Number of the first signal; 0 before it.
    signal: AtomicI32,
    /// How many have borrowed the keyboard.
    lent: AtomicUsize,
    /// Becomes readable for everyone, for good, when the other end is closed.
    readable: io::PipeReader,
    other_end: Mutex<Option<io::PipeWriter>>,
}

impl Interrupts {
    /// Interrupts that only [`Interrupts::trigger`] sets.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no pipe left.
    pub fn none() -> Result<Self, Error> {
        let (readable, writer) = pipe().map_err(Error::io("making a pipe"))?;
        let (signal, lent) = (AtomicI32::new(0), AtomicUsize::new(0));
        Ok(Self(Arc::new(State { signal, lent, readable, other_end: Mutex::new(Some(writer)) })))
    }

    /// Interrupts that the process's signals set, from now until it ends. Call it once, in `main`.
    ///
    /// # Errors
    /// [`Error::Io`] when the handlers cannot be set.
    pub fn install() -> Result<Self, Error> {
        let interrupts = Self::none()?;
        let mut wanted = vec![SIGINT, SIGQUIT, SIGTERM];
        // nohup(1) has asked that a hang-up be ignored; that stays so.
        if !ignores(SIGHUP) {
            wanted.push(SIGHUP);
        }
        let mut signals = Signals::new(wanted).map_err(Error::io("setting signal handlers"))?;
        let for_thread = interrupts.clone();
        thread::spawn(move || {
            for signal in signals.forever() {
                if for_thread.is_for_borrower(signal) {
                    continue;
                }
                if !for_thread.trigger(signal) {
                    run_last_words();
                    std::process::exit(exit_code(signal).into());
                }
            }
        });
        Ok(interrupts)
    }

    /// Until the answer is dropped, Ctrl-C and Ctrl-\\ mean another program on this terminal: they reach this process
    /// too, and are ignored.
    #[must_use]
    pub fn lend_keyboard(&self) -> Lent {
        self.0.lent.fetch_add(1, Ordering::Relaxed);
        Lent(self.clone())
    }

    fn is_for_borrower(&self, signal: i32) -> bool {
        matches!(signal, SIGINT | SIGQUIT) && self.0.lent.load(Ordering::Relaxed) > 0
    }

    /// Sets the signal and wakes everyone. `false` when it was set before.
    pub fn trigger(&self, signal: i32) -> bool {
        // Relaxed: the closed pipe is what other threads synchronize on.
        let first = self.0.signal.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        drop(self.0.other_end.lock().unwrap_or_else(PoisonError::into_inner).take());
        first
    }

    /// The signal that asked to stop, if one did. By convention the process then exits with 128 + its number.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
    }

    /// Becomes readable when the harness is asked to stop.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.readable.as_fd()
    }
}

/// The keyboard is lent; see [`Interrupts::lend_keyboard`].
#[derive(Debug)]
pub struct Lent(Interrupts);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.0.lent.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a process that a signal asked to stop exits with, as shells count it: 128 + the signal's number.
#[must_use]
pub fn exit_code(signal: i32) -> u8 {
    signal.checked_add(128).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// What must still be done when the second signal ends the process at once.
static LAST_WORDS: Mutex<Option<fn()>> = Mutex::new(None);

/// Registers what the second signal must still do; it replaces what was registered before.
pub(crate) fn on_second_signal(action: fn()) {
    *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(action);
}

fn run_last_words() {
    let action = *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(action) = action {
        action();
    }
}

/// Whether the process was started with this signal ignored (proc(5), `SigIgn`).
fn ignores(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn wakes(interrupts: &Interrupts) -> bool {
        let mut descriptors = [PollFd::from_borrowed_fd(interrupts.as_fd(), PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    #[test]
    fn exit_codes_are_those_of_shells() {
        assert_eq!([SIGINT, SIGQUIT, SIGTERM, i32::MAX].map(exit_code), [130, 131, 143, 255]);
    }

    #[test]
    fn keys_mean_the_borrower_of_the_keyboard_and_other_signals_do_not() {
        let interrupts = Interrupts::none().unwrap();
        assert!(!interrupts.is_for_borrower(SIGINT));
        let lent = interrupts.lend_keyboard();
        assert_eq!(
            [SIGINT, SIGQUIT, SIGTERM, SIGHUP].map(|signal| interrupts.is_for_borrower(signal)),
            [true, true, false, false]
        );
        drop(lent);
        assert!(!interrupts.is_for_borrower(SIGINT));
    }

    #[test]
    fn the_first_signal_is_kept_and_wakes_everyone_for_good() {
        let interrupts = Interrupts::none().unwrap();
        let other = interrupts.clone();
        assert!(!wakes(&interrupts) && interrupts.signal().is_none());
        assert!(interrupts.trigger(SIGTERM));
        assert!(!interrupts.trigger(SIGINT));
        assert_eq!(other.signal(), Some(SIGTERM));
        assert!(wakes(&interrupts) && wakes(&other) && wakes(&other));
    }
}

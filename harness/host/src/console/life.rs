//! One life of a machine with a prompt: what it prints, and how it ends.

use std::{
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use super::{
    Failure,
    marks::{Marks, Piece},
};
use crate::{
    autopsy::Autopsy,
    bounded::BoundedLog,
    session::Exit,
    symbols::{Annotator, Symbols},
    verdict::signal_name,
    vm::{Event, Vm, Wait},
};

/// Bytes of the log that are kept from its start and from its end.
const LOG_BYTES: usize = 64 << 10;
/// How many lines of it a failure shows.
const LOG_LINES: usize = 40;
/// Longest line of it that is quoted.
const LONGEST_LINE: usize = 500;
/// How long QEMU may take to end once asked to.
const QUIT_LIMIT: Duration = Duration::from_secs(5);
/// How long a kernel that said that it goes down may take to do so.
const DYING_LIMIT: Duration = Duration::from_secs(2);

/// How a machine ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The guest powered it off.
    PoweredOff,
    /// The guest asked for a reset.
    Reset,
    /// A person closed the machine's window.
    Closed,
}

/// What happened next.
#[derive(Debug)]
pub enum Step {
    /// The machine printed something.
    Piece(Piece),
    /// The other descriptor is readable.
    Other,
    /// Nothing came in time.
    Silence,
    /// The machine ended.
    Ended(End),
}

/// A machine with a prompt, while it runs.
#[derive(Debug)]
pub struct Life {
    vm: Vm,
    marks: Marks,
    pieces: std::collections::VecDeque<Piece>,
    log: BoundedLog,
    line: Vec<u8>,
    /// The line by which the kernel said that it goes down, as far as it came.
    last_words: Option<Vec<u8>>,
    shutdown: Option<String>,
    autopsy: Option<Autopsy>,
    quitting: bool,
}

impl Life {
    pub fn new(vm: Vm) -> Self {
        Self {
            vm,
            marks: Marks::default(),
            pieces: std::collections::VecDeque::new(),
            log: BoundedLog::new(LOG_BYTES),
            line: Vec::new(),
            last_words: None,
            shutdown: None,
            autopsy: None,
            quitting: false,
        }
    }

    /// Types at the guest's console. The bytes wait outside the guest until its serial port has room for them.
    pub fn type_bytes(&mut self, bytes: &[u8]) {
        self.vm.send_com1(bytes);
    }

    /// Waits for what happens next, for at most so long after now.
    ///
    /// # Errors
    /// How the machine failed, or that the harness was asked to stop.
    pub fn next(&mut self, limit: Duration, other: Option<BorrowedFd<'_>>) -> Result<Step, Failure> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Ok(Step::Piece(piece));
            }
            let limit = if self.quitting { QUIT_LIMIT } else { limit };
            let limit = if self.last_words.is_some() { limit.min(DYING_LIMIT) } else { limit };
            match self.vm.wait_or(Instant::now() + limit, other) {
                Wait::Event(Event::Com1(bytes)) => self.take(&bytes),
                Wait::Event(Event::Machine(event)) if event.name == "SHUTDOWN" => self.take_shutdown(event.reason),
                Wait::Event(_) => {}
                Wait::Other => return Ok(Step::Other),
                Wait::TimeOut if self.quitting => self.vm.kill(),
                Wait::TimeOut if self.last_words.is_some() => {
                    self.autopsy = Autopsy::of_running(&mut self.vm).ok();
                    return Err(self.died(self.went_down()));
                }
                Wait::TimeOut => return Ok(Step::Silence),
                Wait::Interrupted => return Err(Failure::Interrupted(self.vm.interrupted_by())),
                Wait::Ended(status) => return self.ended(status.into()).map(Step::Ended),
            }
        }
    }

    /// The failure of a machine that printed nothing for so long, with its state.
    pub fn silent(&mut self, limit: Duration) -> Failure {
        self.autopsy = Autopsy::of_running(&mut self.vm).ok();
        self.died(format!("nothing came from the machine for {} s", limit.as_secs()))
    }

    /// The failure of a machine that ended in good order, but unasked.
    pub fn unasked(&self, end: End) -> Failure {
        self.died(match end {
            End::PoweredOff => "the guest powered the machine off, and nobody asked for that".into(),
            End::Reset => "the guest asked for a reset, and nobody asked for that".into(),
            End::Closed => "its window was closed".into(),
        })
    }

    fn take(&mut self, bytes: &[u8]) {
        self.log.push(bytes);
        for piece in self.marks.push(bytes) {
            match &piece {
                Piece::Text(text) => self.read_lines(text),
                // A command may print what looks like last words, and live: then a mark follows.
                Piece::Mark(..) => {
                    self.last_words = None;
                    self.line.clear();
                }
            }
            self.pieces.push_back(piece);
        }
    }

    fn read_lines(&mut self, text: &[u8]) {
        for &byte in text {
            if matches!(byte, b'\r' | b'\n') {
                let line = std::mem::take(&mut self.line);
                if line.starts_with(b"PANIC:") || line.starts_with(b"FAULT:") {
                    self.last_words = Some(line);
                }
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(byte);
            }
        }
    }

    fn take_shutdown(&mut self, reason: Option<String>) {
        let reason = reason.unwrap_or_default();
        // Asked from outside to end, QEMU does so by itself.
        if !self.quitting && !reason.starts_with("host-") {
            if reason != "guest-shutdown" {
                self.autopsy = Autopsy::of_stopped(&mut self.vm).ok();
            }
            self.quitting = true;
            self.vm.quit();
        }
        self.shutdown.get_or_insert(reason);
    }

    fn ended(&mut self, exit: Exit) -> Result<End, Failure> {
        let said = match self.vm.emulator_messages() {
            [] => String::new(),
            messages => format!(": {}", messages.join("; ")),
        };
        if self.vm.saw_triple_fault() {
            return Err(self.died("a triple fault: a CPU could not handle a fault in its fault handler".into()));
        }
        match (self.shutdown.as_deref(), exit) {
            (Some("guest-reset"), _) => Ok(End::Reset),
            (Some("guest-shutdown"), Exit::Status(0)) => Ok(End::PoweredOff),
            // Some windows do it like the harness, which is known to have asked for nothing.
            (Some("host-ui" | "host-qmp-quit"), Exit::Status(0)) if !self.quitting => Ok(End::Closed),
            (Some(reason), _) if reason.starts_with("host-") => {
                Err(self.died(format!("QEMU was asked from outside to end{said}")))
            }
            (_, Exit::Signal(signal)) => Err(self.died(format!("QEMU was ended by {}{said}", signal_name(signal)))),
            _ if self.last_words.is_some() => Err(self.died(self.went_down())),
            (_, Exit::Status(status)) => Err(self.died(format!("QEMU exited with status {status}{said}"))),
        }
    }

    fn went_down(&self) -> String {
        let words = String::from_utf8_lossy(self.last_words.as_deref().unwrap_or_default());
        format!("the kernel went down. {words}")
    }

    fn died(&self, why: String) -> Failure {
        let autopsy = self.autopsy.clone().unwrap_or_default();
        Failure::Died { why, log: self.log.last_lines(LOG_LINES), autopsy: Box::new(autopsy) }
    }
}

/// The log's tail and the state of the CPUs, each address with its function and line; empty when there is neither.
pub fn describe(log: &str, autopsy: &Autopsy, symbols: &Symbols) -> String {
    let mut text = String::new();
    if !log.is_empty() {
        let annotated = Annotator::default().push(format!("{log}\n").as_bytes(), symbols);
        text.push_str("the log's last lines:\n");
        text.push_str(&plain(&annotated));
    }
    let machine = autopsy.describe(Some(symbols));
    if !machine.is_empty() {
        text.push_str("the machine at its end:\n");
        text.push_str(&machine);
    }
    text
}

/// Text without marks, and without what else could act on a terminal.
fn plain(bytes: &[u8]) -> String {
    let pieces = Marks::default().push(bytes).into_iter();
    let text: Vec<u8> =
        pieces.filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None }).flatten().collect();
    let safe = |character: char| {
        if character.is_control() && !matches!(character, '\n' | '\t') { '\u{fffd}' } else { character }
    };
    String::from_utf8_lossy(&text).chars().map(safe).collect()
}

//! A log in memory that a reset leaves alone: the black box of a run on a real machine.
//!
//! The loader sets a region of memory aside and [`create`]s the log in it; the kernel [opens](KeptLog::open) it and appends
//! text. However the run ends (in order, by a panic, a triple fault, or somebody's hand on the reset button), the loader
//! [`find`]s it after the reset and saves it as a file.
//!
//! A reset can come between any two writes, and caches write back when they like. So text is only ever written behind
//! the text that is there, and two headers are written in turn, each with a number, a checksum of itself and one of the
//! text: the newest header that is whole, and whose text is, tells how much of the log there is.
//!
//! Nothing here knows where the region lies, how caches are flushed, or what a file is.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod header;
#[cfg(test)]
mod tests;

use core::fmt;
use core::ops::Range;

use header::{Header, SLOTS, TEXT_AT, check_on};

/// Bytes of the region, headers included.
pub const BYTES: usize = 256 * 1024;

/// Begins a log in this memory, without text. `id` is the run's, which [`find`] will be asked for.
///
/// Memory that is too small even for the headers (128 bytes) is left alone; nobody will find a log in it.
pub fn create(memory: &mut [u8], id: u64) {
    let Some(headers) = memory.get_mut(..TEXT_AT) else { return };
    headers.fill(0);
    Header::first(id).write(memory);
}

/// A log that can be written to.
///
/// # Invariants
/// `header` is the newest in `memory`, and the text that it tells of lies within `memory`.
#[derive(Debug)]
pub struct KeptLog<'m> {
    memory: &'m mut [u8],
    header: Header,
}

impl<'m> KeptLog<'m> {
    /// The log in this memory, whatever its id; `None` when there is none, or a damaged one.
    pub fn open(memory: &'m mut [u8]) -> Option<Self> {
        let header = newest(memory, |_| true).ok()?;
        // INVARIANT: `newest` gives only a header whose text is there.
        Some(Self { memory, header })
    }

    /// Appends text, as much as fits; what does not is lost, and the log says so from then on.
    ///
    /// Gives the bytes of the region that changed, the text's and the header's (each may be none). Whoever flushes caches
    /// shall do it in this order; in any other, a reset in between loses only what was appended.
    pub fn append(&mut self, text: &[u8]) -> [Range<usize>; 2] {
        let start = TEXT_AT + self.header.length;
        let room = self.memory.get_mut(start..).unwrap_or_default();
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text[..fits]);
        let mut next = self.header;
        next.truncated |= fits < text.len();
        next.length += fits;
        next.text_check = check_on(next.text_check, &text[..fits]);
        [start..start + fits, self.replace(next)]
    }

    /// Notes that the run came to its end. Gives the bytes of the region that changed.
    pub fn finish(&mut self) -> Range<usize> {
        self.replace(Header { finished: true, ..self.header })
    }

    /// Writes the header, if it says something new.
    fn replace(&mut self, next: Header) -> Range<usize> {
        if next == self.header {
            return 0..0;
        }
        self.header = next.following();
        self.header.write(self.memory)
    }
}

/// A log that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'m> {
    /// All that was appended, as far as it fitted.
    pub text: &'m [u8],
    /// Whether the run came to its end.
    pub finished: bool,
    /// Whether something did not fit.
    pub truncated: bool,
}

/// Why no log was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// There is no log here, or nothing that can still be recognized as one: memory lost its power, or somebody wrote to it.
    NoLog,
    /// The log is that of another run.
    OtherRun {
        /// The other run's id.
        id: u64,
    },
    /// The headers are whole, and the text is damaged.
    Damaged,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLog => {
                f.write_str("memory no longer has it: the machine was without power, or its firmware used the memory")
            }
            Self::OtherRun { id } => write!(f, "memory has the log of another run, {id:#x}"),
            Self::Damaged => f.write_str("its text in memory is damaged: the firmware used some of the memory"),
        }
    }
}

impl core::error::Error for Lost {}

/// The log of the run `id` in this memory.
///
/// # Errors
/// When it is not there, or no longer whole.
pub fn find(memory: &[u8], id: u64) -> Result<Found<'_>, Lost> {
    let header = newest(memory, |header| header.id == id)?;
    let text = header.text(memory).ok_or(Lost::Damaged)?;
    Ok(Found { text, finished: header.finished, truncated: header.truncated })
}

/// The newest header whose text is whole, of those that are wanted.
fn newest(memory: &[u8], wanted: impl Fn(&Header) -> bool) -> Result<Header, Lost> {
    let mut headers = SLOTS.map(|slot| Header::read(memory.get(slot)?));
    headers.sort_unstable_by_key(|header| header.map(|header| core::cmp::Reverse(header.sequence)));
    let mut lost = Lost::NoLog;
    for header in headers.into_iter().flatten() {
        if !wanted(&header) {
            lost = Lost::OtherRun { id: header.id };
        } else if header.text(memory).is_some() {
            return Ok(header);
        } else {
            lost = Lost::Damaged;
        }
    }
    Err(lost)
}

//! The kernel's log: lines to every sink, and the last of them kept in memory.
//!
//! ```text
//! [    0.001234] INFO  steward_machine::acpi: 2 CPUs
//! ```
//!
//! Logging never waits: where a line cannot go at once, because what it needs is held by the code that the current
//! interrupt broke into or by another CPU, it is counted as lost there, and the next line that gets through says how
//! many.

mod ring;

use core::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use ::log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use spin::{Mutex, Once};

use ring::Ring;

/// Most bytes of a line; what is longer is cut at a character boundary.
pub const MAX_LINE: usize = 512;

/// Most sinks.
pub const MAX_SINKS: usize = 4;

/// Bytes of the log that are kept in memory, overhead included.
pub const RING_BYTES: usize = 64 * 1024;

/// Somewhere that log lines go as they are written, such as a serial line.
pub trait Sink: Sync {
    /// Takes one line, which ends with LF and has no other control character. `false` when it could not be taken at
    /// once.
    ///
    /// It is called from anywhere, interrupt and exception handlers included: it must not wait for a lock, and not log.
    fn write_line(&self, line: &str) -> bool;
}

/// Every sink is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySinks;

impl core::fmt::Display for TooManySinks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the log has {MAX_SINKS} sinks already; raise MAX_SINKS")
    }
}

/// A place for a sink. Sinks are registered once and stay, so reading one takes no lock.
struct Place {
    sink: Once<&'static dyn Sink>,
    lost: AtomicU64,
}

impl Place {
    const fn new() -> Self {
        Self { sink: Once::new(), lost: AtomicU64::new(0) }
    }

    fn write_line(&self, line: &str) {
        let Some(sink) = self.sink.get() else { return };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let reported = lost == 0 || sink.write_line(Line::lost(lost).as_str());
        let still_lost = if reported { 0 } else { lost };
        let missed = still_lost + u64::from(!sink.write_line(line));
        self.lost.fetch_add(missed, Ordering::Relaxed);
    }
}

/// The log. There is one, [`LOGGER`]; tests make their own.
pub struct Logger {
    clock: Once<fn() -> u64>,
    places: [Place; MAX_SINKS],
    ring: Mutex<Ring<RING_BYTES>>,
    ring_lost: AtomicU64,
}

/// The kernel's log.
pub static LOGGER: Logger = Logger::new();

/// Makes [`LOGGER`] what the `log` crate's macros write to, at level info. Sinks may be added before and after.
///
/// `clock` gives nanoseconds since boot. It is called from anywhere, so it must not wait.
///
/// # Errors
/// When there is a logger already.
pub fn init(clock: fn() -> u64) -> Result<(), SetLoggerError> {
    ::log::set_logger(&LOGGER)?;
    LOGGER.clock.call_once(|| clock);
    ::log::set_max_level(LevelFilter::Info);
    Ok(())
}

impl Logger {
    /// A log without sinks, whose lines have time 0 until it has a clock.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            clock: Once::new(),
            places: [const { Place::new() }; MAX_SINKS],
            ring: Mutex::new(Ring::new()),
            ring_lost: AtomicU64::new(0),
        }
    }

    /// Sends every later line to `sink` too.
    ///
    /// # Errors
    /// [`TooManySinks`] when there are [`MAX_SINKS`] already.
    pub fn add_sink(&self, sink: &'static dyn Sink) -> Result<(), TooManySinks> {
        for place in &self.places {
            let mut placed = false;
            place.sink.call_once(|| {
                placed = true;
                sink
            });
            if placed {
                return Ok(());
            }
        }
        Err(TooManySinks)
    }

    /// Calls `each` with every line kept, oldest first, that is at least as severe as `level`; lines end with LF.
    ///
    /// The ring is not held while `each` runs. Lines that are overwritten meanwhile are passed over.
    ///
    /// # Errors
    /// The first error of `each`, which ends the walk.
    pub fn read<E>(&self, level: LevelFilter, mut each: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let end = self.ring.lock().end();
        let mut position = 0;
        loop {
            let mut buffer = [0; MAX_LINE];
            let Some((line_level, line, next)) = self.ring.lock().copy_line(position, &mut buffer) else {
                return Ok(());
            };
            // Lines that are logged during the walk are not part of it: `each` may itself log.
            if next > end {
                return Ok(());
            }
            position = next;
            if line_level <= level {
                each(line)?;
            }
        }
    }

    fn keep(&self, level: Level, line: &str) {
        let Some(mut ring) = self.ring.try_lock() else {
            self.ring_lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let lost = self.ring_lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            ring.push(Level::Warn, Line::lost(lost).as_str());
        }
        ring.push(level, line);
    }
}

impl Default for Logger {
    fn default() -> Self {
        Self::new()
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= ::log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let time = self.clock.get().map_or(0, |clock| clock());
        let line = Line::of(time, record);
        self.keep(record.level(), line.as_str());
        for place in &self.places {
            place.write_line(line.as_str());
        }
    }

    fn flush(&self) {}
}

/// A line under construction, at most [`MAX_LINE`] bytes with its LF.
struct Line {
    text: heapless::String<MAX_LINE>,
    /// A character did not fit: none after it is taken.
    full: bool,
}

impl Line {
    const fn new() -> Self {
        Self { text: heapless::String::new(), full: false }
    }

    fn of(time_ns: u64, record: &Record<'_>) -> Self {
        let mut line = Self::new();
        let (seconds, microseconds) = (time_ns / 1_000_000_000, time_ns / 1000 % 1_000_000);
        let (level, module) = (record.level(), record.target());
        let written = write!(line, "[{seconds:5}.{microseconds:06}] {level:<5} {module}: {}", record.args());
        if written.is_err() {
            // A line itself takes everything; the error is a value's own Display giving up.
            let _ = line.write_str(" (this line's formatting failed)");
        }
        line.end();
        line
    }

    fn lost(count: u64) -> Self {
        let mut line = Self::new();
        let _ = write!(line, "... {count} log lines lost here");
        line.end();
        line
    }

    fn as_str(&self) -> &str {
        &self.text
    }

    fn push(&mut self, character: char) {
        if !self.full && self.text.len() + character.len_utf8() < MAX_LINE {
            self.text.push(character).expect("there is room, and one byte more for the line's end");
        } else {
            self.full = true;
        }
    }

    fn end(&mut self) {
        self.text.push('\n').expect("push leaves room for the line's end");
    }
}

impl Write for Line {
    /// Takes what fits. Control characters are escaped, so that a text cannot pass for a line of its own.
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                character.escape_default().for_each(|part| self.push(part));
            } else {
                self.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

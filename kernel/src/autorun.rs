//! What the command line asks the kernel to do by itself, and keeping what is told of it for after a reset.

use core::{
    fmt::{self, Display, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use steward_core::{
    autorun::{self, Notes, Transcript},
    boot::{Autorun, CommandLine},
    log::Sink,
    text::CrLf,
};
use steward_machine::{clock, kept_log::KEPT_LOG, power};

use crate::{console::Console, platform::Pc};

/// How long the end is shown before the machine is reset, in nanoseconds.
const SHOWN_NS: u64 = 3_000_000_000;

/// From here on log lines are kept. A file that is kept begins with the suite.
static KEEPING: AtomicBool = AtomicBool::new(false);

/// Opens the log that is kept over a reset, if the command line names one. From then on the machine does not stop when it
/// goes down: it tells why, and is reset.
pub fn open_kept_log(line: &CommandLine) {
    if let (Some(_), Some(address)) = (line.autorun, line.kept_log)
        && let Err(reason) = KEPT_LOG.open(address)
    {
        log::warn!("no log is kept at {address:#x}: {reason}");
    }
}

/// Does what the command line asks for. Comes back to be followed by the prompt, unless a log is kept, which is looked at
/// after a reset.
pub fn run(autorun: Autorun) {
    KEEPING.store(true, Ordering::Relaxed);
    let (mut console, mut kept) = (Console::default(), Kept);
    let (mut shown, mut transcript) = (CrLf::new(&mut console), Transcript::new(&mut kept));
    let mut out = Both(&mut shown, &mut transcript);
    let ran = match autorun {
        Autorun::Ktest => autorun::ktest(&Pc, &mut out),
    };
    if let Err(error) = ran {
        log::error!("the suite was not told to its end: {error}");
    }
    KEEPING.store(false, Ordering::Relaxed);
    if KEPT_LOG.finish() {
        let _ =
            writeln!(CrLf::new(&mut console), "the log is kept; the machine restarts, and its boot loader saves it");
        restart()
    }
}

/// Keeps the report of a machine that goes down, whoever was writing to the log.
pub fn keep_report(report: &dyn Display) {
    struct AtLast;
    impl Write for AtLast {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            KEPT_LOG.append_at_last(text);
            Ok(())
        }
    }
    if KEPT_LOG.is_open() {
        // What does not fit is cut, and the log says so.
        let _ = write!(Notes::new(&mut AtLast), "{report}");
    }
}

/// Whether the machine restarts when it goes down, so that its boot loader can save the log.
pub fn is_kept() -> bool {
    KEPT_LOG.is_open()
}

/// Leaves what the console shows to be read for a while, and resets the machine.
pub fn restart() -> ! {
    clock::wait(SHOWN_NS);
    power::reset()
}

/// The kept log as the log's sink.
pub struct KeptLines;

impl Sink for KeptLines {
    fn write_line(&self, line: &str) -> bool {
        !KEEPING.load(Ordering::Relaxed) || Notes::new(&mut Kept).write_str(line).is_ok()
    }
}

/// The kept log. Without one, what is written is lost.
struct Kept;

impl Write for Kept {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !KEPT_LOG.is_open() || KEPT_LOG.append(text) { Ok(()) } else { Err(fmt::Error) }
    }
}

struct Both<'w>(&'w mut dyn Write, &'w mut dyn Write);

impl Write for Both<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)?;
        self.1.write_str(text)
    }
}

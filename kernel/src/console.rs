//! The console: the serial line COM1 and the screen with its keyboard, as the log's sinks and as one terminal.
//!
//! Whichever of them a machine lacks is done without, and so are all of them.

use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use steward_core::{
    log::{LOGGER, Sink},
    prompt::Terminal,
    text::CrLf,
};
use steward_machine::{
    clock,
    keyboard::{KEYBOARD, Key, Sequence},
    screen::{self, NoScreen, SCREEN},
    serial::{COM1, COM2, Driver},
    timer, wait_for_interrupt,
};

use crate::autorun;

/// Starts the serial ports, the screen and the log. What is missing is logged where there is something to log to.
pub fn init() {
    let com1 = COM1.start();
    let com2 = COM2.start();
    let screen = SCREEN.start();
    steward_core::log::init(clock::nanoseconds).expect("the log is set up once");
    if com1.is_ok() {
        LOGGER.add_sink(&SerialLog).expect("the log has room for three sinks");
    }
    if screen.is_ok() {
        LOGGER.add_sink(&ScreenLog).expect("the log has room for three sinks");
        timer::set_on_tick(draw_at_tick);
    }
    LOGGER.add_sink(&autorun::KeptLines).expect("the log has room for three sinks");
    if let Err(absent) = com1 {
        log::debug!("no console on COM1: {absent}");
    }
    if let Err(absent) = com2 {
        log::debug!("no record line on COM2: {absent}");
    }
    match screen {
        Ok(()) => {}
        Err(NoScreen::Absent) => log::debug!("no screen: {}", NoScreen::Absent),
        Err(reason) => log::warn!("no screen: {reason}"),
    }
}

/// Starts the keyboard. A machine without a screen has it too: who types on it does so in the dark, but may know what.
pub fn start_keyboard() {
    if let Err(absent) = KEYBOARD.start() {
        log::debug!("no keyboard: {absent}");
    }
}

struct SerialLog;

impl Sink for SerialLog {
    fn write_line(&self, line: &str) -> bool {
        let Some(mut port) = COM1.try_lock() else { return false };
        let Some(uart) = port.as_mut() else { return false };
        CrLf::new(uart).write_str(line).is_ok()
    }
}

struct ScreenLog;

impl Sink for ScreenLog {
    fn write_line(&self, line: &str) -> bool {
        let Some(mut screen) = SCREEN.try_lock() else { return false };
        let Some(screen) = screen.as_mut() else { return false };
        CrLf::new(&mut Lazily(screen)).write_str(line).is_ok()
    }
}

/// How often a screen that much is written to is drawn, in nanoseconds: what comes and goes in between costs no drawing.
const DRAWN_EVERY_NS: u64 = 40_000_000;

/// When the screen was drawn last, in nanoseconds.
static DRAWN_AT: AtomicU64 = AtomicU64::new(0);
/// Something was written to the screen and not drawn yet.
static PENDING: AtomicBool = AtomicBool::new(false);

/// The screen, drawn not for every text: at once when it has not been for a while, else at a later tick.
struct Lazily<'s>(&'s mut screen::Driver);

impl Write for Lazily<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put(text);
        PENDING.store(true, Ordering::Relaxed);
        // Where nothing ticks, nothing would draw it later.
        if timer::hz().is_none() || is_due() {
            draw(self.0);
        }
        Ok(())
    }
}

fn is_due() -> bool {
    clock::nanoseconds().saturating_sub(DRAWN_AT.load(Ordering::Relaxed)) >= DRAWN_EVERY_NS
}

fn draw(screen: &mut screen::Driver) {
    PENDING.store(false, Ordering::Relaxed);
    screen.draw();
    DRAWN_AT.store(clock::nanoseconds(), Ordering::Relaxed);
}

/// Draws what is pending, whatever else the kernel does or hangs in.
fn draw_at_tick() {
    if PENDING.load(Ordering::Relaxed)
        && is_due()
        && let Some(mut screen) = SCREEN.try_lock()
        && let Some(screen) = screen.as_mut()
    {
        draw(screen);
    }
}

/// The terminal. What a port that is missing or stuck does not take is lost there.
#[derive(Default)]
pub struct Console {
    /// What a key sent that was not read yet.
    typed: Option<Sequence>,
    /// How much of it was read.
    read: usize,
}

impl Console {
    /// Says who is there.
    ///
    /// # Errors
    /// As any write; the console gives none.
    pub fn greet(&mut self) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        let bytes = steward_machine::frames::memory_use().map_or(0, |account| account.total());
        write!(self, "\r\nSteward {version}, {} MiB. Type help for the commands.\r\n", bytes >> 20)
    }

    /// The next byte that a key sent.
    fn typed(&mut self) -> Option<u8> {
        loop {
            if let Some(&byte) = self.typed.as_ref().and_then(|typed| typed.get(self.read)) {
                self.read += 1;
                return Some(byte);
            }
            let key = KEYBOARD.lock().as_mut().and_then(|keyboard| keyboard.poll())?;
            match key {
                Key::Bytes(sequence) => (self.typed, self.read) = (Some(sequence), 0),
                Key::ScrollUp => scroll(1),
                Key::ScrollDown => scroll(-1),
            }
        }
    }
}

/// Moves the screen's view by half a screen, to older rows when `direction` is above 0.
fn scroll(direction: isize) {
    if let Some(screen) = SCREEN.lock().as_mut() {
        let rows = isize::try_from(screen.rows() / 2).unwrap_or(1);
        screen.scroll(direction * rows);
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(uart) = COM1.lock().as_mut() {
            // A terminal that takes nothing for longer than the driver's patience is not there; the kernel goes on.
            let _ = uart.send_all(text.as_bytes());
        }
        match SCREEN.lock().as_mut() {
            Some(screen) => Lazily(screen).write_str(text),
            None => Ok(()),
        }
    }
}

impl Terminal for Console {
    fn read(&mut self) -> Option<u8> {
        loop {
            let received = COM1.lock().as_mut().map_or(Ok(None), Driver::receive);
            match received {
                Ok(Some(byte)) => return Some(byte),
                Ok(None) => {}
                // Told with the port free again, as the log goes there too.
                Err(error) => log::warn!("COM1: {error}"),
            }
            if let Some(byte) = self.typed() {
                return Some(byte);
            }
            if PENDING.load(Ordering::Relaxed)
                && let Some(screen) = SCREEN.lock().as_mut()
            {
                draw(screen);
            }
            // The tick ends the wait; without one, waiting could last for ever.
            if timer::hz().is_some() {
                wait_for_interrupt();
            }
        }
    }
}

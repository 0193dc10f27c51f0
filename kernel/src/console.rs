//! The console: COM1 as the log's sink and as the prompt's terminal.

use core::fmt::{self, Write};

use steward_core::{
    log::{LOGGER, Sink},
    prompt::Terminal,
    text::CrLf,
};
use steward_machine::{
    clock,
    serial::{COM1, COM2, Driver},
    timer, wait_for_interrupt,
};

/// Starts the serial ports and the log. A machine without serial ports goes on in silence.
pub fn init() {
    let com1 = COM1.start();
    let com2 = COM2.start();
    steward_core::log::init(clock::nanoseconds).expect("the log is set up once");
    if com1.is_ok() {
        LOGGER.add_sink(&LogSink).expect("the first sink finds a place");
    }
    if let Err(absent) = com1 {
        log::warn!("no console on COM1: {absent}");
    }
    if let Err(absent) = com2 {
        log::debug!("no record line on COM2: {absent}");
    }
}

struct LogSink;

impl Sink for LogSink {
    fn write_line(&self, line: &str) -> bool {
        let Some(mut port) = COM1.try_lock() else { return false };
        let Some(uart) = port.as_mut() else { return false };
        CrLf::new(uart).write_str(line).is_ok()
    }
}

/// COM1 as a terminal. A port that is missing or stuck swallows what is written.
pub struct Console;

impl Console {
    /// Says who is there.
    ///
    /// # Errors
    /// As any write; COM1 gives none.
    pub fn greet(&mut self) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        let bytes = steward_machine::memory::memory_use().map_or(0, |account| account.total());
        write!(self, "\r\nSteward {version}, {} MiB. Type help for the commands.\r\n", bytes >> 20)
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(uart) = COM1.lock().as_mut() {
            // A terminal that takes nothing for longer than the driver's patience is not there; the kernel goes on.
            let _ = uart.send_all(text.as_bytes());
        }
        Ok(())
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
            // The tick ends the wait; without one, waiting could last for ever.
            if timer::hz().is_some() {
                wait_for_interrupt();
            }
        }
    }
}

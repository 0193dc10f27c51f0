//! The two serial ports of a PC: COM1 for people, COM2 for the harness.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use spin::{Mutex, MutexGuard};
use steward_serial::{Absent, Register, Registers, Settings};

#[cfg(not(feature = "serial-c"))]
use steward_serial::Uart;
#[cfg(feature = "serial-c")]
use steward_serial_c::Uart;

use crate::{
    port::IoPort,
    resources::{self, Kind, NotStarted},
};

/// How many ports a UART has.
const PORTS: u64 = 8;

/// A UART's registers at ports.
#[derive(Clone, Copy, Debug)]
pub struct Ports(IoPort);

#[cfg(feature = "ktest")]
impl Ports {
    /// Those from this port on.
    pub(crate) const fn new(base: IoPort) -> Self {
        Self(base)
    }
}

impl Registers for Ports {
    fn read(&mut self, register: Register) -> u8 {
        self.0.offset(u16::from(register.offset())).read_u8()
    }

    fn write(&mut self, register: Register, value: u8) {
        self.0.offset(u16::from(register.offset())).write_u8(value);
    }

    fn first_port(&self) -> Option<u16> {
        Some(self.0.address())
    }
}

/// The driver of a PC's serial port.
pub type Driver = Uart<Ports>;

/// One serial port, started when it is first asked for.
pub struct SerialPort {
    address: u16,
    /// Whether the ports are this driver's.
    is_taken: AtomicBool,
    uart: Mutex<Option<Driver>>,
}

/// The log and the prompt.
pub static COM1: SerialPort = SerialPort::at(0x3f8);
/// Records for the harness, and its commands.
pub static COM2: SerialPort = SerialPort::at(0x2f8);

impl SerialPort {
    const fn at(address: u16) -> Self {
        Self { address, is_taken: AtomicBool::new(false), uart: Mutex::new(None) }
    }

    /// Starts the port: 115200 baud, 8 data bits, no parity, one stop bit.
    ///
    /// # Errors
    /// [`NotStarted::Absent`] when no UART answers, [`NotStarted::Refused`] when its ports are somebody else's; the port then
    /// stays silent.
    pub fn start(&self) -> Result<(), NotStarted<Absent>> {
        let mut place = self.uart.lock();
        let new = match self.is_taken.load(Relaxed) {
            true => None,
            false => Some(resources::take(Kind::IoPorts, self.address.into(), PORTS).map_err(NotStarted::Refused)?),
        };
        *place = Some(self.start_uart().map_err(NotStarted::Absent)?);
        if let Some(taken) = new {
            taken.keep();
            self.is_taken.store(true, Relaxed);
        }
        Ok(())
    }

    fn start_uart(&self) -> Result<Driver, Absent> {
        Uart::start(Ports(IoPort::new(self.address)), Settings::default())
    }

    /// The port, when nobody else is using it; `None` inside when it was not started.
    #[must_use]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Option<Driver>>> {
        self.uart.try_lock()
    }

    /// The port; waits for whoever is using it. `None` inside when it was not started.
    #[must_use]
    pub fn lock(&self) -> MutexGuard<'_, Option<Driver>> {
        self.uart.lock()
    }

    /// Starts the port anew, whoever held it: for a machine that is going down and has to say so.
    ///
    /// What the holder had not sent is lost. `None` when no UART answers.
    #[must_use]
    pub fn seize(&self) -> Option<Driver> {
        self.start_uart().ok()
    }
}

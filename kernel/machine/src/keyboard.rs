//! The PS/2 keyboard of a PC.

use spin::{Mutex, MutexGuard};
pub use steward_keyboard::{Absent, Key, Sequence};
use steward_keyboard::{Keyboard, Ports};

use crate::port::IoPort;

const DATA: IoPort = IoPort::new(0x60);
/// The status when read.
const COMMAND: IoPort = IoPort::new(0x64);

/// The i8042 controller's two ports.
#[derive(Clone, Copy, Debug)]
pub struct ControllerPorts(());

impl Ports for ControllerPorts {
    fn status(&mut self) -> u8 {
        COMMAND.read_u8()
    }

    fn data(&mut self) -> u8 {
        DATA.read_u8()
    }

    fn command(&mut self, byte: u8) {
        COMMAND.write_u8(byte);
    }

    fn write(&mut self, byte: u8) {
        DATA.write_u8(byte);
    }
}

/// The driver of a PC's keyboard.
pub type Driver = Keyboard<ControllerPorts>;

/// The keyboard, started when it is first asked for.
pub struct KeyboardDevice {
    keyboard: Mutex<Option<Driver>>,
}

/// What people type on.
pub static KEYBOARD: KeyboardDevice = KeyboardDevice { keyboard: Mutex::new(None) };

impl KeyboardDevice {
    /// Starts the keyboard.
    ///
    /// # Errors
    /// [`Absent`] when no controller answers; there is no keyboard then.
    pub fn start(&self) -> Result<(), Absent> {
        let mut keyboard = self.keyboard.lock();
        *keyboard = None;
        *keyboard = Some(Keyboard::start(ControllerPorts(()))?);
        Ok(())
    }

    /// The keyboard; waits for whoever is using it. `None` inside when it was not started.
    #[must_use]
    pub fn lock(&self) -> MutexGuard<'_, Option<Driver>> {
        self.keyboard.lock()
    }
}

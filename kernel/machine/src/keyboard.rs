//! The PS/2 keyboard of a PC.

use spin::{Mutex, MutexGuard};
pub use steward_keyboard::{Absent, Key, Sequence};
use steward_keyboard::{Keyboard, Ports};

use crate::{
    port::IoPort,
    resources::{self, Kind, NotStarted, Taken},
};

const PORTS: [u16; 2] = [0x60, 0x64];
const DATA: IoPort = IoPort::new(PORTS[0]);
/// The status when read.
const COMMAND: IoPort = IoPort::new(PORTS[1]);

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
    /// The controller's ports, once it has been found.
    ports: Mutex<Option<[Taken; 2]>>,
}

/// What people type on.
pub static KEYBOARD: KeyboardDevice = KeyboardDevice { keyboard: Mutex::new(None), ports: Mutex::new(None) };

impl KeyboardDevice {
    /// Starts the keyboard.
    ///
    /// # Errors
    /// [`NotStarted::Absent`] when no controller answers, [`NotStarted::Refused`] when its ports are somebody else's; there is
    /// no keyboard then.
    pub fn start(&self) -> Result<(), NotStarted<Absent>> {
        let mut keyboard = self.keyboard.lock();
        *keyboard = None;
        let mut ports = self.ports.lock();
        if ports.is_none() {
            let take = |port: u16| resources::take(Kind::IoPorts, port.into(), 1).map_err(NotStarted::Refused);
            *ports = Some([take(PORTS[0])?, take(PORTS[1])?]);
        }
        match Keyboard::start(ControllerPorts(())) {
            Ok(driver) => *keyboard = Some(driver),
            Err(absent) => {
                *ports = None;
                return Err(NotStarted::Absent(absent));
            }
        }
        Ok(())
    }

    /// The keyboard; waits for whoever is using it. `None` inside when it was not started.
    #[must_use]
    pub fn lock(&self) -> MutexGuard<'_, Option<Driver>> {
        self.keyboard.lock()
    }
}

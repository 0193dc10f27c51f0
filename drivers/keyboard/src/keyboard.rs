//! The driver itself.

use crate::{
    Absent, Key, Ports,
    controller::{Controller, Received, TRANSLATES, command},
    decoder::Decoder,
};

/// Makes a keyboard send what is typed ("Enable", 0xf4).
const ENABLE_SCANNING: u8 = 0xf4;
/// What a keyboard answers to a command, when it asks for it once more ("Resend").
const RESEND: u8 = 0xfe;
/// How often a command is sent.
const ATTEMPTS: usize = 3;

/// Most bytes that [`Keyboard::poll`] takes: more than any key has, and than a mouse sends between two polls.
const MOST_POLLED: usize = 64;

/// A keyboard behind a controller that took commands when it was started.
///
/// It does not prove that a keyboard is plugged in. One that is plugged in later works too.
pub struct Keyboard<P> {
    controller: Controller<P>,
    decoder: Decoder,
}

impl<P: Ports> Keyboard<P> {
    /// Sets the controller up, and makes the keyboard send what is typed.
    ///
    /// The controller's configuration stays as it is, interrupts, translation and the second port included: what is typed is
    /// understood either way. Keys pressed before are lost. It takes a bounded number of polls, and no answer of the
    /// controller or the keyboard is relied on: firmware that imitates them leaves some out.
    ///
    /// # Errors
    /// [`Absent`] when there is no controller, or a dead one.
    pub fn start(ports: P) -> Result<Self, Absent> {
        let mut controller = Controller::new(ports)?;
        // With the keyboard's line held, the answer to the next command is not taken for a key, nor a key for the answer.
        controller.command(command::DISABLE_KEYBOARD)?;
        controller.flush()?;
        controller.command(command::READ_CONFIGURATION)?;
        let translates = controller.wait().is_none_or(|configuration| configuration & TRANSLATES != 0);
        controller.command(command::ENABLE_KEYBOARD)?;
        for _ in 0..ATTEMPTS {
            controller.write(ENABLE_SCANNING)?;
            // Anything but this is the acknowledgement, a key, or nobody: all the same here.
            if controller.wait() != Some(RESEND) {
                break;
            }
        }
        Ok(Self { controller, decoder: Decoder::new(translates) })
    }

    /// The next key that was typed, if any. Never waits, and takes a bounded number of bytes from the controller; a mouse's
    /// are thrown away.
    pub fn poll(&mut self) -> Option<Key> {
        for _ in 0..MOST_POLLED {
            if let Received::Byte(byte) = self.controller.receive()?
                && let Some(key) = self.decoder.push(byte)
            {
                return Some(key);
            }
        }
        None
    }
}

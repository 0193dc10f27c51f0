//! A controller made of plain memory, with a keyboard and a mouse.

extern crate std;
use std::{cell::RefCell, collections::VecDeque, rc::Rc, vec::Vec};

use crate::{
    Ports,
    controller::{TRANSLATES, command, status},
};

/// What is behind the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chip {
    /// A controller that translates, with a keyboard.
    Translating,
    /// One that does not.
    Plain,
    /// A controller without a keyboard.
    WithoutKeyboard,
    /// Firmware that imitates a keyboard, and answers no command.
    Silent,
    /// Firmware that asks for every command again.
    Resending,
    /// Nothing: all ports read 0xff.
    Nothing,
    /// Never takes what is written.
    Busy,
    /// Always has another byte.
    Endless,
}

/// A fake that the test keeps talking to, as the person at the keyboard, while a driver owns its ports.
pub(crate) type SharedController = Rc<RefCell<FakeController>>;

impl Ports for SharedController {
    fn status(&mut self) -> u8 {
        self.borrow_mut().status()
    }
    fn data(&mut self) -> u8 {
        self.borrow_mut().data()
    }
    fn command(&mut self, byte: u8) {
        self.borrow_mut().command(byte);
    }
    fn write(&mut self, byte: u8) {
        self.borrow_mut().write(byte);
    }
}

/// Codes of set 2, and what they translate to ("Scan Code Translation"), of the keys that the tests press.
const TRANSLATION: &[(u8, u8)] = &[
    (0x1c, 0x1e),
    (0x32, 0x30),
    (0x21, 0x2e),
    (0x23, 0x20),
    (0x24, 0x12),
    (0x3a, 0x32),
    (0x1a, 0x2c),
    (0x16, 0x02),
    (0x1e, 0x03),
    (0x45, 0x0b),
    (0x4e, 0x0c),
    (0x54, 0x1a),
    (0x5d, 0x2b),
    (0x4a, 0x35),
    (0x52, 0x28),
    (0x0e, 0x29),
    (0x29, 0x39),
    (0x5a, 0x1c),
    (0x66, 0x0e),
    (0x0d, 0x0f),
    (0x76, 0x01),
    (0x12, 0x2a),
    (0x59, 0x36),
    (0x14, 0x1d),
    (0x11, 0x38),
    (0x58, 0x3a),
    (0x77, 0x45),
    (0x75, 0x48),
    (0x72, 0x50),
    (0x6b, 0x4b),
    (0x74, 0x4d),
    (0x6c, 0x47),
    (0x69, 0x4f),
    (0x7d, 0x49),
    (0x7a, 0x51),
    (0x70, 0x52),
    (0x71, 0x53),
    (0x73, 0x4c),
    (0x7c, 0x37),
    (0x79, 0x4e),
    (0x7b, 0x4a),
    (0x05, 0x3b),
    (0x06, 0x3c),
    (0x03, 0x3f),
    (0x07, 0x58),
    (0x1f, 0x5b),
    (0x2f, 0x5d),
];

/// A controller made of plain memory.
pub(crate) struct FakeController {
    chip: Chip,
    /// Bytes that wait, and whether they are the mouse's.
    output: VecDeque<(u8, bool)>,
    /// A break code's prefix came, which translation makes a bit of the next byte.
    after_break: bool,
    keyboard_enabled: bool,
    pub(crate) scanning: bool,
    pub(crate) accesses: usize,
    /// All that was written: commands to the controller, then bytes to the keyboard.
    pub(crate) commands: Vec<u8>,
    pub(crate) writes: Vec<u8>,
}

impl FakeController {
    pub(crate) fn shared(chip: Chip) -> SharedController {
        Rc::new(RefCell::new(Self {
            chip,
            output: VecDeque::new(),
            after_break: false,
            keyboard_enabled: true,
            scanning: false,
            accesses: 0,
            commands: Vec::new(),
            writes: Vec::new(),
        }))
    }

    /// The keyboard sends these codes of set 2.
    pub(crate) fn send(&mut self, codes: &[u8]) {
        for &code in codes {
            if self.chip != Chip::Translating {
                self.output.push_back((code, false));
            } else if code == 0xf0 {
                self.after_break = true;
            } else {
                let found = TRANSLATION.iter().find(|(set_2, _)| *set_2 == code);
                let translated = found.map_or(code, |&(_, set_1)| set_1);
                let released = if std::mem::take(&mut self.after_break) { 0x80 } else { 0 };
                self.output.push_back((translated | released, false));
            }
        }
    }

    /// A byte arrives as it is.
    pub(crate) fn arrive(&mut self, byte: u8, from_mouse: bool) {
        self.output.push_back((byte, from_mouse));
    }

    fn status(&mut self) -> u8 {
        self.accesses += 1;
        let full = match self.output.front() {
            Some((_, true)) => status::OUTPUT_FULL | status::FROM_AUXILIARY,
            Some((_, false)) => status::OUTPUT_FULL,
            None => 0,
        };
        match self.chip {
            Chip::Nothing => status::NOBODY,
            Chip::Busy => status::INPUT_FULL | full,
            Chip::Endless => status::OUTPUT_FULL,
            _ => full,
        }
    }

    fn data(&mut self) -> u8 {
        self.accesses += 1;
        match self.chip {
            Chip::Nothing => 0xff,
            // An answer that means something, if only it ended.
            Chip::Endless => 0xfa,
            _ => self.output.pop_front().map_or(0, |(byte, _)| byte),
        }
    }

    fn command(&mut self, byte: u8) {
        self.accesses += 1;
        self.commands.push(byte);
        match byte {
            command::DISABLE_KEYBOARD => self.keyboard_enabled = false,
            command::ENABLE_KEYBOARD => self.keyboard_enabled = true,
            command::READ_CONFIGURATION if self.chip != Chip::Silent => {
                let translates = if self.chip == Chip::Translating { TRANSLATES } else { 0 };
                self.output.push_back((0b0000_0111 | translates, false));
            }
            _ => {}
        }
    }

    fn write(&mut self, byte: u8) {
        self.accesses += 1;
        self.writes.push(byte);
        assert!(self.keyboard_enabled, "a byte was sent to a keyboard whose line is held");
        match self.chip {
            Chip::Silent | Chip::WithoutKeyboard => {}
            Chip::Resending => self.output.push_back((0xfe, false)),
            _ => {
                self.scanning |= byte == 0xf4;
                self.output.push_back((0xfa, false));
            }
        }
    }
}

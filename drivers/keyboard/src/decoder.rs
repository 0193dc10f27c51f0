//! From scancodes to keys.

use pc_keyboard::{
    DecodedKey, HandleControl, KeyCode, KeyEvent, KeyState, KeyboardLayout, Modifiers, ScancodeSet, ScancodeSet1,
    ScancodeSet2, layouts::Us104Key,
};

use crate::{Key, Sequence};

/// Which codes come from the controller.
enum Codes {
    /// Those of the first PC, which most controllers translate to.
    Set1(ScancodeSet1),
    /// Those that keyboards send.
    Set2(ScancodeSet2),
}

/// Takes scancodes, and knows which modifiers are held.
pub(crate) struct Decoder {
    codes: Codes,
    modifiers: Modifiers,
    /// A lock key that is held: the keyboard repeats it, but it counts once.
    held_lock: Option<KeyCode>,
}

impl Decoder {
    pub(crate) fn new(translated: bool) -> Self {
        let codes = if translated { Codes::Set1(ScancodeSet1::new()) } else { Codes::Set2(ScancodeSet2::new()) };
        Self { codes, modifiers: Modifiers { numlock: true, ..Modifiers::default() }, held_lock: None }
    }

    /// Takes a byte; gives the key whose press it completes.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Key> {
        let event = match &mut self.codes {
            Codes::Set1(set) => set.advance_state(byte),
            Codes::Set2(set) => set.advance_state(byte),
        };
        // Unknown codes, among them answers of the keyboard, are no keys.
        let KeyEvent { code, state } = event.ok().flatten()?;
        let is_down = state == KeyState::Down;
        if self.modify(code, is_down) || !is_down {
            return None;
        }
        self.press(code)
    }

    /// Notes the state of a modifier; `false` for any other key.
    fn modify(&mut self, code: KeyCode, is_down: bool) -> bool {
        let modifiers = &mut self.modifiers;
        let held = match code {
            KeyCode::LShift => &mut modifiers.lshift,
            KeyCode::RShift => &mut modifiers.rshift,
            KeyCode::LControl => &mut modifiers.lctrl,
            KeyCode::RControl => &mut modifiers.rctrl,
            KeyCode::RControl2 => &mut modifiers.rctrl2,
            KeyCode::LAlt => &mut modifiers.lalt,
            KeyCode::RAltGr => &mut modifiers.ralt,
            KeyCode::CapsLock | KeyCode::NumpadLock => {
                self.lock(code, is_down);
                return true;
            }
            _ => return false,
        };
        *held = is_down;
        true
    }

    fn lock(&mut self, code: KeyCode, is_down: bool) {
        if !is_down {
            self.held_lock = None;
        } else if self.held_lock != Some(code) {
            self.held_lock = Some(code);
            match code {
                KeyCode::CapsLock => self.modifiers.capslock ^= true,
                // The Pause key comes as a hidden Ctrl and this.
                _ => self.modifiers.numlock ^= !self.modifiers.rctrl2,
            }
        }
    }

    fn press(&self, code: KeyCode) -> Option<Key> {
        // The number keys' second meanings, such as Home, come out of the layout.
        let code = match Us104Key.map_keycode(code, &self.modifiers, HandleControl::Ignore) {
            DecodedKey::RawKey(code) => code,
            DecodedKey::Unicode('\x7f') => KeyCode::Delete,
            DecodedKey::Unicode('\n') => return Some(self.character('\r')),
            DecodedKey::Unicode('\x08') => return Some(self.character('\x7f')),
            DecodedKey::Unicode('\t') if self.modifiers.is_shifted() => return Some(bytes(b"\x1b[Z")),
            DecodedKey::Unicode(character) => return Some(self.character(self.control(character))),
        };
        match code {
            KeyCode::PageUp if self.modifiers.is_shifted() => Some(Key::ScrollUp),
            KeyCode::PageDown if self.modifiers.is_shifted() => Some(Key::ScrollDown),
            _ => self.named(code),
        }
    }

    /// The control character that Ctrl makes of this one, if it is held.
    fn control(&self, character: char) -> char {
        if !self.modifiers.is_ctrl() {
            return character;
        }
        match character {
            '@'..='_' | 'a'..='z' => char::from(character as u8 & 0x1f),
            ' ' => '\0',
            '/' => '\x1f',
            '?' => '\x7f',
            _ => character,
        }
    }

    fn character(&self, character: char) -> Key {
        let sequence = if self.modifiers.is_alt() { Sequence::new().with(b"\x1b") } else { Sequence::new() };
        Key::Bytes(sequence.with(character.encode_utf8(&mut [0; 4]).as_bytes()))
    }

    /// The control sequence of a key without a character, in xterm's manner.
    fn named(&self, code: KeyCode) -> Option<Key> {
        let letter = match code {
            KeyCode::ArrowUp => b'A',
            KeyCode::ArrowDown => b'B',
            KeyCode::ArrowRight => b'C',
            KeyCode::ArrowLeft => b'D',
            KeyCode::End => b'F',
            KeyCode::Home => b'H',
            KeyCode::F1 => b'P',
            KeyCode::F2 => b'Q',
            KeyCode::F3 => b'R',
            KeyCode::F4 => b'S',
            _ => return self.numbered(code),
        };
        Some(match self.modifier_parameter() {
            None if (b'P'..=b'S').contains(&letter) => bytes(&[0x1b, b'O', letter]),
            None => bytes(&[0x1b, b'[', letter]),
            Some(parameter) => bytes(&[0x1b, b'[', b'1', b';', parameter, letter]),
        })
    }

    /// The control sequence of a key that has a number.
    fn numbered(&self, code: KeyCode) -> Option<Key> {
        let number = match code {
            KeyCode::Insert => 2,
            KeyCode::Delete => 3,
            KeyCode::PageUp => 5,
            KeyCode::PageDown => 6,
            KeyCode::F5 => 15,
            KeyCode::F6 => 17,
            KeyCode::F7 => 18,
            KeyCode::F8 => 19,
            KeyCode::F9 => 20,
            KeyCode::F10 => 21,
            KeyCode::F11 => 23,
            KeyCode::F12 => 24,
            _ => return None,
        };
        let sequence = Sequence::new().with(b"\x1b[").with_number(number);
        let sequence = match self.modifier_parameter() {
            None => sequence,
            Some(parameter) => sequence.with(&[b';', parameter]),
        };
        Some(Key::Bytes(sequence.with(b"~")))
    }

    /// The digit that stands for the modifiers held: 1, plus 1 for Shift, 2 for Alt and 4 for Ctrl.
    fn modifier_parameter(&self) -> Option<u8> {
        let modifiers = &self.modifiers;
        let bits =
            u8::from(modifiers.is_shifted()) | u8::from(modifiers.is_alt()) << 1 | u8::from(modifiers.is_ctrl()) << 2;
        (bits != 0).then_some(b'1' + bits)
    }
}

fn bytes(bytes: &[u8]) -> Key {
    Key::Bytes(Sequence::new().with(bytes))
}

//! Bytes of a terminal as keys.

/// A key, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Insert(char),
    Enter,
    Tab,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D: deletes, or ends the input on an empty line.
    DeleteOrEnd,
    ClearScreen,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Older,
    Newer,
    Backspace,
    Delete,
    /// Alt-Backspace.
    DeleteWordLeft,
    /// Ctrl-W: back to a space.
    DeleteSpacedWordLeft,
    DeleteWordRight,
    DeleteToStart,
    DeleteToEnd,
}

/// Takes a terminal's bytes apart (ECMA-48, section 5.4, for control sequences).
///
/// Whatever is not understood is dropped, and any control character ends an unfinished sequence, so that the Enter
/// key always works.
pub(super) struct Parser {
    state: State,
    after_cr: bool,
}

#[derive(Clone, Copy)]
enum State {
    Ground,
    /// After ESC.
    Escape,
    /// After ESC O.
    Single,
    /// In a control sequence, after ESC [; its parameters so far.
    Control(Parameters),
    /// In a string that a terminal sent by itself: up to BEL, ESC \, or a control character.
    String,
    /// In a UTF-8 character.
    Utf8 {
        bytes: [u8; 4],
        length: usize,
        needed: usize,
    },
}

/// The first two parameters of a control sequence.
#[derive(Clone, Copy, Default)]
struct Parameters {
    values: [u16; 2],
    index: usize,
    /// Private or intermediate bytes came: no key that is known here.
    foreign: bool,
}

impl Parser {
    pub(super) const fn new() -> Self {
        Self { state: State::Ground, after_cr: false }
    }

    /// Takes the next byte; gives the key that it completes, if any.
    pub(super) fn push(&mut self, byte: u8) -> Option<Key> {
        // Some send CR LF for Enter.
        let after_cr = core::mem::replace(&mut self.after_cr, byte == b'\r');
        if byte < 0x20 || byte == 0x7f {
            let escaped = matches!(self.state, State::Escape);
            self.state = if byte == 0x1b { State::Escape } else { State::Ground };
            return match byte {
                b'\n' if after_cr => None,
                0x08 | 0x7f if escaped => Some(Key::DeleteWordLeft),
                _ => control_key(byte),
            };
        }
        match self.state {
            State::Ground => self.ground(byte),
            State::Escape => self.escape(byte),
            State::Single => {
                self.state = State::Ground;
                cursor_key(byte, false)
            }
            State::Control(parameters) => self.control(byte, parameters),
            State::String => None,
            State::Utf8 { bytes, length, needed } => self.utf8(byte, bytes, length, needed),
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        let needed = match byte {
            0x20..0x7f => return Some(Key::Insert(char::from(byte))),
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return None,
        };
        self.state = State::Utf8 { bytes: [byte, 0, 0, 0], length: 1, needed };
        None
    }

    fn utf8(&mut self, byte: u8, mut bytes: [u8; 4], length: usize, needed: usize) -> Option<Key> {
        self.state = State::Ground;
        if byte & 0xc0 != 0x80 {
            // The character was cut off; this byte starts another.
            return self.ground(byte);
        }
        bytes[length] = byte;
        let length = length + 1;
        if length < needed {
            self.state = State::Utf8 { bytes, length, needed };
            return None;
        }
        // Overlong forms and surrogates are no characters, and dropped.
        let text = str::from_utf8(&bytes[..length]).ok()?;
        text.chars().next().map(Key::Insert)
    }

    fn escape(&mut self, byte: u8) -> Option<Key> {
        self.state = match byte {
            b'[' => State::Control(Parameters::default()),
            b'O' => State::Single,
            // APC, DCS, OSC, PM, SOS.
            b'_' | b'P' | b']' | b'^' | b'X' => State::String,
            _ => State::Ground,
        };
        match byte {
            b'b' => Some(Key::WordLeft),
            b'f' => Some(Key::WordRight),
            b'd' => Some(Key::DeleteWordRight),
            _ => None,
        }
    }

    fn control(&mut self, byte: u8, mut parameters: Parameters) -> Option<Key> {
        match byte {
            b'0'..=b'9' => parameters.digit(byte - b'0'),
            b';' => parameters.index += 1,
            0x20..0x40 => parameters.foreign = true,
            _ => {
                self.state = State::Ground;
                return parameters.key(byte);
            }
        }
        self.state = State::Control(parameters);
        None
    }
}

impl Parameters {
    fn digit(&mut self, digit: u8) {
        if let Some(value) = self.values.get_mut(self.index) {
            *value = value.saturating_mul(10).saturating_add(digit.into());
        }
    }

    fn key(self, last: u8) -> Option<Key> {
        let [number, modifiers] = self.values;
        // The second parameter is 1 plus bits for Shift (1), Alt (2) and Ctrl (4); the latter two jump by words.
        let by_word = modifiers.saturating_sub(1) & 6 != 0;
        match (last, number) {
            _ if self.foreign => None,
            (b'~', 1 | 7) => Some(Key::Home),
            (b'~', 4 | 8) => Some(Key::End),
            (b'~', 3) if by_word => Some(Key::DeleteWordRight),
            (b'~', 3) => Some(Key::Delete),
            (b'~', _) => None,
            _ => cursor_key(last, by_word),
        }
    }
}

fn cursor_key(last: u8, by_word: bool) -> Option<Key> {
    Some(match (last, by_word) {
        (b'A', _) => Key::Older,
        (b'B', _) => Key::Newer,
        (b'C', false) => Key::Right,
        (b'C', true) => Key::WordRight,
        (b'D', false) => Key::Left,
        (b'D', true) => Key::WordLeft,
        (b'H', _) => Key::Home,
        (b'F', _) => Key::End,
        _ => return None,
    })
}

/// Control characters, by the letter they are typed with.
fn control_key(byte: u8) -> Option<Key> {
    Some(match byte {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x7f => Key::Backspace,
        _ => match byte | 0x40 {
            b'A' => Key::Home,
            b'B' => Key::Left,
            b'C' => Key::Interrupt,
            b'D' => Key::DeleteOrEnd,
            b'E' => Key::End,
            b'F' => Key::Right,
            b'H' => Key::Backspace,
            b'K' => Key::DeleteToEnd,
            b'L' => Key::ClearScreen,
            b'N' => Key::Newer,
            b'P' => Key::Older,
            b'U' => Key::DeleteToStart,
            b'W' => Key::DeleteSpacedWordLeft,
            _ => return None,
        },
    })
}

//! Typing at a machine's own keyboard.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ANSWER_LIMIT, Vm};

/// How long each key is held down, and how long the keyboard rests after it, in milliseconds of the machine's time.
const HOLD: u64 = 10;
/// After how many keys to wait until the machine can have taken them: QEMU's queue has an end, and drops what comes then.
const BURST: usize = 64;

impl Vm {
    /// Presses these keys together, as in `["ctrl", "c"]`, and lets them go again. Keys are named as in QEMU's
    /// protocol (`QKeyCode`). The machine takes them in its own time: this does not wait for that.
    ///
    /// # Errors
    /// QEMU's complaint, as of a key that it does not know.
    pub fn press(&mut self, keys: &[&str]) -> Result<(), String> {
        let keys: Vec<Value> = keys.iter().map(|key| json!({ "type": "qcode", "data": key })).collect();
        self.ask("send-key", Some(&json!({ "keys": keys, "hold-time": HOLD })), ANSWER_LIMIT).map(drop)
    }

    /// Types a text on a US keyboard: the printable characters of ASCII, Enter for a carriage return or a line feed,
    /// Backspace (8 or 127), Tab, Escape, and the other control characters by Ctrl and a letter.
    ///
    /// # Errors
    /// As [`Vm::press`]; and when a character is on no key, before anything is typed.
    pub fn type_text(&mut self, text: &str) -> Result<(), String> {
        let keys: Vec<Keys> = text
            .chars()
            .map(|character| keys(character).ok_or_else(|| format!("no key of a US keyboard types {character:?}")))
            .collect::<Result<_, _>>()?;
        for burst in keys.chunks(BURST) {
            for &(modifier, ref key) in burst {
                let both = [modifier.unwrap_or_default(), key];
                self.press(&both[usize::from(modifier.is_none())..])?;
            }
            if burst.len() == BURST {
                let events: u64 = burst.iter().map(|(modifier, _)| if modifier.is_some() { 4 } else { 2 }).sum();
                let taken = Instant::now() + Duration::from_millis(events * HOLD);
                while Instant::now() < taken && !self.is_over() {
                    self.pump(taken, None);
                }
            }
        }
        Ok(())
    }
}

/// A key, and the one held down with it, if any.
type Keys = (Option<&'static str>, String);

/// The keys that type a character on a US keyboard, by QEMU's names.
fn keys(character: char) -> Option<Keys> {
    const SHIFT: Option<&str> = Some("shift");
    let (modifier, key) = match character {
        'a'..='z' | '0'..='9' => return Some((None, character.into())),
        'A'..='Z' => return Some((SHIFT, character.to_ascii_lowercase().into())),
        '\r' | '\n' => (None, "ret"),
        '\x08' | '\x7f' => (None, "backspace"),
        '\t' => (None, "tab"),
        '\x1b' => (None, "esc"),
        '\x01'..='\x1a' => return Some((Some("ctrl"), char::from(character as u8 + b'a' - 1).into())),
        _ => {
            let found = SYMBOLS.iter().find(|(_, plain, shifted)| [*plain, *shifted].contains(&character));
            let (key, plain, _) = found?;
            (SHIFT.filter(|_| character != *plain), *key)
        }
    };
    Some((modifier, key.into()))
}

/// Keys that are no letters: QEMU's name, what it types, and what it types with Shift.
const SYMBOLS: [(&str, char, char); 22] = [
    ("spc", ' ', ' '),
    ("grave_accent", '`', '~'),
    ("1", '1', '!'),
    ("2", '2', '@'),
    ("3", '3', '#'),
    ("4", '4', '$'),
    ("5", '5', '%'),
    ("6", '6', '^'),
    ("7", '7', '&'),
    ("8", '8', '*'),
    ("9", '9', '('),
    ("0", '0', ')'),
    ("minus", '-', '_'),
    ("equal", '=', '+'),
    ("bracket_left", '[', '{'),
    ("bracket_right", ']', '}'),
    ("backslash", '\\', '|'),
    ("semicolon", ';', ':'),
    ("apostrophe", '\'', '"'),
    ("comma", ',', '<'),
    ("dot", '.', '>'),
    ("slash", '/', '?'),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_printable_character_of_ascii_has_keys_of_its_own() {
        let typed: BTreeSet<_> = (' '..='~').map(|character| keys(character).unwrap()).collect();
        assert_eq!(typed.len(), usize::from(b'~' - b' ') + 1);
        assert_eq!(keys('Q'), Some((Some("shift"), "q".into())));
        assert_eq!((keys('?'), keys('/')), (Some((Some("shift"), "slash".into())), Some((None, "slash".into()))));
    }

    #[test]
    fn control_characters_are_keys_and_others_are_not() {
        assert_eq!((keys('\r'), keys('\n')), (Some((None, "ret".into())), Some((None, "ret".into()))));
        assert_eq!((keys('\x08'), keys('\x7f')), (Some((None, "backspace".into())), Some((None, "backspace".into()))));
        assert_eq!(keys('\x03'), Some((Some("ctrl"), "c".into())));
        for character in ['\0', '\x1c', '\u{80}', 'ß', '€'] {
            assert_eq!(keys(character), None, "{character:?}");
        }
    }
}

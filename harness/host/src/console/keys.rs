//! The harness's own keys: Ctrl-A and then another.

const CONTROL_A: u8 = 0x01;

/// Finds the harness's keys in what a person types.
#[derive(Debug, Default)]
pub struct Keys {
    after_control_a: bool,
}

/// What to do with typed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// For the guest.
    pub bytes: Vec<u8>,
    /// The person wants to leave; what was typed after that is dropped.
    pub quit: bool,
}

impl Keys {
    /// Sorts typed bytes: Ctrl-A X leaves, Ctrl-A Ctrl-A (or Ctrl-A A) is a Ctrl-A for the guest, and Ctrl-A before
    /// any other key goes to the guest with it: it is a key of line editors, which need it more than we do.
    pub fn push(&mut self, typed: &[u8]) -> Typed {
        let mut bytes = Vec::with_capacity(typed.len());
        for &key in typed {
            match (std::mem::take(&mut self.after_control_a), key) {
                (false, CONTROL_A) => self.after_control_a = true,
                (false, key) => bytes.push(key),
                (true, b'x' | b'X') => return Typed { bytes, quit: true },
                (true, CONTROL_A | b'a' | b'A') => bytes.push(CONTROL_A),
                (true, key) => bytes.extend([CONTROL_A, key]),
            }
        }
        Typed { bytes, quit: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8], quit: bool) -> Typed {
        Typed { bytes: bytes.into(), quit }
    }

    #[test]
    fn plain_keys_pass_and_the_harnesss_own_do_not() {
        let mut keys = Keys::default();
        assert_eq!(keys.push(b"mem\r\x03"), typed(b"mem\r\x03", false));
        assert_eq!(keys.push(b"a\x01\x01b\x01ac\x01qd"), typed(b"a\x01b\x01c\x01qd", false));
        assert_eq!(keys.push(b"x\x01"), typed(b"x", false));
        assert_eq!(keys.push(b"xyz"), typed(b"", true));
    }
}

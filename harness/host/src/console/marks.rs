//! The semantic-prompt marks (OSC 133) in a console's output: where a prompt starts, where its input, where a command's
//! output starts and how the command ended.

/// Longest mark that is recognized; anything longer is text.
const LONGEST: usize = 64;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// A mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `A`: a prompt starts.
    Prompt,
    /// `B`: the prompt has ended and input starts.
    Input,
    /// `C`: input has ended and the command's output starts.
    Output,
    /// `D`: the output has ended; the command's status, 0 for success.
    Done(i32),
}

/// A part of a console's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Anything but a mark.
    Text(Vec<u8>),
    /// A mark, and the bytes that make it.
    Mark(Mark, Vec<u8>),
}

/// Takes a console's output apart. Text passes through at once; only bytes that may become a mark are held back.
#[derive(Debug, Default)]
pub struct Marks {
    held: Vec<u8>,
}

impl Marks {
    /// Takes what came; gives the parts that it completes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = Vec::new();
        for &byte in bytes {
            self.take(byte, &mut text, &mut pieces);
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces
    }

    fn take(&mut self, byte: u8, text: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
        if self.held.is_empty() && byte != ESCAPE {
            text.push(byte);
            return;
        }
        self.held.push(byte);
        match parse(&self.held) {
            Parsed::Maybe => {}
            Parsed::Mark(mark) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(text)));
                }
                pieces.push(Piece::Mark(mark, std::mem::take(&mut self.held)));
            }
            Parsed::Text => {
                // The byte that spoiled it may start another.
                let spoiler = if byte == ESCAPE { self.held.pop() } else { None };
                text.append(&mut self.held);
                self.held.extend(spoiler);
            }
        }
    }
}

enum Parsed {
    Mark(Mark),
    /// The start of what may be a mark.
    Maybe,
    Text,
}

fn parse(held: &[u8]) -> Parsed {
    const START: &[u8] = b"\x1b]133;";
    if held.len() > LONGEST {
        return Parsed::Text;
    }
    let Some(body) = held.strip_prefix(START) else {
        return if START.starts_with(held) { Parsed::Maybe } else { Parsed::Text };
    };
    let body = match body {
        [body @ .., ESCAPE, b'\\'] | [body @ .., BELL] => body,
        [inner @ .., ESCAPE] | inner if inner.iter().all(|byte| (0x20..0x7f).contains(byte)) => return Parsed::Maybe,
        _ => return Parsed::Text,
    };
    let mut fields = body.split(|&byte| byte == b';');
    let kind = fields.next().unwrap_or_default();
    match kind {
        b"A" => Parsed::Mark(Mark::Prompt),
        b"B" => Parsed::Mark(Mark::Input),
        b"C" => Parsed::Mark(Mark::Output),
        // Without a status the command did not say that it failed.
        b"D" => Parsed::Mark(Mark::Done(fields.next().map_or(0, status))),
        _ => Parsed::Text,
    }
}

/// A status that is no number is not success.
fn status(field: &[u8]) -> i32 {
    std::str::from_utf8(field).ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn join(pieces: Vec<Piece>) -> Vec<Piece> {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(more)) => before.extend(more),
                (_, piece) => joined.push(piece),
            }
        }
        joined
    }

    fn text(text: &[u8]) -> Piece {
        Piece::Text(text.into())
    }

    #[test]
    fn a_whole_exchange_is_taken_apart_however_it_is_cut() {
        let stream = b"boot\r\n\x1b]133;A\x1b\\steward> \x1b]133;B\x1b\\mem\r\n\x1b]133;C\x1b\\\x1b[1m64\x1b[0m\r\n\x1b]133;D;3\x07";
        let mark = |mark, raw: &[u8]| Piece::Mark(mark, raw.into());
        let expected = vec![
            text(b"boot\r\n"),
            mark(Mark::Prompt, b"\x1b]133;A\x1b\\"),
            text(b"steward> "),
            mark(Mark::Input, b"\x1b]133;B\x1b\\"),
            text(b"mem\r\n"),
            mark(Mark::Output, b"\x1b]133;C\x1b\\"),
            text(b"\x1b[1m64\x1b[0m\r\n"),
            mark(Mark::Done(3), b"\x1b]133;D;3\x07"),
        ];
        for cut in 0..stream.len() {
            let mut marks = Marks::default();
            let mut pieces = marks.push(&stream[..cut]);
            pieces.extend(marks.push(&stream[cut..]));
            assert_eq!(join(pieces), expected, "cut at {cut}");
        }
    }

    #[test]
    fn statuses_are_read_and_nonsense_is_no_success() {
        let done = |raw: &[u8]| Marks::default().push(raw).pop();
        let status = |raw: &[u8]| match done(raw) {
            Some(Piece::Mark(Mark::Done(status), _)) => Some(status),
            _ => None,
        };
        assert_eq!(status(b"\x1b]133;D;0\x1b\\"), Some(0));
        assert_eq!(status(b"\x1b]133;D;-1;aid=7\x1b\\"), Some(-1));
        assert_eq!(status(b"\x1b]133;D\x1b\\"), Some(0));
        assert_eq!(status(b"\x1b]133;D;x\x1b\\"), Some(1));
    }

    #[test]
    fn other_escape_sequences_are_text() {
        for stream in [&b"\x1b]0;title\x07"[..], b"\x1b[2J", b"\x1b]133;Z\x1b\\", b"\x1b]133;A\n\x1b\\"] {
            let pieces = join(Marks::default().push(stream));
            assert_eq!(pieces, [text(stream)]);
        }
    }

    #[test]
    fn a_mark_right_behind_a_spoiled_one_is_seen() {
        let pieces = Marks::default().push(b"\x1b]13\x1b]133;A\x1b\\");
        assert!(matches!(pieces.last(), Some(Piece::Mark(Mark::Prompt, _))), "{pieces:?}");
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(bytes in proptest::collection::vec(prop_oneof![
            Just(0x1bu8), Just(b']'), Just(b'1'), Just(b'3'), Just(b';'), Just(b'A'), Just(b'\\'), Just(7u8), any::<u8>(),
        ], 0..200)) {
            let mut marks = Marks::default();
            let mut back = Vec::new();
            for piece in marks.push(&bytes) {
                match piece {
                    Piece::Text(text) | Piece::Mark(_, text) => back.extend(text),
                }
            }
            back.extend(&marks.held);
            prop_assert_eq!(back, bytes);
            prop_assert!(marks.held.len() <= LONGEST + 1);
        }
    }
}

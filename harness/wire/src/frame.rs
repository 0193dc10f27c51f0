//! Frames: how a message travels over a line that may lose, repeat or damage bytes.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};

/// Most bytes that a frame takes on the line, its closing zero included.
pub const MAX_FRAME: usize = 2048;

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const CHECKSUM_BYTES: usize = 4;
/// What is left for a body after the checksum, COBS's bytes (one, and one more for each 254) and the zero.
const MAX_BODY: usize = MAX_FRAME - CHECKSUM_BYTES - (MAX_FRAME / 254 + 1) - 1;

/// The message does not fit a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError;

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message takes more than {MAX_BODY} bytes")
    }
}

/// Why bytes between two zeros are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// More than [`MAX_FRAME`] bytes came without a zero.
    TooLong,
    /// The bytes are not COBS, or too short to hold a checksum.
    Malformed,
    /// The checksum is not that of the body.
    Checksum,
    /// The body is sound but holds no message that this version knows.
    Message,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a frame without an end",
            Self::Malformed => "bytes that are not a frame",
            Self::Checksum => "a frame whose checksum is wrong",
            Self::Message => "a frame that holds no known message",
        })
    }
}

/// Packs one message into `buffer` and gives the bytes to send.
///
/// # Errors
/// [`EncodeError`] when the message does not fit; nothing was sent then, and the caller may shorten its texts.
pub fn encode<'b, M: Serialize>(
    sequence: u32,
    message: &M,
    buffer: &'b mut [u8; MAX_FRAME],
) -> Result<&'b [u8], EncodeError> {
    let mut body = [0; MAX_BODY + CHECKSUM_BYTES];
    let length = postcard::to_slice(&(sequence, message), &mut body[..MAX_BODY]).map_err(|_| EncodeError)?.len();
    let checksum = CHECKSUM.checksum(&body[..length]).to_le_bytes();
    body[length..length + CHECKSUM_BYTES].copy_from_slice(&checksum);
    let packed = cobs::encode(&body[..length + CHECKSUM_BYTES], &mut buffer[..]);
    buffer[packed] = 0;
    Ok(&buffer[..=packed])
}

/// A frame whose checksum was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<M> {
    /// Its place in the sender's stream, from 0.
    pub sequence: u32,
    /// What it says.
    pub message: M,
}

/// Takes a byte stream apart into frames, in constant memory.
///
/// It never gives up: after damage it resumes at the next zero byte.
#[derive(Clone, Debug)]
pub struct Decoder {
    bytes: [u8; MAX_FRAME],
    length: usize,
    overflowed: bool,
    ended: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_FRAME], length: 0, overflowed: false, ended: false }
    }

    /// Takes the next byte; gives what it completes, if it completes anything.
    pub fn push<'d, M: Deserialize<'d>>(&'d mut self, byte: u8) -> Option<Result<Frame<M>, DecodeError>> {
        if self.ended {
            self.length = 0;
            self.overflowed = false;
            self.ended = false;
        }
        if byte != 0 {
            match self.bytes.get_mut(self.length) {
                Some(place) => {
                    *place = byte;
                    self.length += 1;
                }
                None => self.overflowed = true,
            }
            return None;
        }
        self.ended = true;
        if self.overflowed {
            return Some(Err(DecodeError::TooLong));
        }
        (self.length > 0).then(|| unpack(&mut self.bytes[..self.length]))
    }

    /// Whether the stream stands inside a frame: bytes came since the last zero.
    #[must_use]
    pub const fn is_inside_frame(&self) -> bool {
        !self.ended && self.length > 0
    }
}

fn unpack<'d, M: Deserialize<'d>>(packed: &'d mut [u8]) -> Result<Frame<M>, DecodeError> {
    let length = cobs::decode_in_place(packed).map_err(|_| DecodeError::Malformed)?;
    let body_length = length.checked_sub(CHECKSUM_BYTES).ok_or(DecodeError::Malformed)?;
    let (body, checksum) = packed[..length].split_at(body_length);
    if CHECKSUM.checksum(body).to_le_bytes() != checksum {
        return Err(DecodeError::Checksum);
    }
    match postcard::take_from_bytes::<(u32, M)>(body) {
        Ok(((sequence, message), [])) => Ok(Frame { sequence, message }),
        _ => Err(DecodeError::Message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{After, Backtrace, Command, Nonce, Outcome, Record};
    use proptest::prelude::*;

    extern crate std;
    use std::{string::String, vec, vec::Vec};

    fn frames(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Result<Frame<Command>, DecodeError>> {
        bytes.iter().filter_map(|&byte| decoder.push::<Command>(byte)).collect()
    }

    fn run_frame(sequence: u32, index: u32) -> Vec<u8> {
        let mut buffer = [0; MAX_FRAME];
        encode(sequence, &Command::Run { nonce: Nonce(7), index, seed: 0, after: After::Exit }, &mut buffer)
            .unwrap()
            .to_vec()
    }

    #[test]
    fn a_zero_ends_a_frame_and_stands_nowhere_else() {
        let frame = run_frame(0, 0);
        assert_eq!(frame.iter().position(|&byte| byte == 0), Some(frame.len() - 1));
    }

    #[test]
    fn noise_before_a_zero_does_not_hide_the_next_frame() {
        let mut decoder = Decoder::new();
        let mut bytes = vec![b'S', b'e', b'a', 0];
        bytes.extend(run_frame(0, 3));
        let seen = frames(&mut decoder, &bytes);
        assert!(seen[0].is_err());
        assert_eq!(seen[1].unwrap().message, Command::Run { nonce: Nonce(7), index: 3, seed: 0, after: After::Exit });
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let whole = run_frame(1, 2);
        for position in 0..whole.len() - 1 {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[position] ^= 1 << bit;
                let seen = frames(&mut Decoder::new(), &damaged);
                assert!(seen.iter().all(Result::is_err), "byte {position}, bit {bit}: {seen:?}");
            }
        }
    }

    #[test]
    fn a_stream_without_zeros_takes_no_more_memory_and_ends_as_too_long() {
        let mut decoder = Decoder::new();
        assert!(frames(&mut decoder, &[1; 3 * MAX_FRAME]).is_empty());
        assert_eq!(frames(&mut decoder, &[0]), [Err(DecodeError::TooLong)]);
        assert_eq!(frames(&mut decoder, &run_frame(9, 9)).len(), 1);
    }

    #[test]
    fn a_message_that_does_not_fit_is_refused_and_the_largest_that_fits_arrives() {
        let mut buffer = [0; MAX_FRAME];
        let text = String::from_iter(core::iter::repeat_n('x', MAX_FRAME));
        let record =
            |text| Record::Finished { nonce: Nonce(u64::MAX), index: 0, outcome: Outcome::Failed(text), ticks: 0 };
        assert_eq!(encode(0, &record(&text), &mut buffer), Err(EncodeError));
        let longest = (0..MAX_FRAME).rev().find(|&n| encode(0, &record(&text[..n]), &mut buffer).is_ok()).unwrap();
        let bytes = encode(0, &record(&text[..longest]), &mut buffer).unwrap().to_vec();
        let mut decoder = Decoder::new();
        let (last, first) = bytes.split_last().unwrap();
        assert!(first.iter().all(|&byte| decoder.push::<Record<'_>>(byte).is_none()));
        assert_eq!(decoder.push::<Record<'_>>(*last).unwrap().unwrap().message, record(&text[..longest]));
    }

    #[test]
    fn a_full_backtrace_and_long_names_fit() {
        let backtrace: Backtrace = (0..crate::BACKTRACE_DEPTH as u64).map(|n| u64::MAX - n).collect();
        let text = String::from_iter(core::iter::repeat_n('m', 1024));
        let record = Record::Panicked {
            nonce: Some(Nonce(u64::MAX)),
            message: &text,
            file: &text[..256],
            line: u32::MAX,
            backtrace,
        };
        assert!(encode(u32::MAX, &record, &mut [0; MAX_FRAME]).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let mut decoder = Decoder::new();
            for byte in bytes {
                let _ = decoder.push::<Record<'_>>(byte);
            }
        }

        #[test]
        fn what_was_encoded_is_decoded(sequence: u32, nonce: u64, seed: u64, rounds: u32) {
            let command = Command::Check { nonce: Nonce(nonce), seed, rounds };
            let mut buffer = [0; MAX_FRAME];
            let bytes = encode(sequence, &command, &mut buffer).unwrap().to_vec();
            let seen = frames(&mut Decoder::new(), &bytes);
            prop_assert_eq!(seen, vec![Ok(Frame { sequence, message: command })]);
        }
    }
}

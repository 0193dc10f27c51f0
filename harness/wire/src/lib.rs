//! What a kernel under test and its harness say to each other over the record line (COM2).
//!
//! The line carries *frames* in both directions. A frame is one message with a sequence number and a
//! checksum, packed so that a zero byte can only ever be its end:
//!
//! ```text
//! frame    = COBS( body, CRC-32(body) as 4 bytes little-endian ), 0x00
//! body     = postcard( sequence: u32, message )
//! message  = Record    guest → host
//!          | Command   host → guest
//! ```
//!
//! Each direction numbers its own frames from 0, so a lost frame shows as a gap and a repeated one as a
//! step back. A lone `0x00` is an empty frame and is skipped: a sender may put one before its first frame,
//! to end whatever noise the firmware left on the line.
//!
//! The format is version [`VERSION`]; the guest states the version it speaks in [`Record::Hello`].
//!
//! Nothing here knows what a kernel, a serial port or an emulator is.
#![no_std]
#![forbid(unsafe_code)]

mod frame;
mod message;

pub use frame::{DecodeError, Decoder, EncodeError, Frame, MAX_FRAME, encode};
pub use message::{After, BACKTRACE_DEPTH, Backtrace, Command, Nonce, Outcome, Record, Registers, VERSION};

pub mod layout;
pub mod word;

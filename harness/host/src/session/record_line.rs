//! What the guest said over COM2, in words that outlive its bytes.

use steward_harness_wire::{self as wire, DecodeError, Decoder, Frame, Nonce, Record, Registers};

/// How a test that came to its own end says it went; see [`wire::Outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed, and says why.
    Failed(String),
    /// It passed, and the kernel's resources are not as they were before it.
    Leaked(String),
}

/// A record, as [`Record`] but owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// See [`Record::Hello`].
    Hello {
        /// Version of the record format.
        version: u16,
        /// How many tests the kernel finds in itself.
        tests: u32,
    },
    /// See [`Record::Started`].
    Started {
        /// Whose run.
        nonce: Nonce,
        /// Index of the test.
        index: u32,
        /// Name of the test.
        name: String,
    },
    /// See [`Record::Finished`].
    Finished {
        /// Whose run.
        nonce: Nonce,
        /// Index of the test.
        index: u32,
        /// How it ended.
        outcome: Outcome,
        /// Length of the run in the guest's ticks.
        ticks: u64,
    },
    /// See [`Record::Panicked`].
    Panicked {
        /// Whose run, if one was under way.
        nonce: Option<Nonce>,
        /// The panic's message.
        message: String,
        /// Where, as `file:line`; empty when the guest did not know.
        place: String,
        /// Return addresses, innermost first.
        backtrace: Vec<u64>,
    },
    /// See [`Record::Faulted`].
    Faulted {
        /// Whose run, if one was under way.
        nonce: Option<Nonce>,
        /// Exception vector.
        vector: u8,
        /// The exception's error code.
        error_code: u64,
        /// Registers at the fault.
        registers: Box<Registers>,
        /// Call stack, the faulting instruction first.
        backtrace: Vec<u64>,
    },
    /// See [`Record::Checked`].
    Checked {
        /// Whose check.
        nonce: Nonce,
        /// Ticks of the guest's clock during the check.
        ticks: u64,
        /// What the guest computed.
        value: u64,
    },
}

impl Said {
    /// Whether nothing may follow: the run is over.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Panicked { .. } | Self::Faulted { .. })
    }
}

impl From<Record<'_>> for Said {
    fn from(record: Record<'_>) -> Self {
        match record {
            Record::Hello { version, tests } => Self::Hello { version, tests },
            Record::Started { nonce, index, name } => Self::Started { nonce, index, name: name.into() },
            Record::Finished { nonce, index, outcome, ticks } => {
                let outcome = match outcome {
                    wire::Outcome::Passed => Outcome::Passed,
                    wire::Outcome::Failed(why) => Outcome::Failed(why.into()),
                    wire::Outcome::Leaked(what) => Outcome::Leaked(what.into()),
                };
                Self::Finished { nonce, index, outcome, ticks }
            }
            Record::Panicked { nonce, message, file, line, backtrace } => {
                let place = if file.is_empty() { String::new() } else { format!("{file}:{line}") };
                Self::Panicked { nonce, message: message.into(), place, backtrace: backtrace.to_vec() }
            }
            Record::Faulted { nonce, vector, error_code, registers, backtrace } => {
                let registers = Box::new(registers);
                Self::Faulted { nonce, vector, error_code, registers, backtrace: backtrace.to_vec() }
            }
            Record::Checked { nonce, ticks, value } => Self::Checked { nonce, ticks, value },
        }
    }
}

/// One frame on the line, sound or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A record.
    Record {
        /// Its number in the guest's stream.
        sequence: u32,
        /// What it says.
        said: Said,
    },
    /// Bytes between two zeros that are no record.
    Damaged(DecodeError),
}

/// The listening end of COM2.
#[derive(Clone, Debug, Default)]
pub struct RecordLine {
    decoder: Decoder,
}

impl RecordLine {
    /// Takes what came; gives the frames that it completes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Heard> {
        bytes.iter().filter_map(|&byte| self.decoder.push::<Record<'_>>(byte).map(heard)).collect()
    }

    /// Whether the line stands inside a frame.
    #[must_use]
    pub fn is_inside_frame(&self) -> bool {
        self.decoder.is_inside_frame()
    }
}

fn heard(frame: Result<Frame<Record<'_>>, DecodeError>) -> Heard {
    match frame {
        Ok(Frame { sequence, message }) => Heard::Record { sequence, said: message.into() },
        Err(error) => Heard::Damaged(error),
    }
}

#[cfg(test)]
mod tests {
    use steward_harness_wire::{MAX_FRAME, encode};

    use super::*;

    #[test]
    fn noise_and_records_are_told_apart_and_a_cut_record_is_noticed() {
        let mut buffer = [0; MAX_FRAME];
        let hello = encode(0, &Record::Hello { version: 1, tests: 3 }, &mut buffer).unwrap().to_vec();
        let mut line = RecordLine::default();
        let mut stream = b"SeaBIOS\0".to_vec();
        stream.extend(&hello);
        let heard = line.push(&stream);
        assert!(matches!(heard[0], Heard::Damaged(_)));
        assert_eq!(heard[1], Heard::Record { sequence: 0, said: Said::Hello { version: 1, tests: 3 } });
        assert!(!line.is_inside_frame());
        assert!(line.push(&hello[..4]).is_empty());
        assert!(line.is_inside_frame());
    }
}

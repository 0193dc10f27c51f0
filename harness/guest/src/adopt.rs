//! The harness in a kernel of one's own: what the machine must do, and the rest is done here.
//!
//! ```
//! use steward_harness_guest::adopt::{self, Machine};
//!
//! struct Mine;
//!
//! impl Machine for Mine {
//!     fn read(&mut self) -> u8 { todo!("wait for a byte on the second serial port") }
//!     fn write(&mut self, byte: u8) { todo!("send {byte:#x} there") }
//!     fn exit(&mut self, word: u8) -> ! { todo!("write {word:#x} to the port 0xf4") }
//! }
//! ```
//!
//! When the kernel was built with its tests (`#[cfg(test)]`) it calls `adopt::serve(Mine)` once it is up, and its panic
//! handler `adopt::panicked(Mine, info, &[])`.
//!
//! On a PC, the module `pc` (with the feature `pc`) has all that.

use core::{fmt::Write as _, panic::PanicInfo};

use crate::{
    Balance, Descriptor, Ending, FailureText, Line, report_fault, report_panic, serve as serve_line, tests,
    wire::{After, Registers},
};

/// What a machine must be able to do for its kernel's tests: three things, and three more that make them better.
pub trait Machine {
    /// Waits for the next byte from the host, which comes over the second serial port (COM2 on a PC, at 0x2f8).
    fn read(&mut self) -> u8;

    /// Sends a byte to the host the same way; waits as long as the port takes no more.
    fn write(&mut self, byte: u8);

    /// Ends the machine with this word: on a PC by writing it to the debug-exit device at port 0xf4.
    fn exit(&mut self, word: u8) -> !;

    /// Stops for good, with interrupts off, `word` in RAX and `nonce` in RDX, so that the machine can be looked at, or put
    /// back to where it stood before the test.
    ///
    /// A machine that exits instead is judged as well, and cannot be used again: the next test takes another clone.
    fn park(&mut self, word: u8, nonce: u64) -> ! {
        let _ = nonce;
        self.exit(word)
    }

    /// A counter that only goes up, such as the time-stamp counter. Where it stands still, KVM is not used: the harness
    /// cannot tell there that the machine works.
    fn ticks(&mut self) -> u64 {
        0
    }

    /// Notes what the kernel has in use, before a test and after it: a test that leaves another balance has leaked.
    fn audit(balance: &mut Balance) {
        let _ = balance;
    }
}

/// A machine's second serial port.
struct Bytes<'m, M>(&'m mut M);

impl<M: Machine> Line for Bytes<'_, M> {
    fn receive(&mut self) -> u8 {
        self.0.read()
    }

    fn send(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0.write(byte));
    }

    fn ticks(&mut self) -> u64 {
        self.0.ticks()
    }
}

/// Runs the tests that the host asks for, and ends the machine.
pub fn serve(machine: impl Machine) -> ! {
    serve_tests(machine, tests())
}

fn serve_tests<M: Machine>(mut machine: M, tests: &[Descriptor]) -> ! {
    let ending = serve_line(&mut Bytes(&mut machine), tests, M::audit);
    end(&mut machine, ending)
}

/// Reports a panic and ends the machine; for the panic handler of a kernel that is being tested.
///
/// `backtrace` holds return addresses, innermost first; it may be empty.
pub fn panicked(mut machine: impl Machine, info: &PanicInfo<'_>, backtrace: &[u64]) -> ! {
    let mut message = FailureText::new();
    // What does not fit is cut; a message whose Display gives up is reported as far as it came.
    let _ = write!(message, "{}", info.message());
    let (file, line) = info.location().map_or(("", 0), |location| (location.file(), location.line()));
    let ending = report_panic(&mut Bytes(&mut machine), message.as_str(), file, line, backtrace);
    end(&mut machine, ending)
}

/// Reports a CPU exception that nobody expected, and ends the machine.
///
/// A kernel that does not call this, or handles no exceptions at all, is judged all the same: by the panic that its
/// handler ends in, or by the triple fault.
pub fn faulted(mut machine: impl Machine, vector: u8, error_code: u64, registers: Registers, backtrace: &[u64]) -> ! {
    let ending = report_fault(&mut Bytes(&mut machine), vector, error_code, registers, backtrace);
    end(&mut machine, ending)
}

/// Reports in these words that the kernel went down, which counts as a panic, and ends the machine.
pub fn failed(mut machine: impl Machine, message: &str) -> ! {
    let ending = report_panic(&mut Bytes(&mut machine), message, "", 0, &[]);
    end(&mut machine, ending)
}

pub(crate) fn end(machine: &mut impl Machine, ending: Ending) -> ! {
    match ending.after {
        After::Park => machine.park(ending.word(), ending.nonce.0),
        After::Exit | After::Serve => machine.exit(ending.word()),
    }
}

#[cfg(test)]
mod tests;

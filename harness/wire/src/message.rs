//! The messages themselves.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Version of the record format. A host refuses a guest that speaks another.
pub const VERSION: u16 = 2;

/// Most return addresses that a record carries; deeper stacks are cut at the outer end.
pub const BACKTRACE_DEPTH: usize = 32;

/// Return addresses, innermost first. Addresses are virtual, in the kernel's address space.
pub type Backtrace = heapless::Vec<u64, BACKTRACE_DEPTH>;

/// A number the host picks afresh for each test run.
///
/// A record that bears it was written after the host asked for that very run: bytes left over from an
/// earlier life of the machine, or printed by a kernel that only pretends, do not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Nonce(pub u64);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How a test that came to its own end says it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome<'a> {
    /// The test returned and reported success.
    Passed,
    /// The test returned an error; the text says which.
    Failed(#[serde(borrow)] &'a str),
    /// The test returned and reported success, but the kernel's resources are not as they were; the text says which.
    Leaked(#[serde(borrow)] &'a str),
}

/// What the guest does when a test is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum After {
    /// It ends the machine through the debug-exit device.
    Exit,
    /// It parks: see [`word`](crate::word).
    Park,
    /// It waits for the next command. A kernel that went down parks instead.
    Serve,
}

/// General registers of a CPU at the moment of a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the registers of the same names, Intel SDM volume 1, section 3.4")]
pub struct Registers {
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub rsp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rip: u64,
    pub rflags: u64,
    pub cr2: u64,
    pub cr3: u64,
}

/// What the guest tells the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// First record of a boot: the kernel is up and waits for a [`Command`].
    Hello {
        /// The format it speaks; see [`VERSION`].
        version: u16,
        /// How many tests the kernel finds in itself. The host compares it with the ELF file.
        tests: u32,
    },
    /// The test is about to run.
    Started {
        /// The nonce of the command that asked for it.
        nonce: Nonce,
        /// Its index in the kernel's own list, which is the order of the descriptors in the ELF file.
        index: u32,
        /// Its name, so that the host can check that both mean the same test.
        #[serde(borrow)]
        name: &'a str,
    },
    /// The test came to its own end.
    Finished {
        /// The nonce of the command that asked for it.
        nonce: Nonce,
        /// Its index, as in [`Record::Started`].
        index: u32,
        /// What it reported.
        #[serde(borrow)]
        outcome: Outcome<'a>,
        /// Length of the run in ticks of the guest's time-stamp counter.
        ticks: u64,
    },
    /// The kernel panicked. Nothing follows.
    Panicked {
        /// The nonce of the run that was under way, if one was.
        nonce: Option<Nonce>,
        /// The panic message, cut to fit a frame.
        #[serde(borrow)]
        message: &'a str,
        /// Source file of the panic; empty when unknown.
        #[serde(borrow)]
        file: &'a str,
        /// Line in `file`; 0 when unknown.
        line: u32,
        /// Call stack of the panic.
        backtrace: Backtrace,
    },
    /// A CPU exception that the kernel did not expect. Nothing follows.
    Faulted {
        /// The nonce of the run that was under way, if one was.
        nonce: Option<Nonce>,
        /// Exception vector, 0 to 31 (Intel SDM volume 3, section 6.3.1).
        vector: u8,
        /// The exception's error code; 0 for vectors that push none.
        error_code: u64,
        /// Registers at the fault.
        registers: Registers,
        /// Call stack, the faulting instruction first.
        backtrace: Backtrace,
    },
    /// Answer to [`Command::Check`].
    Checked {
        /// The nonce of the command.
        nonce: Nonce,
        /// Number of timer ticks or polls, whatever the kernel's clock counts, seen during the check.
        ticks: u64,
        /// What the computation that the command asks for gave.
        value: u64,
    },
}

/// What the host tells the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Run one test, report it, and do what `after` says.
    Run {
        /// To be put into every record of this run.
        nonce: Nonce,
        /// Index of the test; see [`Record::Started`].
        index: u32,
        /// For tests that choose at random; the same seed must give the same choices.
        seed: u64,
        /// What to do when the test is over.
        after: After,
    },
    /// Show that the machine works: start at `seed`, apply the step of [`Command::check_step`] `rounds`
    /// times, and answer [`Record::Checked`]. The guest then waits for its next command.
    Check {
        /// To be put into the answer.
        nonce: Nonce,
        /// Where the computation starts.
        seed: u64,
        /// How many steps it takes.
        rounds: u32,
    },
}

impl Command {
    /// One step of the computation behind [`Command::Check`]: xorshift64*, whose result depends on every bit
    /// of every step before it.
    #[must_use]
    pub const fn check_step(state: u64) -> u64 {
        let mut next = state | 1;
        next ^= next >> 12;
        next ^= next << 25;
        next ^= next >> 27;
        next.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The whole computation behind [`Command::Check`].
    #[must_use]
    pub fn check_value(seed: u64, rounds: u32) -> u64 {
        (0..rounds).fold(seed, |state, _| Self::check_step(state))
    }
}

//! The machine, as the prompt's commands see it.

use alloc::{string::String, vec::Vec};
use core::fmt;

use steward_frames::MemoryUse;
use steward_harness_guest::{Descriptor, FailureText};
use steward_ledger::Ledger;

/// A machine that the commands ask and order about.
///
/// Its state is behind the methods: the prompt is one of its users, not its owner.
pub trait Platform {
    /// Where every byte of memory went, as of now.
    fn memory(&self) -> MemoryUse;

    /// The caches of the heap, those with names of their own first.
    fn caches(&self) -> Vec<CacheInfo>;

    /// Shows the ledger, with interrupts off: `see` should not take long, and writes nothing meanwhile.
    fn with_ledger(&self, see: &mut dyn FnMut(&Ledger<'_>));

    /// What people call a key of the ledger that is no frame, such as `port:0x3f8`; `None` if it has no name.
    fn key_name(&self, key: usize) -> Option<String>;

    /// The key of that name.
    fn key_of(&self, name: &str) -> Option<usize>;

    /// The CPU that asks, and the CPUs that the firmware lists.
    fn cpu(&self) -> CpuInfo;

    /// What ACPI says; `None` on a machine without it.
    fn acpi(&self) -> Option<AcpiInfo>;

    /// Nanoseconds since boot; never goes back.
    fn now_ns(&self) -> u64;

    /// The clocks.
    fn timer(&self) -> TimerInfo;

    /// Provokes the fault on this CPU. It returns only if the fault is one that execution continues after.
    fn fault(&self, kind: FaultKind);

    /// Resets the machine. It returns only if that failed.
    fn reset(&self);

    /// Turns the machine off. It returns only if that failed.
    fn power_off(&self);

    /// Every kernel test of this image.
    fn tests(&self) -> &'static [Descriptor];

    /// Runs one test on this CPU, and says how it ended. It looks neither at whether the test is ignored nor at whether
    /// it should panic; its caller does.
    fn run_test(&self, test: &Descriptor) -> TestEnd;
}

/// A cache of small objects, and what is used of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheInfo {
    /// What its objects are, one word.
    pub name: &'static str,
    /// Bytes of an object; 0 where they differ.
    pub size: usize,
    /// Objects that are handed out.
    pub live: usize,
    /// What was asked for of them, in bytes.
    pub asked: usize,
    /// Memory that it has taken for them and for others, in bytes.
    pub held: usize,
}

/// How a test ended.
pub enum TestEnd {
    /// It returned and reported success.
    Passed,
    /// It returned an error; the text says which.
    Failed(FailureText),
    /// It returned and reported success, but what the kernel has in use is not as it was; the text says what.
    Leaked(FailureText),
    /// It panicked with this message, or a fault ended it.
    Panicked(FailureText),
    /// It cannot run in this boot; the text says why.
    Skipped(&'static str),
}

/// A CPU as CPUID describes it (Intel SDM volume 2, CPUID), and its peers as the MADT lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuInfo {
    /// Vendor, such as `GenuineIntel`.
    pub vendor: String,
    /// Brand string, without surrounding spaces; empty when the CPU has none.
    pub brand: String,
    /// Family, extended family included.
    pub family: u32,
    /// Model, extended model included.
    pub model: u32,
    /// Stepping.
    pub stepping: u32,
    /// Names of the features that the CPU has, in lower case.
    pub features: Vec<&'static str>,
    /// Local APIC id of the CPU that asked.
    pub apic_id: u32,
    /// CPUs that the MADT lists; empty without ACPI.
    pub processors: Vec<Processor>,
}

/// A CPU in the MADT (ACPI 6.5, section 5.2.12.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor {
    /// ACPI processor UID.
    pub uid: u32,
    /// Local APIC id.
    pub apic_id: u32,
    /// The number that the kernel has given it; `None` when the kernel does not run it.
    pub number: Option<u32>,
    /// Whether it can be used.
    pub state: ProcessorState,
}

/// Whether a listed CPU can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessorState {
    /// It is there and may be started.
    Enabled,
    /// It is not there yet, but may be plugged in while the machine runs.
    OnlineCapable,
    /// An empty place.
    Disabled,
}

impl fmt::Display for ProcessorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enabled => "enabled",
            Self::OnlineCapable => "online-capable",
            Self::Disabled => "disabled",
        })
    }
}

/// What ACPI says of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcpiInfo {
    /// Physical address of the RSDP.
    pub rsdp_address: u64,
    /// Revision of the RSDP: 0 for ACPI 1.0, 2 for all later versions.
    pub revision: u8,
    /// OEM id, without trailing spaces.
    pub oem: String,
    /// The tables that the RSDT or XSDT lists, and the DSDT.
    pub tables: Vec<AcpiTable>,
    /// How the machine is turned off, in words, such as `PM1a control block, port 0x604`; `None` when no way is known.
    pub power_off: Option<String>,
}

/// An ACPI table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcpiTable {
    /// Its signature; not necessarily printable.
    pub signature: [u8; 4],
    /// Physical address of its header.
    pub address: u64,
    /// Its length in bytes, header included.
    pub length: u32,
}

/// The clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerInfo {
    /// Frequency of the time-stamp counter in Hz.
    pub tsc_hz: u64,
    /// Whether the time-stamp counter runs at one speed in all power states (bit 8 of EDX of CPUID leaf 80000007H).
    pub tsc_invariant: bool,
    /// Frequency of the local APIC timer in Hz, after its divider.
    pub apic_timer_hz: u64,
    /// What both were calibrated against, such as `HPET`.
    pub reference: &'static str,
    /// Timer interrupts since boot.
    pub ticks: u64,
}

macro_rules! fault_kinds {
    ($($(#[$documentation:meta])* $kind:ident => $name:literal,)+) => {
        /// A fault that the `fault` command provokes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FaultKind {
            $($(#[$documentation])* $kind,)+
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The names of all kinds, in the same order.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The name that the command takes.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// The kind of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

fault_kinds! {
    /// Division by zero: `#DE`.
    Divide => "divide",
    /// The `INT3` instruction: `#BP`. Execution continues after it.
    Breakpoint => "breakpoint",
    /// An instruction that is none: `#UD`.
    InvalidOpcode => "invalid-opcode",
    /// A read of a page that is not mapped: `#PF`.
    PageRead => "page-read",
    /// A write into the kernel's own code: `#PF`.
    PageWriteText => "page-write-text",
    /// A jump into data: `#PF`.
    PageExecute => "page-execute",
    /// Recursion into the guard page below the stack: `#PF`, and `#DF` because its handler has no stack either.
    StackOverflow => "stack-overflow",
    /// A fault that cannot be delivered: `#DF`.
    Double => "double",
    /// A segment selector past the end of its table: `#GP`.
    GeneralProtection => "general-protection",
    /// A non-maskable interrupt, sent by this CPU to itself.
    Nmi => "nmi",
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

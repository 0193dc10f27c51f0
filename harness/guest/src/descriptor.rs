//! A test as it stands in the kernel's ELF file.

use core::mem::{offset_of, size_of};

use steward_harness_wire::layout;

use crate::FailureText;

/// What `#[ktest]` states about a test. Zero and the empty text mean "any" or "the harness's default".
#[expect(missing_docs, reason = "the fields are those of steward_harness_wire::layout, explained there")]
pub struct Test {
    pub name: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub run: fn(&mut FailureText) -> bool,
    pub should_panic: bool,
    pub ignore: bool,
    pub ignore_reason: &'static str,
    pub timeout_ms: u32,
    pub cpus: u32,
    pub memory_mib: u32,
    pub machine: &'static str,
    pub cpu: &'static str,
    pub tier: layout::Tier,
}

/// A text as pointer and length, in an order that the ABI fixes, unlike that of `&str`.
#[repr(C)]
struct Text {
    start: &'static u8,
    length: usize,
}

/// What an empty text points at: a reference must point somewhere.
static EMPTY: u8 = 0;

impl Text {
    const fn new(text: &'static str) -> Self {
        Self {
            start: match text.as_bytes().first() {
                Some(first) => first,
                None => &EMPTY,
            },
            length: text.len(),
        }
    }
}

/// One entry of the section that the host lists.
///
/// # Invariants
/// The layout is that of [`steward_harness_wire::layout`], asserted below.
#[repr(C)]
pub struct Descriptor {
    magic: u64,
    name: Text,
    file: Text,
    machine: Text,
    cpu: Text,
    ignore_reason: Text,
    run: fn(&mut FailureText) -> bool,
    line: u32,
    flags: u32,
    timeout_ms: u32,
    cpus: u32,
    memory_mib: u32,
    tier: u32,
    /// The name again, for the guest's own use; the host does not read it.
    own_name: &'static str,
}

const _: () = {
    assert!(size_of::<Descriptor>() == layout::SIZE);
    assert!(offset_of!(Descriptor, magic) == layout::MAGIC_AT);
    assert!(offset_of!(Descriptor, name) == layout::NAME);
    assert!(offset_of!(Descriptor, file) == layout::FILE);
    assert!(offset_of!(Descriptor, machine) == layout::MACHINE);
    assert!(offset_of!(Descriptor, cpu) == layout::CPU);
    assert!(offset_of!(Descriptor, ignore_reason) == layout::IGNORE_REASON);
    assert!(offset_of!(Descriptor, run) == layout::FUNCTION);
    assert!(offset_of!(Descriptor, line) == layout::LINE);
    assert!(offset_of!(Descriptor, flags) == layout::FLAGS);
    assert!(offset_of!(Descriptor, timeout_ms) == layout::TIMEOUT_MS);
    assert!(offset_of!(Descriptor, cpus) == layout::CPUS);
    assert!(offset_of!(Descriptor, memory_mib) == layout::MEMORY_MIB);
    assert!(offset_of!(Descriptor, tier) == layout::TIER);
};

impl Descriptor {
    /// The descriptor of a test.
    #[must_use]
    pub const fn new(test: Test) -> Self {
        let mut flags = 0;
        if test.should_panic {
            flags |= layout::flags::SHOULD_PANIC;
        }
        if test.ignore {
            flags |= layout::flags::IGNORE;
        }
        Self {
            magic: layout::MAGIC,
            name: Text::new(test.name),
            file: Text::new(test.file),
            machine: Text::new(test.machine),
            cpu: Text::new(test.cpu),
            ignore_reason: Text::new(test.ignore_reason),
            run: test.run,
            line: test.line,
            flags,
            timeout_ms: test.timeout_ms,
            cpus: test.cpus,
            memory_mib: test.memory_mib,
            tier: test.tier as u32,
            own_name: test.name,
        }
    }

    /// Full path of the test.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.own_name
    }

    /// Whether the test passes exactly when it panics.
    #[must_use]
    pub const fn should_panic(&self) -> bool {
        self.flags & layout::flags::SHOULD_PANIC != 0
    }

    /// Whether the test runs only when asked for.
    #[must_use]
    pub const fn is_ignored(&self) -> bool {
        self.flags & layout::flags::IGNORE != 0
    }

    /// Whether the test costs too much to be run on every change.
    #[must_use]
    pub const fn is_costly(&self) -> bool {
        self.tier != layout::Tier::Test as u32
    }

    /// How many CPUs the test needs; 0 for any.
    #[must_use]
    pub const fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Whether the test names a machine, a CPU model or a memory size, so that it cannot be judged on just any.
    #[must_use]
    pub const fn needs_special_machine(&self) -> bool {
        self.machine.length > 0 || self.cpu.length > 0 || self.memory_mib > 0 || self.cpus > 0
    }

    /// Runs the test on this CPU. `true` when it passed; else `failure` says why.
    pub fn run(&self, failure: &mut FailureText) -> bool {
        (self.run)(failure)
    }
}

//! What the CPU and the entry stub leave on the stack at an exception or interrupt.

use core::mem::{offset_of, size_of};

/// Registers at an exception or interrupt, as the entry stub saves them.
///
/// # Invariants
/// The layout is what `stubs` pushes, below what the CPU pushes (Intel SDM volume 3, section 6.14.2).
#[repr(C)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the registers of the same names")]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    /// Vector, 0 to 255.
    pub vector: u64,
    /// Error code that the CPU pushed; 0 for vectors without one.
    pub error_code: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

const _: () = {
    assert!(size_of::<TrapFrame>() == 22 * 8);
    // The CPU aligns the stack to 16 before it pushes ss; with an even number of words below, it is aligned
    // again where the stub calls Rust.
    assert!((size_of::<TrapFrame>() / 8).is_multiple_of(2));
    assert!(offset_of!(TrapFrame, vector) == 15 * 8);
};

impl TrapFrame {
    /// Whether interrupts were enabled where the trap struck.
    #[must_use]
    pub const fn interrupts_were_enabled(&self) -> bool {
        self.rflags & (1 << 9) != 0
    }
}

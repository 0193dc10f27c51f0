//! Where the CPU enters the kernel: one stub for each of the 256 vectors, and what they have in common.

use core::arch::naked_asm;

use super::TrapFrame;

/// Bytes from one stub to the next.
const STUB_BYTES: u64 = 16;

/// Bit n is set when the CPU pushes an error code for vector n: 8, 10 to 14, 17, 21, 29 and 30
/// (Intel SDM volume 3, section 6.3.1; AMD APM volume 2, section 8.2).
pub(super) const VECTORS_WITH_ERROR_CODE: u32 = 1 << 8 | 0b1_1111 << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;

/// Virtual address of the stub of `vector`.
pub(super) fn address(vector: u8) -> u64 {
    stubs as *const () as u64 + u64::from(vector) * STUB_BYTES
}

/// The stubs: each makes the stack look alike for vectors with and without an error code.
#[unsafe(naked)]
unsafe extern "C" fn stubs() {
    naked_asm!(
        ".set vector, 0",
        ".rept 256",
        ".balign {stub_bytes}",
        ".if (vector >= 32) || ((({with_error_code} >> vector) & 1) == 0)",
        "push 0",
        ".endif",
        "push vector",
        "jmp {common}",
        ".set vector, vector + 1",
        ".endr",
        stub_bytes = const STUB_BYTES,
        with_error_code = const VECTORS_WITH_ERROR_CODE,
        common = sym common,
    )
}

/// Saves the registers as a [`TrapFrame`], calls [`super::trap`], and returns to where the frame then says.
#[unsafe(naked)]
unsafe extern "C" fn common() {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rdi, rsp",
        // A zero frame pointer ends the handler's own backtrace; the interrupted code's starts from the frame.
        "xor ebp, ebp",
        "call {trap}",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        // The vector and the error code.
        "add rsp, 16",
        "iretq",
        trap = sym trap,
    )
}

/// From assembly to Rust.
extern "C" fn trap(frame: &mut TrapFrame) {
    super::dispatch(frame);
}

//! The kernel's entry point and its first stack.

use core::{arch::naked_asm, cell::UnsafeCell};

/// Bytes of the stack on which the page tables are built.
const BOOT_STACK_BYTES: usize = 256 * 1024;

/// Memory for the boot stack: part of the image, so that it keeps its address when the kernel's tables are loaded.
#[repr(C, align(16))]
struct BootStack(UnsafeCell<[u8; BOOT_STACK_BYTES]>);

// SAFETY: only `_start` uses it, as the stack of the CPU that boots.
unsafe impl Sync for BootStack {}

static BOOT_STACK: BootStack = BootStack(UnsafeCell::new([0; BOOT_STACK_BYTES]));

// SAFETY: the macro defines the function with this very signature.
unsafe extern "C" {
    /// Defined by [`entry!`].
    fn steward_boot() -> !;
}

/// Where the boot loader jumps to: interrupts off, on a stack of the loader's (Limine boot protocol, x86-64 entry state).
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "lea rsp, [rip + {stack} + {bytes}]",
        // A zero frame pointer ends every backtrace.
        "xor ebp, ebp",
        "call {boot}",
        "ud2",
        stack = sym BOOT_STACK,
        bytes = const BOOT_STACK_BYTES,
        boot = sym steward_boot,
    )
}

//! The least a PVH kernel can do: it writes `R` and a line end on COM1 and halts. Benchmarks measure
//! against it what a machine costs before any of our code runs.
#![no_std]
#![no_main]

use core::arch::global_asm;
use core::panic::PanicInfo;

global_asm!(
    ".section .note.Xen, \"a\", @note",
    ".balign 4",
    // Name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY; name; entry point.
    ".long 4, 8, 18",
    ".asciz \"Xen\"",
    ".quad pvh_start",
    ".section .text.entry, \"ax\"",
    ".code32",
    ".global pvh_start",
    "pvh_start:",
    "mov dx, 0x3f8",
    "mov al, 'R'",
    "out dx, al",
    "mov al, 13",
    "out dx, al",
    "mov al, 10",
    "out dx, al",
    "2: hlt",
    "jmp 2b",
    ".code64",
);

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

//! Provoking faults, to show that the machine really has the protections that the kernel believes in.
//!
//! Each function takes a word, so that [`catch`](crate::trap::catch) can run it.

use core::arch::{asm, naked_asm};

use x86_64::{
    VirtAddr,
    instructions::{
        interrupts,
        tables::{lidt, sidt},
    },
    structures::DescriptorTablePointer,
};

/// Divides by zero: vector 0.
pub extern "C" fn divide(_: u64) {
    // SAFETY: the registers named are declared; the fault leaves them as they were.
    unsafe { asm!("div {zero}", zero = in(reg) 0_u64, inout("rax") 1_u64 => _, inout("rdx") 0_u64 => _) };
}

/// Runs INT3: vector 3, a trap, so that execution may go on behind it.
pub extern "C" fn breakpoint(_: u64) {
    interrupts::int3();
}

/// Runs UD2: vector 6.
pub extern "C" fn invalid_opcode(_: u64) {
    // SAFETY: the instruction has no effect but its exception.
    unsafe { asm!("ud2", options(nomem, nostack)) };
}

/// Loads a data segment register with a selector past the end of the table: vector 13, with the selector as error code.
pub extern "C" fn general_protection(_: u64) {
    // SAFETY: the load faults before it changes the register, whose base is not used in 64-bit mode anyway.
    unsafe { asm!("mov es, {0:x}", in(reg) 0x1000_u64, options(nomem, nostack)) };
}

/// Reads one byte at `address`: vector 14 when nothing is mapped there, 13 when it is not canonical.
pub extern "C" fn read(address: u64) {
    // SAFETY: one load whose value is dropped. Where the address is readable it has no effect, as this is never used on
    // device registers; where it is not, the exception is the purpose.
    unsafe {
        asm!("mov {value:l}, byte ptr [{address}]", address = in(reg) address, value = out(reg) _, options(nostack, readonly))
    };
}

/// Writes the byte at `address` back to it: vector 14 when it may not be written.
pub extern "C" fn write(address: u64) {
    // SAFETY: an OR with zero writes what is there, so that even where the page turns out to be writable nothing changes.
    unsafe { asm!("or byte ptr [{address}], 0", address = in(reg) address, options(nostack)) };
}

/// Calls `address`: vector 14 when it may not be executed. What is there should be a RET, in case it may.
pub extern "C" fn execute(address: u64) {
    // SAFETY: where the page may not be executed the call faults; a test that fears otherwise points it at a RET.
    unsafe { asm!("call {address}", address = in(reg) address, clobber_abi("C")) };
}

/// Recurses until the stack is used up: its guard page is hit, the exception finds no stack either, and vector 8 follows
/// on a stack of its own.
pub extern "C" fn overflow_stack(_: u64) {
    // SAFETY: the function pushes until it faults on the guard page; nothing below the stack is mapped.
    unsafe { push_for_ever() };
}

#[unsafe(naked)]
unsafe extern "C" fn push_for_ever() {
    naked_asm!("push rbp", "mov rbp, rsp", "2:", "push 0", "jmp 2b")
}

/// Cuts the exception table short behind vector 8 and causes vector 13: the CPU cannot deliver that, and vector 8
/// follows, whose handler puts the whole table in force again.
pub extern "C" fn double(_: u64) {
    let mut table = sidt();
    table.limit = 9 * 16 - 1;
    // SAFETY: the same table, cut short; vectors 0 to 8 keep their gates, and a double fault is all that can follow.
    unsafe { lidt(&table) };
    general_protection(0);
}

/// Makes every further exception a triple fault, and causes one: the machine resets.
pub extern "C" fn triple(_: u64) {
    let nothing = DescriptorTablePointer { limit: 0, base: VirtAddr::zero() };
    // SAFETY: the empty table makes the next exception a triple fault, which this function is for.
    unsafe { lidt(&nothing) };
    invalid_opcode(0);
}

/// Frees an object of the heap, writes to it, and takes it again: for a test that this is told of. Whether it was the same.
#[cfg(feature = "ktest")]
#[must_use]
pub fn write_to_freed_object() -> bool {
    // No interrupt handler takes the object meanwhile.
    interrupts::without_interrupts(|| {
        let allocate = || alloc::vec::Vec::<u64>::with_capacity(12);
        let object = core::hint::black_box(allocate());
        let address = object.as_ptr().expose_provenance();
        drop(object);
        // SAFETY: the object lies in a slab, which stays mapped, and this CPU's magazine has it; so the heap's pattern is all
        // that is written over.
        unsafe { core::ptr::with_exposed_provenance_mut::<u64>(address + 16).write_volatile(7) };
        let again = core::hint::black_box(allocate());
        again.as_ptr().addr() == address
    })
}

/// Runs INT `vector` for a vector that pushes no error code, as if the CPU had raised it.
///
/// # Panics
/// When the CPU would push an error code for the vector: the stack would not have the form that its handler expects.
pub extern "C" fn software(vector: u64) {
    macro_rules! int {
        ($($number:literal)*) => {
            match vector {
                $(
                    // SAFETY: the handler returns to behind the instruction or does not return at all; no register
                    // changes.
                    $number => unsafe { asm!(concat!("int ", $number)) },
                )*
                _ => panic!("vector {vector} has an error code, or is no exception"),
            }
        };
    }
    int!(0 1 2 3 4 5 6 7 9 15 16 18 19 20 22 23 24 25 26 27 28 31);
}

/// A page that holds a RET, in data: readable, and not to be executed.
pub static RETURN_IN_DATA: [u8; 1] = [0xc3];

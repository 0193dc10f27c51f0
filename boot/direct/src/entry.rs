//! From the 32-bit PVH entry to Rust, and from Rust to the kernel.

use core::arch::{asm, global_asm};

use steward_boot_protocol::entry::{CODE_SELECTOR, DATA_SELECTOR, GDT, PAT};
use steward_boot_protocol::{HHDM_BASE, Handover};

use crate::memory::IDENTITY_LIMIT;

/// The table as an object in memory, for `lgdt` before there is any other.
static EARLY_GDT: [u64; GDT.len()] = GDT;

/// Bytes of the loader's stack. The memory map alone takes some 40 KiB while it is sorted.
const STACK_SIZE: usize = 192 << 10;

const PAGE_DIRECTORIES: u64 = IDENTITY_LIMIT >> 30;

// Entered as the PVH boot protocol says (Xen, "x86/HVM direct boot ABI"): 32-bit protected mode with
// flat segments, paging off, EBX = physical address of the start info. The tables map the first 4 GiB
// twice, at 0 and at the base of the direct map, so that the last jump can be made in a place that the
// kernel's own tables map too.
global_asm!(
    ".section .note.Xen, \"a\", @note",
    ".balign 4",
    // Name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY; name; entry point.
    ".long 4, 8, 18",
    ".asciz \"Xen\"",
    ".quad pvh_start",
    ".section .boot_stack, \"aw\", @nobits",
    ".balign 16",
    ".skip {stack_size}",
    "boot_stack_top:",
    ".section .bss.boot_tables, \"aw\", @nobits",
    ".balign 4096",
    "boot_pml4: .skip 4096",
    "boot_pdpt: .skip 4096",
    "boot_pds: .skip 4096 * {directories}",
    ".section .rodata.boot, \"a\"",
    ".balign 8",
    "boot_gdt_pointer: .word {gdt_limit}",
    ".long {gdt}",
    "no_long_mode_text: .asciz \"steward-boot-direct: error: this CPU has no 64-bit mode; \
     choose another with -cpu, such as qemu64 or max\\r\\n\"",
    ".section .text.entry, \"ax\"",
    ".code32",
    ".global pvh_start",
    "pvh_start:",
    "cli",
    "cld",
    "mov esp, offset boot_stack_top",
    "mov esi, ebx",
    // Long mode and no-execute: CPUID 80000001h, EDX bits 29 and 20.
    "mov eax, 0x80000000",
    "cpuid",
    "cmp eax, 0x80000001",
    "jb no_long_mode",
    "mov eax, 0x80000001",
    "cpuid",
    "bt edx, 29",
    "jnc no_long_mode",
    "mov ebp, edx",
    "mov edi, offset __bss_start",
    "mov ecx, offset __bss_end",
    "sub ecx, edi",
    "shr ecx, 2",
    "xor eax, eax",
    "rep stosd",
    // 2 MiB pages: present, writable, large.
    "mov edi, offset boot_pds",
    "mov eax, 0x83",
    "mov ecx, 512 * {directories}",
    "2: mov [edi], eax",
    "add edi, 8",
    "add eax, 0x200000",
    "dec ecx",
    "jnz 2b",
    "mov edi, offset boot_pdpt",
    "mov eax, offset boot_pds + 3",
    "mov ecx, {directories}",
    "3: mov [edi], eax",
    "add edi, 8",
    "add eax, 4096",
    "dec ecx",
    "jnz 3b",
    "mov eax, offset boot_pdpt + 3",
    "mov [boot_pml4], eax",
    "mov [boot_pml4 + 8 * {direct_slot}], eax",
    "mov eax, offset boot_pml4",
    "mov cr3, eax",
    "mov eax, cr4",
    "or eax, 1 << 5", // PAE
    "mov cr4, eax",
    "mov ecx, 0xc0000080", // IA32_EFER
    "rdmsr",
    "or eax, 1 << 8", // LME
    "bt ebp, 20",
    "jnc 4f",
    "or eax, 1 << 11", // NXE
    "4: wrmsr",
    "mov eax, cr0",
    "or eax, 0x80010001", // PG, WP, PE
    "mov cr0, eax",
    "lgdt [boot_gdt_pointer]",
    "push {code}",
    "mov eax, offset long_mode",
    "push eax",
    "retf",
    "no_long_mode:",
    "mov esi, offset no_long_mode_text",
    "mov dx, 0x3f8",
    "5: lodsb",
    "test al, al",
    "jz 6f",
    "out dx, al",
    "jmp 5b",
    "6: mov al, {failed}",
    "out {exit_port}, al",
    "7: hlt",
    "jmp 7b",
    ".code64",
    "long_mode:",
    "mov eax, {data}",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "mov fs, eax",
    "mov gs, eax",
    "mov esp, offset boot_stack_top",
    "xor ebp, ebp",
    "mov edi, esi",
    "call {start}",
    "ud2",
    stack_size = const STACK_SIZE,
    directories = const PAGE_DIRECTORIES,
    direct_slot = const HHDM_BASE >> 39 & 511,
    gdt_limit = const size_of_val(&EARLY_GDT) - 1,
    gdt = sym EARLY_GDT,
    code = const CODE_SELECTOR,
    data = const DATA_SELECTOR,
    failed = const crate::port::FAILED,
    exit_port = const crate::port::DEBUG_EXIT,
    start = sym start,
);

/// First Rust function, on the loader's stack, with the physical address of the start info.
extern "C" fn start(start_info: u64) -> ! {
    let handover = crate::boot(start_info).unwrap_or_else(|error| crate::fail(format_args!("error: {error}")));
    // SAFETY: `boot` has just loaded a kernel into this machine's memory and divided memory so that the
    // image that runs this is bootloader-reclaimable.
    unsafe { enter(&handover) }
}

/// What `lgdt` reads (Intel SDM volume 3A, section 3.5.1).
#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u64,
}

const _: () = assert!(size_of::<TablePointer>() == 10);

/// Leaves the loader for the kernel.
///
/// # Safety
/// `handover` comes from a successful [`load`](steward_boot_protocol::load()) into this machine's memory, with the
/// loader's image in the memory map as bootloader-reclaimable, so that the new tables map it.
unsafe fn enter(handover: &Handover) -> ! {
    let pointer = TablePointer { limit: u16::try_from(size_of_val(&GDT) - 1).unwrap_or(0), base: handover.gdt };
    // SAFETY: the descriptor table is the protocol's and mapped by the tables of both sides. The far
    // return continues at the same instructions through the direct map, which both sets of tables
    // have, so loading CR3 there is seamless. Stack and entry point are the kernel's, by contract.
    unsafe {
        asm!(
            "lgdt [rcx]",
            "push {code}",
            "lea rax, [rip + 2f]",
            "mov r8, {direct}",
            "add rax, r8",
            "push rax",
            "retfq",
            "2: mov eax, {data}",
            "mov ds, eax",
            "mov es, eax",
            "mov ss, eax",
            "mov fs, eax",
            "mov gs, eax",
            "mov r8, rdx",
            "mov ecx, 0x277", // IA32_PAT
            "mov eax, {pat_low}",
            "mov edx, {pat_high}",
            "wrmsr",
            "mov cr3, rdi",
            "mov rsp, rsi",
            // Interrupts and direction flag clear.
            "push 2",
            "popfq",
            "push r8",
            "xor eax, eax",
            "xor ebx, ebx",
            "xor ecx, ecx",
            "xor edx, edx",
            "xor esi, esi",
            "xor edi, edi",
            "xor ebp, ebp",
            "xor r8d, r8d",
            "xor r9d, r9d",
            "xor r10d, r10d",
            "xor r11d, r11d",
            "xor r12d, r12d",
            "xor r13d, r13d",
            "xor r14d, r14d",
            "xor r15d, r15d",
            "ret",
            code = const CODE_SELECTOR,
            data = const DATA_SELECTOR,
            direct = const HHDM_BASE,
            pat_low = const PAT & 0xffff_ffff,
            pat_high = const PAT >> 32,
            in("rcx") &raw const pointer,
            in("rdi") handover.page_table,
            in("rsi") handover.stack_pointer,
            in("rdx") handover.entry,
            options(noreturn),
        )
    }
}

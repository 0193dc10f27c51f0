//! From the firmware to the kernel.

use alloc::string::String;
use core::arch::asm;

use steward_boot_protocol::entry::{CODE_SELECTOR, DATA_SELECTOR, GDT, PAT};
use steward_boot_protocol::{HHDM_BASE, Handover, PAGE_SIZE, PhysicalMemory as _};
use uefi::boot;
use uefi::mem::memory_map::MemoryMapOwned;

use super::console;
use super::port::Port;
use super::workspace::{self, Workspace};

/// CR4.LA57: 5-level paging (Intel SDM volume 3A, section 2.5).
const LA57: u64 = 1 << 12;

/// Bits of CR4 that must not survive: global pages, whose translations would outlive the firmware's
/// tables, process-context identifiers and control-flow enforcement, under which the far return below
/// would need a shadow stack.
const CR4_CLEAR: u64 = 1 << 7 | 1 << 17 | 1 << 23;

/// CR0.WP.
const CR0_SET: u64 = 1 << 16;

/// EFER.NXE, where the processor has it.
const NXE: u32 = 1 << 11;

/// Entries of a page table.
const ENTRIES: u64 = 512;

/// Says whether the firmware's paging is one that the kernel's can follow.
///
/// # Errors
/// When it is 5-level paging, which cannot be left in 64-bit mode.
pub fn check_paging() -> Result<(), String> {
    let cr4: u64;
    // SAFETY: the loader runs at the highest privilege, where control registers can be read; it changes nothing.
    unsafe { asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags)) };
    match cr4 & LA57 {
        0 => Ok(()),
        _ => Err(String::from(
            "the firmware uses 5-level paging, the kernel 4-level; turn 5-level paging (LA57) off in the firmware's setup",
        )),
    }
}

/// Leaves the firmware for good, with every legacy interrupt masked as the protocol wants it.
pub fn leave_firmware() -> MemoryMapOwned {
    // SAFETY: no protocol is open any more, and of the memory that the loader has from the firmware nothing is
    // given back from here on.
    let map = unsafe { boot::exit_boot_services(None) };
    console::leave_firmware();
    // SAFETY: the loader needs no interrupts, and the kernel is entered without them.
    unsafe { asm!("cli", options(nomem, nostack)) };
    Port::Pic1Mask.write(0xff);
    Port::Pic2Mask.write(0xff);
    map
}

/// What `lgdt` reads (Intel SDM volume 3A, section 3.5.1).
#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u64,
}

const _: () = assert!(size_of::<TablePointer>() == 10);

/// Enters the kernel that has been loaded into `memory`, after the firmware has been left. `bridge` is
/// a page for the tables between the firmware's and the kernel's.
pub fn enter(handover: &Handover, memory: &Workspace, bridge: &mut Workspace) -> ! {
    let root: u64;
    // SAFETY: reading CR3 changes nothing, and the loader may.
    unsafe { asm!("mov {}, cr3", out(reg) root, options(nomem, nostack, preserves_flags)) };
    let firmware = root & !(PAGE_SIZE - 1) & !(1 << 63);
    for (index, entry) in (0..ENTRIES).zip(bridge.bytes_mut().as_chunks_mut::<8>().0) {
        let from = if index < ENTRIES / 2 {
            // SAFETY: the firmware's root table, which UEFI maps one to one as all memory that it uses, and
            // which it no longer changes.
            unsafe { workspace::read(firmware + index * 8) }
        } else {
            memory.read_u64(handover.page_table + index * 8)
        };
        *entry = from.to_le_bytes();
    }
    let no_execute = if super::features().no_execute { NXE } else { 0 };
    // SAFETY: `handover` is of a kernel loaded into memory of the loader's own, this code lies in memory that the kernel's
    // map calls bootloader-reclaimable, so that its direct map has it, and the bridge has both halves.
    unsafe { jump(handover, bridge.piece().start, no_execute) }
}

/// Leaves the loader for the kernel.
///
/// # Safety
/// `handover` comes from a successful [`load`](steward_boot_protocol::load()) into this machine's memory. The tables at
/// `bridge` have the firmware's lower half, which maps this code and stack, and the upper half of the
/// kernel's. Boot services have been left, interrupts are off.
unsafe fn jump(handover: &Handover, bridge: u64, no_execute: u32) -> ! {
    let pointer = TablePointer { limit: u16::try_from(size_of_val(&GDT) - 1).unwrap_or(0), base: handover.gdt };
    // SAFETY: the bridge continues the present mapping and adds the kernel's upper half, so that the descriptor table can
    // be read through the direct map and the far return can go on there, at the same instructions. They are mapped by the
    // kernel's tables too, which are loaded next. Stack and entry point are the kernel's, by contract.
    unsafe {
        asm!(
            "cli",
            "mov rax, cr4",
            "and rax, {cr4}",
            "mov cr4, rax",
            "mov ecx, 0xc0000080", // IA32_EFER
            "mov r10, rdx",
            "rdmsr",
            "or eax, r9d",
            "wrmsr",
            "mov rax, cr0",
            "or rax, {cr0}",
            "mov cr0, rax",
            "mov cr3, r8",
            "lgdt [r11]",
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
            "mov ecx, 0x277", // IA32_PAT
            "mov eax, {pat_low}",
            "mov edx, {pat_high}",
            "wrmsr",
            "mov cr3, rdi",
            "mov rsp, rsi",
            // Interrupts and direction flag clear.
            "push 2",
            "popfq",
            "push r10",
            "xor eax, eax; xor ebx, ebx; xor ecx, ecx; xor edx, edx",
            "xor esi, esi; xor edi, edi; xor ebp, ebp",
            "xor r8d, r8d; xor r9d, r9d; xor r10d, r10d; xor r11d, r11d",
            "xor r12d, r12d; xor r13d, r13d; xor r14d, r14d; xor r15d, r15d",
            "ret",
            cr4 = const !CR4_CLEAR.cast_signed(),
            cr0 = const CR0_SET,
            code = const CODE_SELECTOR,
            data = const DATA_SELECTOR,
            direct = const HHDM_BASE,
            pat_low = const PAT & 0xffff_ffff,
            pat_high = const PAT >> 32,
            in("r11") &raw const pointer,
            in("r8") bridge,
            in("r9") no_execute,
            in("rdi") handover.page_table,
            in("rsi") handover.stack_pointer,
            in("rdx") handover.entry,
            options(noreturn),
        )
    }
}

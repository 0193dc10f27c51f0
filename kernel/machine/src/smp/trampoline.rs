//! The way of a started CPU from real mode to the kernel (Intel SDM volume 3, sections 8.4 and 9.8.5).
//!
//! It begins in a page below 1 MiB, the only memory that it can reach. The page holds this code and [`Parameters`]; the page
//! tables map it to itself, readable and executable, while CPUs are started. The CPU writes nothing there: it finds its
//! stack, and with it whether it is wanted at all, by the id of its local APIC.

use core::{arch::global_asm, mem::offset_of, ptr};

use x86_64::{
    VirtAddr,
    registers::{
        control::{Cr0, Cr3, Cr4, Cr4Flags},
        model_specific::{Efer, EferFlags},
    },
    structures::DescriptorTablePointer,
};

use crate::{layout::PAGE_BYTES, memory};

/// Where [`Parameters`] begin within the page.
const PARAMETERS: usize = 0xf00;

/// Model-specific register: extended features.
const EFER: u32 = 0xc000_0080;
/// Control register 0: protected mode.
const PROTECTION: u32 = 1 << 0;

/// Selectors in [`Parameters::table`].
const CODE_64: u16 = 8;
const DATA: u16 = 16;
const CODE_32: u16 = 24;

/// Rows of local APIC ids: xAPIC ids have eight bits.
pub(super) const IDS: usize = 256;

/// Address of a far jump: what the instruction reads.
#[repr(C, packed)]
struct FarPointer {
    offset: u32,
    selector: u16,
}

/// What a CPU needs to know before it is in the kernel.
#[repr(C)]
struct Parameters {
    /// The boot CPU's registers, but for what must not be set yet.
    cr0: u32,
    cr3: u32,
    cr4: u32,
    efer: u32,
    /// Virtual address of the kernel's entry, which gets the APIC id.
    entry: u64,
    /// Virtual address of the local APIC's id register.
    apic_id_register: u64,
    /// Virtual address of a table with the upper end of each CPU's stack, by APIC id; 0 where it is not wanted.
    stacks: u64,
    /// Null, 64-bit code, data, 32-bit code. All are marked as accessed, or the CPU would write that here.
    table: [u64; 4],
    table_pointer: DescriptorTablePointer,
    to_protected_mode: FarPointer,
    to_long_mode: FarPointer,
}

const _: () = assert!(PARAMETERS + size_of::<Parameters>() <= PAGE_BYTES as usize);

global_asm!(
    ".pushsection .text.smp_trampoline, \"ax\"",
    ".global smp_trampoline, smp_trampoline_protected, smp_trampoline_long, smp_trampoline_end",
    ".code16",
    "smp_trampoline:",
    "cli",
    "cld",
    "mov ax, cs",
    "mov ds, ax",
    // The page's address, which the code does not know otherwise.
    "xor ebx, ebx",
    "mov bx, ax",
    "shl ebx, 4",
    "lgdt [{table_pointer}]",
    "mov eax, cr0",
    "or eax, {protection}",
    "mov cr0, eax",
    "jmp fword ptr [{to_protected_mode}]",
    ".code32",
    "smp_trampoline_protected:",
    "mov ax, {data}",
    "mov ds, ax",
    "mov es, ax",
    "mov ss, ax",
    "xor eax, eax",
    "mov fs, ax",
    "mov gs, ax",
    "mov eax, [ebx + {cr4}]",
    "mov cr4, eax",
    "mov eax, [ebx + {cr3}]",
    "mov cr3, eax",
    "mov ecx, {efer_number}",
    "mov eax, [ebx + {efer}]",
    "xor edx, edx",
    "wrmsr",
    "mov eax, [ebx + {cr0}]",
    "mov cr0, eax",
    "jmp fword ptr [ebx + {to_long_mode}]",
    ".code64",
    "smp_trampoline_long:",
    // The upper half is not defined after the change of mode.
    "mov ebx, ebx",
    "mov rax, [rbx + {apic_id_register}]",
    "mov edi, dword ptr [rax]",
    "shr edi, 24",
    "mov rax, [rbx + {stacks}]",
    "mov rsp, [rax + rdi * 8]",
    "test rsp, rsp",
    "jz 2f",
    "mov rax, [rbx + {entry}]",
    // The entry's own frame is the outermost, and returns nowhere.
    "xor ebp, ebp",
    "push 0",
    "jmp rax",
    "2: hlt",
    "jmp 2b",
    "smp_trampoline_end:",
    ".popsection",
    protection = const PROTECTION,
    data = const DATA,
    efer_number = const EFER,
    cr0 = const PARAMETERS + offset_of!(Parameters, cr0),
    cr3 = const PARAMETERS + offset_of!(Parameters, cr3),
    cr4 = const PARAMETERS + offset_of!(Parameters, cr4),
    efer = const PARAMETERS + offset_of!(Parameters, efer),
    entry = const PARAMETERS + offset_of!(Parameters, entry),
    apic_id_register = const PARAMETERS + offset_of!(Parameters, apic_id_register),
    stacks = const PARAMETERS + offset_of!(Parameters, stacks),
    table_pointer = const PARAMETERS + offset_of!(Parameters, table_pointer),
    to_protected_mode = const PARAMETERS + offset_of!(Parameters, to_protected_mode),
    to_long_mode = const PARAMETERS + offset_of!(Parameters, to_long_mode),
);

// SAFETY: the assembly above defines the four names; only their addresses are taken.
unsafe extern "C" {
    static smp_trampoline: u8;
    static smp_trampoline_protected: u8;
    static smp_trampoline_long: u8;
    static smp_trampoline_end: u8;
}

/// Puts the code and its parameters into the page at physical address `page`.
///
/// `entry` is where the CPUs go on, each on its stack of `stacks`.
///
/// # Errors
/// When a CPU cannot load the page tables from 32-bit code.
///
/// # Safety
/// The page is usable memory below 1 MiB that nobody uses, and the direct map shows it. The APIC's id register is mapped at
/// `apic_id_register`.
pub(super) unsafe fn place(
    page: u64,
    entry: extern "C" fn(apic_id: u64) -> !,
    apic_id_register: u64,
    stacks: u64,
) -> Result<(), &'static str> {
    let (start, end) = (&raw const smp_trampoline, &raw const smp_trampoline_end);
    let length = end.addr() - start.addr();
    assert!(length <= PARAMETERS, "the code has grown into its parameters");
    let offset = |label: *const u8| page as u32 + (label.addr() - start.addr()) as u32;
    let low = |register: u64| u32::try_from(register).map_err(|_| "the page tables' root is not below 4 GiB");
    let table_at = page + (PARAMETERS + offset_of!(Parameters, table)) as u64;
    let parameters = Parameters {
        cr0: Cr0::read_raw() as u32,
        cr3: low(Cr3::read_raw().0.start_address().as_u64())?,
        // Global pages come last, in the kernel.
        cr4: (Cr4::read_raw() & !Cr4Flags::PAGE_GLOBAL.bits()) as u32,
        // The CPU says itself that long mode is active.
        efer: (Efer::read_raw() & !EferFlags::LONG_MODE_ACTIVE.bits()) as u32,
        entry: entry as *const () as u64,
        apic_id_register,
        stacks,
        table: [0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0x00cf_9b00_0000_ffff],
        table_pointer: DescriptorTablePointer { limit: 4 * 8 - 1, base: VirtAddr::new(table_at) },
        to_protected_mode: FarPointer { offset: offset(&raw const smp_trampoline_protected), selector: CODE_32 },
        to_long_mode: FarPointer { offset: offset(&raw const smp_trampoline_long), selector: CODE_64 },
    };
    let there = memory::direct(page) as *mut u8;
    // SAFETY: the caller gives the whole page, the code lies in the image, and it fits, as has just been looked at.
    unsafe { ptr::copy_nonoverlapping(start, there, length) };
    // SAFETY: the place is behind the code in the same page, and aligned to 256 bytes.
    let place = unsafe { there.add(PARAMETERS) }.cast::<Parameters>();
    // SAFETY: by the assertion below the type the parameters end within the page, which is the caller's.
    unsafe { place.write(parameters) };
    Ok(())
}

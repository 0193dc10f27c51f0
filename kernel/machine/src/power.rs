//! Ending the machine.

use core::{
    arch::asm,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use x86_64::{
    VirtAddr,
    instructions::{interrupts, tables::lidt},
    structures::DescriptorTablePointer,
};

use crate::{
    acpi::{self, PowerOff, Register},
    clock,
    layout::PAGE_BYTES,
    memory,
    port::IoPort,
    resources::{self, Kind},
    smp,
};

/// Bit of a PM1 control register: go to sleep (ACPI 6.5, table 4.18).
const SLP_EN: u16 = 1 << 13;
/// Bit of a PM1 control register: the machine is in ACPI mode.
const SCI_EN: u16 = 1 << 0;
/// Sleep types stand in bits 10 to 12 of a PM1 control register.
const SLP_TYP_AT: u16 = 10;
const SLP_TYP: u16 = 0b111 << SLP_TYP_AT;
/// Keyboard controller: command and status port, and the status bit that says a command has not been taken yet.
const KEYBOARD_COMMAND: IoPort = IoPort::new(0x64);
const INPUT_FULL: u8 = 1 << 1;
/// The chipset's reset control register.
const RESET_CONTROL: u16 = 0xcf9;
/// Sleep control register of hardware-reduced ACPI (table 4.20): type in bits 2 to 4, enable in bit 5.
const SLEEP_CONTROL_ENABLE: u8 = 1 << 5;

/// How long the firmware may take to enter ACPI mode or to switch off: 3 s, in nanoseconds.
const PATIENCE_NS: u64 = 3_000_000_000;

/// Port of an emulator's debug exit device; 0 when there is none.
static DEBUG_EXIT: AtomicU32 = AtomicU32::new(0);

/// Where the registers that end the machine are mapped, in the order of [`registers_in_memory`]; 0 where they are not.
///
/// # Invariants
/// What is not 0 is an address of `memory::map_device`, for the register of the same row.
static MAPPED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// States that an emulator's debug exit device answers at `port`. On a machine without one, nothing may say so.
pub fn set_debug_exit(port: u16) {
    match resources::take(Kind::IoPorts, port.into(), 4) {
        Ok(taken) => taken.keep(),
        Err(error) => return log::error!("port {port:#x} cannot be the debug exit: {error}"),
    }
    DEBUG_EXIT.store(u32::from(port), Ordering::Relaxed);
}

/// Ends the emulator with a status made of `value` (QEMU: `value * 2 + 1`); comes back when there is no such device.
pub fn debug_exit(value: u32) {
    if let Ok(port @ 1..) = u16::try_from(DEBUG_EXIT.load(Ordering::Relaxed)) {
        IoPort::new(port).write_u32(value);
    }
}

/// Maps registers that end the machine. Call once, when the ACPI tables are read: a machine that is going down may have
/// stopped somebody who holds the page tables.
pub(crate) fn prepare() {
    take_ports();
    let in_memory = registers_in_memory();
    for (address, place) in in_memory.into_iter().zip(&MAPPED) {
        let Some(address) = address else { continue };
        // Both may be in the same page, which is mapped once.
        let mapped = in_memory.iter().zip(&MAPPED).find_map(|(other, place)| {
            let (other, mapped) = (other.as_ref()?, place.load(Ordering::Relaxed));
            let is_mapped = mapped != 0 && other / PAGE_BYTES == address / PAGE_BYTES;
            is_mapped.then(|| mapped - other % PAGE_BYTES + address % PAGE_BYTES)
        });
        match mapped.map_or_else(|| memory::map_device(address, 1), Ok) {
            // INVARIANT: the rows of both are the same.
            Ok(mapped) => place.store(mapped, Ordering::Relaxed),
            Err(error) => log::error!("the ACPI register at {address:#x} cannot be mapped: {error}"),
        }
    }
}

/// Takes the ports that end the machine for good, so that no driver is given them. Who ends it asks nobody: also not about the
/// keyboard controller's.
fn take_ports() {
    let tables = acpi::get();
    let port = |register: Option<Register>| match register {
        Some(Register::Port(port)) => Some((port, 1)),
        _ => None,
    };
    let off = tables.and_then(|tables| tables.power_off);
    let of_off = match off {
        // Control registers of two bytes, and the port that switches to ACPI mode.
        Some(PowerOff::Pm1 { a, b, enable, .. }) => {
            [Some((a, 2)), b.map(|b| (b, 2)), enable.map(|(port, _)| (port, 1))]
        }
        Some(PowerOff::SleepControl { register, .. }) => [port(Some(register)), None, None],
        None => [None; 3],
    };
    let reset = port(tables.and_then(|tables| tables.reset).map(|reset| reset.register));
    let reset = reset.filter(|(port, _)| *port != RESET_CONTROL);
    for (first, count) in of_off.into_iter().flatten().chain(reset).chain([(RESET_CONTROL, 1)]) {
        match resources::take(Kind::IoPorts, first.into(), count) {
            Ok(taken) => taken.keep(),
            Err(error) => log::warn!("port {first:#x}, which ends the machine, cannot be taken: {error}"),
        }
    }
}

/// Physical addresses of ACPI's registers to switch off and to reset, where they are in memory.
fn registers_in_memory() -> [Option<u64>; 2] {
    let tables = acpi::get();
    let off = tables.and_then(|tables| match tables.power_off? {
        PowerOff::SleepControl { register: Register::Memory(address), .. } => Some(address),
        _ => None,
    });
    let reset = tables.and_then(|tables| match tables.reset?.register {
        Register::Memory(address) => Some(address),
        Register::Port(_) => None,
    });
    [off, reset]
}

/// Stops all CPUs for good, this one with interrupts off, with `word` in RAX and `nonce` in RDX, where whoever looks into the
/// machine finds them. Memory and stack stay as they are, so that he also finds who called.
pub fn park(word: u8, nonce: u64) -> ! {
    smp::halt_others();
    // SAFETY: the CPU does not leave the loop, whatever wakes it; the block keeps what it was called with in memory.
    unsafe {
        asm!("cli", "2: hlt", "jmp 2b", in("rax") u64::from(word), in("rdx") nonce, options(noreturn, nostack));
    }
}

/// Switches the machine off. The other CPUs stand still meanwhile.
///
/// # Errors
/// Comes back with the reason when the tables do not say how, or the machine stays on all the same.
pub fn off() -> Result<core::convert::Infallible, &'static str> {
    let tables = acpi::get().ok_or("this machine has no usable ACPI tables")?;
    let how = tables.power_off.ok_or("the ACPI tables do not say how to switch off")?;
    let _held = smp::hold_others();
    match how {
        PowerOff::Pm1 { a, b, types, enable } => {
            let (a, b) = (IoPort::new(a), b.map(IoPort::new));
            if let Some((port, value)) = enable
                && a.read_u16() & SCI_EN == 0
            {
                IoPort::new(port).write_u8(value);
                wait(|| a.read_u16() & SCI_EN != 0);
            }
            // The type first and the order to sleep last, on both; the other bits stay as they are.
            let prepared = |register: IoPort, kind: u8| register.read_u16() & !SLP_TYP | u16::from(kind) << SLP_TYP_AT;
            let (value_a, value_b) = (prepared(a, types.0), b.map(|b| (b, prepared(b, types.1))));
            a.write_u16(value_a);
            a.write_u16(value_a | SLP_EN);
            if let Some((b, value)) = value_b {
                b.write_u16(value);
                b.write_u16(value | SLP_EN);
            }
        }
        PowerOff::SleepControl { register, kind } => write(register, kind << 2 | SLEEP_CONTROL_ENABLE),
    }
    wait(|| false);
    Err("the machine stays on although ACPI was told to switch it off")
}

/// Resets the machine: by ACPI's reset register, by the chipset, by the keyboard controller, and by a triple fault,
/// whichever works first.
pub fn reset() -> ! {
    smp::halt_others();
    if let Some(reset) = acpi::get().and_then(|tables| tables.reset) {
        write(reset.register, reset.value);
        pause();
    }
    // Reset control register: request, then full reset (Intel ICH9 datasheet, section 13.7.5).
    IoPort::new(RESET_CONTROL).write_u8(0x02);
    IoPort::new(RESET_CONTROL).write_u8(0x06);
    pause();
    // Keyboard controller command 0xfe pulses the reset line. It takes commands when its input buffer is empty, which a
    // machine without one never says.
    for _ in 0..100_000 {
        if KEYBOARD_COMMAND.read_u8() & INPUT_FULL == 0 {
            break;
        }
    }
    KEYBOARD_COMMAND.write_u8(0xfe);
    pause();
    let nothing = DescriptorTablePointer { limit: 0, base: VirtAddr::zero() };
    // SAFETY: the empty table makes the next exception a triple fault, which is what is wanted.
    unsafe { lidt(&nothing) };
    interrupts::int3();
    crate::halt_for_ever()
}

fn write(register: Register, value: u8) {
    match register {
        Register::Port(port) => IoPort::new(port).write_u8(value),
        Register::Memory(address) => {
            let row = registers_in_memory().iter().position(|known| *known == Some(address));
            let mapped = row.map_or(0, |row| MAPPED[row].load(Ordering::Relaxed));
            if mapped != 0 {
                // SAFETY: by the invariant of `MAPPED` the register is there; writing it ends the machine, as was asked.
                unsafe { (mapped as *mut u8).write_volatile(value) }
            }
        }
    }
}

/// Waits until `done`, or patience ends.
fn wait(mut done: impl FnMut() -> bool) {
    let start = clock::nanoseconds();
    while !done() && clock::nanoseconds().saturating_sub(start) < PATIENCE_NS {
        core::hint::spin_loop();
    }
}

/// Gives a reset the time to take effect: 50 ms.
fn pause() {
    clock::wait(50_000_000);
}

//! From the boot loader's state to the kernel's own: the steps that the boot order in `kernel/src/main.rs` names.

#[cfg(target_os = "none")]
mod entry;

use core::{arch::naked_asm, fmt};

use spin::Once;
use x86_64::instructions::interrupts;

use crate::{
    acpi, apic,
    boot::{self, Handover, HandoverError},
    clock, cpu, frames,
    memory::{self, MapError},
    power,
    segments::{self, Ist},
    smp::{self, CpuIndex},
    stack::Stack,
    timer, trap,
};

/// Bytes of the kernel's main stack.
const MAIN_STACK_BYTES: u64 = 320 * 1024;
/// Bytes of each stack for a double fault, an NMI or a machine check: enough to report it.
pub(crate) const EXCEPTION_STACK_BYTES: u64 = 64 * 1024;

/// Why the kernel cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// What the boot loader handed over cannot be used.
    Handover(HandoverError),
    /// The address space cannot be set up.
    Memory(MapError),
    /// The CPU has no no-execute pages, without which data could be run as code.
    NoExecuteDisable,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handover(error) => write!(f, "{error}"),
            Self::Memory(error) => write!(f, "the kernel's address space cannot be set up: {error}"),
            Self::NoExecuteDisable => f.write_str("this CPU has no no-execute pages (NX); the kernel needs them"),
        }
    }
}

/// Names the function that a kernel starts in. It runs on a stack within the image, with the boot loader's page tables,
/// and must not return.
#[macro_export]
macro_rules! entry {
    ($boot:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn steward_boot() -> ! {
            let boot: fn() -> ! = $boot;
            boot()
        }
    };
}

/// First of all: time starts, and exceptions are reported.
pub fn catch_exceptions() {
    clock::start();
    segments::init_early();
    smp::install(CpuIndex::BOOT);
    trap::init_early();
}

/// Checks and copies what the boot loader says. Nothing of the loader's is read after this.
///
/// # Errors
/// [`StartError::Handover`].
pub fn receive_handover() -> Result<&'static Handover, StartError> {
    boot::receive().map_err(StartError::Handover)
}

/// Puts the kernel's own page tables in force, and goes on in `then` on a stack with a guard page.
///
/// # Errors
/// [`StartError`]; the loader's tables may then be in force still.
///
/// # Panics
/// When called twice.
pub fn enter_address_space(handover: &Handover, then: fn() -> !) -> Result<core::convert::Infallible, StartError> {
    static ENTERED: Once = Once::new();
    assert!(!ENTERED.is_completed(), "the kernel's address space is entered once");
    ENTERED.call_once(|| ());
    if !cpu::features().no_execute {
        return Err(StartError::NoExecuteDisable);
    }
    let tables = memory::build(handover).map_err(StartError::Memory)?;
    // SAFETY: this runs on the boot stack, which is part of the image, and everything that the loader left was copied
    // when `handover` was received.
    unsafe { tables.load() };
    frames::take_over(&handover.memory).map_err(StartError::Memory)?;
    let stack = Stack::new(MAIN_STACK_BYTES).map_err(StartError::Memory)?;
    // SAFETY: the stack is new, so nobody else uses it, and `then` does not return.
    unsafe { switch_stack(stack.top(), then as *const ()) }
}

/// Calls `then`, the address of a function that takes nothing and never returns, on the stack that ends at `top`.
#[unsafe(naked)]
unsafe extern "C" fn switch_stack(top: u64, then: *const ()) -> ! {
    naked_asm!("mov rsp, rdi", "xor ebp, ebp", "call rsi", "ud2")
}

/// Loads the kernel's segments and exception table, with guarded stacks for the exceptions that need their own, and
/// switches the CPU's protections on.
///
/// # Errors
/// [`StartError::Memory`] when there are no frames for the stacks.
pub fn protect() -> Result<(), StartError> {
    let stack = || Stack::new(EXCEPTION_STACK_BYTES).map_err(StartError::Memory);
    let stacks: [Stack; Ist::ALL.len()] = [stack()?, stack()?, stack()?];
    segments::init(segments::tops(&stacks));
    trap::init();
    cpu::protect();
    Ok(())
}

/// Reads the ACPI tables, sets up the local APIC and the clocks, and switches interrupts on.
///
/// What is missing is logged and done without.
pub fn devices(handover: &Handover) {
    acpi::init(handover.rsdp);
    power::prepare();
    if let Err(error) = apic::init() {
        log::error!("the local APIC cannot be used: {error}");
    }
    timer::init(acpi::get().and_then(|tables| tables.hpet));
    interrupts::enable();
}

//! Exceptions and interrupts: from the CPU to whoever handles them.

mod catch;
mod frame;
mod stubs;
mod table;

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

pub(crate) use catch::{Catching, without_catch};
pub use catch::{Escape, attempt, catch, catch_asynchronous, escape, escape_attempt, is_attempting, is_catching};
pub use frame::TrapFrame;
use x86_64::registers::control::Cr2;

use crate::{apic, smp, timer};

/// Vector of the non-maskable interrupt.
const NMI: u8 = 2;
/// Vector of INT3.
const BREAKPOINT: u8 = 3;
/// Vector of the double fault.
const DOUBLE_FAULT: u8 = 8;
/// First vector that is not an exception.
pub const FIRST_INTERRUPT: u8 = 32;
/// Vector of the local APIC's timer.
pub const TIMER_VECTOR: u8 = 32;
/// Vector by which CPUs call one another.
pub(crate) const CALL_VECTOR: u8 = 0xf0;
/// Vector by which they tell one another that pages are gone. Of a higher class, so that it is served first.
pub(crate) const FLUSH_VECTOR: u8 = 0xf8;
/// Vector of the local APIC's spurious interrupts. Its low four bits are set, as the first APICs require.
pub const SPURIOUS_VECTOR: u8 = 0xff;

/// What to do with an exception that nobody waits for.
pub type FatalHandler = fn(&Fault) -> !;

/// An exception, with what is needed to report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Registers where it struck.
    pub frame: TrapFrame,
    /// The address that a page fault was about; stale for other vectors.
    pub cr2: u64,
}

static FATAL: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// Loads the table for the boot loader's segments, so that an early fault is reported and not a triple fault.
pub(crate) fn init_early() {
    table::load(false);
}

/// Loads the table for the kernel's own segments, with stacks of their own for the vectors that need one.
pub(crate) fn init() {
    table::load(true);
}

/// Loads the boot CPU's table on a CPU that comes up.
pub(crate) fn join() {
    table::reload();
}

/// Sets who reports an exception that nobody waits for. Until then such an exception halts the machine.
pub fn set_fatal_handler(handler: FatalHandler) {
    // Release: pairs with the Acquire in `dispatch`, so that what the handler relies on is there when it runs.
    FATAL.store(handler as *mut (), Ordering::Release);
}

/// How many interrupts arrived that no one had asked for.
#[must_use]
pub fn unexpected_interrupts() -> u64 {
    UNEXPECTED.load(Ordering::Relaxed)
}

fn dispatch(frame: &mut TrapFrame) {
    // The stubs push vectors 0 to 255 only.
    match frame.vector as u8 {
        vector if vector < FIRST_INTERRUPT => exception(frame),
        TIMER_VECTOR => timer::on_interrupt(),
        CALL_VECTOR => smp::on_call_interrupt(),
        FLUSH_VECTOR => smp::shootdown::on_interrupt(),
        // A spurious interrupt is not in service: it gets no end-of-interrupt (Intel SDM volume 3, section 10.9).
        SPURIOUS_VECTOR => {}
        _ => {
            UNEXPECTED.fetch_add(1, Ordering::Relaxed);
            apic::end_of_interrupt();
        }
    }
}

fn exception(frame: &mut TrapFrame) {
    if frame.vector == u64::from(DOUBLE_FAULT) {
        // The table itself may have been the reason; reporting needs all of it.
        table::reload();
    }
    if frame.vector == u64::from(NMI) && smp::obey_nmi() {
        return;
    }
    let fault = Fault { frame: frame.clone(), cr2: Cr2::read_raw() };
    if catch::divert(frame, &fault) {
        return;
    }
    if frame.vector == u64::from(BREAKPOINT) {
        // A trap: the saved instruction pointer is behind the INT3 already.
        log::info!("breakpoint before {:#018x}", frame.rip);
        return;
    }
    // Acquire: pairs with the Release in `set_fatal_handler`.
    let handler = FATAL.load(Ordering::Acquire);
    if handler.is_null() {
        crate::halt_for_ever();
    }
    // SAFETY: the pointer is not null, so `set_fatal_handler` stored it, and it stores nothing but `FatalHandler`s.
    let handler: FatalHandler = unsafe { core::mem::transmute::<*mut (), FatalHandler>(handler) };
    handler(&fault)
}

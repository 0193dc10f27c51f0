//! The machine under the kernel: boot handover, page tables, exceptions, interrupts, clocks, power.
//!
//! It is the only crate of the kernel with unsafe code, and holds as little else as can be: what can be decided without
//! touching hardware lies in `steward-frames` below and `steward-core` above.
//!
//! All CPUs of the machine run ([`smp`]), the boot CPU first and the others when the devices are up.
#![no_std]

extern crate alloc;

pub mod acpi;
pub mod apic;
pub mod backtrace;
pub mod boot;
#[cfg(feature = "c")]
pub mod c;
pub mod clock;
pub mod cpu;
mod device;
pub mod fault;
pub mod framebuffer;
pub mod frames;
mod heap;
pub mod kept_log;
pub mod keyboard;
mod ktest;
#[cfg(feature = "ktest")]
mod ktests;
pub mod layout;
pub mod ledger;
mod lock;
pub mod memory;
pub mod objects;
mod port;
pub mod power;
pub mod resources;
pub mod screen;
mod segments;
pub mod serial;
mod shortage;
pub mod smp;
pub mod stack;
mod start;
pub mod timer;
pub mod trap;

pub use heap::{CacheRow, HeapUse, MOST_CACHES, for_each_cache, heap_use};
pub use ktest::tests;
pub use segments::Ist;
pub use start::{StartError, catch_exceptions, devices, enter_address_space, protect, receive_handover};
pub use steward_slab::Usage;
pub use x86_64::instructions::{hlt as wait_for_interrupt, interrupts};

/// Stops this CPU for good.
pub fn halt_for_ever() -> ! {
    loop {
        interrupts::disable();
        x86_64::instructions::hlt();
    }
}

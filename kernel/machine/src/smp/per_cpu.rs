//! What each CPU has of its own, found through the base of its GS segment.

use core::{
    arch::asm,
    mem::offset_of,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use x86_64::{VirtAddr, registers::model_specific::GsBase};

use super::{CpuIndex, MOST_CPUS, call::Calls};
use crate::{segments::CpuSegments, trap::Catching};

/// One CPU's own. It lies still, and all of it may be read from every CPU.
///
/// # Invariants
/// The base of a CPU's GS segment, from [`install`] on, is the address of an element of [`CPUS`] that no other CPU has
/// installed, and whose `this` is that address.
#[repr(C, align(64))]
pub(crate) struct PerCpu {
    this: AtomicU64,
    index: AtomicU8,
    apic_id: AtomicU32,
    /// Catches of faults under way on this CPU.
    pub(crate) catching: Catching,
    /// Its tables for the segment registers.
    pub(crate) segments: CpuSegments,
    /// What others want it to run, and what it wants of others.
    pub(super) calls: Calls,
    /// The last change of the page tables that it has followed.
    pub(super) flushed: AtomicU64,
    /// Its next NMI is one by which another CPU stops it.
    pub(super) is_to_stop: AtomicBool,
}

/// All zeros, so that they take no place in the image's file.
static CPUS: [PerCpu; MOST_CPUS] = [const { PerCpu::new() }; MOST_CPUS];

impl PerCpu {
    const fn new() -> Self {
        Self {
            this: AtomicU64::new(0),
            index: AtomicU8::new(0),
            apic_id: AtomicU32::new(0),
            catching: Catching::new(),
            segments: CpuSegments::new(),
            calls: Calls::new(),
            flushed: AtomicU64::new(0),
            is_to_stop: AtomicBool::new(false),
        }
    }

    /// Its number, from [`install`] on.
    pub(crate) fn index(&self) -> CpuIndex {
        CpuIndex(self.index.load(Ordering::Relaxed))
    }

    /// Id of its local APIC; 0 until it is known.
    pub(super) fn apic_id(&self) -> u32 {
        self.apic_id.load(Ordering::Relaxed)
    }

    /// Notes the id of its local APIC.
    pub(super) fn set_apic_id(&self, id: u32) {
        self.apic_id.store(id, Ordering::Relaxed);
    }
}

/// What `cpu` has of its own.
pub(super) fn of(cpu: CpuIndex) -> &'static PerCpu {
    &CPUS[cpu.as_usize()]
}

/// Makes this CPU `cpu`: first thing on each CPU, before anything asks for [`current`]. GS is not loaded again after it.
pub(crate) fn install(cpu: CpuIndex) {
    let own = of(cpu);
    let address = VirtAddr::from_ptr(own);
    // INVARIANT: the boot CPU installs number 0, and `start` gives each other number to one CPU.
    own.index.store(cpu.0, Ordering::Relaxed);
    own.this.store(address.as_u64(), Ordering::Relaxed);
    GsBase::write(address);
}

/// What the CPU that asks has of its own.
#[inline]
pub(crate) fn current() -> &'static PerCpu {
    let address: u64;
    // SAFETY: by the invariant of `PerCpu`, GS holds the address of one, and `this` is a word of it; it is read and no more.
    unsafe {
        asm!("mov {}, gs:[{this}]", out(reg) address, this = const offset_of!(PerCpu, this), options(nostack, readonly, preserves_flags));
    }
    // SAFETY: by the same invariant `this` is the address of an element of `CPUS`, which lives for ever and is shared only.
    unsafe { &*(address as *const PerCpu) }
}

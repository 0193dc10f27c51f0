//! Stopping the other CPUs, whatever they do: by an NMI, which is taken with interrupts off as well.

use core::sync::atomic::{AtomicU32, Ordering};

use x86_64::instructions::interrupts;

use super::{CpuIndex, CpuSet, SharedSet, per_cpu, started, this_cpu};
use crate::{apic, clock, halt_for_ever};

/// How long the others may take to stop, or to go on: 5 s, in nanoseconds. One that does not is past answering; the machine
/// goes down without it.
const PATIENCE_NS: u64 = 5_000_000_000;

/// What the CPUs but [`STOPPER`] are to do.
static ORDER: AtomicU32 = AtomicU32::new(RUN);
const RUN: u32 = 0;
/// Wait, and go on when told.
const HOLD: u32 = 1;
/// Halt for good.
const HALT: u32 = 2;

/// The CPU that gives the order; `NOBODY` when there is none.
static STOPPER: AtomicU32 = AtomicU32::new(NOBODY);
const NOBODY: u32 = u32::MAX;

/// Those that follow the order.
static OBEYING: SharedSet = SharedSet::of(0);

/// CPUs that are halted for good.
pub(super) fn stopped() -> CpuSet {
    if ORDER.load(Ordering::Relaxed) == HALT { OBEYING.get() } else { CpuSet::default() }
}

/// Halts all other CPUs for good, so that this one can bring the machine down alone. A second call does nothing; when
/// another CPU is bringing the machine down already, this one is halted.
pub fn halt_others() {
    interrupts::disable();
    claim();
    ORDER.store(HALT, Ordering::Relaxed);
    stop_others();
}

/// The other CPUs stand still while this lives.
pub(crate) struct Held {
    was_enabled: bool,
}

/// Has all other CPUs stand still, this one's interrupts off.
pub(crate) fn hold_others() -> Held {
    let was_enabled = interrupts::are_enabled();
    interrupts::disable();
    claim();
    if ORDER.load(Ordering::Relaxed) == RUN {
        ORDER.store(HOLD, Ordering::Relaxed);
    }
    stop_others();
    Held { was_enabled }
}

impl Drop for Held {
    fn drop(&mut self) {
        if ORDER.load(Ordering::Relaxed) == HOLD {
            ORDER.store(RUN, Ordering::Relaxed);
            // Until all go on: the next to stop them would take one that is about to go on for one that stands still.
            wait_while(|| OBEYING.get().count() > 0);
            STOPPER.store(NOBODY, Ordering::Relaxed);
        }
        if self.was_enabled {
            interrupts::enable();
        }
    }
}

/// Makes this CPU the one that stops the others. While another one holds it, it stands still here or in its NMI.
fn claim() {
    let this = u32::from(this_cpu().index().0);
    loop {
        match STOPPER.compare_exchange(NOBODY, this, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(stopper) if stopper == this => return,
            Err(_) if ORDER.load(Ordering::Relaxed) == HALT => halt(),
            Err(_) => super::relax(),
        }
    }
}

fn stop_others() {
    let missing = |cpu: &CpuIndex| !OBEYING.get().contains(*cpu);
    let others = started().without(this_cpu().index());
    for cpu in others.iter().filter(missing) {
        let other = per_cpu::of(cpu);
        // Release: pairs with the Acquire in `obey_nmi`, so that the CPU finds the order.
        other.is_to_stop.store(true, Ordering::Release);
        apic::send_nmi(other.apic_id());
    }
    wait_while(|| others.iter().any(|cpu| missing(&cpu)));
}

/// Waits for others while that is so, but not for ever.
fn wait_while(is_so: impl Fn() -> bool) {
    let start = clock::nanoseconds();
    while is_so() && clock::nanoseconds().saturating_sub(start) < PATIENCE_NS {
        core::hint::spin_loop();
    }
}

/// Called at each NMI. True when it came from a CPU that stops this one, and this one may go on.
pub(crate) fn obey_nmi() -> bool {
    let this = this_cpu();
    // Acquire: pairs with the Release in `stop_others`.
    if !this.is_to_stop.swap(false, Ordering::Acquire) {
        return false;
    }
    OBEYING.insert(this.index());
    while ORDER.load(Ordering::Relaxed) == HOLD {
        core::hint::spin_loop();
    }
    if ORDER.load(Ordering::Relaxed) == HALT {
        halt()
    }
    OBEYING.remove(this.index());
    true
}

fn halt() -> ! {
    OBEYING.insert(this_cpu().index());
    halt_for_ever()
}

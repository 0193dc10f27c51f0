//! All CPUs of the machine: which of them run, and what they do together.
//!
//! The boot CPU starts the others ([`start_others`]), and they halt until there is something to do. Work reaches them as a
//! closure ([`on_all`], [`on_others`]), and so do changes of the page tables, by a way of their own, which is open while a
//! lock is waited for (`shootdown`). There is no scheduler: what runs on a CPU stays there.
//!
//! The boot CPU alone has a timer tick, as nothing on the others needs one yet. Their time-stamp counters are taken to agree,
//! as on all machines on which they run at one rate.

mod call;
mod per_cpu;
pub(crate) mod shootdown;
mod start;
mod stop;
mod trampoline;

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

pub(crate) use call::{idle, on_call_interrupt, settle_below};
pub use call::{on_all, on_others};
pub(crate) use per_cpu::{PerCpu, current as this_cpu, install};
pub use start::start_others;
#[cfg(feature = "ktest")]
pub(crate) use start::try_to_start;
pub use stop::halt_others;
pub(crate) use stop::{hold_others, obey_nmi};

/// Most CPUs that run. A machine's others are reported and left alone.
pub const MOST_CPUS: usize = 64;

/// Number of a CPU that this kernel runs, or may run: below [`MOST_CPUS`]. It proves nothing about whether the CPU runs.
///
/// The boot CPU is number 0, the others follow in the firmware's order; where one did not start, its number stays free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuIndex(u8);

impl CpuIndex {
    /// The CPU that the boot loader started the kernel on.
    pub const BOOT: Self = Self(0);

    /// The CPU of that number, if it is below [`MOST_CPUS`].
    #[must_use]
    pub const fn new(number: usize) -> Option<Self> {
        if number < MOST_CPUS { Some(Self(number as u8)) } else { None }
    }

    /// The number, for tables with a row for each CPU.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for CpuIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuSet(u64);

const _: () = assert!(MOST_CPUS <= 64, "a set has one bit for each CPU");

impl CpuSet {
    /// How many there are in it.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether `cpu` is in it.
    #[must_use]
    pub const fn contains(self, cpu: CpuIndex) -> bool {
        self.0 >> cpu.0 & 1 == 1
    }

    /// The set without `cpu`.
    #[must_use]
    pub const fn without(self, cpu: CpuIndex) -> Self {
        Self(self.0 & !(1 << cpu.0))
    }

    /// Its members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = CpuIndex> {
        (0..MOST_CPUS as u8).map(CpuIndex).filter(move |&cpu| self.contains(cpu))
    }
}

/// A set that all CPUs change.
struct SharedSet(AtomicU64);

impl SharedSet {
    const fn of(bits: u64) -> Self {
        Self(AtomicU64::new(bits))
    }

    fn insert(&self, cpu: CpuIndex) {
        // Release: pairs with the Acquire in `get`, so that whoever finds a CPU here finds what it did before.
        self.0.fetch_or(1 << cpu.0, Ordering::Release);
    }

    fn remove(&self, cpu: CpuIndex) {
        self.0.fetch_and(!(1 << cpu.0), Ordering::Relaxed);
    }

    fn get(&self) -> CpuSet {
        // Acquire: pairs with the Release in `insert`.
        CpuSet(self.0.load(Ordering::Acquire))
    }
}

/// CPUs that have come up. The boot CPU needs no announcement.
static STARTED: SharedSet = SharedSet::of(1);

/// The CPU that asks.
#[must_use]
pub fn current() -> CpuIndex {
    this_cpu().index()
}

/// The CPUs that this kernel has started, the boot CPU among them.
#[must_use]
pub fn started() -> CpuSet {
    STARTED.get()
}

/// The CPUs that run: those that were started and not stopped for good.
#[must_use]
pub fn running() -> CpuSet {
    CpuSet(started().0 & !stop::stopped().0)
}

/// Local APIC id of `cpu`; `None` when it was not started.
#[must_use]
pub fn apic_id(cpu: CpuIndex) -> Option<u32> {
    started().contains(cpu).then(|| per_cpu::of(cpu).apic_id())
}

/// The started CPU that has this local APIC id.
#[must_use]
pub fn by_apic_id(apic_id: u32) -> Option<CpuIndex> {
    started().iter().find(|&cpu| per_cpu::of(cpu).apic_id() == apic_id)
}

/// What a CPU does in each turn of a loop in which it waits for another one: it does what must not wait for this one.
pub(crate) fn relax() {
    shootdown::serve();
    core::hint::spin_loop();
}

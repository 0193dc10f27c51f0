//! Starting the other CPUs (Intel SDM volume 3, section 8.4.4): INIT, and then start-up IPIs, until they answer.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use steward_frames::{MemoryMap, RegionKind};

use super::{CpuIndex, MOST_CPUS, STARTED, idle, install, per_cpu, shootdown, started, this_cpu, trampoline};
use crate::{
    acpi::{self, CpuState},
    apic,
    boot::Handover,
    clock, cpu,
    layout::PAGE_BYTES,
    memory::{self, MapError},
    segments::{self, Ist},
    stack::Stack,
    start::EXCEPTION_STACK_BYTES,
    trap,
};

/// Bytes of the main stack of a CPU that is not the boot CPU.
const MAIN_STACK_BYTES: u64 = 128 * 1024;
/// Between INIT and the first start-up IPI: 10 ms, in nanoseconds.
const AFTER_INIT_NS: u64 = 10_000_000;
/// Between the two start-up IPIs: 10 ms, in nanoseconds. A CPU that is up takes no notice of the second.
const SECOND_TRY_NS: u64 = 10_000_000;
/// How long no CPU at all may come up before the missing ones are given up: 5 s, in nanoseconds. An emulator runs 64 of them
/// in turns, on a host that may be busy.
const PATIENCE_NS: u64 = 5_000_000_000;
/// Where the trampoline may lie: not in the page of the firmware's vectors, nor where video memory begins.
const TRAMPOLINE: core::ops::Range<u64> = PAGE_BYTES..0xa_0000;
/// Highest id of a local APIC that can be named in xAPIC mode; the one above it means all of them.
const HIGHEST_ID: u32 = 254;

/// Upper end of each CPU's main stack, by APIC id; 0 for a CPU that is not wanted, which then halts.
static STACKS: [AtomicU64; trampoline::IDS] = [const { AtomicU64::new(0) }; trampoline::IDS];
/// Upper ends of each CPU's stacks for [`Ist::ALL`], by number.
static EXCEPTION_STACKS: [[AtomicU64; Ist::ALL.len()]; MOST_CPUS] =
    [const { [const { AtomicU64::new(0) }; Ist::ALL.len()] }; MOST_CPUS];

/// Starts the machine's other CPUs, which then halt until they are called.
///
/// A CPU that does not answer is reported and done without, and so are all of them when there is no way to start them. When
/// some were started before, nothing happens.
pub fn start_others(handover: &Handover) {
    let Some(own) = apic::id() else { return };
    if started().count() > 1 {
        return;
    }
    this_cpu().set_apic_id(own);
    let listed = acpi::get().and_then(|tables| tables.madt.as_ref()).map_or(&[][..], |madt| &madt.cpus);
    let mut ids: Vec<u32> = Vec::new();
    for cpu in listed.iter().filter(|cpu| cpu.state == CpuState::Enabled) {
        if cpu.apic_id > HIGHEST_ID {
            log::warn!("the CPU with APIC id {} cannot be named in xAPIC mode, and is not started", cpu.apic_id);
        } else if cpu.apic_id != own && !ids.contains(&cpu.apic_id) {
            ids.push(cpu.apic_id);
        }
    }
    if ids.is_empty() {
        return;
    }
    if ids.len() >= MOST_CPUS {
        log::warn!("{} CPUs are not started: {MOST_CPUS} is the most", ids.len() + 1 - MOST_CPUS);
        ids.truncate(MOST_CPUS - 1);
    }
    if let Err(reason) = try_to_start(&handover.memory, &ids, 1, PATIENCE_NS) {
        log::warn!("no other CPU is started: {reason}");
    }
    log::info!("{} of {} CPUs run", started().count(), ids.len() + 1);
}

/// Starts the CPUs with these APIC ids, which get the numbers from `first` on.
///
/// # Errors
/// When none of them can be started.
pub(crate) fn try_to_start(map: &MemoryMap, ids: &[u32], first: usize, patience_ns: u64) -> Result<(), &'static str> {
    let page = low_page(map).ok_or("no memory below 1 MiB is free")?;
    let apic_id_register = apic::id_register().ok_or("there is no local APIC")?;
    // SAFETY: `low_page` gives memory that the map calls usable, which the frame source leaves alone below 1 MiB, and the
    // direct map shows all such memory; the register has just been found to be mapped.
    unsafe { trampoline::place(page, enter, apic_id_register, STACKS.as_ptr() as u64) }?;
    let mut candidates = Vec::new();
    candidates.try_reserve_exact(ids.len()).map_err(|_| "there is no memory for the list of them")?;
    memory::map_identity(page).map_err(|_| "its first page cannot be mapped")?;
    for (&apic_id, number) in ids.iter().zip(first..) {
        let Some(index) = CpuIndex::new(number) else { break };
        match Candidate::prepare(apic_id, index) {
            Ok(candidate) => candidates.push(candidate),
            Err(error) => log::warn!("CPU {index} is not started, as it gets no stack: {error}"),
        }
    }
    wake(&candidates, page, patience_ns);
    for candidate in candidates.into_iter().rev() {
        candidate.settle();
    }
    memory::unmap(page, 1).map_err(|_| "its first page is not unmapped")
}

/// The highest page that a CPU can begin in and that nobody uses.
fn low_page(map: &MemoryMap) -> Option<u64> {
    let usable = map.regions().iter().filter(|region| region.kind == RegionKind::Usable);
    let pages = usable.filter_map(|region| {
        let (first, end) = (region.range.start_address(), region.range.end_address().min(TRAMPOLINE.end));
        (end > first.max(TRAMPOLINE.start)).then(|| end - PAGE_BYTES)
    });
    pages.max()
}

/// A CPU that is to be started, and what it runs on.
struct Candidate {
    apic_id: u32,
    index: CpuIndex,
    /// Main stack, and those of [`Ist::ALL`].
    stacks: [Stack; 1 + Ist::ALL.len()],
}

impl Candidate {
    fn prepare(apic_id: u32, index: CpuIndex) -> Result<Self, MapError> {
        let stacks = Self::stacks()?;
        let [main, exceptions @ ..] = &stacks;
        for (place, stack) in EXCEPTION_STACKS[index.as_usize()].iter().zip(exceptions) {
            place.store(stack.top(), Ordering::Relaxed);
        }
        per_cpu::of(index).set_apic_id(apic_id);
        // Release: pairs with the Acquire in `enter`, where the CPU finds what was prepared for it.
        STACKS[apic_id as usize].store(main.top(), Ordering::Release);
        Ok(Self { apic_id, index, stacks })
    }

    /// Its stacks, all or none.
    fn stacks() -> Result<[Stack; 1 + Ist::ALL.len()], MapError> {
        let mut made = heapless::Vec::<Stack, { 1 + Ist::ALL.len() }>::new();
        for bytes in [MAIN_STACK_BYTES].into_iter().chain([EXCEPTION_STACK_BYTES; Ist::ALL.len()]) {
            match Stack::new(bytes) {
                Ok(stack) => made.push(stack).expect("there is room for each"),
                Err(error) => {
                    // The newest first, so that its slot can be used again.
                    while let Some(stack) = made.pop() {
                        stack.give_back().expect("it is as it was made");
                    }
                    return Err(error);
                }
            }
        }
        Ok(made.into_array().expect("all of them were made"))
    }

    fn is_up(&self) -> bool {
        started().contains(self.index)
    }

    /// Leaves a CPU that runs its stacks; takes them from one that does not.
    fn settle(self) {
        STACKS[self.apic_id as usize].store(0, Ordering::Relaxed);
        if self.is_up() {
            return;
        }
        log::warn!("CPU {} (APIC id {}) does not start; the machine does without it", self.index, self.apic_id);
        // From here on, `enter` turns it away.
        EXCEPTION_STACKS[self.index.as_usize()][0].store(0, Ordering::Relaxed);
        // Wherever it is, it goes back to waiting for a start-up IPI, and uses no memory.
        apic::send_init(self.apic_id);
        clock::wait(AFTER_INIT_NS);
        if self.is_up() {
            log::warn!("CPU {} started too late, and is stopped", self.index);
            STARTED.remove(self.index);
        }
        for stack in self.stacks.into_iter().rev() {
            if let Err(error) = stack.give_back() {
                log::warn!("a stack of CPU {} is lost: {error}", self.index);
            }
        }
    }
}

/// Wakes the CPUs, and waits until all are up or patience ends.
fn wake(candidates: &[Candidate], page: u64, patience_ns: u64) {
    candidates.iter().for_each(|candidate| apic::send_init(candidate.apic_id));
    clock::wait(AFTER_INIT_NS);
    for patience_ns in [SECOND_TRY_NS.min(patience_ns), patience_ns] {
        let missing = candidates.iter().filter(|candidate| !candidate.is_up());
        missing.for_each(|candidate| apic::send_start_up(candidate.apic_id, page));
        let (mut since, mut up) = (clock::nanoseconds(), 0);
        loop {
            let now_up = candidates.iter().filter(|candidate| candidate.is_up()).count();
            if now_up == candidates.len() {
                return;
            }
            if now_up > up {
                (since, up) = (clock::nanoseconds(), now_up);
            }
            if clock::nanoseconds().saturating_sub(since) > patience_ns {
                break;
            }
            core::hint::spin_loop();
        }
    }
}

/// Where a started CPU comes from the trampoline: interrupts off, on its main stack, in the kernel's address space, without
/// segments and exceptions of the kernel's.
extern "C" fn enter(apic_id: u64) -> ! {
    // Acquire: pairs with the Release in `Candidate::prepare`.
    let _ = STACKS[apic_id as usize].load(Ordering::Acquire);
    let candidate = (1..MOST_CPUS).filter_map(CpuIndex::new).rev().find(|&index| {
        let is_prepared = EXCEPTION_STACKS[index.as_usize()][0].load(Ordering::Relaxed) != 0;
        is_prepared && u64::from(per_cpu::of(index).apic_id()) == apic_id && !started().contains(index)
    });
    // One that is started twice, or was given up before it came here.
    let Some(index) = candidate else { crate::halt_for_ever() };
    install(index);
    segments::init(EXCEPTION_STACKS[index.as_usize()].each_ref().map(|top| top.load(Ordering::Relaxed)));
    trap::join();
    apic::join();
    STARTED.insert(index);
    shootdown::join(cpu::join);
    idle()
}

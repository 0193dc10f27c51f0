//! The log that a reset leaves alone: memory that the boot loader set aside, and that it looks into after the reset.

use core::{arch::asm, fmt, ops::Range};

use raw_cpuid::CpuId;
use spin::{Mutex, Once};
use steward_frames::{MemoryMap, RegionKind};
use steward_kept_log::{BYTES, KeptLog};

use crate::{
    boot::{self, Handover},
    layout::{PAGE_BYTES, image},
    memory,
};

/// Why memory that the command line names cannot hold the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It does not begin at a page.
    Misaligned,
    /// The loader's memory map does not say that it is the kernel's to keep.
    NotKept,
    /// The kernel itself is there.
    InKernel,
    /// The loader began no log there.
    NoLog,
    /// A log is open already.
    Taken,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => f.write_str("it does not begin at a page"),
            Self::NotKept => f.write_str("the memory map does not set it aside for the kernel"),
            Self::InKernel => f.write_str("the kernel's own image is there"),
            Self::NoLog => f.write_str("the boot loader began no log there"),
            Self::Taken => f.write_str("a log is open already"),
        }
    }
}

/// A place that a kept log may be at.
///
/// # Invariants
/// Its [`BYTES`] bytes are memory that the loader set aside for the kernel, outside the kernel's image, so that nothing else
/// uses them; the direct map shows them, writable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    physical: u64,
}

impl Region {
    fn check(physical: u64, memory: &MemoryMap, kernel: &Range<u64>) -> Result<Self, Unfit> {
        if !physical.is_multiple_of(PAGE_BYTES) {
            return Err(Unfit::Misaligned);
        }
        let end = physical.checked_add(BYTES as u64).ok_or(Unfit::NotKept)?;
        // Neighbours of one kind are one region.
        let is_kept = memory.regions().iter().any(|region| {
            let (first, past) = (region.range.start_address(), region.range.end_address());
            region.kind == RegionKind::KernelAndModules && first <= physical && end <= past
        });
        if !is_kept {
            return Err(Unfit::NotKept);
        }
        if physical < kernel.end && kernel.start < end {
            return Err(Unfit::InKernel);
        }
        // INVARIANT: both have just been checked. The kernel uses no modules of the loader's, and maps such memory writable.
        Ok(Self { physical })
    }

    fn of(physical: u64, handover: &Handover) -> Result<Self, Unfit> {
        let kernel = handover.kernel_physical..handover.kernel_physical + image::bytes();
        Self::check(physical, &handover.memory, &kernel)
    }

    /// Opens the log.
    ///
    /// # Safety
    /// Nobody uses what this gave before, now or later.
    unsafe fn log(self) -> Option<KeptLog<'static>> {
        let start = memory::direct(self.physical) as *mut u8;
        // SAFETY: by the type's invariant the direct map shows this memory and nothing else uses it, and any bytes are
        // bytes; the caller vouches that no earlier slice of it lives.
        KeptLog::open(unsafe { core::slice::from_raw_parts_mut(start, BYTES) })
    }

    /// Writes the cache lines of these bytes of the region back to memory, where a reset finds them (Intel SDM volume 2,
    /// CLFLUSH).
    fn flush(self, bytes: &Range<usize>) {
        let line = cache_line_bytes();
        let start = memory::direct(self.physical);
        let (first, end) = (start + bytes.start as u64, start + bytes.end as u64);
        for address in (first & !(line - 1)..end).step_by(line as usize) {
            // SAFETY: the address is mapped by the type's invariant, and writing a line back changes no memory.
            unsafe { asm!("clflush [{}]", in(reg) address, options(nostack, preserves_flags)) };
        }
        // SAFETY: a fence changes no memory; this one keeps what is written next behind what was flushed.
        unsafe { asm!("mfence", options(nostack, preserves_flags)) };
    }
}

/// Bytes that one CLFLUSH writes back; 64 where the CPU does not say.
fn cache_line_bytes() -> u64 {
    let lines = CpuId::new().get_feature_info().map_or(0, |features| features.cflush_cache_line_size());
    match u64::from(lines) * 8 {
        bytes if bytes.is_power_of_two() => bytes,
        _ => 64,
    }
}

/// The kept log, opened at most once.
pub struct KeptLogDevice {
    region: Once<Region>,
    log: Mutex<Option<KeptLog<'static>>>,
}

/// What the boot loader saves as a file after the next reset.
pub static KEPT_LOG: KeptLogDevice = KeptLogDevice { region: Once::new(), log: Mutex::new(None) };

impl KeptLogDevice {
    /// Opens the log that the loader began at this physical address. Call with the kernel's own page tables in force.
    ///
    /// # Errors
    /// [`Unfit`] when it is not a place for a log, or has none; nothing is written there then.
    ///
    /// # Panics
    /// Before the handover was received.
    pub fn open(&self, physical: u64) -> Result<(), Unfit> {
        let handover = boot::handover().expect("the loader's command line came with its memory map");
        let region = Region::of(physical, handover)?;
        let mut log = self.log.lock();
        if self.region.is_completed() {
            return Err(Unfit::Taken);
        }
        // SAFETY: a log that was opened would be in `region`, so this is the first.
        let opened = unsafe { region.log() }.ok_or(Unfit::NoLog)?;
        self.region.call_once(|| region);
        *log = Some(opened);
        Ok(())
    }

    /// Whether there is a log.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.region.is_completed()
    }

    /// Appends text, and sees to it that a reset finds it. `false` when there is no log, or somebody is writing to it.
    pub fn append(&self, text: &str) -> bool {
        self.with(|log, region| log.append(text.as_bytes()).iter().for_each(|bytes| region.flush(bytes)))
    }

    /// Notes that the run came to its end. `false` as for [`Self::append`].
    pub fn finish(&self) -> bool {
        self.with(|log, region| region.flush(&log.finish()))
    }

    fn with(&self, change: impl FnOnce(&mut KeptLog<'static>, Region)) -> bool {
        let Some(mut log) = self.log.try_lock() else { return false };
        let (Some(log), Some(&region)) = (log.as_mut(), self.region.get()) else { return false };
        change(log, region);
        true
    }

    /// Appends text, whoever is writing: for a machine that is going down and has to say so.
    pub fn append_at_last(&self, text: &str) {
        if self.append(text) {
            return;
        }
        let Some(&region) = self.region.get() else { return };
        // SAFETY: whoever holds the lock was interrupted for good, on this CPU or on one that was stopped before the report
        // began; its slice is not used again, and neither is an earlier one of this function's.
        let log = unsafe { region.log() };
        if let Some(mut log) = log {
            log.append(text.as_bytes()).iter().for_each(|bytes| region.flush(bytes));
        }
    }
}

#[cfg(feature = "ktest")]
mod ktests;
#[cfg(test)]
mod tests;

//! The kernel's own page tables, and what is mapped where (see [`crate::layout`]).
//!
//! Built once while the loader's tables are in force, then switched to; from then on nothing of the loader's is used.
//! No page is both writable and executable.

mod build;

use core::fmt;

use steward_frames::{Owned, Request, Run, TakeError, Use};
use steward_ledger::Error;
use x86_64::{
    PhysAddr, VirtAddr,
    registers::control::Cr3,
    structures::paging::{
        FrameAllocator, Mapper, OffsetPageTable, Page, PageTableFlags, PhysFrame, Size4KiB, Translate,
        mapper::{MapToError, MappedFrame, TranslateResult},
    },
};

pub(crate) use build::build;

use crate::{
    boot, cpu, frames,
    layout::{DEVICES, DEVICES_BYTES, DIRECT_MAP, DIRECT_MAP_END, PAGE_BYTES},
    lock::Lock,
    resources::{self, Kind},
    smp::shootdown,
};

/// The page tables in force on all CPUs, as whoever holds their lock has them.
pub(crate) type TablesInForce = OffsetPageTable<'static>;
/// The page tables in force.
///
/// Lock order: this one, then [`NEXT_DEVICE`], then those of the heap, then those of [`frames`]. All of them are held with
/// interrupts off, so that interrupt handlers may take them. The heap needs no page tables, as the direct map shows all of it.
static TABLES: Lock<Option<TablesInForce>> = Lock::new(None);
/// First free address of the device window.
static NEXT_DEVICE: Lock<u64> = Lock::new(DEVICES);

/// Why something cannot be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// No frames are left for it or for its page tables.
    OutOfFrames(TakeError),
    /// Its window of the address space is used up.
    WindowFull,
    /// The physical address is beyond what the CPU has, or what the direct map reaches.
    OutOfReach,
    /// Something else is mapped there.
    InUse,
    /// Nothing is mapped there.
    NotMapped,
    /// A device is said to have its registers in the machine's memory.
    InMemory,
    /// A device's registers do not begin at a multiple of eight.
    Misaligned,
    /// Somebody else drives the device.
    Driven,
    /// The kernel's page tables are not in force yet.
    TooEarly,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfFrames(error) => write!(f, "{error}"),
            Self::WindowFull => f.write_str("its window of the address space is used up"),
            Self::OutOfReach => f.write_str("there is no such physical address, or the direct map does not reach it"),
            Self::InUse => f.write_str("something else is mapped there"),
            Self::NotMapped => f.write_str("nothing is mapped there"),
            Self::InMemory => f.write_str("a device's registers cannot lie in the machine's memory"),
            Self::Misaligned => f.write_str("the registers do not begin at a multiple of eight"),
            Self::Driven => f.write_str("the device's registers are in use"),
            Self::TooEarly => f.write_str("the kernel's page tables are not in force yet"),
        }
    }
}

/// Gives page tables their frames. Each is zeroed by the `x86_64` crate before it is linked in.
struct TableFrames;

// SAFETY: every frame is handed out at most once, which is what the trait asks; the token is consumed here, so the frame
// is a page table for good.
unsafe impl FrameAllocator<Size4KiB> for TableFrames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        let run = frames::take(Request::one(Use::PageTables)).ok()?;
        Some(PhysFrame::containing_address(PhysAddr::new(run.range().start_address())))
    }
}

/// Where the direct map shows `physical`.
#[must_use]
pub const fn direct(physical: u64) -> u64 {
    DIRECT_MAP + physical
}

/// Control register 3: physical address of the page tables in force, and flags.
#[must_use]
pub fn root() -> u64 {
    let (frame, flags) = Cr3::read();
    frame.start_address().as_u64() | flags.bits()
}

fn map_page(tables: &mut TablesInForce, page: u64, frame: u64, flags: PageTableFlags) -> Result<(), MapError> {
    let page = Page::<Size4KiB>::containing_address(VirtAddr::new(page));
    let frame = PhysFrame::containing_address(PhysAddr::new(frame));
    // SAFETY: callers map either frames that they own or device and firmware memory that Rust knows nothing of, at
    // pages of windows that they alone hand out; so no existing reference changes its meaning.
    let mapped = unsafe { tables.map_to_with_table_flags(page, frame, flags, build::TABLE, &mut TableFrames) };
    match mapped {
        Ok(flush) => {
            flush.flush();
            Ok(())
        }
        Err(MapToError::FrameAllocationFailed) => Err(MapError::OutOfFrames(TakeError::OutOfFrames)),
        Err(_) => Err(MapError::InUse),
    }
}

/// Maps frames at `address` and the pages after it, readable and writable, not executable. The caller keeps the run for
/// as long as it is mapped.
///
/// # Errors
/// [`MapError`]; nothing is mapped then.
pub(crate) fn map_run(address: u64, run: &Run<Owned>) -> Result<(), MapError> {
    let mut tables = TABLES.lock();
    let tables = tables.as_mut().ok_or(MapError::TooEarly)?;
    let (first, bytes) = (run.range().start_address(), run.range().bytes());
    map_all(tables, address, first, bytes, build::DATA)
}

/// Maps `bytes` of physical memory from `physical` to `address`; all or nothing. The page tables that this took stay.
fn map_all(
    tables: &mut TablesInForce,
    address: u64,
    physical: u64,
    bytes: u64,
    flags: PageTableFlags,
) -> Result<(), MapError> {
    (0..bytes).step_by(PAGE_BYTES as usize).try_for_each(|offset| {
        let mapped = map_page(tables, address + offset, physical + offset, flags);
        mapped.inspect_err(|_| _ = unmap_all(tables, address, offset / PAGE_BYTES))
    })
}

/// Takes `pages` pages out, up to the first that is not mapped, on all CPUs; how many that were.
fn unmap_all(tables: &mut TablesInForce, address: u64, pages: u64) -> u64 {
    let mut gone = 0;
    for page in (address..).step_by(PAGE_BYTES as usize).take(pages as usize) {
        let page = Page::<Size4KiB>::containing_address(VirtAddr::new(page));
        let Ok((_, not_yet)) = tables.unmap(page) else { break };
        // All of them at once, below.
        not_yet.ignore();
        gone += 1;
    }
    shootdown::flush(tables, address, gone);
    gone
}

/// Maps the page at this physical address, which no window of the kernel's has, to itself: readable and executable, not
/// writable.
///
/// # Errors
/// [`MapError`] when something is mapped there, or memory for page tables is used up.
pub(crate) fn map_identity(physical: u64) -> Result<(), MapError> {
    let mut tables = TABLES.lock();
    map_page(tables.as_mut().ok_or(MapError::TooEarly)?, physical, physical, build::IDENTITY)
}

/// Takes `pages` pages at `address` out of the page tables. The tables themselves stay, for whoever maps there next.
///
/// When it returns, no CPU can use the pages any more.
///
/// # Errors
/// [`MapError::NotMapped`] when one of them is not mapped; those before it are gone then.
pub(crate) fn unmap(address: u64, pages: u64) -> Result<(), MapError> {
    let mut tables = TABLES.lock();
    let tables = tables.as_mut().ok_or(MapError::TooEarly)?;
    if unmap_all(tables, address, pages) == pages { Ok(()) } else { Err(MapError::NotMapped) }
}

/// End of `bytes` from `physical`, when this CPU has such addresses.
fn reachable_end(physical: u64, bytes: u64) -> Result<u64, MapError> {
    let end = physical.checked_add(bytes).ok_or(MapError::OutOfReach)?;
    if end <= 1 << cpu::physical_address_bits() { Ok(end) } else { Err(MapError::OutOfReach) }
}

/// Whether any of the bytes belong to memory that the kernel or the loader uses, by the loader's map.
fn is_memory(first: u64, end: u64) -> bool {
    use steward_frames::RegionKind::{BootloaderReclaimable, KernelAndModules, Usable};
    let regions = boot::handover().map_or(&[][..], |handover| handover.memory.regions());
    regions.iter().any(|region| {
        matches!(region.kind, Usable | BootloaderReclaimable | KernelAndModules)
            && region.range.start_address() < end
            && first < region.range.end_address()
    })
}

/// Maps `bytes` of device registers at `physical`, uncached, and gives their virtual address. The mapping is for ever, and
/// the pages are the kernel's from then on.
///
/// # Errors
/// [`MapError`] when no device can be there, somebody else drives it, or the window or memory for page tables is used up.
pub(crate) fn map_device(physical: u64, bytes: u64) -> Result<u64, MapError> {
    let first = physical & !(PAGE_BYTES - 1);
    let end = reachable_end(physical, bytes)?.next_multiple_of(PAGE_BYTES);
    if is_memory(first, end) {
        return Err(MapError::InMemory);
    }
    if end - first > DEVICES_BYTES {
        return Err(MapError::WindowFull);
    }
    let taken = resources::take(Kind::DeviceMemory, first / PAGE_BYTES, (end - first) / PAGE_BYTES);
    let taken = taken.map_err(|error| match error {
        Error::NoMemory => MapError::OutOfFrames(TakeError::OutOfFrames),
        _ => MapError::Driven,
    })?;
    let mut tables = TABLES.lock();
    let tables = tables.as_mut().ok_or(MapError::TooEarly)?;
    let mut next = NEXT_DEVICE.lock();
    let start = *next;
    if end - first > DEVICES + DEVICES_BYTES - start {
        return Err(MapError::WindowFull);
    }
    map_all(tables, start, first, end - first, build::DEVICE)?;
    taken.keep();
    *next += end - first;
    Ok(start + (physical - first))
}

/// Makes sure that the direct map shows `bytes` of firmware tables at `physical`, read-only where it did not show
/// them before, and gives their virtual address.
///
/// # Errors
/// [`MapError`] when the direct map does not reach that far, or memory for page tables is used up.
pub(crate) fn map_firmware(physical: u64, bytes: u64) -> Result<u64, MapError> {
    let end = reachable_end(physical, bytes)?;
    if end > DIRECT_MAP_END - DIRECT_MAP {
        return Err(MapError::OutOfReach);
    }
    let mut tables = TABLES.lock();
    let tables = tables.as_mut().ok_or(MapError::TooEarly)?;
    for page in (physical & !(PAGE_BYTES - 1)..end).step_by(PAGE_BYTES as usize) {
        if tables.translate_addr(VirtAddr::new(direct(page))).is_none() {
            map_page(tables, direct(page), page, build::READ_ONLY)?;
        }
    }
    Ok(direct(physical))
}

/// What is mapped at a virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Physical address that it leads to.
    pub physical: u64,
    /// Bytes of the page: 4 KiB, 2 MiB or 1 GiB.
    pub page_bytes: u64,
    /// Whether it may be written.
    pub writable: bool,
    /// Whether code in it may run.
    pub executable: bool,
    /// Whether user mode may use it.
    pub user: bool,
    /// Whether accesses go past the caches, as a device's must.
    pub uncached: bool,
    /// Whether writes go past the caches, gathered into bursts, as a screen's should.
    pub write_combining: bool,
}

/// What is mapped at `address`; `None` when nothing is, or the address is not canonical.
///
/// Never waits, so that the report of a fault may ask: in the middle of a change of the page tables it says `None`.
#[must_use]
pub fn mapping(address: u64) -> Option<Mapping> {
    let address = VirtAddr::try_new(address).ok()?;
    let tables = TABLES.try_lock()?;
    let TranslateResult::Mapped { frame, offset, flags } = tables.as_ref()?.translate(address) else { return None };
    let page_bytes = match frame {
        MappedFrame::Size4KiB(_) => PAGE_BYTES,
        MappedFrame::Size2MiB(_) => 2 << 20,
        MappedFrame::Size1GiB(_) => 1 << 30,
    };
    Some(Mapping {
        physical: frame.start_address().as_u64() + offset,
        page_bytes,
        writable: flags.contains(PageTableFlags::WRITABLE),
        executable: !flags.contains(PageTableFlags::NO_EXECUTE),
        user: flags.contains(PageTableFlags::USER_ACCESSIBLE),
        uncached: flags.contains(PageTableFlags::NO_CACHE | PageTableFlags::WRITE_THROUGH),
        // Entry 1 of `cpu::PAGE_ATTRIBUTES`.
        write_combining: flags.contains(PageTableFlags::WRITE_THROUGH) && !flags.contains(PageTableFlags::NO_CACHE),
    })
}

//! Building the kernel's page tables, while the loader's are still in force.

use steward_frames::{FrameSource, RegionKind, Use, Zone};
use x86_64::{
    PhysAddr, VirtAddr,
    registers::control::{Cr0, Cr0Flags, Cr3, Cr3Flags, Cr4, Cr4Flags, Efer, EferFlags},
    structures::paging::{
        FrameAllocator, Mapper, OffsetPageTable, Page, PageSize, PageTable, PageTableFlags, PhysFrame, Size2MiB,
        Size4KiB, mapper::MapToError,
    },
};

use super::{MapError, TABLES, direct, is_memory, reachable_end};
use crate::{
    boot::Handover,
    cpu,
    framebuffer::Framebuffer,
    frames,
    layout::{DIRECT_MAP, DIRECT_MAP_END, PAGE_BYTES, SCREEN, image::Part},
    screen,
};

/// Page tables themselves: what a page may do is said in its own entry.
pub(super) const TABLE: PageTableFlags = PageTableFlags::PRESENT.union(PageTableFlags::WRITABLE);
/// Code.
const TEXT: PageTableFlags = PageTableFlags::PRESENT.union(PageTableFlags::GLOBAL);
/// Data that nobody changes.
pub(super) const READ_ONLY: PageTableFlags = TEXT.union(PageTableFlags::NO_EXECUTE);
/// Data.
pub(super) const DATA: PageTableFlags = READ_ONLY.union(PageTableFlags::WRITABLE);
/// Code in a page that is mapped to itself, while CPUs are started.
pub(super) const IDENTITY: PageTableFlags = PageTableFlags::PRESENT;
/// Device registers: strong uncacheable by PAT entry 3 (Intel SDM volume 3, section 11.12.3).
pub(super) const DEVICE: PageTableFlags = DATA.union(PageTableFlags::NO_CACHE).union(PageTableFlags::WRITE_THROUGH);

/// The screen: entry 1 of [`cpu::PAGE_ATTRIBUTES`].
const WRITE_COMBINING: PageTableFlags = DATA.union(PageTableFlags::WRITE_THROUGH);

/// Gives these tables their frames. Each is zeroed by the `x86_64` crate before it is linked in.
struct EarlyFrames<'a>(&'a mut FrameSource);

// SAFETY: the source hands out every frame at most once, and its token is consumed here, so the frame stays a page table.
unsafe impl FrameAllocator<Size4KiB> for EarlyFrames<'_> {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        let frame = self.0.take(Use::PageTables, Zone::Any).ok()?;
        Some(PhysFrame::containing_address(PhysAddr::new(frame.number().start().as_u64())))
    }
}

/// New tables, not in force yet.
///
/// # Invariants
/// They map the whole kernel image and all memory, so that code and data keep their addresses when they are loaded; and
/// the whole framebuffer of the handover at `screen`, where that is not `None`.
pub(crate) struct Tables {
    root: PhysFrame,
    screen: Option<u64>,
}

/// Builds tables that map the kernel's image and, in the direct map, all memory. Sets up the machine's free frames.
///
/// # Errors
/// [`MapError`] when memory for page tables runs out.
pub(crate) fn build(handover: &Handover) -> Result<Tables, MapError> {
    let mut source = FrameSource::new(&handover.memory);
    // A CPU that is started loads it from 32-bit code. Where it lies higher, the machine does with one CPU.
    let frame = source
        .take(Use::PageTables, Zone::Below4GiB)
        .or_else(|_| source.take(Use::PageTables, Zone::Any))
        .map_err(MapError::OutOfFrames)?;
    let root = PhysFrame::containing_address(PhysAddr::new(frame.number().start().as_u64()));
    let loader_view = VirtAddr::new(handover.loader_direct_map);
    let table = (loader_view + root.start_address().as_u64()).as_mut_ptr::<PageTable>();
    // SAFETY: the loader's direct map shows all usable memory, and the source has just handed this frame out, so
    // nobody else holds a reference into it.
    unsafe { table.write(PageTable::new()) };
    // SAFETY: as above, and it has just been written.
    let table = unsafe { &mut *table };
    // SAFETY: the loader's direct map shows all physical memory that page tables are taken from.
    let mut tables = unsafe { OffsetPageTable::new(table, loader_view) };
    image(&mut tables, &mut source, handover)?;
    memory(&mut tables, &mut source, handover)?;
    let screen = handover.screen.as_ref().and_then(|screen| {
        framebuffer(&mut tables, &mut source, screen)
            .inspect_err(|error| log::warn!("the screen at {:#x} cannot be mapped: {error}", screen.address()))
            .ok()
    });
    frames::begin(source);
    // INVARIANT: `image`, `memory` and `framebuffer` have mapped what the type promises.
    Ok(Tables { root, screen })
}

fn image(tables: &mut OffsetPageTable<'_>, source: &mut FrameSource, handover: &Handover) -> Result<(), MapError> {
    for part in Part::ALL {
        let (start, end) = part.bounds();
        let flags = match part {
            Part::Text => TEXT,
            Part::ReadOnlyData => READ_ONLY,
            Part::Data => DATA,
        };
        for page in (start..end).step_by(PAGE_BYTES as usize) {
            let physical = handover.kernel_physical + (page - handover.kernel_virtual);
            map::<Size4KiB>(tables, source, page, physical, flags)?;
        }
    }
    Ok(())
}

/// Maps everything that is memory into the direct map, by 2 MiB pages where they fit. What is read-only in the kernel's
/// image is so here too, and so are the firmware's tables.
fn memory(tables: &mut OffsetPageTable<'_>, source: &mut FrameSource, handover: &Handover) -> Result<(), MapError> {
    const NOT_MEMORY: [RegionKind; 3] = [RegionKind::Reserved, RegionKind::Bad, RegionKind::Framebuffer];
    let constant_end = handover.kernel_physical + (Part::ReadOnlyData.bounds().1 - handover.kernel_virtual);
    let constant = handover.kernel_physical..constant_end;
    let regions = handover.memory.regions().iter().filter(|region| !NOT_MEMORY.contains(&region.kind));
    for region in regions {
        let flags = if region.kind == RegionKind::AcpiReclaimable { READ_ONLY } else { DATA };
        let (mut at, end) = (region.range.start_address(), region.range.end_address());
        if end > DIRECT_MAP_END - DIRECT_MAP {
            return Err(MapError::OutOfReach);
        }
        while at < end {
            let fits = at.is_multiple_of(Size2MiB::SIZE) && end - at >= Size2MiB::SIZE;
            let holds_constants = at < constant.end && constant.start < at + Size2MiB::SIZE;
            if fits && !holds_constants {
                map::<Size2MiB>(tables, source, direct(at), at, flags)?;
                at += Size2MiB::SIZE;
            } else {
                let flags = if constant.contains(&at) { READ_ONLY } else { flags };
                map::<Size4KiB>(tables, source, direct(at), at, flags)?;
                at += Size4KiB::SIZE;
            }
        }
    }
    Ok(())
}

/// Maps the framebuffer into its window, and gives the virtual address of its first pixel.
fn framebuffer(
    tables: &mut OffsetPageTable<'_>,
    source: &mut FrameSource,
    screen: &Framebuffer,
) -> Result<u64, MapError> {
    let first = screen.address() & !(PAGE_BYTES - 1);
    let end = reachable_end(screen.address(), screen.bytes())?.next_multiple_of(PAGE_BYTES);
    if is_memory(first, end) {
        return Err(MapError::InMemory);
    }
    // At the same place within 2 MiB, so that large pages fit.
    let start = SCREEN + first % Size2MiB::SIZE;
    let mut at = first;
    while at < end {
        if at.is_multiple_of(Size2MiB::SIZE) && end - at >= Size2MiB::SIZE {
            map::<Size2MiB>(tables, source, start + (at - first), at, WRITE_COMBINING)?;
            at += Size2MiB::SIZE;
        } else {
            map::<Size4KiB>(tables, source, start + (at - first), at, WRITE_COMBINING)?;
            at += Size4KiB::SIZE;
        }
    }
    Ok(start + (screen.address() - first))
}

fn map<S: PageSize>(
    tables: &mut OffsetPageTable<'_>,
    source: &mut FrameSource,
    page: u64,
    physical: u64,
    flags: PageTableFlags,
) -> Result<(), MapError>
where
    for<'t> OffsetPageTable<'t>: Mapper<S>,
{
    let page = Page::<S>::containing_address(VirtAddr::new(page));
    let frame = PhysFrame::<S>::containing_address(PhysAddr::new(physical));
    // SAFETY: these tables are not in force, so no mapping that any reference relies on changes.
    let mapped = unsafe { tables.map_to_with_table_flags(page, frame, flags, TABLE, &mut EarlyFrames(source)) };
    match mapped {
        Ok(not_in_force) => {
            not_in_force.ignore();
            Ok(())
        }
        Err(MapToError::FrameAllocationFailed) => Err(MapError::OutOfFrames(steward_frames::TakeError::OutOfFrames)),
        Err(_) => Err(MapError::InUse),
    }
}

impl Tables {
    /// Puts the tables in force. Addresses of the loader's direct map are gone afterwards, its stack included.
    ///
    /// # Safety
    /// The caller runs on a stack within the kernel's image, and neither it nor anyone else uses an address of the
    /// loader's afterwards.
    pub(crate) unsafe fn load(self) {
        // SAFETY: no-execute is needed by the tables' own flags; all the loader's mappings stay as they are.
        unsafe { Efer::update(|flags| flags.insert(EferFlags::NO_EXECUTE_ENABLE)) };
        // SAFETY: with write protection, ring 0 heeds read-only pages; nothing in the kernel writes to those.
        unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT)) };
        // SAFETY: without global pages nothing of the loader's mappings outlives the next line; `cpu::protect` switches
        // them on again for the kernel's own.
        unsafe { Cr4::update(|flags| flags.remove(Cr4Flags::PAGE_GLOBAL)) };
        screen::leave();
        // SAFETY: global pages are off, CR3 is loaded next, and the framebuffer, which a loader may have mapped by one of
        // these entries, has just been left.
        unsafe { cpu::set_page_attributes() };
        // SAFETY: by the type's invariant the kernel keeps its addresses, and the caller vouches for its stack.
        unsafe { Cr3::write(self.root, Cr3Flags::empty()) };
        match self.screen {
            // SAFETY: by the type's invariant the tables, now in force, map the whole framebuffer there, for good.
            Some(address) => unsafe { screen::show_at(address) },
            None => screen::SCREEN.stop(),
        }
        let table = VirtAddr::new(direct(self.root.start_address().as_u64())).as_mut_ptr::<PageTable>();
        // SAFETY: the direct map, now in force, shows the root table, and only `TABLES` refers to it from here on.
        let table = unsafe { &mut *table };
        // SAFETY: the direct map shows all memory that page tables are taken from, at its fixed offset.
        let tables = unsafe { OffsetPageTable::new(table, VirtAddr::new(DIRECT_MAP)) };
        *TABLES.lock() = Some(tables);
    }
}

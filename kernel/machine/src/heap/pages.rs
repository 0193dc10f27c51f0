//! The heap's memory: frames, where the direct map shows them.

use steward_frames::{RegionKind, Request, Use};
use steward_ledger::Extent;
use steward_slab::{Leaf, MOST_PAGES, Pages, leaves};

use super::{cpus::Following, poison};
use crate::{boot, frames, layout::PAGE_BYTES, ledger, memory};

/// Frames of the kernel's. The tokens of those that it takes end with it: they go back by their numbers.
#[derive(Debug)]
pub(crate) struct DirectMap;

impl Pages<'static> for DirectMap {
    fn take(&self, pages: usize, alignment: usize) -> Option<usize> {
        let run = frames::take_for_heap(Request::run(pages as u64, Use::Heap).aligned_to(alignment as u64)).ok()?;
        if pages <= MOST_PAGES {
            poison::fill_new(&run);
        }
        Some(memory::direct(run.range().start_address()) as usize)
    }

    fn give(&self, address: usize, pages: usize) -> bool {
        let first = (address as u64 - memory::direct(0)) / PAGE_BYTES;
        ledger::give_up(Extent { start: first as usize, count: pages }).is_ok()
    }

    fn table<T: Sync>(&self, count: usize, make: fn() -> T) -> Option<&'static [T]> {
        let pages = ((count * size_of::<T>()) as u64).div_ceil(PAGE_BYTES).max(1);
        let run = frames::take_for_heap(Request::run(pages, Use::Heap)).ok()?;
        Some(frames::fill(run, count, make))
    }
}

/// Leaves for all frames that the heap can ever get; `None` when there is no memory for them.
pub(super) fn all_leaves() -> Option<&'static [Leaf<'static, Following>]> {
    use RegionKind::{AcpiReclaimable, BootloaderReclaimable, KernelAndModules, Usable};
    let memory = |kind| matches!(kind, Usable | BootloaderReclaimable | AcpiReclaimable | KernelAndModules);
    let regions = boot::handover()?.memory.regions().iter().filter(|region| memory(region.kind));
    let end = regions.map(|region| region.range.end()).max()?;
    DirectMap.table(leaves(end as usize), Leaf::new)
}

//! The heap's memory: frames, where the direct map shows them.

use steward_frames::{Request, Spans, Use};
use steward_ledger::Extent;
use steward_slab::{Leaf, MOST_PAGES, Pages, Windows};

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

/// Where frames of the heap's can be, and leaves for all of them; `None` when there is no memory for these.
pub(super) fn all_leaves() -> Option<(Windows, &'static [Leaf<'static, Following>])> {
    let spans = Spans::of(&boot::handover()?.memory);
    let address = |physical| memory::direct(physical) as usize;
    let windows = Windows::of(spans.ranges().map(|range| address(range.start_address())..address(range.end_address())));
    let leaves = DirectMap.table(windows.leaves(), Leaf::new)?;
    Some((windows, leaves))
}

//! The kernel's heap: the `talc` allocator over frames of the direct map, until the kernel has slabs of its own.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::null_mut,
};

use steward_frames::{Request, Use};
use talc::{
    TalcLock,
    base::{Talc, binning::Binning},
    source::Source,
};
use x86_64::instructions::interrupts::without_interrupts;

use crate::{frames, layout::PAGE_BYTES, memory, shortage, smp};

/// Least that the heap grows by: 512 KiB.
const STEP_FRAMES: u64 = 128;

/// Gives the allocator more memory when it runs out.
#[derive(Debug)]
struct Frames;

// SAFETY: `acquire` uses the allocator only through the reference it is given, and neither it nor `take_frames`
// allocates.
unsafe impl Source for Frames {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        // One frame more than asked for covers the allocator's own bookkeeping and the alignment's loss.
        let bytes = layout.size().checked_add(layout.align()).ok_or(())? as u64;
        let frames = (bytes / PAGE_BYTES + 2).max(STEP_FRAMES);
        let run = frames::take(Request::run(frames, Use::Heap))
            .or_else(|_| frames::take(Request::run(bytes / PAGE_BYTES + 2, Use::Heap)))
            .map_err(|_| ())?;
        let start = memory::direct(run.range().start_address()) as *mut u8;
        // SAFETY: the run was just taken, so the direct map's view of it is memory that nobody else uses, and its token
        // ends here: the heap keeps it for good.
        unsafe { talc.claim(start, run.range().bytes() as usize) }.map(|_| ()).ok_or(())
    }
}

/// The heap. Its lock is held with interrupts off, so that what a call from another CPU breaks into never holds it; who
/// waits for it follows changes of the page tables, which its holder may be waiting for.
struct Heap(TalcLock<spin::mutex::Mutex<(), Following>, Frames>);

/// Waits as [`smp::relax`] does.
struct Following;

impl spin::RelaxStrategy for Following {
    fn relax() {
        smp::relax();
    }
}

// SAFETY: each call is passed on as it is to an allocator that keeps the trait's contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if shortage::strikes() {
            return null_mut();
        }
        // SAFETY: the caller vouches for the layout's size.
        without_interrupts(|| unsafe { self.0.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches that the block is one of ours, and was allocated with this layout.
        without_interrupts(|| unsafe { self.0.dealloc(block, layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if shortage::strikes() {
            return null_mut();
        }
        // SAFETY: as for `alloc`, whose caller asks for no more than this one.
        without_interrupts(|| unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if shortage::strikes() {
            return null_mut();
        }
        // SAFETY: the caller vouches for the block, its layout, and that `bytes` is a size.
        without_interrupts(|| unsafe { self.0.realloc(block, layout, bytes) })
    }
}

#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: Heap = Heap(TalcLock::new(Frames));

/// Use of the heap at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapUse {
    /// Allocations that live.
    pub allocations: usize,
    /// What they asked for, in bytes.
    pub allocated_bytes: usize,
    /// What the heap has taken from the machine's frames, in bytes.
    pub claimed_bytes: usize,
}

/// Use of the heap now.
#[must_use]
pub fn heap_use() -> HeapUse {
    without_interrupts(|| {
        let heap = HEAP.0.lock();
        let counters = heap.counters();
        HeapUse {
            allocations: counters.allocation_count,
            allocated_bytes: counters.allocated_bytes,
            claimed_bytes: counters.claimed_bytes,
        }
    })
}

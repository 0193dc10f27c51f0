//! The kernel's heap: caches of objects up to a page, each CPU with its part of them, and runs of frames for what is larger.
//!
//! It may be used with interrupts on and off, on every CPU. What it takes from the machine's frames it gives back when
//! nothing of it is in use, but for a few slabs.

pub(crate) mod cpus;
mod pages;
pub(crate) mod poison;

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::null_mut,
};

use steward_slab::{FreeError, Usage, class_of};
use x86_64::instructions::interrupts::without_interrupts;

use crate::shortage;

/// What Rust's allocations come from.
struct Heap;

/// An allocation; `None` when there is no memory for it.
fn take(layout: Layout) -> Option<*mut u8> {
    let (bytes, alignment) = (layout.size(), layout.align());
    let Some(class) = class_of(bytes, alignment) else {
        return cpus::take(bytes, |caches, _| caches.take_run(bytes, alignment)).map(|address| address as *mut u8);
    };
    let address = cpus::take(bytes, |caches, own| caches.take(own, caches.class(class), bytes))?;
    let object = address as *mut u8;
    // SAFETY: the caches have just handed the object out, which has room for so many bytes.
    unsafe { poison::check(object, bytes) };
    Some(object)
}

/// Frees an allocation.
///
/// # Safety
/// Nobody uses the block any more.
unsafe fn put(block: *mut u8, layout: Layout) -> Result<(), FreeError> {
    let (address, bytes) = (block as usize, layout.size());
    let freed = cpus::with(|caches, own| {
        let Some(class) = class_of(bytes, layout.align()) else { return caches.put_run(address, bytes) };
        let cache = caches.class(class);
        // SAFETY: this is called when the object is found to be one of that cache, of that size, that was handed out and is not
        // any more; and by the caller nobody uses it.
        caches.put(own, cache, address, bytes, || unsafe { poison::fill_freed(block, caches.shape(cache).size) })
    });
    freed.unwrap_or(Err(FreeError::Unknown))
}

/// Whether a block needs not move to have another size; then it has that.
fn resize(layout: Layout, bytes: usize) -> bool {
    let (old, alignment) = (layout.size(), layout.align());
    let resized = cpus::with(|caches, own| match (class_of(old, alignment), class_of(bytes, alignment)) {
        (None, None) => caches.resize_run(old, bytes),
        (Some(class), Some(now)) if class == now => {
            caches.resize(own, caches.class(class), old, bytes);
            true
        }
        _ => false,
    });
    resized == Some(true)
}

// SAFETY: the caches hand nothing out twice that was not taken back (their invariant), what they hand out is as large and as
// aligned as asked for (`class_of`, `take_run`), and lies in frames that are the heap's alone; nothing here unwinds but by the
// caller's breach of this contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if shortage::strikes() {
            return null_mut();
        }
        take(layout).unwrap_or(null_mut())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches that the block is not used any more.
        if let Err(error) = unsafe { put(block, layout) } {
            panic!("{} bytes at {block:p} cannot be freed: {error}", layout.size());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if shortage::strikes() {
            return null_mut();
        }
        if resize(layout, bytes) {
            return block;
        }
        let new = Layout::from_size_align(bytes, layout.align()).ok().and_then(take);
        let Some(new) = new else { return null_mut() };
        // SAFETY: both have room for the smaller number of bytes, and the new one is nobody else's.
        unsafe { new.copy_from_nonoverlapping(block, layout.size().min(bytes)) };
        // SAFETY: the caller gives the old block up with this call.
        unsafe { self.dealloc(block, layout) };
        new
    }
}

// On the host, where it is compiled and tested in parts, nothing else names it.
#[cfg_attr(target_os = "none", global_allocator)]
#[cfg_attr(not(target_os = "none"), used)]
static HEAP: Heap = Heap;

/// Use of the heap at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapUse {
    /// Allocations that live.
    pub allocations: usize,
    /// What they asked for, in bytes.
    pub allocated_bytes: usize,
    /// What the heap has taken from the machine's frames for them and for others, in bytes.
    pub claimed_bytes: usize,
}

/// Use of the heap now, with the objects of named caches.
#[must_use]
pub fn heap_use() -> HeapUse {
    let mut sum = Usage::default();
    for_each_cache(|row| sum += row.usage);
    HeapUse { allocations: sum.live, allocated_bytes: sum.asked, claimed_bytes: sum.held }
}

/// Most caches that there can be, runs of frames among them.
pub const MOST_CACHES: usize = steward_slab::MOST_CACHES + 1;

/// A cache of the heap's, and what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheRow {
    /// What its objects are.
    pub name: &'static str,
    /// Bytes of an object; 0 for runs of frames, which differ.
    pub size: usize,
    /// What is used of it.
    pub usage: Usage,
}

/// Calls `see` for each cache that the heap has, those with names of their own first, and last for runs of frames.
pub fn for_each_cache(mut see: impl FnMut(CacheRow)) {
    let Some(caches) = cpus::caches() else { return };
    for is_named in [true, false] {
        for id in caches.ids().filter(|id| (id.as_usize() >= steward_slab::CLASSES) == is_named) {
            let shape = caches.shape(id);
            see(CacheRow { name: shape.name, size: shape.size, usage: cpus::usage(caches, id) });
        }
    }
    see(CacheRow { name: "heap-runs", size: 0, usage: without_interrupts(|| caches.runs()) });
}

//! Allocators that people use today. None of them tracks who has a frame.

use bitmap_allocator::{BitAlloc, BitAlloc1M};
use buddy_system_allocator::FrameAllocator;
use spin::Mutex;

use super::measure::{Named, Pool};

/// A buddy allocator behind a spin lock.
pub struct Buddy(Mutex<FrameAllocator<32>>);

/// It, with all frames free.
pub fn buddy(count: usize) -> Named<Buddy> {
    let mut frames = FrameAllocator::new();
    frames.add_frame(0, count);
    Named { name: "buddy", pool: Buddy(Mutex::new(frames)), frames: count }
}

impl Pool for Buddy {
    type Local = ();
    type Page = usize;

    fn local(&self, _: usize) {}

    fn take(&self, (): &mut ()) -> usize {
        self.0.lock().alloc(1).expect("there are frames")
    }

    fn put(&self, (): &mut (), page: usize) {
        self.0.lock().dealloc(page, 1);
    }
}

/// A tree of bitmaps behind a spin lock.
pub struct Bitmap(Mutex<Box<BitAlloc1M>>);

/// It, with all frames free.
pub fn bitmap(count: usize) -> Named<Bitmap> {
    let mut frames = Box::new(BitAlloc1M::DEFAULT);
    frames.insert(0..count);
    Named { name: "bitmap", pool: Bitmap(Mutex::new(frames)), frames: count }
}

impl Pool for Bitmap {
    type Local = ();
    type Page = usize;

    fn local(&self, _: usize) {}

    fn take(&self, (): &mut ()) -> usize {
        self.0.lock().alloc().expect("there are frames")
    }

    fn put(&self, (): &mut (), page: usize) {
        self.0.lock().dealloc(page);
    }
}
